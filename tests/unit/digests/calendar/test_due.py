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


def test_its_edition_is_assembled_at_the_cut_off_and_not_a_moment_earlier() -> None:
    known = make_calendar(make_schedule("2026-12-18", cutoff=2 * HOUR))
    assert list_due_steps(known, parse_utc("2026-12-18 06:59:59")) == []
    (step,) = list_due_steps(known, parse_utc("2026-12-18 07:00"))
    assert (step.action, step.reason, step.is_quiet) == (OccurrenceAction.ASSEMBLE, "", False)
    assert step.planned.key == (parse_wall_time("2026-12-18 09:00"), LONDON)


def test_without_a_cut_off_it_is_assembled_when_it_is_to_be_sent() -> None:
    known = make_calendar(make_schedule("2026-12-18", cutoff=timedelta()))
    assert list_due_steps(known, parse_utc("2026-12-18 08:59:59")) == []
    assert list_actions(list_due_steps(known, parse_utc("2026-12-18 09:00"))) == [
        ("18 Dec 09:00", "assemble")
    ]


def test_by_readers_time_it_is_assembled_before_the_first_of_them() -> None:
    known = make_calendar(make_schedule("2026-12-18"), reader_zones=[KIRITIMATI])
    assert list_due_steps(known, parse_utc("2026-12-17 17:59")) == []
    assert list_actions(list_due_steps(known, parse_utc("2026-12-17 18:00"))) == [
        ("18 Dec 09:00", "assemble")
    ]


def test_the_longest_cut_off_counts_from_the_first_reader_on_earth_too() -> None:
    known = make_calendar(
        make_schedule("2026-12-18", zone="Pacific/Pago_Pago", cutoff=schedules.MAX_CUTOFF),
        reader_zones=[KIRITIMATI],
    )
    assert list_due_steps(known, parse_utc("2026-12-03 18:59")) == []
    assert list_actions(list_due_steps(known, parse_utc("2026-12-03 19:00"))) == [
        ("18 Dec 09:00", "assemble")
    ]


@pytest.mark.parametrize("state", [SKIPPED, MADE, ON_HOLD])
@pytest.mark.parametrize("moved_to", ["", "2026-12-18 08:30"])
@pytest.mark.parametrize("now", ["2026-12-18 08:00", "2026-12-18 10:00", "2026-12-20 09:00"])
def test_nothing_is_done_twice(state: OccurrenceState, moved_to: str, now: str) -> None:
    row = make_saved_occurrence("2026-12-18 09:00", state, moved_to=moved_to)
    assert (
        list_due_steps(make_calendar(make_schedule("2026-12-18"), rows=[row]), parse_utc(now)) == []
    )


def test_what_was_to_be_sent_before_its_schedule_was_made_is_not_due() -> None:
    made = parse_utc("2026-11-20 09:00")
    known = make_calendar(make_schedule("daily", created_at=made))
    assert list_due_steps(known, made) == []
    assert list_actions(list_due_steps(known, parse_utc("2026-11-21 08:30"))) == [
        ("21 Nov 09:00", "assemble")
    ]


def test_a_schedule_made_after_the_cut_off_still_gives_the_first_one() -> None:
    known = make_calendar(make_schedule("daily", created_at=parse_utc("2026-11-20 08:59")))
    assert list_actions(list_due_steps(known, parse_utc("2026-11-20 08:59"))) == [
        ("20 Nov 09:00", "assemble")
    ]


def test_of_those_missed_the_last_is_still_sent_within_the_grace() -> None:
    known = make_calendar(make_schedule("daily"), grace=6 * HOUR)
    steps = list_due_steps(known, parse_utc("2026-11-23 15:00"))
    assert list_actions(steps) == [
        ("21 Nov 09:00", "skip"),
        ("22 Nov 09:00", "skip"),
        ("23 Nov 09:00", "assemble"),
    ]
    for one in steps[:2]:
        assert one.is_quiet
        assert one.reason == "it was missed, and so was the later one of Mon 23 Nov 09:00"
    assert not steps[2].is_quiet


def test_after_its_grace_the_last_one_is_held_and_says_by_how_much_it_was_missed() -> None:
    known = make_calendar(make_schedule("daily"), grace=6 * HOUR)
    steps = list_due_steps(known, parse_utc("2026-11-23 15:01"))
    assert list_actions(steps) == [
        ("21 Nov 09:00", "skip"),
        ("22 Nov 09:00", "skip"),
        ("23 Nov 09:00", "hold"),
    ]
    assert [one.is_quiet for one in steps] == [True, True, False]
    assert steps[2].reason == (
        "it was missed by 6h 1m, and 2 before it; this digest may be late by 6h"
    )


