"""Times of day as people write them: ``09:00``, ``9am``, ``9.30 pm``, ``noon``."""

import re
from datetime import time

from mailer.errors import InputError

_HINT = "write such as 09:00, 17:30, 9am, 5:30pm, noon or midnight"

_NAMED_TIMES = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_HALF_DAY = r"([ap])\.?m\.?"
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_TWELVE_HOURS = re.compile(rf"(\d{{1,2}})(?:[:.](\d{{2}}))? ?{_HALF_DAY}")
_AT_END = re.compile(
    rf"(?P<days>.+?),? (?:at )?(?P<time>\d{{1,2}}:\d{{2}}|\d{{1,2}}(?:[:.]\d{{2}})? ?{_HALF_DAY}"
    r"|noon|midday|midnight|(?<=at )\S+)",
    re.IGNORECASE,
)


def parse_time_of_day(text: str) -> time:
    """Parse a time of day, by 24 or 12 hours.

    ``12am`` and ``12pm`` are refused: some read 12pm as noon, others as midnight. Raises InputError
    for anything that is not a time to the minute."""
    lowered = " ".join(text.lower().split())
    if lowered in _NAMED_TIMES:
        return _NAMED_TIMES[lowered]
    if match := _CLOCK.fullmatch(lowered):
        hour, minute = int(match[1]), int(match[2])
        if hour < 24 and minute < 60:
            return time(hour, minute)
    elif match := _TWELVE_HOURS.fullmatch(lowered):
        hour, minute = int(match[1]), int(match[2] or 0)
        if hour == 12:
            raise InputError(
                f"{text!r} may be noon or midnight",
                field="at",
                hint="write noon, midnight, or a time by 24 hours such as 12:00",
            )
        if 1 <= hour < 12 and minute < 60:
            return time(hour + (12 if match[3] == "p" else 0), minute)
    raise InputError(f"{text!r} is not a time of day", field="at", hint=_HINT)


def split_time_of_day(text: str) -> tuple[str, time | None]:
    """Split a time of day from the end of a text: ``every Thursday at 9am``.

    Returns (the text before it, the time), or (the text, None) if it ends with no time. Raises
    InputError if what stands behind "at" is no time."""
    match = _AT_END.fullmatch(" ".join(text.split()))
    if match is None:
        return text, None
    return match["days"], parse_time_of_day(match["time"])
