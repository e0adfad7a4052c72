"""Wall-clock time in a zone, and the moment that it is.

A time that a clock change leaves out moves to the next one that there is; one that comes twice is
the first (the rule of RFC 5545 §3.3.5 for the second; for the first that RFC goes by the offset
before the gap, which moves 02:30 to 03:30: here it is 03:00, the first moment after the gap).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailer import zones
from mailer.errors import InputError

_STEP = timedelta(minutes=1)


def exists(wall: datetime, tz: ZoneInfo) -> bool:
    """Whether clocks in the zone show this time at some moment. `wall` is naive."""
    return wall.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None) == wall


def moment(wall: datetime, tz: ZoneInfo) -> datetime:
    """When clocks in the zone show `wall` (naive, its seconds are dropped), in UTC.

    In a gap: the moment at which clocks were put forward, or, where a whole day was left out, the
    first of the next. Twice: the first time."""
    wall = wall.replace(second=0, microsecond=0, fold=0)
    if exists(wall, tz):
        return wall.replace(tzinfo=tz).astimezone(UTC)
    # PEP 495: of a time in a gap, fold=1 goes by the offset after it, and so lies before the gap;
    # fold=0 by the one before it, and lies behind. The change is between the two.
    before = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    behind = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    offset = before.astimezone(tz).utcoffset()
    while behind - before > _STEP:
        middle = before + (behind - before) / 2
        if middle.astimezone(tz).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    # To the minute: no zone has changed within one since there were time zones by law.
    return (before + _STEP).replace(second=0, microsecond=0)


def last(wall: datetime, tz: ZoneInfo) -> datetime:
    """As :func:`moment`, but of a time that clocks show twice the second: for what must not come
    early, whichever of them was meant."""
    wall = wall.replace(second=0, microsecond=0, fold=0)
    if exists(wall, tz):
        return wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    return moment(wall, tz)


def day_exists(day: date, tz: ZoneInfo) -> bool:
    """Whether the zone had this day: Samoa had no 30 December 2011."""
    start = moment(datetime.combine(day, time()), tz)
    return start.astimezone(tz).date() == day


def first(wall: datetime, zone: str, names: Iterable[str]) -> datetime:
    """The first moment at which clocks show `wall`, in `zone` or in one of the zones `names`."""
    own = moment(wall, zones.zone(zone))
    return min([own, *(in_zone(wall, name, zone) for name in names)])


def in_zone(wall: datetime, name: str, fallback: str) -> datetime:
    """When clocks show `wall` in the zone of that name; in the one of `fallback` when there is none
    of that name (any more)."""
    try:
        return moment(wall, zones.zone(name))
    except InputError:
        return moment(wall, zones.zone(fallback))
