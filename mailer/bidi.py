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
_LATIN = "A-Za-z_\u00c0-\u024f"
_NUMBER = re.compile(
    rf"(?<![{_LATIN}\d@+*#])(?<![{_LATIN}\d@][-–./:=&?#+*])(?:\+ ?|\(\+?)?\d{{1,15}}"
    r"(?:(?:\)[ -]?| ?\(|[./\-\u2010-\u2013]|[ \u00a0\u2007\u2009\u202f]{1,2})\d{1,15}){0,9}"
    rf"(?![{_LATIN}\d@])"
)
"""Matches digits in groups. Letters of Arabic, Hebrew and their like may touch it, as in a number
after “and” or after a colon; Latin letters may not, since they give the digits their direction."""
_WORD = re.compile(r"\S+")
_DOMAIN = re.compile(r"\.[A-Za-z]{2,24}[/:?]")
_SPAN_OF_YEARS = re.compile(r"[12١٢۱۲]\d{3} ?[-\u2010-\u2013/] ?\d{2,4}")
_RANGE = re.compile(r"([1-9۱-۹١-٩]\d*)[-\u2010-\u2013/](\d+)")
_ISOLATED = re.compile(
    f"[{LTR_ISOLATE}{RTL_ISOLATE}][^{LTR_ISOLATE}{RTL_ISOLATE}{POP_ISOLATE}]*{POP_ISOLATE}"
)


def split_numbers(text: str) -> Iterator[tuple[str, bool]]:
    """Split `text`, and yield (part, is_number). `is_number` is True for a number that needs an
    isolate, because it has several groups of digits or a plus. Numbers that are isolated already,
    and numbers in addresses, are not separated."""
    position = 0
    kept_spans = iter(sorted(_find_kept_spans(text)) if _NUMBER.search(text) else ())
    kept_start, kept_end = next(kept_spans, (len(text), len(text)))
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        while kept_end <= start:
            kept_start, kept_end = next(kept_spans, (len(text), len(text)))
        if kept_start < end or not _needs_isolate(match[0]):
            continue
        if start > position:
            yield text[position:start], False
        yield match[0], True
        position = end
    if position < len(text):
        yield text[position:], False


def _find_kept_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of isolates, and of addresses of pages and mailboxes."""
    for match in _ISOLATED.finditer(text):
        yield match.span()
    for match in _WORD.finditer(text):
        word = match[0]
        if "//" in word or "@" in word or "www." in word or _DOMAIN.search(word):
            yield match.span()


def _needs_isolate(number: str) -> bool:
    if _SPAN_OF_YEARS.fullmatch(number) or sum(map(str.isdigit, number)) < _MIN_DIGITS:
        return False
    span = _RANGE.fullmatch(number)
    if span and len(span[1]) == len(span[2]) and int(span[1]) < int(span[2]):
        return False  # from one number to another, which people read from right to left
    return not number.isdigit()


def is_right_to_left(text: str) -> bool:
    """Check that the first letter with a direction runs from right to left (UAX #9, P2)."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def isolate_numbers(text: str, direction: str = "rtl") -> str:
    """Return `text` with isolates around its phone numbers if it runs from right to left, which
    `direction` says, or with ``auto`` the text itself."""
    if direction != "rtl" and not (direction == "auto" and is_right_to_left(text)):
        return text
    return "".join(
        f"{LTR_ISOLATE}{part}{POP_ISOLATE}" if is_number else part
        for part, is_number in split_numbers(text)
    )
