"""What a digest's calendar shows, and what it wants done at a moment; it only ever decides."""

import tempfile
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer import zones
from mailer.digests import Digest, Order, Policy
from mailer.digests.calendar import LOOK_BACK, Calendar, Do, Planned, Step
from mailer.errors import InputError, NotFound
from mailer.schedules import records, rules
from mailer.schedules.free_days import Blackout, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.records import KeptOccurrence, NewSchedule, OccurrenceState, Schedule

LONDON, BERLIN, TOKYO = "Europe/London", "Europe/Berlin", "Asia/Tokyo"
KIRITIMATI, NEW_YORK = "Pacific/Kiritimati", "America/New_York"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = date(2026, 11, 2)
OBSERVANCES = {"migrants-day": Observance("migrants-day", "18 december", {"en": "A day"})}

PLANNED, SKIPPED = OccurrenceState.PLANNED, OccurrenceState.SKIPPED
MADE, HELD = OccurrenceState.MADE, OccurrenceState.HELD
BEFORE, AFTER, SKIP = OnFreeDay.BEFORE, OnFreeDay.AFTER, OnFreeDay.SKIP


def wall(text: str) -> datetime:
    """What a clock shows; it is in no zone."""
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = utc("2026-11-20 09:30")
"""A Friday; clocks in London show the same."""


def schedule(
    text: str = "daily",
    at: str = "09:00",
    zone: str = LONDON,
    *,
    number: int = 1,
    cutoff: timedelta = HOUR,
    place: str = "",
    on_free_day: OnFreeDay = SKIP,
    made: datetime = NOW,
    start: date = START,
) -> Schedule:
    timing = records.timing(text, at, zone, start, on_free_day)
    return Schedule(number, NewSchedule("weekly", timing, cutoff, place), made)


def kept(
    named: str, state: OccurrenceState, *, moved_to: str = "", **fields: Any
) -> KeptOccurrence:
    one = KeptOccurrence(
        id=1,
        digest="weekly",
        named=wall(named),
        zone=LONDON,
        schedule=1,
        state=state,
        moved_to=wall(moved_to) if moved_to else None,
        edition=None,
        reason="",
        actor="",
        updated_at=NOW,
    )
    return replace(one, **fields)


def calendar(
    *schedules: Schedule,
    rows: Iterable[KeptOccurrence] = (),
    blackouts: Iterable[Blackout] = (),
    reader_zones: Iterable[str] = (),
    observances: Mapping[str, Observance] = OBSERVANCES,
    **policy: Any,
) -> Calendar:
    order = Order(slug="weekly", name="The week", list="news", policy=Policy(**policy))
    digest = Digest(1, order, NOW, NOW)
    return Calendar(
        digest, schedules, tuple(rows), tuple(blackouts), observances, tuple(reader_zones)
    )


def closed(first: str, last: str = "", reason: str = "the office is closed") -> Blackout:
    return Blackout(date.fromisoformat(first), date.fromisoformat(last or first), reason)


def shown(planned: Iterable[Planned]) -> list[str]:
    """Each one's day and time; a skipped one's in brackets."""
    return [
        f"({one.occurrence.wall:%d %b %H:%M})"
        if one.occurrence.skipped
        else f"{one.occurrence.wall:%d %b %H:%M}"
        for one in planned
    ]


def said(steps: Iterable[Step]) -> list[tuple[str, str]]:
    """What is done, to each by its name."""
    return [(f"{one.planned.occurrence.named:%d %b %H:%M}", one.do.value) for one in steps]


def due(known: Calendar, now: datetime) -> list[Step]:
    return known.due(now, LOOK_BACK)


# ---- what comes -------------------------------------------------------------------------------


def test_the_next_ones_come_in_order_whichever_schedule_gives_them() -> None:
    both = calendar(schedule("daily"), schedule("weekly on Monday", "17:00", number=2))
    assert shown(both.upcoming(NOW, 5)) == [
        "21 Nov 09:00", "22 Nov 09:00", "23 Nov 09:00", "23 Nov 17:00", "24 Nov 09:00",
    ]  # fmt: skip
    assert [one.schedule.id for one in both.upcoming(NOW, 4)] == [1, 1, 1, 2]
    assert both.upcoming(NOW, 0) == []


def test_what_is_being_sent_at_this_minute_is_not_to_come_any_more() -> None:
    known = calendar(schedule("daily"))
    assert shown(known.upcoming(utc("2026-11-21 09:00"), 1)) == ["22 Nov 09:00"]
    assert shown(known.upcoming(utc("2026-11-21 08:59"), 1)) == ["21 Nov 09:00"]


def test_there_are_no_more_than_there_are() -> None:
    assert shown(calendar(schedule("2026-12-18")).upcoming(NOW, 5)) == ["18 Dec 09:00"]
    assert calendar(schedule("2026-11-19")).upcoming(NOW, 5) == []
    assert calendar().upcoming(NOW, 5) == []


