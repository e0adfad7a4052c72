"""A digest's calendar shows what comes, as staff and free days have left it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import zones
from mailer.digests.calendar import PlannedOccurrence
from mailer.model.schedules import SavedOccurrence
from tests.unit.digests.calendar.strategies import (
    BEFORE,
    BERLIN,
    DAY,
    KIRITIMATI,
    LONDON,
    MADE,
    NEW_YORK,
    NOW,
    ON_HOLD,
    PLANNED,
    SKIPPED,
    TOKYO,
    format_planned,
    list_actions,
    list_due_steps,
    make_blackout,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
    parse_utc,
    parse_wall_time,
)


def test_upcoming_occurrences_of_all_schedules_are_in_order() -> None:
    calendar = make_calendar(
        make_schedule("daily"), make_schedule("weekly on Monday", "17:00", schedule_id=2)
    )
    assert format_planned(calendar.list_upcoming(NOW, 5)) == [
        "21 Nov 09:00", "22 Nov 09:00", "23 Nov 09:00", "23 Nov 17:00", "24 Nov 09:00",
    ]  # fmt: skip
    assert [planned.schedule.id for planned in calendar.list_upcoming(NOW, 4)] == [1, 1, 1, 2]
    assert calendar.list_upcoming(NOW, 0) == []


def test_occurrence_at_this_minute_is_not_upcoming() -> None:
    calendar = make_calendar(make_schedule("daily"))
    assert format_planned(calendar.list_upcoming(parse_utc("2026-11-21 09:00"), 1)) == [
        "22 Nov 09:00"
    ]
    assert format_planned(calendar.list_upcoming(parse_utc("2026-11-21 08:59"), 1)) == [
        "21 Nov 09:00"
    ]


def test_upcoming_occurrences_end_with_schedule() -> None:
    assert format_planned(make_calendar(make_schedule("2026-12-18")).list_upcoming(NOW, 5)) == [
        "18 Dec 09:00"
    ]
    assert make_calendar(make_schedule("2026-11-19")).list_upcoming(NOW, 5) == []
    assert make_calendar().list_upcoming(NOW, 5) == []


def test_upcoming_includes_skipped_occurrences_with_reason() -> None:
    calendar = make_calendar(
        make_schedule("daily", region="GB"),
        rows=[make_saved_occurrence("2026-12-24 09:00", SKIPPED, reason="nobody is in")],
        blackouts=[make_blackout("2026-12-27")],
    )
    upcoming = calendar.list_upcoming(parse_utc("2026-12-23 12:00"), 6)
    assert format_planned(upcoming) == [
        "(24 Dec 09:00)", "(25 Dec 09:00)", "(26 Dec 09:00)", "(27 Dec 09:00)", "(28 Dec 09:00)",
        "29 Dec 09:00",
    ]  # fmt: skip
    assert [planned.occurrence.note for planned in upcoming if planned.occurrence.skipped] == [
        "nobody is in",
        "Christmas Day",
        "Boxing Day",
        "the office is closed",
        "Boxing Day (observed)",
    ]


def test_occurrence_of_two_schedules_belongs_to_older() -> None:
    older, newer = make_schedule("daily"), make_schedule("weekdays", schedule_id=2, cutoff=DAY)
    (planned, _) = make_calendar(older, newer).list_upcoming(parse_utc("2026-11-23 08:00"), 2)
    assert (planned.schedule, planned.key) == (older, (parse_wall_time("2026-11-23 09:00"), LONDON))


def test_day_skipped_by_one_schedule_is_sent_by_other() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-25", region="GB"), make_schedule("2026-12-25", schedule_id=2)
    )
    (planned,) = calendar.list_upcoming(NOW, 5)
    assert (planned.schedule.id, planned.occurrence.skipped) == (2, False)


@pytest.mark.parametrize("newest_first", [False, True])
def test_occurrence_moved_onto_another_by_free_day_is_skipped(newest_first: bool) -> None:
    """Christmas is kept on the day before, on which there is one already: the older schedule's."""
    schedules = [
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
    ]
    calendar = make_calendar(*(schedules[::-1] if newest_first else schedules))
    upcoming = calendar.list_upcoming(parse_utc("2026-12-23 12:00"), 2)
    assert format_planned(upcoming) == ["24 Dec 09:00", "(24 Dec 09:00)"]
    assert [planned.schedule.id for planned in upcoming] == [1, 2]
    assert upcoming[1].occurrence.note == "another of this digest is sent then"
    assert upcoming[1].key == (parse_wall_time("2026-12-25 09:00"), LONDON)


