"""Fold words for search, so that people find a text without typing it exactly.

Capitals, accents and the widths of letters make no difference, nor do Arabic's vowel signs,
lengthening strokes and forms of alef; digits of every script are equal. In prose
(:func:`fold_text`), a character that is neither letter nor digit separates words; an invisible
character does not. In names and addresses (:func:`fold_line`), only spaces separate words, and
all other characters stay.

The database compares what was folded here byte by byte, so a search gives the same results on every
database and in every locale.

Searches look for *needles* in texts that :func:`pad_words` made: each word stands after two spaces.
So a trigram index, which knows all sequences of three characters, also finds the beginnings of
words: `"  a"` is how each word with a begins. Chinese, Japanese and Korean are written without
spaces, or with few; each of their characters counts as the beginning of a word.
"""

import re
import unicodedata

from mailer.errors import InputError

LONGEST_QUERY = 200
MOST_WORDS = 8
"""The largest query that staff can search for."""

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


_SAME_SIGNS = str.maketrans("‘’\N{MODIFIER LETTER APOSTROPHE}‐‑–—−", "'''-----")
"""Apostrophes and hyphens that look alike."""

_CHARACTER_WORDS = re.compile(
    "["
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"  # Han
    "\u3041-\u3096\u309d-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "]"
)
"""Characters that count as words of their own."""

_INDEXED_PART = re.compile(r"[^\W_]{3}|[\W_][^\W_]|[^\W_]{2}[\W_]")
"""The part of a needle of which PostgreSQL's ``pg_trgm`` makes a trigram: it takes letters and
digits only, and knows where a word begins or ends if another character stands there."""


class _Folding(dict[int, str | int]):
    """A table for ``str.translate`` that computes a character's folding at its first use. With
    `keeps_signs`, only spaces and control characters separate words."""

    def __init__(self, *, keeps_signs: bool) -> None:
        super().__init__()
        self._keeps_signs = keeps_signs

    def __missing__(self, point: int) -> str | int:
        character = chr(point)
        folded = "".join(
            _fold_character(part, keeps_signs=self._keeps_signs)
            for part in _normalise_letters(character)
        )
        self[point] = folded
        return folded


def _normalise_letters(text: str) -> str:
    """Convert letters to lower case and separate their accents. Decomposing may produce a capital,
    and lowering a capital may produce an accent, so both steps repeat until nothing changes."""
    before = ""
    while text != before:
        before, text = text, unicodedata.normalize("NFKD", text).casefold()
    return text


def _fold_character(character: str, *, keeps_signs: bool) -> str:
    category = unicodedata.category(character)
    if category in _IGNORED_CATEGORIES:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if keeps_signs:
        character = character.translate(_SAME_SIGNS)
        if category[0] in "PS":
            return character
    return character.translate(_SAME_LETTERS) if category[0] in "LNM" else " "


_PROSE_FOLDING = _Folding(keeps_signs=False)
_LINE_FOLDING = _Folding(keeps_signs=True)


def fold_text(text: str) -> str:
    """Fold prose to its words, separated by single spaces. Folding twice changes nothing."""
    return _fold_with(_PROSE_FOLDING, text)


def fold_line(text: str) -> str:
    """Fold a name, an address or a title to its words, separated by single spaces. Punctuation and
    other signs stay. Folding twice changes nothing."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    return _fold_with(_LINE_FOLDING, text)


def _fold_with(folding: _Folding, text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).translate(folding)
    return " ".join(unicodedata.normalize("NFC", folded).split())


def pad_words(folded: str) -> str:
    """Put two spaces before each word of a folded text. Each Chinese, Japanese or Korean character
    counts as a word."""
    if not folded.isascii():
        folded = _CHARACTER_WORDS.sub(r" \g<0> ", folded)
    return "  ".join(["", *folded.split()])


def build_line_text(*lines: str) -> str:
    """Return the text that a search for parts of some lines, such as a name and an address, looks
    in: the folded and padded words of all lines."""
    text = " ".join(lines)
    if text.isascii() and text.isprintable():  # in a fifth of the time, for imports
        return "  ".join(["", *text.lower().split()])
    return pad_words(fold_line(text))


def build_needle(word: str, *, at_beginning: bool = False) -> str:
    """Return what a search for a folded word looks for in a padded text.

    A word of at least three characters is found anywhere in words, a shorter one only where a word
    begins. (Precisely: a word is found only at beginnings if no trigram can be made of it, such as
    `a.!`.) `at_beginning` makes any word be found only at beginnings."""
    padded = pad_words(word)
    inner = padded.removeprefix("  ")
    if at_beginning or _CHARACTER_WORDS.match(inner):
        return padded
    return inner if len(inner) >= 3 and _INDEXED_PART.search(inner) else padded


def join_distinct_words(text: str) -> str:
    """Join the distinct words of `text`, without web and mail addresses. The result contains a word
    if and only if the folded text contains it."""
    return " ".join(dict.fromkeys(fold_text(_ADDRESSES.sub(" ", text)).split()))


def split_query(query: str, max_words: int) -> tuple[str, ...]:
    """Return the first `max_words` distinct words of a search query in prose."""
    return tuple(dict.fromkeys(fold_text(query).split()))[:max_words]


def parse_line_query(query: str) -> tuple[str, ...]:
    """Return the distinct words of a search query in names, addresses or titles. Raises InputError
    if the query is longer than :data:`LONGEST_QUERY` characters, has more than
    :data:`MOST_WORDS` words, or holds no letter or digit, which an index needs."""
    if len(query) > LONGEST_QUERY:
        raise InputError(f"it is longer than {LONGEST_QUERY} characters", field="search")
    query_words = tuple(dict.fromkeys(fold_line(query).split()))
    if len(query_words) > MOST_WORDS:
        raise InputError(f"it has more than {MOST_WORDS} words", field="search")
    if not any(map(str.isalnum, "".join(query_words))):
        raise InputError(
            "it holds no letter or digit",
            field="search",
            hint="search for a part of a name or an address",
        )
    return query_words