def test_skipped_ones_are_among_them_with_the_reason() -> None:
    known = calendar(
        schedule("daily", place="GB"),
        rows=[kept("2026-12-24 09:00", SKIPPED, reason="nobody is in")],
        blackouts=[closed("2026-12-27")],
    )
    found = known.upcoming(utc("2026-12-23 12:00"), 6)
    assert shown(found) == [
        "(24 Dec 09:00)", "(25 Dec 09:00)", "(26 Dec 09:00)", "(27 Dec 09:00)", "(28 Dec 09:00)",
        "29 Dec 09:00",
    ]  # fmt: skip
    assert [one.occurrence.note for one in found if one.occurrence.skipped] == [
        "nobody is in",
        "Christmas Day",
        "Boxing Day",
        "the office is closed",
        "Boxing Day (observed)",
    ]


def test_what_two_schedules_name_at_the_same_time_is_one_the_older_schedules() -> None:
    older, newer = schedule("daily"), schedule("weekdays", number=2, cutoff=DAY)
    (one, _) = calendar(older, newer).upcoming(utc("2026-11-23 08:00"), 2)
    assert (one.schedule, one.name) == (older, (wall("2026-11-23 09:00"), LONDON))


def test_a_day_that_one_schedule_skips_and_another_does_not_is_there() -> None:
    known = calendar(schedule("2026-12-25", place="GB"), schedule("2026-12-25", number=2))
    (one,) = known.upcoming(NOW, 5)
    assert (one.schedule.id, one.occurrence.skipped) == (2, False)


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_lands_on_the_time_of_another_is_told_as_skipped(newest_first: bool) -> None:
    """Christmas is kept on the day before, on which there is one already: the older schedule's."""
    some = [
        schedule("weekly on Thursday"),
        schedule("2026-12-25", number=2, place="GB", on_free_day=BEFORE),
    ]
    known = calendar(*(some[::-1] if newest_first else some))
    found = known.upcoming(utc("2026-12-23 12:00"), 2)
    assert shown(found) == ["24 Dec 09:00", "(24 Dec 09:00)"]
    assert [one.schedule.id for one in found] == [1, 2]
    assert found[1].occurrence.note == "another of this digest is sent then"
    assert found[1].name == (wall("2026-12-25 09:00"), LONDON)


def test_what_lands_on_the_time_of_one_that_is_skipped_is_sent() -> None:
    known = calendar(
        schedule("weekly on Thursday"),
        schedule("2026-12-25", number=2, place="GB", on_free_day=BEFORE),
        rows=[kept("2026-12-24 09:00", SKIPPED)],
    )
    assert shown(known.upcoming(utc("2026-12-23 12:00"), 2)) == ["(24 Dec 09:00)", "24 Dec 09:00"]


def test_what_is_made_is_not_skipped_by_a_blackout_that_comes_later() -> None:
    known = calendar(
        schedule("daily"),
        rows=[kept("2026-11-21 09:00", MADE)],
        blackouts=[closed("2026-11-21", "2026-11-22")],
    )
    assert shown(known.upcoming(NOW, 2)) == ["21 Nov 09:00", "(22 Nov 09:00)"]


def test_the_same_time_in_two_zones_is_two() -> None:
    known = calendar(schedule("2026-12-18"), schedule("2026-12-18", zone=NEW_YORK, number=2))
    assert [one.occurrence.moment.hour for one in known.upcoming(NOW, 5)] == [9, 14]


def test_they_are_as_staff_and_the_worker_have_left_them() -> None:
    known = calendar(
        schedule("daily"),
        rows=[
            kept("2026-11-21 09:00", MADE, edition=4),
            kept("2026-11-22 09:00", HELD, reason="it was missed by 9 h"),
            kept("2026-11-23 09:00", SKIPPED, reason="by Amina"),
            kept("2026-11-24 09:00", PLANNED, moved_to="2026-11-24 16:30", actor="Amina"),
            kept("2026-11-25 09:00", PLANNED, moved_to="2026-11-25 07:00", reason="a summit"),
            kept("2026-11-26 09:00", PLANNED),
            kept("2026-11-27 09:00", MADE, moved_to="2026-11-27 10:00", reason="a summit"),
        ],
    )
    found = known.upcoming(NOW, 8)
    assert shown(found) == [
        "21 Nov 09:00", "22 Nov 09:00", "(23 Nov 09:00)", "24 Nov 16:30", "25 Nov 07:00",
        "26 Nov 09:00", "27 Nov 10:00", "28 Nov 09:00",
    ]  # fmt: skip
    assert [one.kept.state if one.kept else None for one in found] == [
        MADE, HELD, SKIPPED, PLANNED, PLANNED, PLANNED, MADE, None,
    ]  # fmt: skip
    assert [one.occurrence.note for one in found] == [
        "",
        "it was missed by 9 h",
        "by Amina",
        "moved from Tue 24 Nov 09:00 by Amina",
        "moved from Wed 25 Nov 09:00: a summit",
        "",
        "a summit",
        "",
    ]


