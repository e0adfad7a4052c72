"""Write marks and slots into a body, and read them back.

Slots are opaque words and marks are HTML comments; the package's docstring explains them.
"""

import html
import re
from collections.abc import Callable, Iterator
from enum import StrEnum

from mailer.lines import holds_visible

MIN_STORIES_FOR_CONTENTS = 7
"""The minimum number of stories with which a person gets a list of contents."""


class MarkCondition(StrEnum):
    """The condition of a mark. It concerns a recipient's stories, or the place of reading (MAIL,
    WEB); in the second case, the mark's bits are always :data:`READING_PLACE_BITS`.

    SINGLE and SEVERAL count: one of the mark's stories is among those after the recipient's first,
    or two or more are."""

    ANY = "any"
    FIRST = "first"
    REST = "rest"
    SINGLE = "single"
    SEVERAL = "several"
    CONTENTS = "contents"
    MAIL = "mail"
    WEB = "web"


READING_PLACE_CONDITIONS = frozenset({MarkCondition.MAIL, MarkCondition.WEB})
"""The conditions on the place of reading, which say nothing of stories."""

READING_PLACE_BITS = 1
"""The bits of a mark with a condition on the place of reading."""


class Slot(StrEnum):
    """The kind of value in a slot. The enum value is the letter in the slot's word, and never a
    hexadecimal digit."""

    NAME = "n"
    ADDRESS = "r"
    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    VIEW = "v"
    NUMBER = "k"
    ACTION = "t"
    """The link that confirms the request of a service mail."""
    DAY = "y"
    """The day of sending, the same for all readers. Its argument is ``LANGUAGE|ZONE|PATTERN``."""
    FIELD = "x"
    """A value of one of the office's own fields (``field_slots.py``)."""
    EDITION_DECISION = "s"
    """The recipient's own link to decide about an edition. Its argument is all fields of the token
    but the person (``staff_links.build_link_fields``)."""
    KILL_DECISION = "w"
    """The same for a kill."""
    COUNTED_LINK = "l"
    """A link of a story whose clicks are counted, the same for all readers. Its argument is that of
    ``counted_links.py``."""


# ---- writing marks and slots: for composing ---------------------------------------------------


def create_marker(fingerprint: str) -> str:
    """Create the word that begins a body's marks and slots.

    `fingerprint` is the SHA-256 of the body's sources, in hexadecimal."""
    return f"z{fingerprint[:15]}"


def create_mark(marker: str, condition: MarkCondition, stories: int) -> str:
    """Create the mark that opens a part; :func:`create_end_mark` closes it.

    Parts may be nested; then all conditions must hold."""
    return f"<!--{marker} {condition.value} {stories:x}-->"


def create_end_mark(marker: str) -> str:
    return f"<!--{marker} end-->"


def create_slot(marker: str, slot: Slot, argument: str = "") -> str:
    """Create the word for a slot. `argument` is a default text, or, in the slot for a story's
    number, the story's bit."""
    return f"{marker}{slot.value}{argument.encode().hex()}z"


_CONDITION_NAMES = "|".join(MarkCondition)


def escape_text(text: str, marker: str) -> str:
    """Escape a text with slots and marks for HTML; the slots and marks stay."""
    return re.sub(rf"&lt;(!--{marker} [^&]*--)&gt;", r"<\1>", html.escape(text))


def _compile_pattern(marker: str) -> re.Pattern[str]:
    return re.compile(
        rf"<!--{marker} (?P<ask>{_CONDITION_NAMES}) (?P<bits>[0-9a-f]+)-->"
        rf"|(?P<end><!--{marker} end-->)"
        rf"|{marker}(?P<slot>[nrupvktyswxl])(?P<argument>(?:[0-9a-f]{{2}})*)z"
    )


def count_slots_and_marks(text: str, marker: str) -> int:
    """Count the slots and marks in `text`.

    Raises ValueError if a slot or mark is broken or left open, for example because a filter has
    changed its case or cut it."""
    matches = list(_compile_pattern(marker).finditer(text))
    half_length, lower_text = len(marker) // 2, text.lower()
    if any(
        lower_text.count(part) != len(matches)
        for part in (marker[:half_length], marker[half_length:])
    ):
        raise ValueError("a slot or mark is broken")
    depth = 0
    for match in matches:
        depth += bool(match["ask"]) - bool(match["end"])
        if depth < 0:
            raise ValueError("a part is closed that was not opened")
    if depth:
        raise ValueError("a part is opened and not closed")
    return len(matches)


# ---- reading them back ------------------------------------------------------------------------

BitCondition = tuple[MarkCondition, int]
Piece = tuple[tuple[BitCondition, ...], str | Slot, str]
"""The conditions of a piece, its text or slot, and the slot's argument."""


