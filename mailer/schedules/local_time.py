"""Convert local time in a zone to UTC.

A local time that a clock change skips becomes the first moment after the gap: 02:30 becomes 03:00.
(RFC 5545 §3.3.5 uses the offset before the gap, which makes it 03:30.) If a local time comes twice,
the first time counts, as in RFC 5545.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailer import zones
from mailer.errors import InputError

_STEP = timedelta(minutes=1)


def is_valid_wall_time(wall_time: datetime, tz: ZoneInfo) -> bool:
    """Check that clocks in the zone show `wall_time` (naive) at some moment."""
    return (
        wall_time.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None)
        == wall_time
    )


def describe_wall_time(wall_time: datetime, tz: ZoneInfo) -> str:
    """Describe a local time for people. If a clock change skips it, say so and give the time that
    clocks show instead."""
    if is_valid_wall_time(wall_time, tz):
        return f"{wall_time:%a %d %b %Y %H:%M}"
    real_time = to_utc(wall_time, tz).astimezone(tz)
    return f"{real_time:%a %d %b %Y %H:%M} (the clocks skip {wall_time:%H:%M} that day)"


def to_utc(wall_time: datetime, tz: ZoneInfo) -> datetime:
    """Return the moment in UTC at which clocks in the zone show `wall_time`.

    `wall_time` is naive; its seconds are dropped. If a clock change skips that time, the result is
    the moment of the change. If a zone skips the whole day, the result is the first moment of the
    next day. If the time comes twice, the result is the first of the two moments."""
    wall_time = wall_time.replace(second=0, microsecond=0, fold=0)
    if is_valid_wall_time(wall_time, tz):
        return wall_time.replace(tzinfo=tz).astimezone(UTC)
    # PEP 495: for a time in a gap, fold=1 uses the offset after the gap, which gives a moment
    # before the gap; fold=0 uses the offset before the gap, which gives a moment after it. The
    # change is between these two moments.
    before = wall_time.replace(tzinfo=tz, fold=1).astimezone(UTC)
    behind = wall_time.replace(tzinfo=tz, fold=0).astimezone(UTC)
    offset = before.astimezone(tz).utcoffset()
    while behind - before > _STEP:
        middle = before + (behind - before) / 2
        if middle.astimezone(tz).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    # Minutes suffice, since legal time zones have never changed within a minute.
    return (before + _STEP).replace(second=0, microsecond=0)


def get_clock_time(wall_time: datetime, zone: str) -> datetime:
    """Return the local time (naive) that clocks show at the moment for which `wall_time` stands.
    The result differs from `wall_time` if a clock change skips `wall_time`."""
    tz = zones.get_zone(zone)
    return to_utc(wall_time, tz).astimezone(tz).replace(tzinfo=None)


def describe_local_time(wall_time: datetime, zone: str) -> str:
    """Return a local time as people read it, such as ``Sun 28 Mar 2027 02:00 Europe/London``. A
    time that a clock change skips is described as the time that takes its place."""
    return f"{get_clock_time(wall_time, zone):%a %d %b %Y %H:%M} {zone}"


def explain_skipped_time(wall_time: datetime, zone: str) -> str:
    """Return a sentence if a clock change skips `wall_time` in `zone`, otherwise ""."""
    clock_time = get_clock_time(wall_time, zone)
    if clock_time == wall_time.replace(second=0, microsecond=0, fold=0):
        return ""
    if clock_time.date() != wall_time.date():
        return f"{wall_time:%a %d %b %Y} does not exist in {zone}"
    return f"{wall_time:%H:%M} does not exist that night"


def to_utc_latest(wall_time: datetime, tz: ZoneInfo) -> datetime:
    """Convert as :func:`to_utc`, but if the time comes twice, return the second moment.

    Use this for a moment that must not come early, whichever of the two moments was meant."""
    wall_time = wall_time.replace(second=0, microsecond=0, fold=0)
    if is_valid_wall_time(wall_time, tz):
        return wall_time.replace(tzinfo=tz, fold=1).astimezone(UTC)
    return to_utc(wall_time, tz)


def is_valid_day(day: date, tz: ZoneInfo) -> bool:
    """Check that the day existed in the zone. Samoa, for example, skipped 30 December 2011."""
    start = to_utc(datetime.combine(day, time()), tz)
    return start.astimezone(tz).date() == day


def find_earliest_moment(wall_time: datetime, zone: str, zone_names: Iterable[str]) -> datetime:
    """Return the first moment at which clocks show `wall_time` in `zone` or any of `zone_names`."""
    own_moment = to_utc(wall_time, zones.get_zone(zone))
    return min(
        [own_moment, *(to_utc_in_zone(wall_time, zone_name, zone) for zone_name in zone_names)]
    )


def to_utc_in_zone(wall_time: datetime, zone_name: str, fallback_zone: str) -> datetime:
    """Return the moment at which clocks show `wall_time` in the zone `zone_name`.

    `fallback_zone` is used if there is no zone with that name."""
    try:
        return to_utc(wall_time, zones.get_zone(zone_name))
    except InputError:
        return to_utc(wall_time, zones.get_zone(fallback_zone))
