"""An occurrence that an edition was made of takes it along."""

from collections.abc import Callable
from datetime import datetime

import pytest

from mailer import editions
from mailer.actor import Actor
from mailer.app import Mailer
from mailer.digests import occurrences
from mailer.digests.calendar import PlannedOccurrence
from mailer.errors import Refused
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition, SendAppointment
from mailer.model.schedules import SavedOccurrence
from mailer.store import SqlTransaction, Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import DAY, HOUR, NOW
from tests.integration.store.occurrences.factories import (
    LONDON,
    MADE,
    PLANNED,
    RULE_TIME,
    SKIPPED,
    assemble_edition,
    find_planned,
    get_occurrence,
    list_due_actions,
    list_waiting_slugs,
    parse_wall_time,
)


def test_skip_cancels_edition_and_frees_stories(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = assemble_edition(tx)
        assert list_waiting_slugs(tx) == []
        saved = occurrences.skip_occurrence(tx, AMINA, find_planned(tx), NOW, reason="nobody is in")
        assert (saved.state, saved.edition_id) == (SKIPPED, edition.id)
        cancelled = factories.reload_edition(tx, edition)
        assert (cancelled.state, cancelled.reason) == (EditionState.CANCELLED, "nobody is in")
        assert list_waiting_slugs(tx) == ["boats"]


def test_restored_occurrence_gets_new_edition(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        first = assemble_edition(tx)
        occurrences.skip_occurrence(tx, STAFF, find_planned(tx), NOW)
        saved = occurrences.restore_occurrence(tx, STAFF, find_planned(tx), NOW)
        assert saved.state is PLANNED
        second = assemble_edition(tx)
        assert (second.stories, get_occurrence(tx).edition_id) == (("boats",), second.id)
        assert factories.reload_edition(tx, first).state is EditionState.CANCELLED


@pytest.mark.parametrize("approved", [True, False])
def test_move_moves_edition_and_keeps_approval(
    mailer: Mailer, seeded_store: Store, approved: bool
) -> None:
    to = parse_wall_time("2026-11-25 16:30")
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = assemble_edition(tx)
        if approved:
            edition = factories.approve_without_composing(mailer, tx, edition)
        saved = occurrences.move_occurrence(tx, AMINA, find_planned(tx), to, NOW)
        assert (saved.state, saved.moved_to, saved.edition_id) == (MADE, to, edition.id)
        moved = factories.reload_edition(tx, edition)
        assert moved.appointment == SendAppointment(NOW + 5 * DAY + 7 * HOUR, to, LONDON)
        assert moved.approval == edition.approval
        assert moved.state is (EditionState.SCHEDULED if approved else EditionState.DRAFT)
        if approved:
            editions.check_approval(tx, moved, mailer.renderer)
        assert tx.editions.list_events(moved)[-1].actor == "Amina"
        assert list_waiting_slugs(tx) == []
        assert "24 Nov" not in list_due_actions(tx, NOW + 6 * DAY)


def test_send_now_uses_existing_edition(mailer: Mailer, seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = factories.approve_without_composing(mailer, tx, assemble_edition(tx))
        occurrences.send_now(tx, STAFF, find_planned(tx), NOW)
        moved = factories.reload_edition(tx, edition)
        assert moved.appointment == SendAppointment(
            NOW, parse_wall_time("2026-11-20 09:30"), LONDON
        )
        assert (moved.state, moved.approval) == (EditionState.SCHEDULED, edition.approval)
        assert list_due_actions(tx, NOW) == {}


def test_move_back_restores_send_time_of_edition(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = assemble_edition(tx)
        occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + DAY, NOW)
        saved = occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME, NOW)
        assert (saved.state, saved.moved_to) == (MADE, None)
        assert factories.reload_edition(tx, edition).appointment == edition.appointment


def _cancel_edition(tx: SqlTransaction, edition: Edition) -> Edition:
    return editions.cancel_edition(tx, STAFF, edition, NOW)


def _skip_edition(tx: SqlTransaction, edition: Edition) -> Edition:
    return editions.skip_edition(tx, STAFF, edition, NOW, reason="nothing left")


def _expire_edition(tx: SqlTransaction, edition: Edition) -> Edition:
    return editions.expire_edition(tx, STAFF, edition, NOW, reason="nobody approved it")


@pytest.mark.parametrize("end_edition", [_cancel_edition, _skip_edition, _expire_edition])
@pytest.mark.parametrize("verb", [occurrences.restore_occurrence, occurrences.send_now])
def test_occurrence_with_unsent_edition_gets_another(
    seeded_store: Store,
    end_edition: Callable[[SqlTransaction, Edition], Edition],
    verb: Callable[[SqlTransaction, Actor, PlannedOccurrence, datetime], SavedOccurrence],
) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        first = end_edition(tx, assemble_edition(tx))
        assert verb(tx, STAFF, find_planned(tx), NOW).state is PLANNED
        second = assemble_edition(tx)
        assert (second.stories, get_occurrence(tx).edition_id) == (("boats",), second.id)
        assert factories.reload_edition(tx, first) == first


def test_occurrence_with_unsent_edition_is_moved_and_skipped(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        first = _cancel_edition(tx, assemble_edition(tx))
        saved = occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + HOUR, NOW)
        assert (saved.state, saved.moved_to) == (PLANNED, RULE_TIME + HOUR)
        assert occurrences.skip_occurrence(tx, STAFF, find_planned(tx), NOW + HOUR).state is SKIPPED
        assert factories.reload_edition(tx, first) == first


def test_move_reopens_edition_on_hold(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition_on_hold = editions.put_on_hold(
            tx, STAFF, assemble_edition(tx), NOW, reason="a typo"
        )
        saved = occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + HOUR, NOW)
        moved = factories.reload_edition(tx, edition_on_hold)
        assert (saved.state, moved.state) == (MADE, EditionState.DRAFT)
        assert moved.appointment
        assert moved.appointment.wall == RULE_TIME + HOUR


def _start_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> Edition:
    factories.add_subscriber(tx, "reader@example.org")
    started, _ = editions.start_edition(
        tx,
        STAFF,
        factories.approve_without_composing(mailer, tx, edition),
        mailer.renderer,
        mailer.clock(),
    )
    return started


def _send_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> Edition:
    return tx.editions.set_state(_start_edition(mailer, tx, edition), EditionState.SENT, NOW, STAFF)


def _stop_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition) -> Edition:
    return editions.cancel_edition(tx, STAFF, _start_edition(mailer, tx, edition), NOW)


@pytest.mark.parametrize("begin_edition", [_start_edition, _stop_edition, _send_edition])
def test_occurrence_with_begun_edition_is_unchanged(
    mailer: Mailer,
    seeded_store: Store,
    begin_edition: Callable[[Mailer, SqlTransaction, Edition], Edition],
) -> None:
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = begin_edition(mailer, tx, assemble_edition(tx))
        before = get_occurrence(tx), edition
        error_text = f"the occurrence has edition {edition.id}, which is {edition.state}"
        with pytest.raises(Refused, match=error_text):
            occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME + HOUR, NOW)
        with pytest.raises(Refused, match=error_text):
            occurrences.skip_occurrence(tx, STAFF, find_planned(tx), NOW)
        with pytest.raises(Refused, match=error_text):
            occurrences.send_now(tx, STAFF, find_planned(tx), NOW)
        with pytest.raises(Refused, match="is made"):
            occurrences.restore_occurrence(tx, STAFF, find_planned(tx), NOW)
        assert (get_occurrence(tx), factories.reload_edition(tx, edition)) == before