def test_occurrence_moved_onto_skipped_one_is_sent() -> None:
    calendar = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        rows=[make_saved_occurrence("2026-12-24 09:00", SKIPPED)],
    )
    assert format_planned(calendar.list_upcoming(parse_utc("2026-12-23 12:00"), 2)) == [
        "(24 Dec 09:00)",
        "24 Dec 09:00",
    ]


@pytest.mark.parametrize(
    ("rows", "sent"),
    [
        # What an edition was made of, the newer schedule's though it is.
        (
            [
                make_saved_occurrence("2026-12-25 09:00", MADE),
                make_saved_occurrence("2026-12-24 09:00", PLANNED),
            ],
            25,
        ),
        # Otherwise the occurrence that staff moved there.
        (
            [
                make_saved_occurrence(
                    "2026-12-30 09:00", PLANNED, moved_to="2026-12-24 09:00", schedule_id=3
                )
            ],
            30,
        ),
        # Of several of them the older schedule's, and its first one.
        (
            [
                make_saved_occurrence(
                    "2026-12-30 09:00", PLANNED, moved_to="2026-12-24 09:00", schedule_id=3
                ),
                make_saved_occurrence("2026-12-31 09:00", PLANNED, moved_to="2026-12-24 09:00"),
                make_saved_occurrence("2027-01-07 09:00", PLANNED, moved_to="2026-12-24 09:00"),
            ],
            31,
        ),
        # What an edition was made of comes before what is moved there later.
        (
            [
                make_saved_occurrence("2026-12-24 09:00", MADE),
                make_saved_occurrence(
                    "2026-12-30 09:00", PLANNED, moved_to="2026-12-24 09:00", schedule_id=3
                ),
            ],
            24,
        ),
        # Otherwise the one of the older schedule.
        ([], 24),
    ],
)
def test_only_one_of_several_occurrences_at_same_time_is_sent(
    rows: list[SavedOccurrence], sent: int
) -> None:
    calendar = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        make_schedule("weekly on Wednesday", schedule_id=3),
        rows=rows,
    )
    occurrences = calendar.list_between(
        parse_utc("2026-12-23 12:00"), parse_utc("2026-12-24 12:00")
    )
    assert {planned.occurrence.wall for planned in occurrences} == {
        parse_wall_time("2026-12-24 09:00")
    }
    assert len(occurrences) == 2 + sum(row.moved_to is not None for row in rows)
    notes = {
        planned.original.rule_time.day: planned.occurrence.note
        for planned in occurrences
        if planned.occurrence.skipped
    }
    assert {planned.original.rule_time.day for planned in occurrences} - notes.keys() == {sent}
    assert {*notes.values()} == {"another of this digest is sent then"}


def test_assembled_occurrences_at_same_time_are_not_skipped() -> None:
    calendar = make_calendar(
        make_schedule("weekly on Thursday"),
        make_schedule("2026-12-25", schedule_id=2, region="GB", on_free_day=BEFORE),
        rows=[
            make_saved_occurrence("2026-12-24 09:00", MADE),
            make_saved_occurrence("2026-12-25 09:00", MADE, schedule_id=2),
        ],
    )
    assert format_planned(calendar.list_upcoming(parse_utc("2026-12-23 12:00"), 2)) == [
        "24 Dec 09:00",
        "24 Dec 09:00",
    ]


def test_assembled_occurrence_is_not_skipped_by_later_blackout() -> None:
    calendar = make_calendar(
        make_schedule("daily"),
        rows=[make_saved_occurrence("2026-11-21 09:00", MADE)],
        blackouts=[make_blackout("2026-11-21", "2026-11-22")],
    )
    assert format_planned(calendar.list_upcoming(NOW, 2)) == ["21 Nov 09:00", "(22 Nov 09:00)"]


def test_same_clock_time_in_two_zones_is_two_occurrences() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-18"), make_schedule("2026-12-18", zone=NEW_YORK, schedule_id=2)
    )
    assert [planned.occurrence.moment.hour for planned in calendar.list_upcoming(NOW, 5)] == [9, 14]


