"""The content of a paragraph: stretches of text, each with the marks that apply to it.

This module normalises spaces. A run of spaces becomes one space. A space between two stretches gets
only the marks that both have in common, so an emphasis neither begins nor ends with a space.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

Attributes = tuple[tuple[str, str], ...]

# The joiners U+200C and U+200D stay, since Persian and emoji need them, as do the direction marks.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u200b\u2060\ufeff\ufffe\uffff]+"
)
_SPACES = re.compile(r"(\s+)")
_JOINERS = "\u200c\u200d"
_IRREGULAR = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\xa0\u00ad\u034f\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060"
    "\u3000\ufeff\ufffe\uffff]"
)
"""Matches invisible characters, joiners, and spaces that are not ASCII. Most text has none, and its
spaces can be normalised without looking at each word."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A mark that applies to a stretch of text, such as strong, or a link with its address."""

    tag: str
    attributes: Attributes = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """Text, code, a line break (``br``) or a picture (``img``, whose `text` is its alt text), with
    the marks that apply to it."""

    kind: str
    text: str = ""
    marks: frozenset[Mark] = frozenset()
    attributes: Attributes = ()


def strip_invisible(text: str) -> str:
    """Return `text` without soft hyphens, zero-width spaces and control characters."""
    return _INVISIBLE.sub("", text)


def split_paragraphs(run: Iterable[Leaf]) -> Iterator[tuple[Leaf, ...]]:
    """Yield the run's paragraphs, each in canonical form.

    Two or more line breaks separate paragraphs, as people write paragraphs in this way."""
    paragraph: list[Leaf] = []
    for is_break, part in groupby(_normalise_spaces(run), lambda leaf: leaf.kind == "br"):
        leaves = list(part)
        if is_break and len(leaves) == 1:
            paragraph += leaves
            continue
        if is_break:
            yield from _trim_breaks(paragraph)
            paragraph = []
        else:
            paragraph += leaves
    yield from _trim_breaks(paragraph)


def _trim_breaks(leaves: list[Leaf]) -> Iterator[tuple[Leaf, ...]]:
    while leaves and leaves[-1].kind == "br":
        leaves.pop()
    while leaves and leaves[0].kind == "br":
        del leaves[0]
    if leaves:
        yield tuple(_merge_leaves(leaves))


def _normalise_spaces(run: Iterable[Leaf]) -> list[Leaf]:
    """Return the leaves with each run of spaces as one space.

    A single no-break space stays, since French needs it before a colon."""
    normalised: list[Leaf] = []
    space = ""

    def add_space(marks: frozenset[Mark]) -> None:
        if space and normalised and normalised[-1].kind != "br":
            normalised.append(Leaf("text", space, normalised[-1].marks & marks))

    for leaf in run:
        if leaf.marks:
            leaf = _drop_link_underline(leaf)
        if leaf.kind != "text":
            if leaf.kind != "br":
                add_space(leaf.marks)
            normalised.append(leaf)
            space = ""
            continue
        if not _IRREGULAR.search(leaf.text):
            if leaf.text[:1].isspace():
                space = " "
            if text := " ".join(leaf.text.split()):
                add_space(leaf.marks)
                normalised.append(Leaf("text", text, leaf.marks))
                space = " " if leaf.text[-1].isspace() else ""
            continue
        text = ""
        for word in _SPACES.split(strip_invisible(leaf.text)):
            if word.isspace():
                space = " " if space or len(word) > 1 or word.isascii() else word
            elif word.strip(_JOINERS):
                if not text:
                    add_space(leaf.marks)
                text += space + word if text else word
                space = ""
        if text:
            normalised.append(Leaf("text", text, leaf.marks))
    return normalised


def _drop_link_underline(leaf: Leaf) -> Leaf:
    """Return the leaf without an underline if it is in a link, which is underlined anyway."""
    if any(mark.tag == "a" for mark in leaf.marks):
        return replace(
            leaf, marks=frozenset(other_mark for other_mark in leaf.marks if other_mark.tag != "u")
        )
    return leaf


def _merge_leaves(leaves: list[Leaf]) -> Iterator[Leaf]:
    """Merge adjacent stretches with the same marks. Line breaks get the marks of both sides."""
    if len(leaves) == 1:
        yield leaves[0]
        return
    settled_leaves = [
        replace(leaf, marks=leaves[index - 1].marks & leaves[index + 1].marks)
        if leaf.kind == "br"
        else leaf
        for index, leaf in enumerate(leaves)
    ]
    for (kind, marks), group in groupby(settled_leaves, lambda leaf: (leaf.kind, leaf.marks)):
        if kind in {"text", "code"}:
            yield Leaf(kind, "".join(leaf.text for leaf in group), marks)
        else:
            yield from group


_MARK_ORDER = ("a", "strong", "em", "s", "u", "small", "q", "cite", "abbr", "sub", "sup")


def group_by_mark(
    leaves: tuple[Leaf, ...], within: frozenset[Mark]
) -> Iterator[tuple[Mark | None, tuple[Leaf, ...]]]:
    """Yield (mark, leaves) parts: adjacent leaves that share a mark, with that mark.

    The marks in `within` are already open, and ignored. A leaf without other marks is a separate
    part with None. If several marks apply, the mark that reaches farthest is the outer one."""
    index = 0
    while index < len(leaves):
        inner_marks = leaves[index].marks - within
        if not inner_marks:
            yield None, (leaves[index],)
            index += 1
            continue
        ends = {mark: _find_mark_end(leaves, index, mark) for mark in inner_marks}
        mark = min(
            inner_marks,
            key=lambda candidate: (-ends[candidate], _MARK_ORDER.index(candidate.tag), candidate),
        )
        yield mark, leaves[index : ends[mark]]
        index = ends[mark]


def _find_mark_end(leaves: tuple[Leaf, ...], start: int, mark: Mark) -> int:
    return next(
        (end for end in range(start, len(leaves)) if mark not in leaves[end].marks), len(leaves)
    )
