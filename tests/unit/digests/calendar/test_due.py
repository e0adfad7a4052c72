"""The steps that a digest's calendar decides at a moment; it carries out none of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.digests import schedules
from mailer.digests.calendar import LOOK_BACK, OccurrenceAction
from mailer.model.schedules import OccurrenceState
from tests.unit.digests.calendar.strategies import (
    AFTER,
    BEFORE,
    DAY,
    HOUR,
    KIRITIMATI,
    LONDON,
    MADE,
    MINUTE,
    NOW,
    ON_HOLD,
    PLANNED,
    SKIPPED,
    TOKYO,
    list_actions,
    list_due_steps,
    make_blackout,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
    parse_utc,
    parse_wall_time,
)


def test_edition_is_assembled_at_cutoff_not_earlier() -> None:
    calendar = make_calendar(make_schedule("2026-12-18", cutoff=2 * HOUR))
    assert list_due_steps(calendar, parse_utc("2026-12-18 06:59:59")) == []
    (step,) = list_due_steps(calendar, parse_utc("2026-12-18 07:00"))
    assert (step.action, step.reason, step.is_quiet) == (OccurrenceAction.ASSEMBLE, "", False)
    assert step.planned.key == (parse_wall_time("2026-12-18 09:00"), LONDON)


def test_edition_without_cutoff_is_assembled_at_send_time() -> None:
    calendar = make_calendar(make_schedule("2026-12-18", cutoff=timedelta()))
    assert list_due_steps(calendar, parse_utc("2026-12-18 08:59:59")) == []
    assert list_actions(list_due_steps(calendar, parse_utc("2026-12-18 09:00"))) == [
        ("18 Dec 09:00", "assemble")
    ]


def test_edition_by_reader_time_is_assembled_before_first_reader() -> None:
    calendar = make_calendar(make_schedule("2026-12-18"), reader_zones=[KIRITIMATI])
    assert list_due_steps(calendar, parse_utc("2026-12-17 17:59")) == []
    assert list_actions(list_due_steps(calendar, parse_utc("2026-12-17 18:00"))) == [
        ("18 Dec 09:00", "assemble")
    ]


def test_longest_cutoff_counts_from_first_reader_on_earth() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-18", zone="Pacific/Pago_Pago", cutoff=schedules.MAX_CUTOFF),
        reader_zones=[KIRITIMATI],
    )
    assert list_due_steps(calendar, parse_utc("2026-12-03 18:59")) == []
    assert list_actions(list_due_steps(calendar, parse_utc("2026-12-03 19:00"))) == [
        ("18 Dec 09:00", "assemble")
    ]


@pytest.mark.parametrize("state", [SKIPPED, MADE, ON_HOLD])
@pytest.mark.parametrize("moved_to", ["", "2026-12-18 08:30"])
@pytest.mark.parametrize("now", ["2026-12-18 08:00", "2026-12-18 10:00", "2026-12-20 09:00"])
def test_decided_occurrence_is_not_due_again(
    state: OccurrenceState, moved_to: str, now: str
) -> None:
    row = make_saved_occurrence("2026-12-18 09:00", state, moved_to=moved_to)
    assert (
        list_due_steps(make_calendar(make_schedule("2026-12-18"), rows=[row]), parse_utc(now)) == []
    )


@pytest.mark.parametrize(
    ("created_at", "now", "overdue"),
    [
        ("2026-12-01 09:00", "2026-12-18 08:00:59", False),
        ("2026-12-01 09:00", "2026-12-18 08:01", True),
        ("2026-12-18 08:30", "2026-12-18 08:30:59", False),
        ("2026-12-18 08:30", "2026-12-18 08:31", True),
    ],
    ids=["at its cut-off", "after it", "just planned", "planned a minute ago"],
)
def test_occurrence_is_overdue_a_minute_after_it_could_be_assembled(
    created_at: str, now: str, overdue: bool
) -> None:
    schedule = make_schedule("2026-12-18", created_at=parse_utc(created_at))
    calendar, moment = make_calendar(schedule), parse_utc(now)
    assert list_actions(list_due_steps(calendar, moment)) == [("18 Dec 09:00", "assemble")]
    assert [planned.key for planned in calendar.list_overdue(moment)] == (
        [(parse_wall_time("2026-12-18 09:00"), LONDON)] if overdue else []
    )


def test_skipped_occurrence_is_never_overdue() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-18"), rows=[make_saved_occurrence("2026-12-18 09:00", SKIPPED)]
    )
    assert calendar.list_overdue(parse_utc("2026-12-18 10:00")) == []


def test_occurrence_before_schedule_creation_is_not_due() -> None:
    made = parse_utc("2026-11-20 09:00")
    calendar = make_calendar(make_schedule("daily", created_at=made))
    assert list_due_steps(calendar, made) == []
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-21 08:30"))) == [
        ("21 Nov 09:00", "assemble")
    ]


def test_schedule_created_after_cutoff_has_first_occurrence() -> None:
    calendar = make_calendar(make_schedule("daily", created_at=parse_utc("2026-11-20 08:59")))
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-20 08:59"))) == [
        ("20 Nov 09:00", "assemble")
    ]


def test_last_missed_occurrence_is_sent_within_grace() -> None:
    calendar = make_calendar(make_schedule("daily"), grace=6 * HOUR)
    steps = list_due_steps(calendar, parse_utc("2026-11-23 15:00"))
    assert list_actions(steps) == [
        ("21 Nov 09:00", "skip"),
        ("22 Nov 09:00", "skip"),
        ("23 Nov 09:00", "assemble"),
    ]
    for step in steps[:2]:
        assert step.is_quiet
        assert step.reason == "it was missed, as was the later one of Mon 23 Nov 09:00"
    assert not steps[2].is_quiet


def test_last_missed_occurrence_after_grace_is_held_with_lateness() -> None:
    calendar = make_calendar(make_schedule("daily"), grace=6 * HOUR)
    steps = list_due_steps(calendar, parse_utc("2026-11-23 15:01"))
    assert list_actions(steps) == [
        ("21 Nov 09:00", "skip"),
        ("22 Nov 09:00", "skip"),
        ("23 Nov 09:00", "hold"),
    ]
    assert [step.is_quiet for step in steps] == [True, True, False]
    assert steps[2].reason == ("it was missed by 6h 1m, and 2 before it; its grace is 6h")


def test_single_missed_occurrence_mentions_no_others() -> None:
    calendar = make_calendar(make_schedule("2026-11-23"), grace=90 * timedelta(minutes=1))
    (step,) = list_due_steps(calendar, parse_utc("2026-11-25 10:05"))
    assert step.reason == ("it was missed by 2d 1h 5m; its grace is 1h 30m")


def test_zero_grace_holds_late_occurrence() -> None:
    calendar = make_calendar(make_schedule("2026-11-23", cutoff=timedelta()), grace=timedelta())
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-23 09:00"))) == [
        ("23 Nov 09:00", "assemble")
    ]
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-23 09:01"))) == [
        ("23 Nov 09:00", "hold")
    ]


@pytest.mark.parametrize("grace", [timedelta(), MINUTE, 6 * HOUR])
def test_lateness_is_measured_in_minutes(grace: timedelta) -> None:
    calendar = make_calendar(make_schedule("2026-11-23", cutoff=timedelta()), grace=grace)
    minute = parse_utc("2026-11-23 09:00") + grace
    assert list_actions(list_due_steps(calendar, minute + MINUTE - timedelta(microseconds=1))) == [
        ("23 Nov 09:00", "assemble")
    ]
    assert list_actions(list_due_steps(calendar, minute + MINUTE)) == [("23 Nov 09:00", "hold")]


def test_lateness_counts_from_office_time_not_reader_time() -> None:
    """At that time it has been the next day on Kiritimati for hours."""
    made = parse_utc("2026-11-23 06:00")
    calendar = make_calendar(
        make_schedule("2026-11-23", created_at=made), reader_zones=[KIRITIMATI], grace=HOUR
    )
    assert list_actions(list_due_steps(calendar, made + HOUR)) == [("23 Nov 09:00", "assemble")]
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-23 10:00"))) == [
        ("23 Nov 09:00", "assemble")
    ]
    (step,) = list_due_steps(calendar, parse_utc("2026-11-23 10:01"))
    assert step.reason == "it was missed by 1h 1m; its grace is 1h"


def test_lateness_counts_from_decision_of_staff() -> None:
    at = parse_utc("2026-11-23 12:30")
    row = make_saved_occurrence(
        "2026-11-23 09:00", PLANNED, moved_to="2026-11-23 12:00", updated_at=at
    )
    calendar = make_calendar(
        make_schedule("2026-11-23"), rows=[row], reader_zones=[KIRITIMATI], grace=HOUR
    )
    assert list_actions(list_due_steps(calendar, at + HOUR)) == [("23 Nov 09:00", "assemble")]
    assert list_actions(list_due_steps(calendar, at + HOUR + MINUTE)) == [("23 Nov 09:00", "hold")]


def test_lateness_counts_from_send_time_after_early_decision() -> None:
    row = make_saved_occurrence(
        "2026-11-23 09:00", PLANNED, moved_to="2026-11-24 09:00", updated_at=NOW
    )
    calendar = make_calendar(make_schedule("2026-11-23"), rows=[row], grace=HOUR)
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-24 10:00"))) == [
        ("23 Nov 09:00", "assemble")
    ]
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-24 10:01"))) == [
        ("23 Nov 09:00", "hold")
    ]


@pytest.mark.parametrize("grace", [timedelta(), 6 * HOUR])
def test_immediate_occurrence_is_due_at_once_in_all_zones(grace: timedelta) -> None:
    at = parse_utc("2026-11-20 12:00:30")
    row = make_saved_occurrence(
        "2026-11-23 09:00", PLANNED, moved_to="2026-11-20 12:00", updated_at=at
    )
    calendar = make_calendar(
        make_schedule("2026-11-23"), rows=[row], reader_zones=[TOKYO], grace=grace
    )
    (step,) = list_due_steps(calendar, at)
    assert (step.action, step.planned.starts_at) == (
        OccurrenceAction.ASSEMBLE,
        parse_utc("2026-11-20 12:00"),
    )


def test_missed_occurrence_is_not_skipped_for_future_one() -> None:
    calendar = make_calendar(
        make_schedule("daily"), make_schedule("2026-11-21", "17:00", schedule_id=2, cutoff=8 * HOUR)
    )
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-21 11:00"))) == [
        ("21 Nov 09:00", "assemble"),
        ("21 Nov 17:00", "assemble"),
    ]


def test_missed_occurrence_before_look_back_is_not_due() -> None:
    calendar = make_calendar(make_schedule("2026-11-23"))
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-23 08:59") + LOOK_BACK)) == [
        ("23 Nov 09:00", "hold")
    ]
    assert list_due_steps(calendar, parse_utc("2026-11-23 09:00") + LOOK_BACK) == []


def test_occurrence_on_free_day_is_skipped_with_name_of_day() -> None:
    calendar = make_calendar(
        make_schedule("daily", region="GB", created_at=parse_utc("2026-12-24 12:00")),
        blackouts=[make_blackout("2026-12-27", reason="moving house")],
    )
    steps = list_due_steps(calendar, parse_utc("2026-12-28 08:00"))
    assert [(step.action, step.reason, step.is_quiet) for step in steps] == [
        (OccurrenceAction.SKIP, "Christmas Day", False),
        (OccurrenceAction.SKIP, "Boxing Day", False),
        (OccurrenceAction.SKIP, "moving house", False),
        (OccurrenceAction.SKIP, "Boxing Day (observed)", False),
    ]


def test_occurrence_on_free_day_does_not_count_as_missed() -> None:
    """Thursday's was missed; Friday's is on a holiday, and so Thursday's is the last."""
    calendar = make_calendar(
        make_schedule("weekdays", region="GB", created_at=parse_utc("2026-12-23 12:00")),
        grace=2 * DAY,
    )
    steps = list_due_steps(calendar, parse_utc("2026-12-25 10:00"))
    assert list_actions(steps) == [("24 Dec 09:00", "assemble"), ("25 Dec 09:00", "skip")]