def split_body(text: str, marker: str) -> Iterator[Piece]:
    conditions: list[BitCondition] = []
    position = 0
    for match in _compile_pattern(marker).finditer(text):
        if match.start() > position:
            yield tuple(conditions), text[position : match.start()], ""
        position = match.end()
        if match["ask"]:
            conditions.append((MarkCondition(match["ask"]), int(match["bits"], 16)))
        elif match["end"]:
            conditions.pop()
        else:
            argument = bytes.fromhex(match["argument"]).decode()
            yield tuple(conditions), Slot(match["slot"]), argument
    if position < len(text):
        yield tuple(conditions), text[position:], ""


def convert_pieces(
    text: str, marker: str, convert: Callable[[tuple[BitCondition, ...], str], str]
) -> str:
    """Return `text` with each piece between its marks converted. `convert` gets the conditions of
    the piece, the outermost first, and the piece with its slots. Marks stay."""
    parts: list[str] = []
    conditions: list[BitCondition] = []
    position = 0
    for match in _compile_pattern(marker).finditer(text):
        if match["slot"]:
            continue
        parts += [convert(tuple(conditions), text[position : match.start()]), match[0]]
        position = match.end()
        if match["ask"]:
            conditions.append((MarkCondition(match["ask"]), int(match["bits"], 16)))
        elif match["end"]:
            conditions.pop()
    parts.append(convert(tuple(conditions), text[position:]))
    return "".join(parts)


def list_arguments(text: str, marker: str, slot: Slot) -> list[str]:
    """Return the arguments of the slots of one kind, in the order of the text."""
    pattern = re.compile(rf"{marker}{slot.value}((?:[0-9a-f]{{2}})*)z")
    return [bytes.fromhex(match[1]).decode() for match in pattern.finditer(text)]


def _compute_masks(stories: int, *, is_web: bool) -> dict[MarkCondition, int]:
    other_stories = stories & (stories - 1) if stories else 0
    return {
        MarkCondition.ANY: stories,
        MarkCondition.FIRST: stories & -stories,
        MarkCondition.REST: other_stories,
        MarkCondition.SINGLE: other_stories,
        MarkCondition.SEVERAL: other_stories,
        MarkCondition.CONTENTS: stories if stories.bit_count() >= MIN_STORIES_FOR_CONTENTS else 0,
        MarkCondition.MAIL: 0 if is_web else READING_PLACE_BITS,
        MarkCondition.WEB: READING_PLACE_BITS if is_web else 0,
    }


def _holds(condition: MarkCondition, chosen_stories: int) -> bool:
    """Check a mark's condition. `chosen_stories` are those of its stories that its mask lets
    through."""
    if condition is MarkCondition.SINGLE:
        return chosen_stories.bit_count() == 1
    if condition is MarkCondition.SEVERAL:
        return chosen_stories.bit_count() > 1
    return chosen_stories != 0


def choose_pieces(
    pieces: tuple[Piece, ...], stories: int, *, is_web: bool = False
) -> Iterator[tuple[str | Slot, str]]:
    """Yield the pieces that a person with these stories gets in a mail or on the web. The numbers
    of stories are filled in."""
    masks = _compute_masks(stories, is_web=is_web)
    for conditions, content, argument in pieces:
        if all(_holds(condition, masks[condition] & bits) for condition, bits in conditions):
            if content is Slot.NUMBER:
                preceding_stories = stories & ((1 << int(argument) + 1) - 1)
                yield str(preceding_stories.bit_count()), ""
            else:
                yield content, argument


def fill_slots(text: str, marker: str, slot: Slot, get_value: Callable[[str], str]) -> str:
    """Replace each slot of one kind by ``get_value(argument)``, given the slot's argument. Marks
    and other slots stay."""
    word = f"{marker}{slot.value}"
    if word not in text:
        return text
    pattern = re.compile(rf"{word}((?:[0-9a-f]{{2}})*)z")
    return pattern.sub(lambda match: get_value(bytes.fromhex(match[1]).decode()), text)


def has_empty_default(text: str, marker: str, slot: Slot) -> bool:
    """Check whether `text` has a slot of this kind without a default text that readers see."""
    return any(
        not holds_visible(bytes.fromhex(match[1]).decode())
        for match in re.finditer(rf"{marker}{slot.value}((?:[0-9a-f]{{2}})*)z", text)
    )


def extract_visible_text(text: str, marker: str, stories: int) -> str:
    """Return the part of `text` that a person with these stories sees in a mail, without the values
    of personal slots."""
    pieces = choose_pieces(tuple(split_body(text, marker)), stories)
    return "".join(content for content, _ in pieces if not isinstance(content, Slot))


def find_printed_slots(text: str, marker: str, stories: int) -> frozenset[Slot]:
    """Return the slots that `text` prints in a mail to a person with these stories."""
    pieces = choose_pieces(tuple(split_body(text, marker)), stories)
    return frozenset(content for content, _ in pieces if isinstance(content, Slot))
