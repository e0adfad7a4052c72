"""Notices to staff, and the next steps that they offer."""

import shlex

import pytest

from mailer.notices import Notice, NoticeKind, suggest_commands

HASH = "4be1c09d22fa" + "0" * 52


def make_notice(
    kind: NoticeKind, edition: int = 12, digest: str = "weekly", **fields: object
) -> Notice:
    return Notice(kind, "The week", digest=digest, edition=edition, **fields)  # type: ignore[arg-type]


def list_commands(notice: Notice) -> list[str]:
    return [command for _, command in suggest_commands(notice)]


ASKING = (NoticeKind.REVIEW, NoticeKind.REMINDER, NoticeKind.VOID, NoticeKind.LATE)


@pytest.mark.parametrize("kind", ASKING)
def test_review_notice_suggests_preview_and_approval(kind: NoticeKind) -> None:
    assert suggest_commands(make_notice(kind, content_hash=HASH))[:2] == (
        ("Look at it", "mailer edition preview 12"),
        ("Approve it", "mailer edition approve 12 --hash 4be1c09d22fa"),
    )


def test_review_notice_without_hash_omits_it() -> None:
    assert list_commands(make_notice(NoticeKind.REVIEW))[-1] == "mailer edition approve 12"


def test_approved_notice_suggests_reopening() -> None:
    assert "mailer edition reopen 12" in list_commands(make_notice(NoticeKind.APPROVED))


def test_paused_notice_suggests_resuming() -> None:
    assert list_commands(make_notice(NoticeKind.PAUSED))[-1] == "mailer edition resume 12"


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, []),
        ({"sent": 1210, "failed": 0, "in doubt": 0}, []),
        ({"sent": 1207, "failed": 3}, ["mailer delivery list 12 --state failed"]),
        ({"in doubt": 2}, ["mailer delivery in-doubt list 12"]),
    ],
)
def test_sent_notice_suggests_lists_of_failures(
    figures: dict[str, int], expected: list[str]
) -> None:
    commands = list_commands(make_notice(NoticeKind.SENT, figures=figures))
    assert commands == ["mailer edition report 12", *expected]


def test_hold_notice_suggests_reopen_or_send_now() -> None:
    assert list_commands(make_notice(NoticeKind.ON_HOLD)) == [
        "mailer edition show 12",
        "mailer edition reopen 12",
    ]
    assert list_commands(make_notice(NoticeKind.ON_HOLD, edition=0)) == [
        "mailer schedule send-now weekly"
    ]


def test_skipped_notice_suggests_schedule_preview() -> None:
    assert list_commands(make_notice(NoticeKind.SKIPPED, edition=0)) == [
        "mailer schedule preview weekly"
    ]


@pytest.mark.parametrize("kind", NoticeKind)
def test_notice_omits_commands_without_edition_or_digest(kind: NoticeKind) -> None:
    assert suggest_commands(make_notice(kind, edition=0, digest="")) == ()
    assert not any(" edition " in step for step in list_commands(make_notice(kind, edition=0)))
    assert not any("schedule" in step for step in list_commands(make_notice(kind, digest="")))


@pytest.mark.parametrize("kind", NoticeKind)
def test_notice_commands_are_quoted_for_shell(kind: NoticeKind) -> None:
    for step in list_commands(make_notice(kind, edition=0, digest="x; rm -rf *")):
        assert shlex.split(step)[-1] == "x; rm -rf *"