def test_occurrence_moved_by_free_day_is_due_on_new_day() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-25", region="GB", on_free_day=BEFORE),
        make_schedule("2026-12-28", region="GB", on_free_day=AFTER, schedule_id=2),
    )
    assert list_due_steps(calendar, parse_utc("2026-12-24 07:59")) == []
    assert list_actions(list_due_steps(calendar, parse_utc("2026-12-24 08:00"))) == [
        ("25 Dec 09:00", "assemble")
    ]
    done = replace(calendar, saved_occurrences=(make_saved_occurrence("2026-12-25 09:00", MADE),))
    assert list_due_steps(done, parse_utc("2026-12-29 07:59")) == []
    assert list_actions(list_due_steps(done, parse_utc("2026-12-29 08:00"))) == [
        ("28 Dec 09:00", "assemble")
    ]


@pytest.mark.parametrize(
    ("moved_to", "before", "at"),
    [
        ("2026-12-10 16:00", "2026-12-10 14:59", "2026-12-10 15:00"),
        ("2026-12-18 09:01", "2026-12-18 08:00", "2026-12-18 08:01"),
        ("2027-03-01 12:00", "2026-12-18 10:00", "2027-03-01 11:00"),
    ],
)
def test_occurrence_moved_by_staff_is_due_at_new_time(moved_to: str, before: str, at: str) -> None:
    row = make_saved_occurrence("2026-12-18 09:00", PLANNED, moved_to=moved_to)
    calendar = make_calendar(make_schedule("2026-12-18"), rows=[row])
    assert list_due_steps(calendar, parse_utc(before)) == []
    assert list_actions(list_due_steps(calendar, parse_utc(at))) == [("18 Dec 09:00", "assemble")]


