"""What staff are told, and what they can do next."""

import shlex

import pytest

from mailer.notices import Notice, NoticeKind, suggest_commands

HASH = "4be1c09d22fa" + "0" * 52


def told(kind: NoticeKind, edition: int = 12, digest: str = "weekly", **fields: object) -> Notice:
    return Notice(kind, "The week", digest=digest, edition=edition, **fields)  # type: ignore[arg-type]


def steps(notice: Notice) -> list[str]:
    return [command for _, command in suggest_commands(notice)]


ASKING = (NoticeKind.REVIEW, NoticeKind.REMINDER, NoticeKind.VOID, NoticeKind.LATE)


@pytest.mark.parametrize("kind", ASKING)
def test_who_is_asked_can_look_first_and_approve_what_they_saw(kind: NoticeKind) -> None:
    assert suggest_commands(told(kind, content_hash=HASH))[:2] == (
        ("Look at it", "mailer edition preview 12"),
        ("Approve it", "mailer edition approve 12 --hash 4be1c09d22fa"),
    )


def test_an_edition_that_was_never_composed_is_approved_without_a_hash() -> None:
    assert steps(told(NoticeKind.REVIEW))[-1] == "mailer edition approve 12"


def test_an_approval_can_be_taken_back() -> None:
    assert "mailer edition reopen 12" in steps(told(NoticeKind.APPROVED))


def test_what_is_paused_can_go_on() -> None:
    assert steps(told(NoticeKind.PAUSED))[-1] == "mailer edition resume 12"


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, []),
        ({"sent": 1210, "failed": 0, "in doubt": 0}, []),
        ({"sent": 1207, "failed": 3}, ["mailer delivery list 12 --state failed"]),
        ({"in doubt": 2}, ["mailer delivery in-doubt list 12"]),
    ],
)
def test_those_that_it_did_not_reach_can_be_seen(
    figures: dict[str, int], expected: list[str]
) -> None:
    found = steps(told(NoticeKind.SENT, figures=figures))
    assert found == ["mailer edition report 12", *expected]


def test_a_held_edition_can_be_opened_and_a_held_occurrence_sent_now() -> None:
    assert steps(told(NoticeKind.ON_HOLD)) == ["mailer edition show 12", "mailer edition reopen 12"]
    assert steps(told(NoticeKind.ON_HOLD, edition=0)) == ["mailer schedule send-now weekly"]


def test_after_a_skipped_occurrence_the_next_ones_can_be_seen() -> None:
    assert steps(told(NoticeKind.SKIPPED, edition=0)) == ["mailer schedule preview weekly"]


@pytest.mark.parametrize("kind", NoticeKind)
def test_no_command_names_what_there_is_not(kind: NoticeKind) -> None:
    assert suggest_commands(told(kind, edition=0, digest="")) == ()
    assert not any(" edition " in step for step in steps(told(kind, edition=0)))
    assert not any("schedule" in step for step in steps(told(kind, digest="")))


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_command_can_be_pasted_whatever_a_digest_is_called(kind: NoticeKind) -> None:
    for step in steps(told(kind, edition=0, digest="x; rm -rf *")):
        assert shlex.split(step)[-1] == "x; rm -rf *"
