"""Split iCalendar files (RFC 5545) into their events, as lines that are not read yet."""

import codecs
import re
from collections.abc import Iterator

from mailer.errors import InputError
from mailer.intake.characters import decode_text

LARGEST = 20_000_000
"""Maximum size of a file in bytes."""

MAX_EVENTS = 20_000
"""Maximum number of events of a file."""

BROKEN = "X-MAILER-BROKEN:1"
"""The last line of an event that has no end."""


def decode_calendar(data: bytes) -> str:
    """Return the file's text with its folded lines joined (§3.1).

    Programs fold between any two bytes, so lines are joined before they are decoded."""
    if len(data) > LARGEST:
        raise _create_format_error(f"it is larger than {LARGEST // 1_000_000} MB")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = re.sub(r"\r?\n[ \t]", "", decode_text(data)[0])
    else:
        if b"\n" not in data:  # old Macs
            data = data.replace(b"\r", b"\n")
        text = decode_text(re.sub(rb"\r*\n[ \t]", b"", data))[0]
    if not re.search(r"(?im)^\s*BEGIN:(?:VCALENDAR|VEVENT)\s*$", text):
        raise _create_format_error("it has no line BEGIN:VCALENDAR")
    return text


def _create_format_error(reason: str) -> InputError:
    return InputError(
        f"the file is not an iCalendar file ({reason})",
        hint="use a file that begins with BEGIN:VCALENDAR",
    )


def split_events(text: str) -> Iterator[tuple[list[str], str, bool]]:
    """Yield (lines, zone, is_cancelled) of each event in all calendars of the file, without its
    alarms. A calendar may cancel all of its events (RFC 5546 §3.2.5).

    Raises InputError for a file that breaks off before its first event ends."""
    block: list[str] | None = None
    inner = 0
    zone = ""
    count = 0
    is_ended = is_cancelled = False
    for line in re.split(r"\r\n|\n|\r", text):
        word = line.strip().upper()
        if word == "BEGIN:VEVENT":
            if block is not None:
                count += 1
                yield [*block, BROKEN], zone, is_cancelled
            block, inner = [], 0
        elif word == "END:VEVENT" and block is not None:
            count += 1
            if count > MAX_EVENTS:
                raise InputError(
                    f"the calendar has more than {MAX_EVENTS:,} events",
                    hint="import a part of it",
                )
            yield block, zone, is_cancelled
            block = None
        elif word == "END:VCALENDAR":
            zone, is_ended, is_cancelled = "", True, False
        elif re.fullmatch(r"METHOD\s*:\s*CANCEL", word):
            is_cancelled = True
        elif word.startswith("X-WR-TIMEZONE"):
            zone = line.partition(":")[2].strip()
        elif block is not None and word.startswith("BEGIN:"):
            inner += 1
        elif block is not None and word.startswith("END:"):
            inner = max(inner - 1, 0)
        elif block is not None and inner == 0 and line.strip():
            block.append(line)
    if not count and not is_ended:
        raise _create_format_error("it breaks off")
    if block is not None:
        yield [*block, BROKEN], zone, is_cancelled
