"""Durations as people write them: ``30m``, ``2h``, ``3d``."""

import re
from datetime import timedelta

from mailer.errors import InputError

_DURATION = re.compile(r"(?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m)?")


def parse_duration(text: str, option: str) -> timedelta:
    """Parse a duration such as ``90m``, ``2h`` or ``1d 12h``. Raises InputError naming the
    option."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise InputError(
            f"{text!r} is not a duration", where=option, hint="such as 90m, 2h or 1d 12h"
        )
    days, hours, minutes = (int(part or 0) for part in match.groups())
    if max(days, hours, minutes) > 100_000:
        raise InputError(f"{text!r} is too long", where=option)
    return timedelta(days=days, hours=hours, minutes=minutes)


def format_duration(length: timedelta) -> str:
    """Format a duration to the minute, so that :func:`parse_duration` can read it."""
    minutes = int(length.total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0m"
