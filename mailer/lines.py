"""What a line of text may hold: anything that people write, and no control characters.

Format characters stay (Unicode category Cf): Persian needs the zero-width non-joiner, Arabic and
Hebrew the direction marks. Control characters, lone surrogates and line separators go into no
header, no page and no terminal.
"""

import re
import unicodedata

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def holds_control(line: str) -> bool:
    """Whether `line` holds what no line may."""
    return CONTROL.search(line) is not None


def folded(name: str) -> str:
    """A person's name as two of them are compared: without regard to capitals, spaces, signs that
    nobody sees, and how letters are put together (NFKC). Letters of another alphabet that look
    alike stay apart."""
    composed = unicodedata.normalize("NFKC", name)
    seen = "".join(one for one in composed if unicodedata.category(one) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())
