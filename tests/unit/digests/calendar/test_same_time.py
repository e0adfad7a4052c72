"""Several occurrences of a digest at the same time: only one is sent."""

import pytest

from mailer.model.schedules import SavedOccurrence
from tests.unit.digests.calendar.strategies import (
    BEFORE,
    DAY,
    LONDON,
    MADE,
    NEW_YORK,
    NOW,
    PLANNED,
    SKIPPED,
    format_planned,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
    parse_utc,
    parse_wall_time,
)


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


def test_same_clock_time_in_two_zones_is_two_occurrences() -> None:
    calendar = make_calendar(
        make_schedule("2026-12-18"), make_schedule("2026-12-18", zone=NEW_YORK, schedule_id=2)
    )
    assert [planned.occurrence.moment.hour for planned in calendar.list_upcoming(NOW, 5)] == [9, 14]