def test_one_that_is_moved_from_far_away_is_shown_at_its_new_time_under_its_name() -> None:
    known = calendar(
        schedule("monthly on the 15th"),
        rows=[
            kept("2027-09-15 09:00", PLANNED, moved_to="2026-11-21 12:00"),
            kept("2026-12-15 09:00", PLANNED, moved_to="2027-02-01 12:00"),
        ],
    )
    found = known.upcoming(NOW, 3)
    assert shown(found) == ["21 Nov 12:00", "15 Jan 09:00", "01 Feb 12:00"]
    assert [one.occurrence.named for one in found] == [
        wall("2027-09-15 09:00"), wall("2027-01-15 09:00"), wall("2026-12-15 09:00"),
    ]  # fmt: skip
    assert found[0].cutoff == utc("2026-11-21 11:00")


def test_however_many_are_moved_away_there_are_as_many_as_were_asked_for() -> None:
    rows = [
        kept(f"2026-11-{day} 09:00", PLANNED, moved_to=f"2027-03-{day} 12:00")
        for day in range(21, 29)
    ]
    found = calendar(schedule("daily"), rows=rows).upcoming(NOW, 4)
    assert shown(found) == ["29 Nov 09:00", "30 Nov 09:00", "01 Dec 09:00", "02 Dec 09:00"]


def test_one_that_staff_have_moved_onto_a_free_day_is_sent_on_it() -> None:
    known = calendar(
        schedule("weekly on Thursday", place="GB"),
        rows=[kept("2026-12-24 09:00", PLANNED, moved_to="2026-12-25 12:00")],
        blackouts=[closed("2026-12-20", "2026-12-31")],
    )
    assert shown(known.upcoming(utc("2026-12-20 12:00"), 1)) == ["25 Dec 12:00"]


def test_one_that_a_free_day_would_skip_is_sent_when_staff_have_moved_it() -> None:
    known = calendar(
        schedule("weekly on Friday", place="GB"),
        rows=[kept("2026-12-25 09:00", PLANNED, moved_to="2026-12-23 15:00")],
    )
    assert shown(known.upcoming(utc("2026-12-20 12:00"), 1)) == ["23 Dec 15:00"]
    assert said(due(known, utc("2026-12-23 14:00")))[-1] == ("25 Dec 09:00", "assemble")


def test_a_moved_one_whose_schedule_is_gone_is_gone() -> None:
    row = kept("2027-09-15 09:00", PLANNED, moved_to="2026-11-21 12:00", schedule=None)
    known = calendar(schedule("monthly on the 15th"), rows=[row])
    assert shown(known.upcoming(NOW, 1)) == ["15 Dec 09:00"]


def test_it_starts_when_the_first_reader_is_sent_it_and_the_cut_off_counts_from_there() -> None:
    known = calendar(schedule("2026-12-18"), reader_zones=[LONDON, NEW_YORK, KIRITIMATI, TOKYO])
    (one,) = known.upcoming(NOW, 1)
    assert one.occurrence.moment == utc("2026-12-18 09:00")
    assert one.starts == utc("2026-12-17 19:00"), "clocks on Kiritimati are 14 hours ahead"
    assert one.cutoff == utc("2026-12-17 18:00")


def test_readers_further_west_do_not_make_it_later() -> None:
    (one,) = calendar(schedule("2026-12-18"), reader_zones=[NEW_YORK]).upcoming(NOW, 1)
    assert one.starts == one.occurrence.moment == utc("2026-12-18 09:00")


def test_a_reader_in_no_zone_that_we_know_is_in_the_occurrences_own() -> None:
    (one,) = calendar(schedule("2026-12-18"), reader_zones=["Mars/Olympus"]).upcoming(NOW, 1)
    assert one.starts == one.occurrence.moment


def test_a_moved_one_starts_by_its_new_time() -> None:
    row = kept("2026-12-18 09:00", PLANNED, moved_to="2026-12-18 21:00")
    (one,) = calendar(schedule("2026-12-18"), rows=[row], reader_zones=[TOKYO]).upcoming(NOW, 1)
    assert one.starts == utc("2026-12-18 12:00")


@given(
    st.sampled_from([LONDON, BERLIN, NEW_YORK, KIRITIMATI, "Asia/Kathmandu", "Pacific/Pago_Pago"]),
    st.sets(st.sampled_from(sorted(zones.names())), max_size=5),
    st.dates(date(2026, 12, 1), date(2030, 12, 1)),
    st.timedeltas(timedelta(), timedelta(days=14)),
)
def test_a_start_is_never_later_than_the_moment_nor_earlier_than_the_first_zone_on_earth(
    zone: str, readers: set[str], day: date, cutoff: timedelta
) -> None:
    known = calendar(
        schedule(day.isoformat(), zone=zone, cutoff=cutoff), reader_zones=sorted(readers)
    )
    (one,) = known.upcoming(NOW, 1)
    assert one.occurrence.moment - timedelta(hours=27) < one.starts <= one.occurrence.moment
    local = {
        one.starts.astimezone(zones.zone(name)).replace(tzinfo=None) for name in {zone, *readers}
    }
    assert max(local) == wall(f"{day} 09:00"), "it is that time where the first reader is"
    assert one.starts - one.cutoff == cutoff


