"""A digest's calendar shows what comes, as staff and free days have left it."""

from tests.unit.digests.calendar.strategies import (
    MADE,
    NOW,
    ON_HOLD,
    PLANNED,
    SKIPPED,
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
        "21 Nov 09:00",
        "22 Nov 09:00",
        "23 Nov 09:00",
        "23 Nov 17:00",
        "24 Nov 09:00",
    ]
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
        "(24 Dec 09:00)",
        "(25 Dec 09:00)",
        "(26 Dec 09:00)",
        "(27 Dec 09:00)",
        "(28 Dec 09:00)",
        "29 Dec 09:00",
    ]
    assert [planned.occurrence.note for planned in upcoming if planned.occurrence.skipped] == [
        "nobody is in",
        "Christmas Day",
        "Boxing Day",
        "the office is closed",
        "Boxing Day (observed)",
    ]


def test_assembled_occurrence_is_not_skipped_by_later_blackout() -> None:
    calendar = make_calendar(
        make_schedule("daily"),
        rows=[make_saved_occurrence("2026-11-21 09:00", MADE)],
        blackouts=[make_blackout("2026-11-21", "2026-11-22")],
    )
    assert format_planned(calendar.list_upcoming(NOW, 2)) == ["21 Nov 09:00", "(22 Nov 09:00)"]


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
        "21 Nov 09:00",
        "22 Nov 09:00",
        "(23 Nov 09:00)",
        "24 Nov 16:30",
        "25 Nov 07:00",
        "26 Nov 09:00",
        "27 Nov 10:00",
        "28 Nov 09:00",
    ]
    assert [planned.saved.state if planned.saved else None for planned in upcoming] == [
        MADE,
        ON_HOLD,
        SKIPPED,
        PLANNED,
        PLANNED,
        PLANNED,
        MADE,
        None,
    ]
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
