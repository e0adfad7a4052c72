"""A tree -> the blocks of an article, in the one form that equal articles share.

What looks alike is alike here: ``<b>`` and ``<strong>``, a space within or behind an emphasis, two
emphases side by side and one over both, a list's item with and without a paragraph, two line breaks
and a new paragraph. Two articles mean the same if their blocks are equal.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it.common.normalize_url import normalizeLink

from mailer.intake.tidy.leaves import Attributes, Leaf, Mark, paragraphs, without_litter
from mailer.intake.tidy.tree import BLOCKS, Node

DEEPEST_LISTS = 8
"""Lists and quotations within each other. What lies deeper is taken as paragraphs."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block by the name of its element. Paragraphs and headings have `leaves`; quotations, lists,
    their items, tables, their rows and cells have `blocks`; code has `text`."""

    kind: str
    leaves: tuple[Leaf, ...] = ()
    blocks: tuple["Block", ...] = ()
    text: str = ""
    attributes: Attributes = ()


MARKS = {
    "a": "a", "strong": "strong", "b": "strong", "em": "em", "i": "em", "s": "s", "del": "s",
    "strike": "s", "u": "u", "small": "small", "q": "q", "cite": "cite", "abbr": "abbr",
    "acronym": "abbr", "sub": "sub", "sup": "sup",
}  # fmt: skip

_HEADINGS = {"h1": "h2", "h2": "h2", "h3": "h3", "h4": "h4", "h5": "h4", "h6": "h4"}
_CODE = frozenset({"code", "kbd", "samp", "tt"})
_WHERE = ("lang", "dir")


def blocks(tree: Node) -> tuple[Block, ...]:
    """The blocks of a tree, without those that say nothing."""
    return _blocks(tree.children, frozenset(), 0)


def _blocks(children: Iterable[Node | str], marks: frozenset[Mark], deep: int) -> tuple[Block, ...]:
    builder = _Builder(deep)
    builder.take(children, marks)
    builder.end_paragraph()
    return tuple(builder.blocks)


class _Builder:
    """Takes a flow of text and elements, and makes blocks of it."""

    def __init__(self, deep: int) -> None:
        self.blocks: list[Block] = []
        self._run: list[Leaf] = []
        self._deep = deep

    def take(self, children: Iterable[Node | str], marks: frozenset[Mark]) -> None:
        for child in children:
            if isinstance(child, str):
                self._run.append(Leaf("text", child, marks))
            elif child.tag == "br":
                self._run.append(Leaf("br"))
            elif child.tag == "img":
                self._run.append(_picture(child, marks))
            elif child.tag in _CODE:
                self._run += _code(child, marks)
            elif child.tag in MARKS:
                self.take(child.children, _with(marks, child))
            elif child.tag in BLOCKS:
                self.end_paragraph()
                self._block(child, marks)
                self.end_paragraph()
            else:
                self.take(child.children, marks)

    def end_paragraph(self, attributes: Attributes = ()) -> None:
        self.blocks += [Block("p", run, attributes=attributes) for run in paragraphs(self._run)]
        self._run.clear()

    def _block(self, node: Node, marks: frozenset[Mark]) -> None:
        if node.tag in _HEADINGS:
            inside = _joined(_blocks(node.children, marks, self._deep))
            if inside:
                self._add(_HEADINGS[node.tag], node, leaves=inside)
        elif node.tag == "hr":
            self._add("hr")
        elif node.tag == "pre":
            text = _preformatted(node)
            if text:
                self._add("pre", node, text=text)
        elif node.tag == "table":
            self._table(node, marks)
        elif self._deep >= DEEPEST_LISTS or node.tag not in {"blockquote", "ul", "ol"}:
            self.take(node.children, marks)
            self.end_paragraph(_kept(node, _WHERE) if node.tag == "p" else ())
        elif node.tag == "blockquote":
            quoted = _blocks(node.children, marks, self._deep + 1)
            if quoted:
                self._add("blockquote", node, blocks=quoted)
        else:
            items = _items(node, marks, self._deep + 1)
            if items:
                start = _start(node) if node.tag == "ol" else ()
                self._add(node.tag, node, blocks=items, attributes=start)

    def _add(
        self,
        kind: str,
        node: Node | None = None,
        *,
        leaves: tuple[Leaf, ...] = (),
        blocks: tuple[Block, ...] = (),
        text: str = "",
        attributes: Attributes = (),
    ) -> None:
        where = _kept(node, _WHERE) if node else ()
        self.blocks.append(Block(kind, leaves, blocks, text, where + attributes))

    def _table(self, node: Node, marks: frozenset[Mark]) -> None:
        rows = [_row(row, marks, self._deep + 1) for row in _rows(node)]
        rows = [row for row in rows if row and any(cell.blocks for cell in row)]
        for_layout = node.attributes.get("role") in {"presentation", "none"} or not any(
            len(row) > 1 for row in rows
        )
        if for_layout or any(_holds_table(cell) for row in rows for cell in row):
            for row in rows:
                for cell in row:
                    self.blocks += cell.blocks
        else:
            made = tuple(Block("tr", blocks=row) for row in rows)
            self._add("table", node, blocks=made)
        for child in node.children:
            if isinstance(child, Node) and child.tag == "caption":
                self.take(child.children, marks)


def _with(marks: frozenset[Mark], node: Node) -> frozenset[Mark]:
    tag = MARKS[node.tag]
    if tag == "a":
        href = address(node.attributes.get("href", ""))
        if not href:
            return marks
        given = (("href", href), *_kept(node, ("title",)))
        return frozenset(mark for mark in marks if mark.tag != "a") | {Mark("a", given)}
    if tag == "abbr":
        given = _kept(node, ("title",))
        return marks | {Mark("abbr", given)} if given else marks
    return marks | {Mark(tag, _kept(node, _WHERE))}


def _kept(node: Node, names: Sequence[str]) -> Attributes:
    found = ((name, _line(node.attributes.get(name, ""))) for name in names)
    return tuple((name, value) for name, value in found if value)


def _joined(found: Iterable[Block]) -> tuple[Leaf, ...]:
    """The text of blocks as one line, broken where a block ended."""
    leaves: list[Leaf] = []
    for block in found:
        inside = block.leaves or _joined(block.blocks)
        if block.text:
            inside = (Leaf("text", " ".join(block.text.split())),)
        if inside:
            leaves += [Leaf("br"), *inside] if leaves else inside
    return tuple(leaf for paragraph in paragraphs(leaves) for leaf in paragraph)


def _line(text: str) -> str:
    return " ".join(without_litter(text).split())


def address(written: str) -> str:
    """An address as Markdown's reader writes it."""
    return str(normalizeLink(written.strip()))