def test_upcoming_shows_decisions_of_staff_and_worker() -> None:
    calendar = make_calendar(
        make_schedule("daily"),
        rows=[
            make_saved_occurrence("2026-11-21 09:00", MADE, edition_id=4),
            make_saved_occurrence("2026-11-22 09:00", ON_HOLD, reason="it was missed by 9 h"),
            make_saved_occurrence("2026-11-23 09:00", SKIPPED, reason="by Amina"),
            make_saved_occurrence(
                "2026-11-24 09:00", PLANNED, moved_to="2026-11-24 16:30", actor="Amina"
            ),
            make_saved_occurrence(
                "2026-11-25 09:00", PLANNED, moved_to="2026-11-25 07:00", reason="a summit"
            ),
            make_saved_occurrence("2026-11-26 09:00", PLANNED),
            make_saved_occurrence(
                "2026-11-27 09:00", MADE, moved_to="2026-11-27 10:00", reason="a summit"
            ),
        ],
    )
    upcoming = calendar.list_upcoming(NOW, 8)
    assert format_planned(upcoming) == [
        "21 Nov 09:00", "22 Nov 09:00", "(23 Nov 09:00)", "24 Nov 16:30", "25 Nov 07:00",
        "26 Nov 09:00", "27 Nov 10:00", "28 Nov 09:00",
    ]  # fmt: skip
    assert [planned.saved.state if planned.saved else None for planned in upcoming] == [
        MADE, ON_HOLD, SKIPPED, PLANNED, PLANNED, PLANNED, MADE, None,
    ]  # fmt: skip
    assert [planned.occurrence.note for planned in upcoming] == [
        "",
        "it was missed by 9 h",
        "by Amina",
        "moved from Tue 24 Nov 09:00 by Amina",
        "moved from Wed 25 Nov 09:00: a summit",
        "",
        "a summit",
        "",
    ]


def test_upcoming_shows_distant_occurrence_at_new_time() -> None:
    calendar = make_calendar(
        make_schedule("monthly on the 15th"),
        rows=[
            make_saved_occurrence("2027-09-15 09:00", PLANNED, moved_to="2026-11-21 12:00"),
            make_saved_occurrence("2026-12-15 09:00", PLANNED, moved_to="2027-02-01 12:00"),
        ],
    )
    upcoming = calendar.list_upcoming(NOW, 3)
    assert format_planned(upcoming) == ["21 Nov 12:00", "15 Jan 09:00", "01 Feb 12:00"]
    assert [planned.occurrence.rule_time for planned in upcoming] == [
        parse_wall_time("2027-09-15 09:00"),
        parse_wall_time("2027-01-15 09:00"),
        parse_wall_time("2026-12-15 09:00"),
    ]
    assert upcoming[0].cutoff_at == parse_utc("2026-11-21 11:00")


def test_upcoming_fills_limit_after_occurrences_move_away() -> None:
    rows = [
        make_saved_occurrence(f"2026-11-{day} 09:00", PLANNED, moved_to=f"2027-03-{day} 12:00")
        for day in range(21, 29)
    ]
    upcoming = make_calendar(make_schedule("daily"), rows=rows).list_upcoming(NOW, 4)
    assert format_planned(upcoming) == [
        "29 Nov 09:00",
        "30 Nov 09:00",
        "01 Dec 09:00",
        "02 Dec 09:00",
    ]


def test_occurrence_moved_by_staff_onto_free_day_is_sent() -> None:
    calendar = make_calendar(
        make_schedule("weekly on Thursday", region="GB"),
        rows=[make_saved_occurrence("2026-12-24 09:00", PLANNED, moved_to="2026-12-25 12:00")],
        blackouts=[make_blackout("2026-12-20", "2026-12-31")],
    )
    assert format_planned(calendar.list_upcoming(parse_utc("2026-12-20 12:00"), 1)) == [
        "25 Dec 12:00"
    ]


def test_occurrence_moved_by_staff_from_free_day_is_sent() -> None:
    calendar = make_calendar(
        make_schedule("weekly on Friday", region="GB"),
        rows=[make_saved_occurrence("2026-12-25 09:00", PLANNED, moved_to="2026-12-23 15:00")],
    )
    assert format_planned(calendar.list_upcoming(parse_utc("2026-12-20 12:00"), 1)) == [
        "23 Dec 15:00"
    ]
    assert list_actions(list_due_steps(calendar, parse_utc("2026-12-23 14:00")))[-1] == (
        "25 Dec 09:00",
        "assemble",
    )


def test_moved_occurrence_of_removed_schedule_is_not_upcoming() -> None:
    row = make_saved_occurrence(
        "2027-09-15 09:00", PLANNED, moved_to="2026-11-21 12:00", schedule_id=None
    )
    calendar = make_calendar(make_schedule("monthly on the 15th"), rows=[row])
    assert format_planned(calendar.list_upcoming(NOW, 1)) == ["15 Dec 09:00"]