# ---- what is due ------------------------------------------------------------------------------


def test_its_edition_is_assembled_at_the_cut_off_and_not_a_moment_earlier() -> None:
    known = calendar(schedule("2026-12-18", cutoff=2 * HOUR))
    assert due(known, utc("2026-12-18 06:59:59")) == []
    (step,) = due(known, utc("2026-12-18 07:00"))
    assert (step.do, step.reason, step.quiet) == (Do.ASSEMBLE, "", False)
    assert step.planned.name == (wall("2026-12-18 09:00"), LONDON)


def test_without_a_cut_off_it_is_assembled_when_it_is_to_be_sent() -> None:
    known = calendar(schedule("2026-12-18", cutoff=timedelta()))
    assert due(known, utc("2026-12-18 08:59:59")) == []
    assert said(due(known, utc("2026-12-18 09:00"))) == [("18 Dec 09:00", "assemble")]


def test_by_readers_time_it_is_assembled_before_the_first_of_them() -> None:
    known = calendar(schedule("2026-12-18"), reader_zones=[KIRITIMATI])
    assert due(known, utc("2026-12-17 17:59")) == []
    assert said(due(known, utc("2026-12-17 18:00"))) == [("18 Dec 09:00", "assemble")]


def test_the_longest_cut_off_counts_from_the_first_reader_on_earth_too() -> None:
    known = calendar(
        schedule("2026-12-18", zone="Pacific/Pago_Pago", cutoff=records.LONGEST_CUTOFF),
        reader_zones=[KIRITIMATI],
    )
    assert due(known, utc("2026-12-03 18:59")) == []
    assert said(due(known, utc("2026-12-03 19:00"))) == [("18 Dec 09:00", "assemble")]


@pytest.mark.parametrize("state", [SKIPPED, MADE, HELD])
@pytest.mark.parametrize("moved_to", ["", "2026-12-18 08:30"])
@pytest.mark.parametrize("now", ["2026-12-18 08:00", "2026-12-18 10:00", "2026-12-20 09:00"])
def test_nothing_is_done_twice(state: OccurrenceState, moved_to: str, now: str) -> None:
    row = kept("2026-12-18 09:00", state, moved_to=moved_to)
    assert due(calendar(schedule("2026-12-18"), rows=[row]), utc(now)) == []


def test_what_was_to_be_sent_before_its_schedule_was_made_is_not_due() -> None:
    made = utc("2026-11-20 09:00")
    known = calendar(schedule("daily", made=made))
    assert due(known, made) == []
    assert said(due(known, utc("2026-11-21 08:30"))) == [("21 Nov 09:00", "assemble")]


def test_a_schedule_made_after_the_cut_off_still_gives_the_first_one() -> None:
    known = calendar(schedule("daily", made=utc("2026-11-20 08:59")))
    assert said(due(known, utc("2026-11-20 08:59"))) == [("20 Nov 09:00", "assemble")]


def test_of_those_missed_the_last_is_still_sent_within_the_grace() -> None:
    known = calendar(schedule("daily"), grace=6 * HOUR)
    steps = due(known, utc("2026-11-23 15:00"))
    assert said(steps) == [
        ("21 Nov 09:00", "skip"),
        ("22 Nov 09:00", "skip"),
        ("23 Nov 09:00", "assemble"),
    ]
    for one in steps[:2]:
        assert one.quiet
        assert one.reason == "it was missed, and so was the later one of Mon 23 Nov 09:00"
    assert not steps[2].quiet


def test_after_its_grace_the_last_one_is_held_and_says_by_how_much_it_was_missed() -> None:
    known = calendar(schedule("daily"), grace=6 * HOUR)
    steps = due(known, utc("2026-11-23 15:01"))
    assert said(steps) == [
        ("21 Nov 09:00", "skip"),
        ("22 Nov 09:00", "skip"),
        ("23 Nov 09:00", "hold"),
    ]
    assert [one.quiet for one in steps] == [True, True, False]
    assert steps[2].reason == (
        "it was missed by 6 h 1 min, and 2 before it; this digest may be late by 6 h"
    )


def test_one_that_is_missed_alone_says_nothing_of_others() -> None:
    known = calendar(schedule("2026-11-23"), grace=90 * timedelta(minutes=1))
    (step,) = due(known, utc("2026-11-25 10:05"))
    assert step.reason == ("it was missed by 2 d 1 h 5 min; this digest may be late by 1 h 30 min")