def test_restored_occurrence_is_due_even_before_schedule_creation() -> None:
    row = make_saved_occurrence("2026-11-20 09:00", PLANNED)
    calendar = make_calendar(
        make_schedule("2026-11-20", created_at=parse_utc("2026-11-20 09:10")), rows=[row]
    )
    assert list_actions(list_due_steps(calendar, parse_utc("2026-11-20 09:30"))) == [
        ("20 Nov 09:00", "assemble")
    ]


def test_duplicate_occurrence_at_same_time_is_skipped() -> None:
    calendar = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        rows=[
            make_saved_occurrence("2026-12-24 09:00", MADE),
            make_saved_occurrence("2026-12-17 09:00", MADE),
        ],
    )
    steps = [
        step
        for step in list_due_steps(calendar, parse_utc("2026-12-24 08:00"))
        if step.planned.schedule.id == 2
    ]
    assert list_actions(steps) == [("25 Dec 09:00", "skip")]
    assert steps[0].reason == "another of this digest is sent then"


def test_occurrence_moved_onto_another_is_sent_and_other_skipped() -> None:
    row = make_saved_occurrence("2026-12-08 09:00", PLANNED, moved_to="2026-12-01 09:00")
    calendar = make_calendar(
        make_schedule("weekly on Tuesday", created_at=parse_utc("2026-11-30 12:00")),
        rows=[row],
        grace=HOUR,
    )
    steps = list_due_steps(calendar, parse_utc("2026-12-01 08:00"))
    assert {(list_actions([step])[0], step.reason) for step in steps} == {
        (("01 Dec 09:00", "skip"), "another of this digest is sent then"),
        (("08 Dec 09:00", "assemble"), ""),
    }
