"""Staff name an occurrence by its date as the rule has it, and by as much more as it takes."""

from dataclasses import replace

import pytest

from mailer.errors import InputError, NextStep, NotFound
from tests.unit.digests.calendar.strategies import (
    AFTER,
    BERLIN,
    NOW,
    PLANNED,
    SKIPPED,
    TOKYO,
    format_planned,
    make_calendar,
    make_saved_occurrence,
    make_schedule,
)

TWICE = make_calendar(
    make_schedule("weekdays"), make_schedule("weekly on Friday", "17:30", schedule_id=2)
)


def test_occurrence_is_found_by_date() -> None:
    assert format_planned([TWICE.find_occurrence(" 2026-11-24 ", NOW)]) == ["24 Nov 09:00"]
    assert format_planned([TWICE.find_occurrence("2026-11-19", NOW)]) == ["19 Nov 09:00"], (
        "it may be past"
    )


@pytest.mark.parametrize("when", ["2026-11-27 17:30", "2026-11-27T17:30", "2026-11-27  17:30"])
def test_occurrence_is_found_by_date_and_time(when: str) -> None:
    assert format_planned([TWICE.find_occurrence(when, NOW)]) == ["27 Nov 17:30"]


IN_TWO_ZONES = make_calendar(
    make_schedule("weekdays"),
    make_schedule("weekly on Friday", "17:30", schedule_id=2),
    make_schedule("weekly on Friday", zone=BERLIN, schedule_id=3),
)


@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("2026-11-27 17:30", 2),
        ("2026-11-27 09:00 Europe/London", 1),
        ("2026-11-27T09:00 Europe/Berlin", 3),
        ("2026-11-26", 1),
    ],
)
def test_occurrence_is_found_by_zone(when: str, number: int) -> None:
    assert IN_TWO_ZONES.find_occurrence(when, NOW).schedule.id == number


@pytest.mark.parametrize("at", [" ", "T"])
def test_occurrence_in_zone_with_capital_t_is_found(at: str) -> None:
    calendar = make_calendar(
        make_schedule("2026-11-27"), make_schedule("2026-11-27", zone=TOKYO, schedule_id=2)
    )
    assert calendar.find_occurrence(f"2026-11-27{at}09:00 Asia/Tokyo", NOW).schedule.id == 2


@pytest.mark.parametrize(
    ("when", "names"),
    [
        (
            "2026-11-27",
            [
                "2026-11-27 09:00 Europe/Berlin",
                "2026-11-27 09:00 Europe/London",
                "2026-11-27 17:30 Europe/London",
            ],
        ),
        ("2026-11-27 09:00", ["2026-11-27 09:00 Europe/Berlin", "2026-11-27 09:00 Europe/London"]),
    ],
)
def test_ambiguous_date_error_names_each_occurrence(when: str, names: list[str]) -> None:
    with pytest.raises(InputError, match="there are several occurrences on 2026-11-27") as refused:
        IN_TWO_ZONES.find_occurrence(when, NOW)
    assert not isinstance(refused.value, NotFound)
    assert refused.value.hint == f"name one of {', '.join(repr(name) for name in names)}"
    occurrences = [IN_TWO_ZONES.find_occurrence(name, NOW) for name in names]
    assert [
        f"{occurrence.original.rule_time:%Y-%m-%d %H:%M} {occurrence.original.zone}"
        for occurrence in occurrences
    ] == names


@pytest.mark.parametrize(
    "when",
    [
        "2026-11-28",
        "2026-11-27 12:00",
        "2026-11-27 09:00 Europe/Berlin",
        "2026-08-03",
        "2028-06-01",
        "0001-01-01",
    ],
)
def test_missing_occurrence_raises_not_found(when: str) -> None:
    with pytest.raises(NotFound, match=f"no occurrence {when}") as refused:
        TWICE.find_occurrence(when, NOW)
    assert refused.value.next_steps == (NextStep("preview_schedule", digest="weekly"),)


@pytest.mark.parametrize(
    "when",
    [
        "",
        "tomorrow",
        "2026-02-30",
        "18 December",
        "2026-12-18 9am",
        "2026-12-18 25:00",
        "2026-12-18 09:00:00",
        "2026-12-18 09:00 or so",
        "2026-12-18 09:00 London",
        "2026-12-18 Europe/London",
        "2026-12-18 09:00 Europe/London GMT",
    ],
)
def test_invalid_occurrence_date_is_refused(when: str) -> None:
    with pytest.raises(InputError, match="is not a date") as refused:
        TWICE.find_occurrence(when, NOW)
    assert refused.value.field == "occurrence"
    assert not isinstance(refused.value, NotFound)


def test_moved_occurrence_is_found_by_date_of_rule() -> None:
    calendar = make_calendar(
        make_schedule("weekly on Friday"),
        make_schedule("2026-12-28", schedule_id=2, region="GB", on_free_day=AFTER),
        rows=[make_saved_occurrence("2026-12-18 09:00", PLANNED, moved_to="2026-12-16 15:00")],
    )
    assert format_planned([calendar.find_occurrence("2026-12-18", NOW)]) == ["16 Dec 15:00"]
    assert format_planned([calendar.find_occurrence("2026-12-18 09:00", NOW)]) == ["16 Dec 15:00"]
    assert format_planned([calendar.find_occurrence("2026-12-28", NOW)]) == ["29 Dec 09:00"]
    with pytest.raises(NotFound):
        calendar.find_occurrence("2026-12-16", NOW)


def test_skipped_occurrence_is_found() -> None:
    row = make_saved_occurrence("2026-11-24 09:00", SKIPPED, reason="by Amina")
    assert format_planned(
        [replace(TWICE, saved_occurrences=(row,)).find_occurrence("2026-11-24", NOW)]
    ) == ["(24 Nov 09:00)"]