def test_occurrence_start_and_cutoff_count_from_first_reader() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-18"), reader_zones=[LONDON, NEW_YORK, KIRITIMATI, TOKYO]
    )
    (planned,) = calendar.list_upcoming(NOW, 1)
    assert planned.occurrence.moment == parse_utc("2026-12-18 09:00")
    assert planned.starts_at == parse_utc("2026-12-17 19:00"), (
        "clocks on Kiritimati are 14 hours ahead"
    )
    assert planned.cutoff_at == parse_utc("2026-12-17 18:00")


def test_occurrence_start_is_not_delayed_by_western_readers() -> None:
    (planned,) = make_calendar(make_schedule("2026-12-18"), reader_zones=[NEW_YORK]).list_upcoming(
        NOW, 1
    )
    assert planned.starts_at == planned.occurrence.moment == parse_utc("2026-12-18 09:00")


def test_reader_in_unknown_zone_uses_zone_of_occurrence() -> None:
    (planned,) = make_calendar(
        make_schedule("2026-12-18"), reader_zones=["Mars/Olympus"]
    ).list_upcoming(NOW, 1)
    assert planned.starts_at == planned.occurrence.moment


def test_moved_occurrence_starts_at_new_time() -> None:
    row = make_saved_occurrence("2026-12-18 09:00", PLANNED, moved_to="2026-12-18 21:00")
    (planned,) = make_calendar(
        make_schedule("2026-12-18"), rows=[row], reader_zones=[TOKYO]
    ).list_upcoming(NOW, 1)
    assert planned.starts_at == parse_utc("2026-12-18 12:00")


def test_occurrence_moved_to_now_starts_at_once_for_all_readers() -> None:
    def find_occurrence_moved_at(at: str) -> PlannedOccurrence:
        row = make_saved_occurrence(
            "2026-12-18 09:00", PLANNED, moved_to="2026-12-10 12:00", updated_at=parse_utc(at)
        )
        calendar = make_calendar(
            make_schedule("2026-12-18"), rows=[row], reader_zones=[TOKYO, NEW_YORK]
        )
        (planned,) = calendar.list_upcoming(NOW, 1)
        assert planned.occurrence.moment == parse_utc("2026-12-10 12:00")
        return planned

    for at in ("2026-12-10 12:00", "2026-12-10 12:00:59"):
        assert find_occurrence_moved_at(at).is_immediate
        assert find_occurrence_moved_at(at).starts_at == parse_utc("2026-12-10 12:00")
    assert not find_occurrence_moved_at("2026-12-10 11:59:59").is_immediate
    assert find_occurrence_moved_at("2026-12-10 11:59:59").starts_at == parse_utc(
        "2026-12-10 03:00"
    )


def test_unmoved_occurrence_is_never_immediate() -> None:
    row = make_saved_occurrence(
        "2026-12-18 09:00", PLANNED, updated_at=parse_utc("2026-12-18 09:00")
    )
    for rows in ([], [row]):
        calendar = make_calendar(make_schedule("2026-12-18"), rows=rows, reader_zones=[TOKYO])
        (planned,) = calendar.list_upcoming(NOW, 1)
        assert (planned.is_immediate, planned.starts_at) == (False, parse_utc("2026-12-18 00:00"))


@given(
    st.sampled_from([LONDON, BERLIN, NEW_YORK, KIRITIMATI, "Asia/Kathmandu", "Pacific/Pago_Pago"]),
    st.sets(st.sampled_from(sorted(zones.list_zone_names())), max_size=5),
    st.dates(date(2026, 12, 1), date(2030, 12, 1)),
    st.timedeltas(timedelta(), timedelta(days=14)),
)
def test_occurrence_start_is_between_first_zone_on_earth_and_moment(
    zone: str, reader_zones: set[str], day: date, cutoff: timedelta
) -> None:
    calendar = make_calendar(
        make_schedule(day.isoformat(), zone=zone, cutoff=cutoff), reader_zones=sorted(reader_zones)
    )
    (planned,) = calendar.list_upcoming(NOW, 1)
    assert (
        planned.occurrence.moment - timedelta(hours=27)
        < planned.starts_at
        <= planned.occurrence.moment
    )
    local_times = {
        planned.starts_at.astimezone(zones.get_zone(name)).replace(tzinfo=None)
        for name in {zone, *reader_zones}
    }
    assert max(local_times) == parse_wall_time(f"{day} 09:00"), (
        "it is that time where the first reader is"
    )
    assert planned.starts_at - planned.cutoff_at == cutoff
