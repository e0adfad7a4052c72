"""Every zone that there is, over three years, held against another reader of the same rules.

The oracle shares nothing with ours: it walks the days one by one, and asks the C library, which
reads zone files itself, what clocks show.
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


def file_of(zone: str) -> Path:
    """The file that Python reads for a zone."""
    folders = [Path(one) for one in TZPATH]
    with resources.as_file(resources.files("tzdata") / "zoneinfo") as packaged:
        return next(one / zone for one in [*folders, packaged] if (one / zone).is_file())


def different() -> list[str]:
    """One name for each set of rules: half of the names are second names."""
    by_rules: dict[bytes, list[str]] = defaultdict(list)
    for zone in sorted(zones.list_zone_names()):
        by_rules[file_of(zone).read_bytes()].append(zone)
    return sorted(min(some) for some in by_rules.values())


ZONES = different()
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
def days() -> list[date]:
    return [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


@contextmanager
def clocks_in(zone: str) -> Iterator[None]:
    """The C library's local time is this zone's."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = f":{file_of(zone)}"
    clock.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        clock.tzset()


def shown(second: int) -> tuple[int, ...]:
    return clock.localtime(second)[:5]


def moments(at: time, names: Callable[[date], bool]) -> Iterator[tuple[date, datetime]]:
    """By the oracle: each day that a rule names, and when clocks first show `at` on it."""
    for day in days():
        if not names(day):
            continue
        wall = datetime.combine(day, at)
        as_utc = int(wall.replace(tzinfo=UTC).timestamp())
        offsets = {clock.localtime(as_utc + hours * HOUR).tm_gmtoff for hours in range(-24, 25, 6)}
        tries = sorted(as_utc - offset for offset in offsets)
        showing = [one for one in tries if shown(one) == wall.timetuple()[:5]]
        if showing:
            second = showing[0]
        else:  # it is left out: the first minute that shows a later time
            second = tries[0] - HOUR
            while shown(second) < wall.timetuple()[:5]:
                second += 60
        yield day, datetime.fromtimestamp(second, UTC)


@pytest.mark.parametrize(
    "some",
    [
        pytest.param(some, id=some[0], marks=[pytest.mark.proof] if number else [])
        for number, some in enumerate(CHUNKS)
    ],
)
def test_one_occurrence_for_each_date_that_a_rule_names(some: list[str]) -> None:
    for zone in some:
        with clocks_in(zone):
            check(zone)


def check(zone: str) -> None:
    for rrule, names in RULES.items():
        for at in (time(2, 30), time(0, 0)) if rrule != "FREQ=DAILY" else (time(2, 30),):
            timing = Timing(RecurringRule(rrule, FIRST), at, zone)
            found = expand_occurrences(timing, *SPAN, {}, FreeDays())
            ours = [(one.day, one.moment) for one in found if FIRST <= one.day <= LAST]
            assert ours == list(moments(at, names)), (zone, rrule, at)


def test_there_are_all_the_zones() -> None:
    assert len(zones.list_zone_names()) > 580
    assert len(ZONES) > 250
    wanted = {"Europe/London", "Africa/Casablanca", "Pacific/Apia", "America/Nuuk", "UTC"}
    assert wanted < zones.list_zone_names()