def test_without_grace_nothing_may_be_late() -> None:
    known = calendar(schedule("2026-11-23", cutoff=timedelta()), grace=timedelta())
    assert said(due(known, utc("2026-11-23 09:00"))) == [("23 Nov 09:00", "assemble")]
    assert said(due(known, utc("2026-11-23 09:30"))) == [("23 Nov 09:00", "hold")]


def test_what_is_still_to_be_sent_is_no_reason_to_skip_what_was_missed() -> None:
    known = calendar(schedule("daily"), schedule("2026-11-21", "17:00", number=2, cutoff=8 * HOUR))
    assert said(due(known, utc("2026-11-21 11:00"))) == [
        ("21 Nov 09:00", "assemble"),
        ("21 Nov 17:00", "assemble"),
    ]


def test_what_was_missed_longer_ago_than_is_looked_back_is_not_heard_of() -> None:
    known = calendar(schedule("2026-11-23"))
    assert said(due(known, utc("2026-11-23 08:59") + LOOK_BACK)) == [("23 Nov 09:00", "hold")]
    assert due(known, utc("2026-11-23 09:00") + LOOK_BACK) == []


def test_one_on_a_free_day_is_skipped_with_the_days_name() -> None:
    known = calendar(
        schedule("daily", place="GB", made=utc("2026-12-24 12:00")),
        blackouts=[closed("2026-12-27", reason="moving house")],
    )
    steps = due(known, utc("2026-12-28 08:00"))
    assert [(step.do, step.reason, step.quiet) for step in steps] == [
        (Do.SKIP, "Christmas Day", False),
        (Do.SKIP, "Boxing Day", False),
        (Do.SKIP, "moving house", False),
        (Do.SKIP, "Boxing Day (observed)", False),
    ]


def test_a_free_day_is_nothing_that_was_missed() -> None:
    """Thursday's was missed; Friday's is on a holiday, and so Thursday's is the last."""
    known = calendar(schedule("weekdays", place="GB", made=utc("2026-12-23 12:00")), grace=2 * DAY)
    steps = due(known, utc("2026-12-25 10:00"))
    assert said(steps) == [("24 Dec 09:00", "assemble"), ("25 Dec 09:00", "skip")]


def test_one_that_a_free_day_has_moved_is_due_by_the_day_it_was_moved_to() -> None:
    known = calendar(
        schedule("2026-12-25", place="GB", on_free_day=BEFORE),
        schedule("2026-12-28", place="GB", on_free_day=AFTER, number=2),
    )
    assert due(known, utc("2026-12-24 07:59")) == []
    assert said(due(known, utc("2026-12-24 08:00"))) == [("25 Dec 09:00", "assemble")]
    done = replace(known, kept=(kept("2026-12-25 09:00", MADE),))
    assert due(done, utc("2026-12-29 07:59")) == []
    assert said(due(done, utc("2026-12-29 08:00"))) == [("28 Dec 09:00", "assemble")]


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
    row = kept("2026-12-18 09:00", PLANNED, moved_to=moved_to)
    known = calendar(schedule("2026-12-18"), rows=[row])
    assert due(known, utc(before)) == []
    assert said(due(known, utc(at))) == [("18 Dec 09:00", "assemble")]


def test_one_that_is_restored_is_due_by_its_own_time_also_before_its_schedule_was_made() -> None:
    row = kept("2026-11-20 09:00", PLANNED)
    known = calendar(schedule("2026-11-20", made=utc("2026-11-20 09:10")), rows=[row])
    assert said(due(known, utc("2026-11-20 09:30"))) == [("20 Nov 09:00", "assemble")]


def test_the_lost_one_of_two_at_the_same_time_is_skipped() -> None:
    known = calendar(
        schedule("weekly on Thursday"),
        schedule("2026-12-25", number=2, place="GB", on_free_day=BEFORE),
        rows=[kept("2026-12-24 09:00", MADE), kept("2026-12-17 09:00", MADE)],
    )
    steps = [one for one in due(known, utc("2026-12-24 08:00")) if one.planned.schedule.id == 2]
    assert said(steps) == [("25 Dec 09:00", "skip")]
    assert steps[0].reason == "another of this digest is sent then"


# ---- finding one ------------------------------------------------------------------------------

TWICE = calendar(schedule("weekdays"), schedule("weekly on Friday", "17:30", number=2))


def test_one_is_found_by_its_date() -> None:
    assert shown([TWICE.find(" 2026-11-24 ", NOW)]) == ["24 Nov 09:00"]
    assert shown([TWICE.find("2026-11-19", NOW)]) == ["19 Nov 09:00"], "it may be past"


@pytest.mark.parametrize("when", ["2026-11-27 17:30", "2026-11-27T17:30", "2026-11-27  17:30"])
def test_one_is_found_by_its_date_and_time(when: str) -> None:
    assert shown([TWICE.find(when, NOW)]) == ["27 Nov 17:30"]


