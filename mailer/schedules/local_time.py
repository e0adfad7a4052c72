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


def is_valid_wall_time(wall_time: datetime, tz: ZoneInfo) -> bool:
    """Whether clocks in the zone show this time at some moment. `wall` is naive."""
    return (
        wall_time.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None)
        == wall_time
    )


def to_utc(wall_time: datetime, tz: ZoneInfo) -> datetime:
    """When clocks in the zone show `wall` (naive, its seconds are dropped), in UTC.

    In a gap: the moment at which clocks were put forward, or, where a whole day was left out, the
    first of the next. Twice: the first time."""
    wall_time = wall_time.replace(second=0, microsecond=0, fold=0)
    if is_valid_wall_time(wall_time, tz):
        return wall_time.replace(tzinfo=tz).astimezone(UTC)
    # PEP 495: of a time in a gap, fold=1 goes by the offset after it, and so lies before the gap;
    # fold=0 by the one before it, and lies behind. The change is between the two.
    before = wall_time.replace(tzinfo=tz, fold=1).astimezone(UTC)
    behind = wall_time.replace(tzinfo=tz, fold=0).astimezone(UTC)
    offset = before.astimezone(tz).utcoffset()
    while behind - before > _STEP:
        middle = before + (behind - before) / 2
        if middle.astimezone(tz).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    # To the minute: no zone has changed within one since there were time zones by law.
    return (before + _STEP).replace(second=0, microsecond=0)


def to_utc_latest(wall_time: datetime, tz: ZoneInfo) -> datetime:
    """As :func:`to_utc`, but of a time that clocks show twice the second: for what must not come
    early, whichever of them was meant."""
    wall_time = wall_time.replace(second=0, microsecond=0, fold=0)
    if is_valid_wall_time(wall_time, tz):
        return wall_time.replace(tzinfo=tz, fold=1).astimezone(UTC)
    return to_utc(wall_time, tz)


def is_valid_day(day: date, tz: ZoneInfo) -> bool:
    """Whether the zone had this day: Samoa had no 30 December 2011."""
    start = to_utc(datetime.combine(day, time()), tz)
    return start.astimezone(tz).date() == day


def find_earliest_moment(wall_time: datetime, zone: str, zone_names: Iterable[str]) -> datetime:
    """The first moment at which clocks show `wall`, in `zone` or in one of the zones `names`."""
    own_moment = to_utc(wall_time, zones.get_zone(zone))
    return min(
        [own_moment, *(to_utc_in_zone(wall_time, zone_name, zone) for zone_name in zone_names)]
    )


def to_utc_in_zone(wall_time: datetime, zone_name: str, fallback_zone: str) -> datetime:
    """When clocks show `wall` in the zone of that name; in the one of `fallback` when there is none
    of that name (any more)."""
    try:
        return to_utc(wall_time, zones.get_zone(zone_name))
    except InputError:
        return to_utc(wall_time, zones.get_zone(fallback_zone))
