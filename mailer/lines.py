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
    "\U00016fe4\U000e0000-\U000e0fff]"
)
"""Invisible letters and marks that are not format characters (Unicode:
Default_Ignorable_Code_Point; and the filler of Khitan script)."""

_VISIBLE_ASCII = re.compile("[!-~]")

_LOOK_ALIKES = str.maketrans("асԁеһіјοорԛѕυѵνԝху", "acdehijoopqsuvvwxy")
"""Small Cyrillic and Greek letters that look like Latin ones."""

_SCRIPTS_MIXED_IN_WORDS = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
"""Scripts that one word may mix (UTS 39 §5.2): no two of their letters look alike."""


def holds_visible(text: str) -> bool:
    """Check that `text` has a character that readers see: not only spaces, format characters and
    fillers such as U+200B, U+FEFF, U+2060, U+00AD, U+3164 and U+2800."""
    if text.isascii():
        return _VISIBLE_ASCII.search(text) is not None
    return any(
        unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Mn", "Me", "Zl", "Zp", "Zs"}
        and character != "\u2800"
        and not _INVISIBLE.match(character)
        for character in text
    )


def fold_name(name: str) -> str:
    """Fold a person's name for comparison: only letters and digits count. Capitals, spaces,
    punctuation, invisible characters and composition (NFKC) make no difference, and a word of
    Cyrillic or Greek letters that all look like Latin ones is the Latin word."""
    lowered = unicodedata.normalize("NFKC", name).casefold()
    lowered = lowered.replace("i\u0307", "i").replace("ı", "i")  # Turkish
    words = [
        "".join(character for character in word if unicodedata.category(character)[0] in "LMN")
        for word in _INVISIBLE.sub("", unicodedata.normalize("NFKC", lowered)).split()
    ]
    return "".join(
        word.translate(_LOOK_ALIKES)
        if all(ord(letter) in _LOOK_ALIKES for letter in word)
        else word
        for word in words
    )


def find_mixed_word(name: str) -> str:
    """Return the first word of `name` that mixes scripts whose letters look alike, such as Latin
    and Cyrillic, or "" if no word does."""
    for word in unicodedata.normalize("NFKC", name).split():
        scripts = {
            unicodedata.name(letter, "UNKNOWN").split()[0]
            for letter in word
            if unicodedata.category(letter) in {"Lu", "Ll", "Lt", "Lo"}
        }
        if len(scripts) > 1 and not scripts <= _SCRIPTS_MIXED_IN_WORDS:
            return word
    return ""
