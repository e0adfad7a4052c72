"""By readers' own time: what staff move or send now is late by the office's clock only."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer import digests
from mailer.app import Mailer
from mailer.digests import occurrences, schedules
from mailer.digests.calendar import LOOK_BACK, DigestCalendar
from mailer.log import create_logger
from mailer.model.digests import WhenLate
from mailer.model.edition_states import EditionState, SendTimeBasis
from mailer.model.editions import Edition, SendAppointment
from mailer.store import SqlTransaction, Store
from mailer.worker import jobs
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.occurrences.factories import (
    ON_HOLD,
    add_schedule,
    build_calendar,
    claim_occurrence,
    find_schedule_id,
    parse_wall_time,
)

MINUTE = timedelta(minutes=1)
ELEVEN = datetime(2026, 11, 23, 11, tzinfo=UTC)
"""Monday: eight hours after noon in Tokyo."""


def build_tokyo_calendar(tx: SqlTransaction) -> DigestCalendar:
    return replace(build_calendar(tx), reader_zones=("Asia/Tokyo",))


@pytest.fixture
def reader_time_edition(seeded_store: Store) -> Edition:
    """The edition of Tuesday, by readers' own time."""
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        when = occurrences.build_appointment(
            build_tokyo_calendar(tx).find_occurrence("2026-11-24", NOW), SendTimeBasis.READER
        )
        number = claim_occurrence(tx)
        assert number is not None
        edition, _ = digests.assemble_edition(tx, STAFF, "weekly", NOW, when)
        tx.schedules.attach_edition(number, edition.id)
    return edition


def move_to_noon(tx: SqlTransaction, edition: Edition) -> SendAppointment | None:
    planned = build_tokyo_calendar(tx).find_occurrence("2026-11-24", ELEVEN)
    occurrences.move_occurrence(tx, STAFF, planned, parse_wall_time("2026-11-23 12:00"), ELEVEN)
    return factories.reload_edition(tx, edition).appointment


def test_moved_approved_edition_is_not_late(mailer: Mailer, reader_time_edition: Edition) -> None:
    mailer.clock = lambda: ELEVEN + MINUTE
    with mailer.store.begin() as tx:
        factories.approve_without_composing(mailer, tx, reader_time_edition)
        move_to_noon(tx, reader_time_edition)
        jobs.start_edition(mailer, reader_time_edition.id, create_logger(io.StringIO()), tx)
        assert factories.reload_edition(tx, reader_time_edition).state is EditionState.SENDING


def test_moved_edition_in_review_is_not_late(mailer: Mailer, reader_time_edition: Edition) -> None:
    with mailer.store.begin() as tx:
        digests.edit_digest(tx, STAFF, "weekly", {"when_late": WhenLate.DRAFT}, NOW)
        mailer.clock = lambda: NOW
        jobs.review_draft(mailer, reader_time_edition.id, create_logger(io.StringIO()), tx)
        move_to_noon(tx, reader_time_edition)
        mailer.clock = lambda: ELEVEN + MINUTE
        jobs.check_review(mailer, reader_time_edition.id, create_logger(io.StringIO()), tx)
        assert factories.reload_edition(tx, reader_time_edition).state is EditionState.IN_REVIEW


def test_move_after_send_now_restores_reader_times(
    seeded_store: Store, reader_time_edition: Edition
) -> None:
    with seeded_store.begin() as tx:
        occurrences.send_now(
            tx, STAFF, build_tokyo_calendar(tx).find_occurrence("2026-11-24", NOW), NOW
        )
        move_to_noon(tx, reader_time_edition)
        when = factories.reload_edition(tx, reader_time_edition).appointment
    assert when is not None
    assert when.send_time is SendTimeBasis.READER


def test_send_now_in_minute_of_rule_is_immediate(seeded_store: Store) -> None:
    now = datetime(2026, 11, 24, 9, 0, 20, tzinfo=UTC)
    with seeded_store.begin() as tx:
        claim_occurrence(tx, state=ON_HOLD)
        occurrences.send_now(
            tx, STAFF, build_tokyo_calendar(tx).find_occurrence("2026-11-24", now), now
        )
        (step,) = build_tokyo_calendar(tx).list_due_steps(now, LOOK_BACK)
    assert step.planned.is_immediate


def test_send_now_works_in_repeated_hour(seeded_store: Store) -> None:
    now = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    with seeded_store.begin() as tx:
        tx.schedules.remove_schedule(schedules.get_schedule(tx, find_schedule_id(tx)))
        add_schedule(tx, zone="Europe/Berlin")
        saved = occurrences.send_now(
            tx, STAFF, build_calendar(tx).find_occurrence("2027-11-02", now), now
        )
    assert saved.moved_to == parse_wall_time("2027-10-31 02:30")
