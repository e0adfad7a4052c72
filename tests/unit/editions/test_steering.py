"""An edition gets a time and loses it, and is paused, resumed, skipped, cancelled."""

from dataclasses import replace
from typing import Any

import pytest

from mailer import editions
from mailer.editions import OPEN, Approval, Archive, Kind
from mailer.errors import BadTransition, Refused
from tests.unit.editions.press import HASH, OVER, WHEN, Press, S
from tests.unit.samples import DAY, NOW, edition


def test_an_approved_edition_that_gets_a_time_is_scheduled_and_keeps_its_approval() -> None:
    press = Press(edition(content_hash=HASH))
    editions.approve(press, press.kept, "ana", NOW)
    done = editions.appoint(press, press.kept, WHEN, NOW, actor="ben")
    assert (done.state, done.appointment) == (S.SCHEDULED, WHEN)
    assert done.approval is not None
    done = editions.appoint(press, done, None, NOW)
    assert (done.state, done.appointment) == (S.APPROVED, None)


@pytest.mark.parametrize("state", [S.DRAFT, S.IN_REVIEW, S.HELD])
def test_a_time_alone_lets_nothing_go(state: S) -> None:
    press = Press(edition(state=state))
    assert editions.appoint(press, press.kept, WHEN, NOW).state is state


@pytest.mark.parametrize("state", sorted(set(S) - set(OPEN)))
def test_what_has_begun_or_is_over_has_no_time_any_more(state: S) -> None:
    press = Press(edition(state=state))
    with pytest.raises(BadTransition, match="it has no time to be sent any more"):
        editions.appoint(press, press.kept, WHEN, NOW)


@pytest.mark.parametrize("verb", [editions.skip, editions.expire])
def test_what_is_skipped_or_expires_gives_its_stories_back(verb: Any) -> None:
    press = Press(edition(stories=("a", "b")))
    done = verb(press, press.kept, NOW, reason="nothing left")
    assert press.released == ["a", "b"]
    assert done.reason == "nothing left"


def test_an_edition_is_paused_and_resumed() -> None:
    press = Press(edition(state=S.SENDING))
    paused = editions.pause(press, press.kept, NOW, reason="a typo", actor="ana")
    assert (paused.state, paused.reason) == (S.PAUSED, "a typo")
    assert editions.resume(press, paused, NOW).state is S.SENDING


@pytest.mark.parametrize("state", sorted(set(S) - {S.PAUSED}))
def test_only_what_is_paused_is_resumed(state: S) -> None:
    with pytest.raises(BadTransition, match=f"edition 7 is {state}"):
        editions.resume(Press(edition()), edition(state=state), NOW)


def test_stories_of_an_edition_cancelled_unsent_go_back() -> None:
    press = Press(edition(state=S.APPROVED, stories=("a", "b")))
    assert editions.cancel(press, press.kept, NOW).state is S.CANCELLED
    assert press.released == ["a", "b"]


def test_stories_of_an_edition_that_was_begun_do_not_go_back() -> None:
    press = Press(edition(state=S.SENDING, planned_at=NOW - DAY))
    editions.cancel(press, press.kept, NOW)
    assert press.released == []


@pytest.mark.parametrize("state", sorted(OVER))
def test_what_is_over_can_not_be_cancelled(state: S) -> None:
    press = Press(edition(state=state))
    with pytest.raises(BadTransition):
        editions.cancel(press, press.kept, NOW)
    assert press.released == []


@pytest.mark.parametrize("state", S)
def test_an_edition_goes_into_the_archive_and_out_of_it_in_any_state_and_stays_approved(
    state: S,
) -> None:
    press = Press(edition(state=state, content_hash=HASH, stories=("a",)))
    press.kept = before = press.approve(press.kept, Approval("eva", NOW, HASH))
    done = editions.shelve(press, press.kept, Archive.PRIVATE, NOW, actor="ana")
    assert done.archive is Archive.PRIVATE
    assert replace(done, archive=Archive.PUBLIC) == before
    back = editions.shelve(press, done, Archive.PUBLIC, NOW, actor="ben")
    assert back == before
    noted = [(one.what, one.actor, one.detail) for one in press.said]
    assert noted == [("archive", "ana", "private"), ("archive", "ben", "public")]


def test_what_is_as_it_should_be_is_not_noted() -> None:
    press = Press(edition())
    editions.shelve(press, press.kept, Archive.PUBLIC, NOW, actor="ana")
    assert press.said == []


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.MAILING}))
def test_only_mailings_go_into_an_archive(kind: Kind) -> None:
    press = Press(edition(kind=kind))
    with pytest.raises(Refused, match="only mailings to a list stand in an archive"):
        editions.shelve(press, press.kept, Archive.PRIVATE, NOW)
