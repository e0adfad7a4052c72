"""Marks and slots: how they are written into a body, and read back.

Opaque words and HTML comments; see the package's docstring for what they mean.
"""

import re
from collections.abc import Iterator
from enum import StrEnum

CONTENTS_FROM = 6
"""How many stories a person must get to be given a table of contents."""


class Ask(StrEnum):
    """What a mark asks of a recipient's stories; or whether it is a mail or a page of the web, of
    which :data:`EITHER` says nothing more."""

    ANY = "any"
    FIRST = "first"
    REST = "rest"
    CONTENTS = "contents"
    MAIL = "mail"
    WEB = "web"


EITHER = 1
"""The bits of a mark that asks where a body is read."""


class Slot(StrEnum):
    """What a slot holds. The value is the letter in its word: none is a hexadecimal digit."""

    NAME = "n"
    ADDRESS = "r"
    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    VIEW = "v"
    NUMBER = "k"
    ACTION = "t"
    """The link that does what a service mail asks about."""


# ---- writing marks and slots: for composing ---------------------------------------------------


def marker(fingerprint: str) -> str:
    """The word that begins a body's marks and slots, from a SHA-256 in hex of its sources."""
    return f"z{fingerprint[:15]}"


def mark(marker: str, ask: Ask, stories: int) -> str:
    """Opens a part; :func:`end` closes it. Parts may nest: then all must hold."""
    return f"<!--{marker} {ask.value} {stories:x}-->"


def end(marker: str) -> str:
    return f"<!--{marker} end-->"


def slot(marker: str, slot: Slot, argument: str = "") -> str:
    """The word for a slot: `argument` is a default text, or a story's bit for a number."""
    return f"{marker}{slot.value}{argument.encode().hex()}z"


_ASKS = "|".join(Ask)


def _pattern(marker: str) -> re.Pattern[str]:
    return re.compile(
        rf"<!--{marker} (?P<ask>{_ASKS}) (?P<bits>[0-9a-f]+)-->"
        rf"|(?P<end><!--{marker} end-->)"
        rf"|{marker}(?P<slot>[nrupvkt])(?P<argument>(?:[0-9a-f]{{2}})*)z"
    )


def slots_and_marks(text: str, marker: str) -> int:
    """How many there are in `text`. Raises ValueError when one is broken or left open, as when a
    filter has changed its case or cut it."""
    found = list(_pattern(marker).finditer(text))
    half, folded = len(marker) // 2, text.lower()
    if any(folded.count(part) != len(found) for part in (marker[:half], marker[half:])):
        raise ValueError("a slot or mark is broken")
    depth = 0
    for one in found:
        depth += bool(one["ask"]) - bool(one["end"])
        if depth < 0:
            raise ValueError("a part is closed that was not opened")
    if depth:
        raise ValueError("a part is opened and not closed")
    return len(found)


# ---- reading them back ------------------------------------------------------------------------

Condition = tuple[Ask, int]
Piece = tuple[tuple[Condition, ...], str | Slot, str]
"""Conditions, then a text, or a slot with its argument."""


def cut(text: str, marker: str) -> Iterator[Piece]:
    conditions: list[Condition] = []
    at = 0
    for found in _pattern(marker).finditer(text):
        if found.start() > at:
            yield tuple(conditions), text[at : found.start()], ""
        at = found.end()
        if found["ask"]:
            conditions.append((Ask(found["ask"]), int(found["bits"], 16)))
        elif found["end"]:
            conditions.pop()
        else:
            argument = bytes.fromhex(found["argument"]).decode()
            yield tuple(conditions), Slot(found["slot"]), argument
    if at < len(text):
        yield tuple(conditions), text[at:], ""


def _asked(stories: int, *, web: bool) -> dict[Ask, int]:
    return {
        Ask.ANY: stories,
        Ask.FIRST: stories & -stories,
        Ask.REST: stories & (stories - 1) if stories else 0,
        Ask.CONTENTS: stories if stories.bit_count() >= CONTENTS_FROM else 0,
        Ask.MAIL: 0 if web else EITHER,
        Ask.WEB: EITHER if web else 0,
    }


def choose(
    pieces: tuple[Piece, ...], stories: int, *, web: bool = False
) -> Iterator[tuple[str | Slot, str]]:
    """What of `pieces` a person with these stories gets, in a mail or on the web, numbers filled
    in."""
    asked = _asked(stories, web=web)
    for conditions, what, argument in pieces:
        if all(asked[ask] & bits for ask, bits in conditions):
            if what is Slot.NUMBER:
                below = stories & ((1 << int(argument) + 1) - 1)
                yield str(below.bit_count()), ""
            else:
                yield what, argument


def visible(text: str, marker: str, stories: int) -> str:
    """What of `text` a person with these stories sees in a mail, personal fields left empty."""
    pieces = choose(tuple(cut(text, marker)), stories)
    return "".join(what for what, _ in pieces if not isinstance(what, Slot))


def printed(text: str, marker: str, stories: int) -> frozenset[Slot]:
    """The slots that `text` prints in a mail to a person with these stories."""
    pieces = choose(tuple(cut(text, marker)), stories)
    return frozenset(what for what, _ in pieces if isinstance(what, Slot))
