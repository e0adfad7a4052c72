"""Names of character sets that the mailer trusts.

A server names the charset of its content, and a parser that runs after a check must read the same
characters as the check did. UTF-7, HZ and similar charsets encode ``<`` as other ASCII characters,
so their text may contain tags although it looks harmless as ASCII. These charsets are out of use,
and are refused.
"""

import codecs
from functools import lru_cache

_ASCII = bytes(range(32, 127)) + b"\t\r\n"
_WIDE = ("utf-16", "utf-32")
_SHIFTS = b"~~ +ADw-"
"""ASCII characters that HZ and UTF-7 decode to other characters."""

_NON_TEXT_CODECS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape"}
"""Python codecs that return text but are only ways to escape text, not charsets."""


@lru_cache(maxsize=256)
def normalise_charset(label: str) -> str:
    """Return Python's name of the charset `label`, or "" if the charset is not trusted.

    A charset is trusted if Python knows it as a charset of text, and if it decodes ASCII unchanged.
    UTF-16 and UTF-32 are trusted too."""
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