def test_of_two_that_day_the_times_are_named() -> None:
    with pytest.raises(InputError, match="several on 2026-11-27: 09:00, 17:30") as refused:
        TWICE.find("2026-11-27", NOW)
    assert not isinstance(refused.value, NotFound)
    assert "time" in refused.value.hint


@pytest.mark.parametrize(
    "when", ["2026-11-28", "2026-11-27 12:00", "2026-08-03", "2028-06-01", "0001-01-01"]
)
def test_there_is_none_of_that_name(when: str) -> None:
    with pytest.raises(NotFound, match=f"no occurrence that is named {when}") as refused:
        TWICE.find(when, NOW)
    assert "schedule preview weekly" in refused.value.hint


@pytest.mark.parametrize(
    "when",
    ["", "tomorrow", "2026-02-30", "18 December", "2026-12-18 9am", "2026-12-18 25:00",
     "2026-12-18 09:00:00", "2026-12-18 09:00 or so"],
)  # fmt: skip
def test_what_is_no_date_is_refused(when: str) -> None:
    with pytest.raises(InputError, match="is no date") as refused:
        TWICE.find(when, NOW)
    assert refused.value.where == "WHEN"
    assert not isinstance(refused.value, NotFound)


def test_a_moved_one_is_found_by_the_name_that_its_rule_gives_it() -> None:
    known = calendar(
        schedule("weekly on Friday"),
        schedule("2026-12-28", number=2, place="GB", on_free_day=AFTER),
        rows=[kept("2026-12-18 09:00", PLANNED, moved_to="2026-12-16 15:00")],
    )
    assert shown([known.find("2026-12-18", NOW)]) == ["16 Dec 15:00"]
    assert shown([known.find("2026-12-18 09:00", NOW)]) == ["16 Dec 15:00"]
    assert shown([known.find("2026-12-28", NOW)]) == ["29 Dec 09:00"]
    with pytest.raises(NotFound):
        known.find("2026-12-16", NOW)


def test_one_that_is_skipped_is_found_and_can_so_be_restored() -> None:
    row = kept("2026-11-24 09:00", SKIPPED, reason="by Amina")
    assert shown([replace(TWICE, kept=(row,)).find("2026-11-24", NOW)]) == ["(24 Nov 09:00)"]


# ---- laws -------------------------------------------------------------------------------------

BECOMES = {Do.ASSEMBLE: MADE, Do.SKIP: SKIPPED, Do.HOLD: HELD}

BEGINS = [date(2027, 3, 14), date(2027, 10, 17), date(2011, 12, 15)]
"""Two weeks before the clocks of Europe change; before Samoa left out the 30th."""

PLAYED = 40 * DAY
DAYS = {
    "spring-day": Observance("spring-day", "28 march", {"en": "A day"}),
    "autumn-day": Observance("autumn-day", "31 october", {"en": "A day"}),
    "lost-day": Observance("lost-day", "30 december", {"en": "A day"}),
}


@dataclass
class Play:
    """A calendar whose steps are taken: each becomes a row, as the store keeps it."""

    calendar: Calendar
    taken: list[tuple[datetime, Step]] = field(default_factory=list)

    def due(self, now: datetime) -> list[Step]:
        """By the schedules that there are by then."""
        some = tuple(one for one in self.calendar.schedules if one.created_at <= now)
        return due(replace(self.calendar, schedules=some), now)

    def tick(self, now: datetime) -> None:
        steps = self.due(now)
        rows = {(row.named, row.zone): row for row in self.calendar.kept}
        for step in steps:
            one = step.planned
            row = rows.get(one.name) or kept(
                one.occurrence.named.isoformat(),
                PLANNED,
                zone=one.occurrence.zone,
                schedule=one.schedule.id,
            )
            assert row.state is PLANNED, "what is decided is decided once"
            rows[one.name] = replace(
                row, state=BECOMES[step.do], reason=step.reason or row.reason, updated_at=now
            )
        self.calendar = replace(self.calendar, kept=tuple(rows.values()))
        self.taken += [(now, step) for step in steps]


texts = st.sampled_from(
    ["daily", "weekdays", "weekly on Sunday", "weekly on Tue and Thu", "every 3 days",
     "monthly on the 1st and 15th", "monthly on the last Sunday", "monthly on the last day",
     "spring-day: each day from 3 days before, then on the day",
     "autumn-day: each weekday from 7 days before to 7 days after",
     "lost-day: each day from 2 days before to 2 days after"]
)  # fmt: skip
clock_times = st.sampled_from(["00:00", "02:30", "09:00", "09:00", "23:30"])
cutoffs = st.sampled_from([timedelta(), HOUR, HOUR, 36 * HOUR, 10 * DAY])
gaps = st.one_of(
    st.integers(1, 300).map(lambda n: timedelta(minutes=n)),
    st.integers(1, 24).map(lambda n: timedelta(hours=n)),
    st.integers(1, 24).map(lambda n: timedelta(hours=n)),
    st.integers(1, 9).map(lambda n: timedelta(days=n)),
)


