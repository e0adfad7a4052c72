"""Cut and wrap text between the characters that people see, in scripts with and without spaces.

Chinese and Japanese may break between two characters, except before closing and after opening
punctuation. Tibetan breaks after the dot of a syllable. Thai, Lao, Khmer and Burmese need a
dictionary for their words, so they break at spaces and, in a longer run, between two characters. A
character and its combining marks (a *cluster*, after UAX #29) are never separated.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

_CJK_RANGES = (
    "\u2e80-\u2fdf\u3001-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff01-\uff9f\uffe0-\uffe6\U00020000-\U0003ffff"
)
_SOUTHEAST_ASIAN_RANGES = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aad\u1b00-\u1b7f"
    "\ua980-\ua9ff\uaa60-\uaadf"
)
_CJK = re.compile(f"[{_CJK_RANGES}]")
_WITHOUT_SPACES = re.compile(f"[{_CJK_RANGES}{_SOUTHEAST_ASIAN_RANGES}]")
_LINE_END_IN_CJK = re.compile(f"(?<=[{_CJK_RANGES}])[ \t]*\n\\s*(?=[{_CJK_RANGES}])")

_NEVER_FIRST = frozenset(
    "、。，．・：；？！’”）〕］｝〉》」』】〙〗…‥ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ％"
    ",.!?;:)]}»%\u0e2f\u0e46\u0eaf\u0ec6"
    "\u0f0b\u0f0c\u0f0d\u0f0e\u0f0f\u0f10\u0f11\u0f12\u0f14\u104a\u104b\u17d4\u17d5\u17d6\u17d7"
)
"""Closing punctuation, small kana and repetition marks, which never begin a line."""

_NEVER_LAST = frozenset(
    "（〔［｛〈《「『【〘〖“‘([{«￥＄\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
)
"""Opening punctuation, and the Thai and Lao vowels that are written before their consonant."""

_TRAILING = " ,;:–—，、；："
"""Characters that look wrong before an ellipsis."""

ELLIPSIS = "…"
_MAX_BACKING = 8
"""Characters that a cut steps back at most to spare punctuation."""
_ZERO_WIDTH_JOINER = "\u200d"
_MYANMAR_ASAT = "\u103a"
"""Marks a consonant that ends its syllable, so that no line may begin with that consonant."""
_TIBETAN_TSHEG = "\u0f0b"
"""The dot after each syllable, after which Tibetan lines end."""
_EMOJI_PRESENTATION = "\ufe0f"


def split_clusters(text: str) -> list[str]:
    """Split `text` into the characters that a reader sees: letters with their marks, conjuncts,
    flags and joined emoji stay whole."""
    if text.isascii():
        return list(text)
    starts = [0]
    for position in range(1, len(text)):
        if not _continues_cluster(text, starts[-1], position):
            starts.append(position)
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def _continues_cluster(text: str, start: int, position: int) -> bool:
    """Check that the character at `position` belongs to the cluster that begins at `start`."""
    character, previous = text[position], text[position - 1]
    if character.isascii():
        return False
    if unicodedata.category(character) in {"Mn", "Me", "Mc", "Cf"}:
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or character in "\u0e33\u0eb3":
        return True  # the skin of an emoji, and SARA AM
    if "\u1160" <= character <= "\u11ff":  # a vowel or final consonant of a Hangul syllable
        return "\u1100" <= previous <= "\u11ff" or "\uac00" <= previous <= "\ud7a3"
    if previous == _ZERO_WIDTH_JOINER:
        return unicodedata.category(character) == "So"
    if unicodedata.combining(previous) == 9 and previous != _MYANMAR_ASAT:
        return character.isalpha()  # a virama joins the next consonant
    return position == start + 1 and _is_regional(previous) and _is_regional(character)


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


@lru_cache(maxsize=4096)
def _measure_cluster(cluster: str) -> int:
    if unicodedata.category(cluster[0]) in {"Mn", "Me", "Cf"}:
        return 0
    if _EMOJI_PRESENTATION in cluster or _is_regional(cluster[0]):
        return 2
    return 2 if unicodedata.east_asian_width(cluster[0]) in "WF" else 1


def measure_columns(text: str) -> int:
    """Return the columns that `text` takes in a fixed-width font: 2 for a wide character."""
    return len(text) if text.isascii() else sum(map(_measure_cluster, split_clusters(text)))


def _may_break(before: str, after: str) -> bool:
    """Check that a line may end between two clusters that no space separates."""
    if not _may_stand_apart(before, after):
        return False
    return before[-1] == _TIBETAN_TSHEG or bool(_CJK.match(before) or _CJK.match(after))


def _may_stand_apart(before: str, after: str) -> bool:
    """Check that `before` may end a line, and `after` may begin one."""
    return not (after[0] in _NEVER_FIRST or _MYANMAR_ASAT in after or before[0] in _NEVER_LAST)


def shorten_text(text: str, limit: int, ellipsis: str = ELLIPSIS) -> str:
    """Return `text` on one line with at most `limit` visible characters.

    A longer text ends with the ellipsis, after a whole word. If the last word is longer than a
    third of the limit, or the script has no spaces, the text ends between two characters."""
    text = " ".join(join_cjk_lines(text).split())
    clusters = split_clusters(text)
    if len(clusters) <= limit:
        return text
    end = max(limit - len(ellipsis), 1)
    for position in range(end, end * 2 // 3, -1):
        before, after = clusters[position - 1], clusters[position]
        if after == " " or before == " " or _may_break(before, after):
            end = position
            break
    else:
        for position in range(end, max(end - _MAX_BACKING, 0), -1):
            if _may_stand_apart(clusters[position - 1], clusters[position]):
                end = position
                break
    return "".join(clusters[:end]).rstrip(_TRAILING) + ellipsis


def join_cjk_lines(text: str) -> str:
    """Join lines that end and begin with a Chinese or Japanese character: no space belongs there
    (CSS Text 3 §4.1.3)."""
    return _LINE_END_IN_CJK.sub("", text) if "\n" in text else text


def wrap_lines(text: str, width: int, first: str = "", indent: str = "") -> list[str]:
    """Wrap `text` in lines of at most `width` columns. `first` begins the first line, `indent` the
    others; spaces collapse.

    Words of scripts with spaces are never cut, so that addresses stay whole."""
    lines: list[str] = []
    line, columns, is_empty = first, measure_columns(first), True
    for glue, piece in _list_pieces(join_cjk_lines(text), max(width - len(indent), 8)):
        piece_columns = measure_columns(piece)
        if not is_empty and columns + len(glue) + piece_columns > width:
            lines.append(line)
            line, columns, is_empty = indent, measure_columns(indent), True
        if is_empty:
            glue = ""
        line, columns, is_empty = line + glue + piece, columns + len(glue) + piece_columns, False
    if not is_empty:
        lines.append(line)
    return lines


_ISOLATED_OR_WORD = re.compile("(?:[\u2066\u2067][^\u2069\n]{0,80}\u2069|\\S)+")
"""Matches a word. Text between directional isolates, such as a phone number, stays on one line: an
isolate ends with its line (UAX #9, X5a)."""


def _list_pieces(text: str, width: int) -> Iterator[tuple[str, str]]:
    """Yield (glue, piece): the pieces of `text` that no line end may cut, and the space before
    each, if there is one."""
    for word in _ISOLATED_OR_WORD.findall(text):
        glue = " "
        for piece in _split_word(word, width):
            yield glue, piece
            glue = ""


def _split_word(word: str, width: int) -> Iterator[str]:
    if word.isascii() or not _WITHOUT_SPACES.search(word):
        yield word
        return
    is_long = measure_columns(word) > width
    piece = before = ""
    for cluster in split_clusters(word):
        if piece and (
            _may_break(before, cluster) or (is_long and _may_break_long(before, cluster))
        ):
            yield piece
            piece = ""
        piece += cluster
        before = cluster
    yield piece


def _may_break_long(before: str, after: str) -> bool:
    """Check that a run of a script that needs a dictionary may be cut between two clusters."""
    return (
        _may_stand_apart(before, after)
        and bool(_WITHOUT_SPACES.match(before) and _WITHOUT_SPACES.match(after))
        and not (_CJK.match(before) or _CJK.match(after) or "\u0f00" <= before[0] <= "\u0fff")
    )
