"""What stands in a paragraph: stretches of text, and the marks that hold for each.

Spaces are settled here. Where there were some there is one; a space between two stretches has the
marks that both have, so an emphasis neither begins nor ends with one.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

Attributes = tuple[tuple[str, str], ...]

# Not the joiners U+200C and U+200D, which Persian and emoji need, nor the marks of direction.
_LITTER = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u200b\u2060\ufeff\ufffe\uffff]+"
)
_SPACES = re.compile(r"(\s+)")
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """What holds for a stretch of text: it is strong, or a link to somewhere."""

    tag: str
    attributes: Attributes = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """Text, code, a line break (``br``) or a picture (``img``, whose `text` is its alt text), with
    the marks that hold there."""

    kind: str
    text: str = ""
    marks: frozenset[Mark] = frozenset()
    attributes: Attributes = ()


def without_litter(text: str) -> str:
    """`text` without soft hyphens, spaces of no width and control characters."""
    return _LITTER.sub("", text)


def paragraphs(run: Iterable[Leaf]) -> Iterator[tuple[Leaf, ...]]:
    """The run's paragraphs, each with its text in canonical form: two line breaks or more part
    them, as people do who don't know of paragraphs."""
    found: list[Leaf] = []
    for broken, part in groupby(_spaced(run), lambda leaf: leaf.kind == "br"):
        leaves = list(part)
        if broken and len(leaves) == 1:
            found += leaves
            continue
        if broken:
            yield from _whole(found)
            found = []
        else:
            found += leaves
    yield from _whole(found)


def _whole(leaves: list[Leaf]) -> Iterator[tuple[Leaf, ...]]:
    while leaves and leaves[-1].kind == "br":
        leaves.pop()
    while leaves and leaves[0].kind == "br":
        del leaves[0]
    if leaves:
        yield tuple(_merged(leaves))


def _spaced(run: Iterable[Leaf]) -> list[Leaf]:
    """One no-break space alone stays what it is: French needs it before a colon."""
    found: list[Leaf] = []
    space = ""

    def part(marks: frozenset[Mark]) -> None:
        if space and found and found[-1].kind != "br":
            found.append(Leaf("text", space, found[-1].marks & marks))

    for leaf in map(_settled, run):
        if leaf.kind != "text":
            if leaf.kind != "br":
                part(leaf.marks)
            found.append(leaf)
            space = ""
            continue
        said = ""
        for one in _SPACES.split(without_litter(leaf.text)):
            if one.isspace():
                space = " " if space or len(one) > 1 or one.isascii() else one
            elif one.strip(_JOINERS):
                if not said:
                    part(leaf.marks)
                said += space + one if said else one
                space = ""
        if said:
            found.append(Leaf("text", said, leaf.marks))
    return found


def _settled(leaf: Leaf) -> Leaf:
    """A link is underlined anyway."""
    if any(mark.tag == "a" for mark in leaf.marks):
        return replace(leaf, marks=frozenset(one for one in leaf.marks if one.tag != "u"))
    return leaf


def _merged(leaves: list[Leaf]) -> Iterator[Leaf]:
    """Stretches with the same marks as one; line breaks with the marks of both sides."""
    settled = [
        replace(leaf, marks=leaves[at - 1].marks & leaves[at + 1].marks)
        if leaf.kind == "br"
        else leaf
        for at, leaf in enumerate(leaves)
    ]
    for (kind, marks), group in groupby(settled, lambda leaf: (leaf.kind, leaf.marks)):
        if kind in {"text", "code"}:
            yield Leaf(kind, "".join(leaf.text for leaf in group), marks)
        else:
            yield from group


_ORDER = ("a", "strong", "em", "s", "u", "small", "q", "cite", "abbr", "sub", "sup")


def nested(
    leaves: tuple[Leaf, ...], within: frozenset[Mark]
) -> Iterator[tuple[Mark | None, tuple[Leaf, ...]]]:
    """The leaves in parts: those that the same mark holds together, beside the marks `within` which
    they stand, with that mark; others alone. Of several marks the one that reaches farthest is
    the outer one."""
    at = 0
    while at < len(leaves):
        inner = leaves[at].marks - within
        if not inner:
            yield None, (leaves[at],)
            at += 1
            continue
        ends = {mark: _reach(leaves, at, mark) for mark in inner}
        mark = min(inner, key=lambda one: (-ends[one], _ORDER.index(one.tag), one))
        yield mark, leaves[at : ends[mark]]
        at = ends[mark]


def _reach(leaves: tuple[Leaf, ...], at: int, mark: Mark) -> int:
    return next(
        (end for end in range(at, len(leaves)) if mark not in leaves[end].marks), len(leaves)
    )
