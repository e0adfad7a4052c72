"""Words as a search compares them: folded, so that what people type finds what was written.

Capitals, accents and the widths of letters make no difference, nor do Arabic's vowel signs,
lengthening strokes and forms of alef; digits of every script are the same. What is neither letter
nor digit parts words; a character that can't be seen does not.
"""

import re
import unicodedata

_ADDRESSES = re.compile(r"(?:https?://|mailto:)\S*", re.IGNORECASE)

_SAME_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "\N{ARABIC LETTER ALEF WASLA}": "\N{ARABIC LETTER ALEF}",
        "\N{ARABIC LETTER ALEF WITH WAVY HAMZA ABOVE}": "\N{ARABIC LETTER ALEF}",
        "\N{ARABIC LETTER ALEF WITH WAVY HAMZA BELOW}": "\N{ARABIC LETTER ALEF}",
        "\N{ARABIC LETTER HIGH HAMZA ALEF}": "\N{ARABIC LETTER ALEF}",
        "\N{ARABIC LETTER ALEF MAKSURA}": "\N{ARABIC LETTER YEH}",
        "\N{ARABIC LETTER FARSI YEH}": "\N{ARABIC LETTER YEH}",
        "\N{ARABIC LETTER KEHEH}": "\N{ARABIC LETTER KAF}",
        "\N{ARABIC LETTER TEH MARBUTA}": "\N{ARABIC LETTER HEH}",
        "\N{ARABIC TATWEEL}": "",
    }
)
"""Letters that are written in more ways than one. Alef with hamza or madda needs no line here: its
sign is taken off like any accent."""

_IGNORED_CATEGORIES = {"Mn", "Me", "Cf"}
"""Signs upon other letters, and marks of format: soft hyphens, joiners, directions."""


class _Folding(dict[int, str | int]):
    """For ``str.translate``: each character is worked out when it is met first."""

    def __missing__(self, point: int) -> str | int:
        character = chr(point)
        folded = "".join(map(_fold_character, _normalise_letters(character)))
        self[point] = folded
        return folded


def _normalise_letters(text: str) -> str:
    """Letters without capitals, apart from their accents: decomposing may give a capital, and
    folding one an accent, so both are done until nothing changes."""
    before = ""
    while text != before:
        before, text = text, unicodedata.normalize("NFKD", text).casefold()
    return text


def _fold_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in _IGNORED_CATEGORIES:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return character.translate(_SAME_LETTERS) if category[0] in "LNM" else " "


_FOLDING = _Folding()


def fold_text(text: str) -> str:
    """The words of `text`, one space between each two. Folding twice is folding once."""
    folded = unicodedata.normalize("NFKD", text).translate(_FOLDING)
    return " ".join(unicodedata.normalize("NFC", folded).split())


def join_distinct_words(text: str) -> str:
    """The words of `text`, each once; web and mail addresses are none. A word is a part of this
    exactly where it is a part of the folded text."""
    return " ".join(dict.fromkeys(fold_text(_ADDRESSES.sub(" ", text)).split()))


def split_query(query: str, max_words: int) -> tuple[str, ...]:
    """The first `most` words that somebody looks for, each once."""
    return tuple(dict.fromkeys(fold_text(query).split()))[:max_words]
