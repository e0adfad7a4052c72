"""An edition gets a time and loses it, and is paused, resumed, skipped, cancelled."""

from dataclasses import replace
from typing import Any

import pytest

from mailer import editions
from mailer.actor import create_local_actor
from mailer.errors import BadTransition, Refused
from mailer.model.edition_states import OPEN_STATES, ArchiveVisibility, EditionKind
from mailer.model.editions import Approval
from tests.actors import STAFF
from tests.fakes import FrozenRenderer
from tests.unit.editions.fakes import (
    HASH,
    OVER,
    WHEN,
    FakeEditionStore,
    S,
    make_edition_transaction,
)
from tests.unit.samples import DAY, NOW, make_edition

RENDERER = FrozenRenderer()


def test_approved_edition_with_send_time_is_scheduled_and_stays_approved() -> None:
    press = FakeEditionStore(make_edition(content_hash=HASH))
    editions.approve_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        RENDERER,
        NOW,
    )
    done = editions.set_send_time(
        make_edition_transaction(editions=press),
        create_local_actor("ben"),
        press.saved_edition,
        WHEN,
        NOW,
    )
    assert (done.state, done.appointment) == (S.SCHEDULED, WHEN)
    assert done.approval is not None
    done = editions.set_send_time(make_edition_transaction(editions=press), STAFF, done, None, NOW)
    assert (done.state, done.appointment) == (S.APPROVED, None)


@pytest.mark.parametrize("state", [S.DRAFT, S.IN_REVIEW, S.ON_HOLD])
def test_send_time_alone_starts_no_edition(state: S) -> None:
    press = FakeEditionStore(make_edition(state=state))
    assert (
        editions.set_send_time(
            make_edition_transaction(editions=press), STAFF, press.saved_edition, WHEN, NOW
        ).state
        is state
    )


@pytest.mark.parametrize("state", sorted(set(S) - set(OPEN_STATES)))
def test_begun_or_finished_edition_gets_no_send_time(state: S) -> None:
    press = FakeEditionStore(make_edition(state=state))
    with pytest.raises(BadTransition, match="can no longer be given a time"):
        editions.set_send_time(
            make_edition_transaction(editions=press), STAFF, press.saved_edition, WHEN, NOW
        )


@pytest.mark.parametrize("verb", [editions.skip_edition, editions.expire_edition])
def test_skipped_or_expired_edition_returns_its_stories(verb: Any) -> None:
    press = FakeEditionStore(make_edition(stories=("a", "b")))
    done = verb(
        make_edition_transaction(editions=press),
        STAFF,
        press.saved_edition,
        NOW,
        reason="nothing left",
    )
    assert press.released == ["a", "b"]
    assert done.reason == "nothing left"


def test_edition_is_paused_and_resumed() -> None:
    press = FakeEditionStore(make_edition(state=S.SENDING))
    paused = editions.pause_edition(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        NOW,
        reason="a typo",
    )
    assert (paused.state, paused.reason) == (S.PAUSED, "a typo")
    assert (
        editions.resume_edition(make_edition_transaction(editions=press), STAFF, paused, NOW).state
        is S.SENDING
    )


@pytest.mark.parametrize("state", sorted(set(S) - {S.PAUSED}))
def test_only_paused_edition_is_resumed(state: S) -> None:
    with pytest.raises(BadTransition, match=f"edition 7 is {state.words}, not paused"):
        editions.resume_edition(
            make_edition_transaction(editions=FakeEditionStore(make_edition())),
            STAFF,
            make_edition(state=state),
            NOW,
        )


def test_edition_cancelled_unsent_returns_its_stories() -> None:
    press = FakeEditionStore(make_edition(state=S.APPROVED, stories=("a", "b")))
    assert (
        editions.cancel_edition(
            make_edition_transaction(editions=press), STAFF, press.saved_edition, NOW
        ).state
        is S.CANCELLED
    )
    assert press.released == ["a", "b"]


def test_begun_edition_keeps_its_stories() -> None:
    press = FakeEditionStore(make_edition(state=S.SENDING, planned_at=NOW - DAY))
    editions.cancel_edition(
        make_edition_transaction(editions=press), STAFF, press.saved_edition, NOW
    )
    assert press.released == []


@pytest.mark.parametrize("state", sorted(OVER))
def test_finished_edition_can_not_be_cancelled(state: S) -> None:
    press = FakeEditionStore(make_edition(state=state))
    with pytest.raises(BadTransition):
        editions.cancel_edition(
            make_edition_transaction(editions=press), STAFF, press.saved_edition, NOW
        )
    assert press.released == []


@pytest.mark.parametrize("state", S)
def test_archive_visibility_changes_in_any_state_and_keeps_approval(
    state: S,
) -> None:
    press = FakeEditionStore(make_edition(state=state, content_hash=HASH, stories=("a",)))
    press.saved_edition = before = press.save_approval(
        press.saved_edition, Approval("eva", NOW, HASH)
    )
    done = editions.set_archive_visibility(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        ArchiveVisibility.PRIVATE,
        NOW,
    )
    assert done.archive is ArchiveVisibility.PRIVATE
    assert replace(done, archive=ArchiveVisibility.PUBLIC) == before
    back = editions.set_archive_visibility(
        make_edition_transaction(editions=press),
        create_local_actor("ben"),
        done,
        ArchiveVisibility.PUBLIC,
        NOW,
    )
    assert back == before
    noted = [(one.event_type, one.actor, one.detail) for one in press.recorded_events]
    assert noted == [("archive", "ana", "private"), ("archive", "ben", "public")]


def test_unchanged_archive_visibility_is_not_recorded() -> None:
    press = FakeEditionStore(make_edition())
    editions.set_archive_visibility(
        make_edition_transaction(editions=press),
        create_local_actor("ana"),
        press.saved_edition,
        ArchiveVisibility.PUBLIC,
        NOW,
    )
    assert press.recorded_events == []


@pytest.mark.parametrize("kind", sorted(set(EditionKind) - {EditionKind.MAILING}))
def test_only_mailings_go_into_an_archive(kind: EditionKind) -> None:
    press = FakeEditionStore(make_edition(kind=kind))
    with pytest.raises(Refused, match="only mailings to a list stand in an archive"):
        editions.set_archive_visibility(
            make_edition_transaction(editions=press),
            STAFF,
            press.saved_edition,
            ArchiveVisibility.PRIVATE,
            NOW,
        )