def test_one_that_is_missed_alone_says_nothing_of_others() -> None:
    known = make_calendar(make_schedule("2026-11-23"), grace=90 * timedelta(minutes=1))
    (step,) = list_due_steps(known, parse_utc("2026-11-25 10:05"))
    assert step.reason == ("it was missed by 2d 1h 5m; this digest may be late by 1h 30m")


def test_without_grace_nothing_may_be_late() -> None:
    known = make_calendar(make_schedule("2026-11-23", cutoff=timedelta()), grace=timedelta())
    assert list_actions(list_due_steps(known, parse_utc("2026-11-23 09:00"))) == [
        ("23 Nov 09:00", "assemble")
    ]
    assert list_actions(list_due_steps(known, parse_utc("2026-11-23 09:01"))) == [
        ("23 Nov 09:00", "hold")
    ]


@pytest.mark.parametrize("grace", [timedelta(), MINUTE, 6 * HOUR])
def test_it_is_late_to_the_minute(grace: timedelta) -> None:
    known = make_calendar(make_schedule("2026-11-23", cutoff=timedelta()), grace=grace)
    minute = parse_utc("2026-11-23 09:00") + grace
    assert list_actions(list_due_steps(known, minute + MINUTE - timedelta(microseconds=1))) == [
        ("23 Nov 09:00", "assemble")
    ]
    assert list_actions(list_due_steps(known, minute + MINUTE)) == [("23 Nov 09:00", "hold")]


def test_lateness_counts_from_the_office_s_own_time_wherever_readers_are() -> None:
    """By then it is the day after on Kiritimati, since hours."""
    made = parse_utc("2026-11-23 06:00")
    known = make_calendar(
        make_schedule("2026-11-23", created_at=made), reader_zones=[KIRITIMATI], grace=HOUR
    )
    assert list_actions(list_due_steps(known, made + HOUR)) == [("23 Nov 09:00", "assemble")]
    assert list_actions(list_due_steps(known, parse_utc("2026-11-23 10:00"))) == [
        ("23 Nov 09:00", "assemble")
    ]
    (step,) = list_due_steps(known, parse_utc("2026-11-23 10:01"))
    assert step.reason == "it was missed by 1h 1m; this digest may be late by 1h"


def test_it_is_not_late_by_what_was_before_staff_decided_about_it() -> None:
    at = parse_utc("2026-11-23 12:30")
    row = make_saved_occurrence(
        "2026-11-23 09:00", PLANNED, moved_to="2026-11-23 12:00", updated_at=at
    )
    known = make_calendar(
        make_schedule("2026-11-23"), rows=[row], reader_zones=[KIRITIMATI], grace=HOUR
    )
    assert list_actions(list_due_steps(known, at + HOUR)) == [("23 Nov 09:00", "assemble")]
    assert list_actions(list_due_steps(known, at + HOUR + MINUTE)) == [("23 Nov 09:00", "hold")]


def test_what_is_decided_before_it_could_be_sent_is_late_from_when_it_could() -> None:
    row = make_saved_occurrence(
        "2026-11-23 09:00", PLANNED, moved_to="2026-11-24 09:00", updated_at=NOW
    )
    known = make_calendar(make_schedule("2026-11-23"), rows=[row], grace=HOUR)
    assert list_actions(list_due_steps(known, parse_utc("2026-11-24 10:00"))) == [
        ("23 Nov 09:00", "assemble")
    ]
    assert list_actions(list_due_steps(known, parse_utc("2026-11-24 10:01"))) == [
        ("23 Nov 09:00", "hold")
    ]


@pytest.mark.parametrize("grace", [timedelta(), 6 * HOUR])
def test_what_staff_send_at_once_is_due_at_once_wherever_readers_are(grace: timedelta) -> None:
    at = parse_utc("2026-11-20 12:00:30")
    row = make_saved_occurrence(
        "2026-11-23 09:00", PLANNED, moved_to="2026-11-20 12:00", updated_at=at
    )
    known = make_calendar(
        make_schedule("2026-11-23"), rows=[row], reader_zones=[TOKYO], grace=grace
    )
    (step,) = list_due_steps(known, at)
    assert (step.action, step.planned.starts_at) == (
        OccurrenceAction.ASSEMBLE,
        parse_utc("2026-11-20 12:00"),
    )


def test_what_is_still_to_be_sent_is_no_reason_to_skip_what_was_missed() -> None:
    known = make_calendar(
        make_schedule("daily"), make_schedule("2026-11-21", "17:00", schedule_id=2, cutoff=8 * HOUR)
    )
    assert list_actions(list_due_steps(known, parse_utc("2026-11-21 11:00"))) == [
        ("21 Nov 09:00", "assemble"),
        ("21 Nov 17:00", "assemble"),
    ]


