"""Lines of text: they may hold anything that people write, but no control characters.

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
    """Replace control characters of `text` by U+FFFD. Line ends and tabs stay."""
    return CONTROL_CHARACTERS.sub(lambda match: match[0] if match[0] in "\n\t" else "\ufffd", text)


_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
"""Invisible characters beside format characters (Unicode: Default_Ignorable_Code_Point)."""


def holds_visible(text: str) -> bool:
    """Check that `text` has a character that readers see: not only spaces, format characters and
    fillers such as U+200B, U+FEFF, U+2060, U+00AD, U+3164 and U+2800."""
    if text.isascii():
        return bool(text.strip())
    return any(
        unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Mn", "Me", "Zl", "Zp", "Zs"}
        and character != "\u2800"
        and not _INVISIBLE.match(character)
        for character in text
    )


def fold_name(name: str) -> str:
    """Fold a person's name for comparison: capitals, spaces, invisible characters and composition
    (NFKC) make no difference. Letters of different alphabets that look alike stay different."""
    composed = unicodedata.normalize("NFKC", name)
    visible = "".join(
        character for character in composed if unicodedata.category(character) != "Cf"
    )
    lowered = (
        _INVISIBLE.sub("", visible).casefold().replace("i\u0307", "i").replace("ı", "i")
    )  # Turkish
    return " ".join(unicodedata.normalize("NFKC", lowered).split())
