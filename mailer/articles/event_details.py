"""Checks of an event's own fields: when and where it takes place."""

import re
from dataclasses import replace
from datetime import datetime

from mailer import zones
from mailer.errors import InputError
from mailer.lines import holds_control
from mailer.model.event_details import EventDetails

PLACE_LENGTH = 300
_YEARS = (1970, 9000)
_TIME_HINT = "write it as 2026-12-18 15:30, or as 2026-12-18 if the event takes the whole day"
_WRITTEN = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})(?:[T ](?P<clock>\d{1,2}:\d{2}))?(?: (?P<zone>[A-Za-z][\w/+-]*))?",
    re.ASCII,
)
_CLOCK = re.compile(r"\d{1,2}:\d{2}", re.ASCII)


def read_event_details(starts: str, ends: str, place: str, zone: str) -> EventDetails | None:
    """Read an event's times as people write them. Returns None if nothing is given.

    `starts` is ``2026-12-18 15:30`` in `zone`, the same followed by the name of a zone, or a day;
    `ends` may be a time of the same day. Raises InputError naming the field."""
    starts, ends, place = (" ".join(text.split()) for text in (starts, ends, place))
    if not (starts or ends or place):
        return None
    if not starts:
        raise InputError(
            "the event has no beginning",
            field="ends" if ends else "place",
            hint="write starts: and a date, or a date and time",
        )
    day, clock, own_zone = _split_time(starts, "starts")
    zone = zones.get_zone(own_zone or zone, "starts").key
    last = ""
    if ends:
        is_clock = _CLOCK.fullmatch(ends) is not None
        last_day, last_clock, last_zone = _split_time(f"{day} {ends}" if is_clock else ends, "ends")
        if last_zone and last_zone != zone:
            raise InputError(
                f"it ends in the zone {last_zone}, and begins in {zone}",
                field="ends",
                hint="write the end by the clock of the place where it begins",
            )
        last = _format_wall(last_day, last_clock)
    return check_event_details(EventDetails(_format_wall(day, clock), zone, last, place))


def _split_time(written: str, field: str) -> tuple[str, str, str]:
    """Return (day, clock, zone) of a written time."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise InputError(f"{written!r} is not a date or time", field=field, hint=_TIME_HINT)
    return match["day"], match["clock"] or "", match["zone"] or ""


def _format_wall(day: str, clock: str) -> str:
    return f"{day}T{clock.zfill(5)}" if clock else day


def check_event_details(details: EventDetails) -> EventDetails:
    """Return the details in canonical form. Raises InputError naming the field."""
    place = " ".join(details.place.split())
    if holds_control(place):
        raise InputError("it holds control characters", field="place", hint="remove them")
    if len(place) > PLACE_LENGTH:
        raise InputError(f"it is longer than {PLACE_LENGTH} characters", field="place")
    zone = zones.get_zone(details.zone, "starts").key
    for field, wall in (("starts", details.starts), ("ends", details.ends)):
        if wall:
            _check_wall(wall, field)
    if details.ends:
        if ("T" in details.ends) is details.is_whole_day:
            raise InputError(
                "the beginning and the end must both be days, or both have a time",
                field="ends",
                hint=_TIME_HINT,
            )
        if details.ends < details.starts:
            raise InputError("the event ends before it begins", field="ends", hint=_TIME_HINT)
    return replace(details, place=place, zone=zone)


def _check_wall(wall: str, field: str) -> None:
    try:
        moment = datetime.fromisoformat(wall)
    except ValueError as error:
        raise InputError(
            f"{wall!r} is not a date or time ({error})", field=field, hint=_TIME_HINT
        ) from error
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise InputError(f"{wall!r} can't be the date of an event", field=field, hint=_TIME_HINT)
