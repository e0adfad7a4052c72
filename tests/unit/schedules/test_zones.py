"""Occurrences in every zone, over three years, compared with an independent oracle.

The oracle shares no code with the mailer: it walks the days one by one, and asks the C library,
which reads zone files itself, for local time.
"""

import os
import time as clock
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from zoneinfo import TZPATH

import pytest

from mailer import zones
from mailer.schedules.holidays import FreeDays
from mailer.schedules.occurrences import Timing, expand_occurrences
from mailer.schedules.rules import RecurringRule

FIRST, LAST = date(2026, 1, 1), date(2028, 12, 31)
SPAN = (
    datetime.combine(FIRST, time(), UTC) - timedelta(days=2),
    datetime.combine(LAST, time(), UTC) + timedelta(days=2),
)
HOUR = 3600


def find_zone_file(zone: str) -> Path:
    """Return the file that Python reads for a zone."""
    folders = [Path(folder) for folder in TZPATH]
    with resources.as_file(resources.files("tzdata") / "zoneinfo") as packaged:
        return next(folder / zone for folder in [*folders, packaged] if (folder / zone).is_file())


def list_distinct_zones() -> list[str]:
    """Return one name for each set of rules: half of the names are aliases."""
    by_rules: dict[bytes, list[str]] = defaultdict(list)
    for zone in sorted(zones.list_zone_names()):
        by_rules[find_zone_file(zone).read_bytes()].append(zone)
    return sorted(min(names) for names in by_rules.values())


ZONES = list_distinct_zones()
CHUNKS = [ZONES[start::12] for start in range(12)]

RULES: dict[str, Callable[[date], bool]] = {
    "FREQ=DAILY": lambda day: True,
    "FREQ=WEEKLY;BYDAY=SU,WE": lambda day: day.weekday() in {2, 6},
    "FREQ=MONTHLY;BYDAY=-1SU": lambda day: (
        day.weekday() == 6 and (day + timedelta(days=7)).month != day.month
    ),
    "FREQ=MONTHLY;BYMONTHDAY=31": lambda day: day.day == 31,
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29": lambda day: (day.month, day.day) == (2, 29),
    "FREQ=YEARLY;BYMONTH=3;BYDAY=+2SU": lambda day: (
        day.month == 3 and day.weekday() == 6 and 8 <= day.day <= 14
    ),
}


@cache
def list_days() -> list[date]:
    return [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


@contextmanager
def use_zone(zone: str) -> Iterator[None]:
    """Set the C library's local time zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = f":{find_zone_file(zone)}"
    clock.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        clock.tzset()


def get_local_clock(second: int) -> tuple[int, ...]:
    return clock.localtime(second)[:5]


def compute_expected_moments(
    time_of_day: time, is_named: Callable[[date], bool]
) -> Iterator[tuple[date, datetime]]:
    """Yield each day that a rule names, and the first moment at which clocks show `time_of_day`."""
    for day in list_days():
        if not is_named(day):
            continue
        wall = datetime.combine(day, time_of_day)
        as_utc = int(wall.replace(tzinfo=UTC).timestamp())
        offsets = {clock.localtime(as_utc + hours * HOUR).tm_gmtoff for hours in range(-24, 25, 6)}
        tries = sorted(as_utc - offset for offset in offsets)
        showing = [second for second in tries if get_local_clock(second) == wall.timetuple()[:5]]
        if showing:
            second = showing[0]
        else:  # a skipped time: the first minute that shows a later time
            second = tries[0] - HOUR
            while get_local_clock(second) < wall.timetuple()[:5]:
                second += 60
        yield day, datetime.fromtimestamp(second, UTC)


@pytest.mark.parametrize(
    "zone_names",
    [
        pytest.param(zone_names, id=zone_names[0], marks=[pytest.mark.proof] if number else [])
        for number, zone_names in enumerate(CHUNKS)
    ],
)
def test_zone_has_one_occurrence_for_each_date_of_rule(zone_names: list[str]) -> None:
    for zone in zone_names:
        with use_zone(zone):
            assert_occurrences_match(zone)


def assert_occurrences_match(zone: str) -> None:
    for rrule, is_named in RULES.items():
        for time_of_day in (time(2, 30), time(0, 0)) if rrule != "FREQ=DAILY" else (time(2, 30),):
            timing = Timing(RecurringRule(rrule, FIRST), time_of_day, zone)
            occurrences = expand_occurrences(timing, *SPAN, {}, FreeDays())
            actual = [
                (occurrence.day, occurrence.moment)
                for occurrence in occurrences
                if FIRST <= occurrence.day <= LAST
            ]
            assert actual == list(compute_expected_moments(time_of_day, is_named)), (
                zone,
                rrule,
                time_of_day,
            )


def test_all_zones_are_available() -> None:
    assert len(zones.list_zone_names()) > 580
    assert len(ZONES) > 250
    expected = {"Europe/London", "Africa/Casablanca", "Pacific/Apia", "America/Nuuk", "UTC"}
    assert expected < zones.list_zone_names()