def test_what_was_missed_longer_ago_than_is_looked_back_is_not_heard_of() -> None:
    known = make_calendar(make_schedule("2026-11-23"))
    assert list_actions(list_due_steps(known, parse_utc("2026-11-23 08:59") + LOOK_BACK)) == [
        ("23 Nov 09:00", "hold")
    ]
    assert list_due_steps(known, parse_utc("2026-11-23 09:00") + LOOK_BACK) == []


def test_one_on_a_free_day_is_skipped_with_the_days_name() -> None:
    known = make_calendar(
        make_schedule("daily", region="GB", created_at=parse_utc("2026-12-24 12:00")),
        blackouts=[make_blackout("2026-12-27", reason="moving house")],
    )
    steps = list_due_steps(known, parse_utc("2026-12-28 08:00"))
    assert [(step.action, step.reason, step.is_quiet) for step in steps] == [
        (OccurrenceAction.SKIP, "Christmas Day", False),
        (OccurrenceAction.SKIP, "Boxing Day", False),
        (OccurrenceAction.SKIP, "moving house", False),
        (OccurrenceAction.SKIP, "Boxing Day (observed)", False),
    ]


def test_a_free_day_is_nothing_that_was_missed() -> None:
    """Thursday's was missed; Friday's is on a holiday, and so Thursday's is the last."""
    known = make_calendar(
        make_schedule("weekdays", region="GB", created_at=parse_utc("2026-12-23 12:00")),
        grace=2 * DAY,
    )
    steps = list_due_steps(known, parse_utc("2026-12-25 10:00"))
    assert list_actions(steps) == [("24 Dec 09:00", "assemble"), ("25 Dec 09:00", "skip")]


def test_one_that_a_free_day_has_moved_is_due_by_the_day_it_was_moved_to() -> None:
    known = make_calendar(
        make_schedule("2026-12-25", region="GB", on_free_day=BEFORE),
        make_schedule("2026-12-28", region="GB", on_free_day=AFTER, schedule_id=2),
    )
    assert list_due_steps(known, parse_utc("2026-12-24 07:59")) == []
    assert list_actions(list_due_steps(known, parse_utc("2026-12-24 08:00"))) == [
        ("25 Dec 09:00", "assemble")
    ]
    done = replace(known, saved_occurrences=(make_saved_occurrence("2026-12-25 09:00", MADE),))
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
def test_one_that_staff_have_moved_is_due_by_its_new_time(
    moved_to: str, before: str, at: str
) -> None:
    row = make_saved_occurrence("2026-12-18 09:00", PLANNED, moved_to=moved_to)
    known = make_calendar(make_schedule("2026-12-18"), rows=[row])
    assert list_due_steps(known, parse_utc(before)) == []
    assert list_actions(list_due_steps(known, parse_utc(at))) == [("18 Dec 09:00", "assemble")]


def test_one_that_is_restored_is_due_by_its_own_time_also_before_its_schedule_was_made() -> None:
    row = make_saved_occurrence("2026-11-20 09:00", PLANNED)
    known = make_calendar(
        make_schedule("2026-11-20", created_at=parse_utc("2026-11-20 09:10")), rows=[row]
    )
    assert list_actions(list_due_steps(known, parse_utc("2026-11-20 09:30"))) == [
        ("20 Nov 09:00", "assemble")
    ]


def test_the_lost_one_of_two_at_the_same_time_is_skipped() -> None:
    known = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        rows=[
            make_saved_occurrence("2026-12-24 09:00", MADE),
            make_saved_occurrence("2026-12-17 09:00", MADE),
        ],
    )
    steps = [
        one
        for one in list_due_steps(known, parse_utc("2026-12-24 08:00"))
        if one.planned.schedule.id == 2
    ]
    assert list_actions(steps) == [("25 Dec 09:00", "skip")]
    assert steps[0].reason == "another of this digest is sent then"


def test_what_staff_have_moved_onto_anothers_time_is_sent_and_the_other_is_skipped() -> None:
    row = make_saved_occurrence("2026-12-08 09:00", PLANNED, moved_to="2026-12-01 09:00")
    known = make_calendar(
        make_schedule("weekly on Tuesday", created_at=parse_utc("2026-11-30 12:00")),
        rows=[row],
        grace=HOUR,
    )
    steps = list_due_steps(known, parse_utc("2026-12-01 08:00"))
    assert {(list_actions([one])[0], one.reason) for one in steps} == {
        (("01 Dec 09:00", "skip"), "another of this digest is sent then"),
        (("08 Dec 09:00", "assemble"), ""),
    }