@st.composite
def schedules(draw: st.DrawFn, begin: date, zone: str = "") -> list[Schedule]:
    found = []
    created = utc(f"{begin} 10:00")
    for number in range(1, draw(st.integers(1, 3)) + 1):
        once = begin + draw(st.integers(1, 38)) * DAY
        found.append(
            schedule(
                draw(st.one_of(texts, st.just(once.isoformat()))),
                draw(clock_times),
                zone or draw(st.sampled_from([BERLIN, BERLIN, "Asia/Kathmandu", "Pacific/Apia"])),
                number=number,
                cutoff=draw(cutoffs),
                on_free_day=draw(st.sampled_from(OnFreeDay)),
                made=created,
                start=begin,
            )
        )
        created += draw(st.sampled_from([timedelta(), HOUR, 2 * DAY]))
    return found


@st.composite
def ticks(draw: st.DrawFn, begin: date) -> list[datetime]:
    now, last = utc(f"{begin} 10:00"), utc(f"{begin} 10:00") + PLAYED
    found = [now]
    for gap in draw(st.lists(gaps, min_size=20, max_size=50)):
        now = min(now + gap, last)
        found.append(now)
    return [*found, last]


def names(known: Schedule, first: date, last: date) -> Counter[tuple[datetime, str]]:
    timing = known.new.timing
    days = rules.dates(timing.rule, first, last, DAYS)
    return Counter((datetime.combine(day, timing.at), timing.zone) for day in days)


def blackouts(begin: date) -> st.SearchStrategy[list[Blackout]]:
    return st.lists(
        st.tuples(st.integers(0, 35), st.integers(0, 6)).map(
            lambda one: Blackout(begin + one[0] * DAY, begin + (one[0] + one[1]) * DAY, "closed")
        ),
        max_size=1,
    )


@st.composite
def moves(draw: st.DrawFn, some: Sequence[Schedule], begin: date) -> list[KeptOccurrence]:
    """What staff have moved, each to a time of its own."""
    last = begin + PLAYED - DAY
    named = sorted({(name, known.id) for known in some for name in names(known, begin, last)})
    if not named:
        return []
    chosen = draw(st.lists(st.sampled_from(named), max_size=2, unique_by=lambda one: one[0]))
    return [
        kept(
            name.isoformat(),
            PLANNED,
            moved_to=f"{begin + draw(st.integers(0, 38)) * DAY} 12:{17 + at}",
            zone=zone,
            schedule=number,
        )
        for at, ((name, zone), number) in enumerate(chosen)
    ]


def check(play: Play, moments: Sequence[datetime]) -> None:
    """Each date that a rule names is decided once; nothing is sent twice, early or too late."""
    begin, end = moments[0].date(), moments[-1].date()
    grace = play.calendar.digest.order.policy.grace
    rows = Counter((row.named, row.zone) for row in play.calendar.kept)
    # Free days move a date by a fortnight at most, and then past a lost day.
    margin = 16 * DAY if play.calendar.blackouts else 3 * DAY
    ever: set[tuple[datetime, str]] = set()
    for known in play.calendar.schedules:
        for name in names(known, known.created_at.date() + margin, end - margin):
            assert rows[name] == 1, (known, name)
        ever |= names(known, begin - 20 * DAY, end + 20 * DAY).keys()
    assert rows.keys() <= ever
    assert rows.total() == len(rows)
    decided = Counter(step.planned.name for _, step in play.taken)
    assert decided.total() == len(decided)
    sent = Counter(
        (step.planned.occurrence.wall, step.planned.occurrence.zone)
        for _, step in play.taken
        if step.do is Do.ASSEMBLE
    )
    assert sent.total() == len(sent)
    for now, step in play.taken:
        assert now >= step.planned.cutoff
        if step.do is Do.ASSEMBLE:
            assert now - step.planned.starts <= grace
            assert not step.planned.occurrence.skipped
    assert play.due(moments[-1]) == []


graces = st.sampled_from([timedelta(), HOUR, 6 * HOUR, 14 * DAY])


@given(st.data())
@settings(max_examples=60)
def test_each_date_is_decided_once_whenever_the_worker_looks(data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(BEGINS))
    some = data.draw(schedules(begin))
    known = calendar(
        *some,
        rows=data.draw(moves(some, begin)),
        blackouts=data.draw(blackouts(begin)),
        reader_zones=sorted(data.draw(st.sets(st.sampled_from([KIRITIMATI, NEW_YORK])))),
        observances=DAYS,
        grace=data.draw(graces),
    )
    play, moments = Play(known), data.draw(ticks(begin))
    for now in moments:
        play.tick(now)
    check(play, moments)


