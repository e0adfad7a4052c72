"""The rules of a search in plain Python, with which tests compare the databases."""

import unicodedata
from collections.abc import Sequence

from hypothesis import strategies as st

_CHARACTER_SCRIPTS = ("CJK ", "HIRAGANA ", "KATAKANA", "HANGUL ")


def finds_word(word: str, text: str, *, only_beginnings: bool = False) -> bool:
    """Check whether a search for one folded word finds a folded text with spaces between words."""
    return any(
        text_word[start : start + len(word)] == word
        and (_is_beginning(text_word, start) or (_makes_trigram(word) and not only_beginnings))
        for text_word in text.split()
        for start in range(len(text_word) - len(word) + 1)
    )


@st.composite
def generate_parts(draw: st.DrawFn, texts: Sequence[str]) -> str:
    """Generate queries of parts of the texts, since other texts are hardly ever found."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        text = draw(st.sampled_from(texts))
        start = draw(st.integers(0, len(text) - 1))
        parts.append(text[start : start + draw(st.integers(1, 6))])
    return " ".join(parts)


def _is_beginning(text_word: str, start: int) -> bool:
    return start == 0 or any(map(_is_word_itself, text_word[start - 1 : start + 1]))


def _is_word_itself(character: str) -> bool:
    """Check for a character of Chinese, Japanese or Korean, by its name."""
    return unicodedata.name(character, "").startswith(_CHARACTER_SCRIPTS)


def _makes_trigram(word: str) -> bool:
    """Check for three letters or digits in a row, or two beside another character, or one after
    another character. Beside a word of one character stand two spaces."""
    if any(map(_is_word_itself, word)):
        return True
    kinds = "".join("x" if character.isalnum() else "-" for character in word)
    return len(word) >= 3 and any(kind in kinds for kind in ("xxx", "-x", "xx-"))
