"""An occurrence that an edition was made of takes it along."""

from collections.abc import Callable
from datetime import datetime

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.digests import occurrences
from mailer.digests.calendar import Planned
from mailer.editions import Appointment, Edition, EditionState
from mailer.errors import Refused
from mailer.schedules.records import KeptOccurrence
from mailer.store import Store, Transaction
from tests.integration import office
from tests.integration.office import DAY, HOUR, NOW
from tests.integration.store.occurrences.desk import (
    LONDON,
    MADE,
    NAMED,
    PLANNED,
    SKIPPED,
    assembled,
    due,
    planned,
    row,
    waiting,
    wall,
)


def test_skipping_one_cancels_its_edition_and_frees_its_stories(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = assembled(tx)
        assert waiting(tx) == []
        kept = occurrences.skip(tx, planned(tx), NOW, reason="nobody is in", actor="Amina")
        assert (kept.state, kept.edition) == (SKIPPED, made.id)
        cancelled = office.again(tx, made)
        assert (cancelled.state, cancelled.reason) == (EditionState.CANCELLED, "nobody is in")
        assert waiting(tx) == ["boats"]


def test_one_that_was_skipped_with_its_edition_is_restored_and_gets_another(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        first = assembled(tx)
        occurrences.skip(tx, planned(tx), NOW)
        kept = occurrences.restore(tx, planned(tx), NOW)
        assert kept.state is PLANNED
        second = assembled(tx)
        assert (second.stories, row(tx).edition) == (("boats",), second.id)
        assert office.again(tx, first).state is EditionState.CANCELLED


@pytest.mark.parametrize("approved", [True, False])
def test_moving_one_moves_its_edition_and_leaves_its_approval(
    mailer: Mailer, ready: Store, approved: bool
) -> None:
    to = wall("2026-11-25 16:30")
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = assembled(tx)
        if approved:
            made = office.approved_by_hand(mailer, tx, made)
        kept = occurrences.move(tx, planned(tx), to, NOW, actor="Amina")
        assert (kept.state, kept.moved_to, kept.edition) == (MADE, to, made.id)
        moved = office.again(tx, made)
        assert moved.appointment == Appointment(NOW + 5 * DAY + 7 * HOUR, to, LONDON)
        assert moved.approval == made.approval
        assert moved.state is (EditionState.SCHEDULED if approved else EditionState.DRAFT)
        if approved:
            editions.check_approval(tx.editions, moved, mailer.settings.letterhead)
        assert tx.editions.events(moved)[-1].actor == "Amina"
        assert waiting(tx) == []
        assert "24 Nov" not in due(tx, NOW + 6 * DAY)


def test_what_was_made_already_is_sent_now_by_the_edition_that_there_is(
    mailer: Mailer, ready: Store
) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = office.approved_by_hand(mailer, tx, assembled(tx))
        occurrences.send_now(tx, planned(tx), NOW)
        moved = office.again(tx, made)
        assert moved.appointment == Appointment(NOW, wall("2026-11-20 09:30"), LONDON)
        assert (moved.state, moved.approval) == (EditionState.SCHEDULED, made.approval)
        assert due(tx, NOW) == {}


def test_a_moved_ones_edition_that_is_moved_back_is_sent_at_its_rules_time(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        made = assembled(tx)
        occurrences.move(tx, planned(tx), NAMED + DAY, NOW)
        kept = occurrences.move(tx, planned(tx), NAMED, NOW)
        assert (kept.state, kept.moved_to) == (MADE, None)
        assert office.again(tx, made).appointment == made.appointment


def _cancelled(tx: Transaction, made: Edition) -> Edition:
    return editions.cancel(tx.editions, made, NOW)


def _skipped(tx: Transaction, made: Edition) -> Edition:
    return editions.skip(tx.editions, made, NOW, reason="nothing left")


def _expired(tx: Transaction, made: Edition) -> Edition:
    return editions.expire(tx.editions, made, NOW, reason="nobody approved it")


@pytest.mark.parametrize("ended", [_cancelled, _skipped, _expired])
@pytest.mark.parametrize("verb", [occurrences.restore, occurrences.send_now])
def test_one_whose_edition_came_to_nothing_is_to_come_again_and_gets_another(
    ready: Store,
    ended: Callable[[Transaction, Edition], Edition],
    verb: Callable[[Transaction, Planned, datetime], KeptOccurrence],
) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        first = ended(tx, assembled(tx))
        assert verb(tx, planned(tx), NOW).state is PLANNED
        second = assembled(tx)
        assert (second.stories, row(tx).edition) == (("boats",), second.id)
        assert office.again(tx, first) == first


def test_one_whose_edition_came_to_nothing_is_moved_and_skipped(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        first = _cancelled(tx, assembled(tx))
        kept = occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        assert (kept.state, kept.moved_to) == (PLANNED, NAMED + HOUR)
        assert occurrences.skip(tx, planned(tx), NOW + HOUR).state is SKIPPED
        assert office.again(tx, first) == first


def test_moving_one_whose_edition_is_held_lets_it_go_on(ready: Store) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        held = editions.hold(tx.editions, assembled(tx), NOW, reason="a typo")
        kept = occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        moved = office.again(tx, held)
        assert (kept.state, moved.state) == (MADE, EditionState.DRAFT)
        assert moved.appointment
        assert moved.appointment.wall == NAMED + HOUR


def _sending(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    office.person(tx, "reader@example.org")
    started, _ = mailer.start(tx, office.approved_by_hand(mailer, tx, made))
    return started


def _sent(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    return tx.editions.set_state(_sending(mailer, tx, made), EditionState.SENT, NOW)


def _stopped(mailer: Mailer, tx: Transaction, made: Edition) -> Edition:
    return editions.cancel(tx.editions, _sending(mailer, tx, made), NOW)


@pytest.mark.parametrize("over", [_sending, _stopped, _sent])
def test_one_whose_edition_has_begun_stays_as_it_is(
    mailer: Mailer, ready: Store, over: Callable[[Mailer, Transaction, Edition], Edition]
) -> None:
    with ready.begin() as tx:
        office.story(tx, "boats")
        ended = over(mailer, tx, assembled(tx))
        before = row(tx), ended
        said = f"edition {ended.id} was made of it, and is {ended.state}"
        with pytest.raises(Refused, match=said):
            occurrences.move(tx, planned(tx), NAMED + HOUR, NOW)
        with pytest.raises(Refused, match=said):
            occurrences.skip(tx, planned(tx), NOW)
        with pytest.raises(Refused, match=said):
            occurrences.send_now(tx, planned(tx), NOW)
        with pytest.raises(Refused, match="is made"):
            occurrences.restore(tx, planned(tx), NOW)
        assert (row(tx), office.again(tx, ended)) == before