@given(st.data())
def test_what_is_due_hangs_on_nothing_but_what_is_there(data: st.DataObject) -> None:
    """The order in which rows, blackouts, schedules and zones are read is no matter. (Schedules
    that name the same times are in the order of their making: the older one's is kept.)"""
    begin = data.draw(st.sampled_from(BEGINS[:2]))
    some = [
        replace(one, new=replace(one.new, timing=replace(one.new.timing, at=time(one.id, 30))))
        for one in data.draw(schedules(begin))
    ]
    moved = data.draw(moves(some, begin))
    named = {name for one in some for name in names(one, begin, begin + 4 * DAY)}
    decided = [
        kept(name.isoformat(), data.draw(st.sampled_from([MADE, SKIPPED, HELD])), zone=zone)
        for name, zone in sorted(named - {(one.named, one.zone) for one in moved})
    ]
    known = calendar(
        *some,
        rows=[*moved, *decided],
        blackouts=data.draw(blackouts(begin)),
        reader_zones=[KIRITIMATI, NEW_YORK],
        observances=DAYS,
    )
    now = data.draw(st.sampled_from(data.draw(ticks(begin))))
    steps = due(known, now)
    assert due(known, now) == steps
    other = replace(
        known,
        schedules=tuple(data.draw(st.permutations(known.schedules))),
        kept=tuple(data.draw(st.permutations(known.kept))),
        blackouts=known.blackouts[::-1],
        reader_zones=known.reader_zones[::-1],
    )
    assert due(other, now) == steps


# ---- a zone whose rules change ----------------------------------------------------------------


@contextmanager
def rules_of(other: str, zone: str) -> Iterator[None]:
    """The computer's tz database comes to say of `zone` what it says of the `other`."""
    before = zoneinfo.TZPATH
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / zone
        file.parent.mkdir(parents=True)
        packaged = resources.files("tzdata").joinpath("zoneinfo", *other.split("/"))
        file.write_bytes(packaged.read_bytes())
        try:
            zoneinfo.reset_tzpath([folder, *before])
            _forget()
            yield
        finally:
            zoneinfo.reset_tzpath(before)
            _forget()


def _forget() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    zones.zone.cache_clear()


def test_what_was_made_is_not_made_again_when_its_zone_then_puts_it_off() -> None:
    """Summer time is abolished between the cut-off and the time to send: nine o'clock, and so the
    cut-off, is yet to come once more."""
    known = calendar(schedule("weekly on Monday", made=utc("2027-06-12 09:00")))
    (step,) = due(known, utc("2027-06-14 07:00"))
    assert step.do is Do.ASSEMBLE
    assert step.planned.starts == utc("2027-06-14 08:00")
    made = replace(known, kept=(kept("2027-06-14 09:00", MADE),))
    with rules_of("Africa/Abidjan", LONDON):
        assert due(known, utc("2027-06-14 07:59")) == []
        assert due(made, utc("2027-06-14 08:00")) == []
        assert due(made, utc("2027-06-21 07:59")) == []
        (step,) = due(made, utc("2027-06-21 08:00"))
        assert (step.do, step.planned.occurrence.wall) == (Do.ASSEMBLE, wall("2027-06-21 09:00"))
        assert step.planned.starts == utc("2027-06-21 09:00")


def test_what_was_not_made_yet_keeps_its_clock_time_and_its_name() -> None:
    known = calendar(
        schedule("weekly on Monday", made=utc("2027-06-12 09:00")),
        rows=[kept("2027-06-21 09:00", PLANNED, moved_to="2027-06-21 12:00")],
    )
    before = known.upcoming(utc("2027-06-14 05:00"), 3)
    with rules_of("Europe/Paris", LONDON):
        after = known.upcoming(utc("2027-06-14 05:00"), 3)
        assert [one.name for one in after] == [one.name for one in before]
        assert shown(after) == shown(before) == ["14 Jun 09:00", "21 Jun 12:00", "28 Jun 09:00"]
        assert [one.starts + HOUR for one in after] == [one.starts for one in before]
        assert said(due(known, utc("2027-06-14 06:00"))) == [("14 Jun 09:00", "assemble")]
        # The rules came at half past: it is half an hour late, and is sent.
        assert said(due(known, utc("2027-06-14 07:30"))) == [("14 Jun 09:00", "assemble")]


@given(st.data())
@settings(max_examples=30)
def test_each_date_is_decided_once_whatever_becomes_of_its_zone(data: st.DataObject) -> None:
    begin = data.draw(st.sampled_from(BEGINS[:2]))
    known = calendar(
        *data.draw(schedules(begin, BERLIN)), observances=DAYS, grace=data.draw(graces)
    )
    play, moments = Play(known), data.draw(ticks(begin))
    changes = data.draw(st.integers(0, len(moments)))
    other = data.draw(st.sampled_from([LONDON, NEW_YORK, KIRITIMATI, "Africa/Lagos"]))
    for now in moments[:changes]:
        play.tick(now)
    with rules_of(other, BERLIN):
        for now in moments[changes:]:
            play.tick(now)
        play.tick(moments[-1])
        check(play, moments)
