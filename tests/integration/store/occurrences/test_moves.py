"""Moves that meet free days, clock changes, readers' zones and other occurrences."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mailer import digests
from mailer.app import Mailer
from mailer.digests import occurrences, schedules
from mailer.digests.calendar import LOOK_BACK, DigestCalendar, OccurrenceAction, PlannedOccurrence
from mailer.errors import Refused
from mailer.model.edition_states import SendTimeBasis
from mailer.model.schedules import NewSchedule
from mailer.schedules.holidays import Blackout, OnFreeDay
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, HOUR, NOW
from tests.integration.store.occurrences.factories import (
    LONDON,
    RULE_TIME,
    build_calendar,
    claim_occurrence,
    find_planned,
    find_schedule_id,
    parse_wall_time,
)

CLOSED = Blackout(date(2026, 11, 24), date(2026, 11, 24), "closed")


def add_blackout_on_tuesday(tx: SqlTransaction, on_free_day: OnFreeDay) -> None:
    """Make Tuesday a free day, and say what the digest's schedule does on free days."""
    tx.schedules.remove_schedule(schedules.get_schedule(tx, find_schedule_id(tx)))
    timing = schedules.parse_timing("weekly on Tue", "09:00", LONDON, NOW.date(), on_free_day)
    schedules.add_schedule(tx, STAFF, NewSchedule("weekly", timing), {}, NOW)
    schedules.add_blackout(tx, STAFF, CLOSED, NOW)


def build_tokyo_calendar(tx: SqlTransaction) -> DigestCalendar:
    return replace(build_calendar(tx), reader_zones=("Asia/Tokyo",))


def test_send_now_reaches_all_readers_at_once(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        occurrences.send_now(
            tx, STAFF, build_tokyo_calendar(tx).find_occurrence("2026-11-24", NOW), NOW
        )
        (step,) = build_tokyo_calendar(tx).list_due_steps(NOW, LOOK_BACK)
    assert step.action is OccurrenceAction.ASSEMBLE, step.reason
    when = occurrences.build_appointment(step.planned, SendTimeBasis.READER)
    assert (when.send_time, when.moment) == (SendTimeBasis.OFFICE, NOW)


def test_send_now_is_not_late_without_grace(seeded_store: Store) -> None:
    now = NOW + timedelta(seconds=5)
    with seeded_store.begin() as tx:
        digests.edit_digest(tx, STAFF, "weekly", {"grace": timedelta()}, NOW)
        occurrences.send_now(tx, STAFF, find_planned(tx), now)
        (step,) = build_calendar(tx).list_due_steps(now, LOOK_BACK)
    assert step.action is OccurrenceAction.ASSEMBLE, step.reason


def test_move_to_own_time_on_free_day_is_sent(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        add_blackout_on_tuesday(tx, OnFreeDay.SKIP)
        assert find_planned(tx).occurrence.skipped
        assert (
            occurrences.move_occurrence(tx, STAFF, find_planned(tx), RULE_TIME, NOW).moved_to
            == RULE_TIME
        )
        occurrence = find_planned(tx).occurrence
    assert (occurrence.skipped, occurrence.wall) == (False, RULE_TIME)


def test_restore_needs_future_original_time(seeded_store: Store) -> None:
    now = NOW + 4 * DAY + 3 * HOUR  # at noon on the free day, and it goes to the next
    with seeded_store.begin() as tx:
        add_blackout_on_tuesday(tx, OnFreeDay.AFTER)
        occurrences.skip_occurrence(
            tx, STAFF, build_calendar(tx).find_occurrence("2026-11-24", now), now
        )
        occurrences.restore_occurrence(
            tx, STAFF, build_calendar(tx).find_occurrence("2026-11-24", now), now
        )
        assert find_planned(tx).occurrence.wall == RULE_TIME + DAY


def test_restoring_occurrence_to_a_past_time_is_refused(seeded_store: Store) -> None:
    now = NOW + 3 * DAY + 22 * HOUR  # early on the free day, and it was for the day before
    with seeded_store.begin() as tx:
        add_blackout_on_tuesday(tx, OnFreeDay.BEFORE)
        occurrences.skip_occurrence(
            tx, STAFF, build_calendar(tx).find_occurrence("2026-11-24", now), now
        )
        with pytest.raises(Refused, match="its original time, Mon 23 Nov 2026 09:00 Europe/London"):
            occurrences.restore_occurrence(
                tx, STAFF, build_calendar(tx).find_occurrence("2026-11-24", now), now
            )


def test_move_over_clock_change_keeps_reader_times(seeded_store: Store) -> None:
    now = datetime(2027, 3, 20, 12, tzinfo=UTC)
    with seeded_store.begin() as tx:
        factories.add_story(tx, "boats")
        planned = build_tokyo_calendar(tx).find_occurrence("2027-03-23", now)
        number = claim_occurrence(tx, planned.original.rule_time)
        assert number is not None
        when = occurrences.build_appointment(planned, SendTimeBasis.READER)
        edition, _ = digests.assemble_edition(tx, STAFF, "weekly", now, when)
        tx.schedules.attach_edition(number, edition.id)
        moved_to = parse_wall_time("2027-03-29 09:00")
        occurrences.move_occurrence(
            tx, STAFF, build_tokyo_calendar(tx).find_occurrence("2027-03-23", now), moved_to, now
        )
        moved = factories.reload_edition(tx, edition).appointment
    assert moved is not None
    assert moved.moment == datetime(2027, 3, 29, 0, tzinfo=UTC), "nine o'clock in Tokyo"


def test_simultaneous_occurrences_send_one_edition(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        occurrences.move_occurrence(tx, STAFF, find_planned(tx, "2026-12-01"), RULE_TIME, NOW)
        steps = build_calendar(tx).list_due_steps(NOW + 4 * DAY - HOUR, LOOK_BACK)
    sent: list[PlannedOccurrence] = [
        step.planned for step in steps if step.action is OccurrenceAction.ASSEMBLE
    ]
    assert [step.occurrence.wall for step in sent] == [RULE_TIME]
    (other,) = [step for step in steps if step.action is not OccurrenceAction.ASSEMBLE]
    assert other.reason == "another of this digest is sent then"


def test_occurrence_moved_by_long_blackout_is_kept(mailer: Mailer, seeded_store: Store) -> None:
    now = datetime(2027, 3, 1, 8, tzinfo=UTC)
    mailer.clock = lambda: now
    with seeded_store.begin() as tx:
        for schedule in tx.schedules.list_schedules():
            tx.schedules.remove_schedule(schedule)
        timing = schedules.parse_timing("2026-12-22", "09:00", LONDON, NOW.date(), OnFreeDay.AFTER)
        schedules.add_schedule(tx, STAFF, NewSchedule("weekly", timing), {}, NOW)
        long = Blackout(date(2026, 12, 21), date(2027, 1, 3), "closed")
        schedules.add_blackout(tx, STAFF, long, NOW)
        claim_occurrence(tx, parse_wall_time("2026-12-22 09:00"))
        (calendar,) = mailer.build_calendars(tx)
    assert calendar.list_due_steps(now, LOOK_BACK) == []