def _picture(node: Node, marks: frozenset[Mark]) -> Leaf:
    given = (("src", address(node.attributes.get("src", ""))), *_kept(node, ("title",)))
    return Leaf("img", _line(node.attributes.get("alt", "")), marks, given)


def _code(node: Node, marks: frozenset[Mark]) -> list[Leaf]:
    text = without_litter(node.text())
    shown = " ".join(text.split())
    space = Leaf("text", " ", marks)
    before = [space] if text[:1].isspace() else []
    behind = [space] if text[-1:].isspace() else []
    return [*before, *([Leaf("code", shown, marks)] if shown else []), *behind]


def _preformatted(node: Node) -> str:
    def text(node: Node) -> str:
        return "".join(
            child if isinstance(child, str) else "\n" if child.tag == "br" else text(child)
            for child in node.children
        )

    raw = text(node).replace("\r\n", "\n").replace("\r", "\n")
    lines = [
        without_litter(line).expandtabs(4).rstrip() for line in re.split("[\n\x0b\x0c\x85]", raw)
    ]
    return "\n".join(lines).strip("\n")


# ---- lists and tables --------------------------------------------------------------------------


def _items(node: Node, marks: frozenset[Mark], deep: int) -> tuple[Block, ...]:
    """A list's items. A list that stands between items, where Google Docs and old pages put it,
    belongs to the item before."""
    items: list[tuple[Attributes, list[Block]]] = []
    for child in node.children:
        if isinstance(child, Node) and child.tag == "li":
            items.append((_kept(child, _WHERE), list(_blocks(child.children, marks, deep))))
        elif inside := _blocks([child], marks, deep):
            if not items:
                items.append(((), []))
            items[-1][1].extend(inside)
    return tuple(
        Block("li", blocks=tuple(inside), attributes=where) for where, inside in items if inside
    )


def _start(node: Node) -> Attributes:
    """Where its numbers begin. CommonMark has at most nine digits."""
    start = node.attributes.get("start", "").strip()
    plain = start.isascii() and start.isdigit() and len(start) < 10
    return (("start", str(int(start))),) if plain and int(start) != 1 else ()


def _rows(node: Node) -> Iterator[Node]:
    for child in node.children:
        if isinstance(child, Node) and child.tag == "tr":
            yield child
        elif isinstance(child, Node) and child.tag in {"thead", "tbody", "tfoot"}:
            yield from _rows(child)


def _row(row: Node, marks: frozenset[Mark], deep: int) -> tuple[Block, ...]:
    return tuple(
        Block(
            cell.tag,
            blocks=_blocks(cell.children, marks, deep),
            attributes=_kept(cell, _WHERE) + _spans(cell),
        )
        for cell in row.children
        if isinstance(cell, Node) and cell.tag in {"td", "th"}
    )


def _spans(cell: Node) -> Attributes:
    found = ((name, cell.attributes.get(name, "").strip()) for name in ("colspan", "rowspan"))
    return tuple(
        (name, value)
        for name, value in found
        if value.isascii() and value.isdigit() and 1 < int(value[:4]) <= 1000
    )


def _holds_table(block: Block) -> bool:
    return any(one.kind == "table" or _holds_table(one) for one in block.blocks)


def words(found: Iterable[Block]) -> str:
    """The text of blocks, without a mark, as one line."""
    return " ".join(
        part
        for block in found
        for part in (
            "".join(" " if leaf.kind == "br" else leaf.text for leaf in block.leaves),
            " ".join(block.text.split()),
            words(block.blocks),
        )
        if part
    )
