"""Fold words for search, so that people find a text without typing it exactly.

Capitals, accents and the widths of letters make no difference, nor do Arabic's vowel signs,
lengthening strokes and forms of alef; digits of every script are equal. A character that is neither
letter nor digit separates words; an invisible character does not.
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
"""Letters with several spellings. Alef with hamza or madda needs no entry, since these signs are
removed like accents."""

_IGNORED_CATEGORIES = {"Mn", "Me", "Cf"}
"""Combining signs, and format characters: soft hyphens, joiners, direction marks."""


class _Folding(dict[int, str | int]):
    """A table for ``str.translate`` that computes a character's folding at its first use."""

    def __missing__(self, point: int) -> str | int:
        character = chr(point)
        folded = "".join(map(_fold_character, _normalise_letters(character)))
        self[point] = folded
        return folded


def _normalise_letters(text: str) -> str:
    """Convert letters to lower case and separate their accents. Decomposing may produce a capital,
    and lowering a capital may produce an accent, so both steps repeat until nothing changes."""
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
    """Fold `text` to its words, separated by single spaces. Folding twice changes nothing."""
    folded = unicodedata.normalize("NFKD", text).translate(_FOLDING)
    return " ".join(unicodedata.normalize("NFC", folded).split())


def join_distinct_words(text: str) -> str:
    """Join the distinct words of `text`, without web and mail addresses. The result contains a word
    if and only if the folded text contains it."""
    return " ".join(dict.fromkeys(fold_text(_ADDRESSES.sub(" ", text)).split()))


def split_query(query: str, max_words: int) -> tuple[str, ...]:
    """Return the first `max_words` distinct words of a search query."""
    return tuple(dict.fromkeys(fold_text(query).split()))[:max_words]
