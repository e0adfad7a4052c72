"""Names of character sets, as far as they are believed.

A sender names the charset of what it sends, and whoever reads after a check must read the same
characters as the check did. UTF-7, HZ and their like write ``<`` in other letters: what is harmless
in ASCII is not in them. They are in no use, and refused.
"""

import codecs
from functools import lru_cache

_ASCII = bytes(range(32, 127)) + b"\t\r\n"
_WIDE = ("utf-16", "utf-32")
_SHIFTS = b"~~ +ADw-"
"""What stands for something else in HZ and in UTF-7."""

_NON_TEXT_CODECS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape"}
"""Python's codecs that give text, yet are ways to write it."""


@lru_cache(maxsize=256)
def normalise_charset(label: str) -> str:
    """Python's name of the charset `label`; "" for one that it doesn't know, that is none of text,
    or in which ASCII is not ASCII, but for UTF-16 and UTF-32."""
    try:
        name = codecs.lookup(label.strip().strip("\"'")).name
        if name.startswith(_WIDE):
            return name
        if name.replace("-", "_") in _NON_TEXT_CODECS:
            return ""
        plain = _ASCII + _SHIFTS
        return name if plain.decode(name) == plain.decode("ascii") else ""
    except (LookupError, ValueError):
        return ""
