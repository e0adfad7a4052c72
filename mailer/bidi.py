"""Isolate phone numbers and other groups of digits in text that runs from right to left.

The bidirectional algorithm (UAX #9) orders groups of digits by the paragraph, so that
``+44 20 7946 0018`` in an Arabic sentence reads ``0018 7946 20 44+``. An isolate from left to right
keeps the order: ``dir="ltr"`` in HTML, U+2066 and U+2069 in plain text.
"""

import re
import unicodedata
from collections.abc import Iterator

LTR_ISOLATE = "\u2066"
RTL_ISOLATE = "\u2067"
POP_ISOLATE = "\u2069"

_MIN_DIGITS = 6
_NUMBER = re.compile(
    r"(?<![\w@/.:=&?#-])(?:\+ ?|\(\+?)?\d{1,15}"
    r"(?:(?:\)[ -]?| ?\(|[ \u00a0\u2009\u202f./-])\d{1,15}){0,9}(?![\w@])"
)
_SPAN_OF_YEARS = re.compile(r"\d{4} ?[-–/] ?\d{2,4}")
_ISOLATED = re.compile(f"[{LTR_ISOLATE}{RTL_ISOLATE}][^{POP_ISOLATE}]*{POP_ISOLATE}")


def split_numbers(text: str) -> Iterator[tuple[str, bool]]:
    """Split `text`, and yield (part, is_number). `is_number` is True for a number that needs an
    isolate, because it has several groups of digits or a plus. Numbers that are isolated already
    are not separated."""
    position = 0
    isolated = [match.span() for match in _ISOLATED.finditer(text)]
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if any(first <= start < last for first, last in isolated) or not _needs_isolate(match[0]):
            continue
        if start > position:
            yield text[position:start], False
        yield match[0], True
        position = end
    if position < len(text):
        yield text[position:], False


def _needs_isolate(number: str) -> bool:
    if _SPAN_OF_YEARS.fullmatch(number) or sum(map(str.isdigit, number)) < _MIN_DIGITS:
        return False
    return not number.isdigit()


def is_right_to_left(text: str) -> bool:
    """Check that the first letter with a direction runs from right to left (UAX #9, P2)."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def isolate_numbers(text: str, direction: str = "rtl") -> str:
    """Return `text` with isolates around its phone numbers if it runs from right to left."""
    if direction != "rtl":
        return text
    return "".join(
        f"{LTR_ISOLATE}{part}{POP_ISOLATE}" if is_number else part
        for part, is_number in split_numbers(text)
    )
