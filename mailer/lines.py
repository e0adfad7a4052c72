"""Lines of text may hold all characters that people write, but no control characters.

Format characters are allowed (Unicode category Cf): Persian needs the zero-width non-joiner, Arabic
and Hebrew the direction marks. Control characters, lone surrogates and line separators are not
allowed in headers, pages and terminals.
"""

import re
import unicodedata

CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def holds_control(line: str) -> bool:
    """Check whether `line` holds control characters."""
    return CONTROL_CHARACTERS.search(line) is not None


def replace_control(text: str) -> str:
    """Replace control characters of `text` with U+FFFD. Line ends and tabs stay."""
    return CONTROL_CHARACTERS.sub(lambda match: match[0] if match[0] in "\n\t" else "\ufffd", text)


_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
"""Invisible characters that are not format characters (Unicode: Default_Ignorable_Code_Point)."""


def fold_name(name: str) -> str:
    """Fold a person's name for comparison: capitals, spaces, invisible characters and composition
    (NFKC) make no difference. Similar letters of different alphabets stay different."""
    composed = unicodedata.normalize("NFKC", name)
    visible = "".join(
        character for character in composed if unicodedata.category(character) != "Cf"
    )
    lowered = (
        _INVISIBLE.sub("", visible).casefold().replace("i\u0307", "i").replace("ı", "i")
    )  # Turkish
    return " ".join(unicodedata.normalize("NFKC", lowered).split())
