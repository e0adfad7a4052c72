"""Build the blocks of an article from a tree, in a canonical form.

HTML that looks the same gives equal blocks, and two articles mean the same if their blocks are
equal. Each of these pairs gives equal blocks:

- ``<b>`` and ``<strong>``;
- a space at the end of an emphasis, and a space after the emphasis;
- two adjacent emphases, and one emphasis over both texts;
- a list item with a paragraph in it, and a list item without;
- two line breaks, and the beginning of a new paragraph.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it.common.normalize_url import normalizeLink

from mailer.intake.normalise.inline import Attributes, Leaf, Mark, split_paragraphs, strip_invisible
from mailer.intake.normalise.tree import BLOCKS, Node

DEEPEST_LISTS = 8
"""Maximum depth of nested lists and quotations. Those that nest deeper become paragraphs."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block; `kind` is the name of its element.

    Paragraphs and headings have `leaves`. Quotations, lists, list items, tables, rows and cells
    have `blocks`. Code has `text`."""

    kind: str
    leaves: tuple[Leaf, ...] = ()
    blocks: tuple["Block", ...] = ()
    text: str = ""
    attributes: Attributes = ()


MARKS = {
    "a": "a",
    "strong": "strong",
    "b": "strong",
    "em": "em",
    "i": "em",
    "s": "s",
    "del": "s",
    "strike": "s",
    "u": "u",
    "small": "small",
    "q": "q",
    "cite": "cite",
    "abbr": "abbr",
    "acronym": "abbr",
    "sub": "sub",
    "sup": "sup",
}

_HEADINGS = {"h1": "h2", "h2": "h2", "h3": "h3", "h4": "h4", "h5": "h4", "h6": "h4"}
_CODE = frozenset({"code", "kbd", "samp", "tt"})
_LANGUAGE_ATTRIBUTES = ("lang", "dir")


def build_blocks(tree: Node) -> tuple[Block, ...]:
    """Return the blocks of a tree, without empty ones."""
    return _collect_blocks(tree.children, frozenset(), 0)


def _collect_blocks(
    children: Iterable[Node | str], marks: frozenset[Mark], depth: int
) -> tuple[Block, ...]:
    builder = _BlockBuilder(depth)
    builder.add_children(children, marks)
    builder.end_paragraph()
    return tuple(builder.blocks)


class _BlockBuilder:
    """Builds blocks from a flow of text and elements."""

    def __init__(self, depth: int) -> None:
        self.blocks: list[Block] = []
        self._run: list[Leaf] = []
        self._depth = depth

    def add_children(self, children: Iterable[Node | str], marks: frozenset[Mark]) -> None:
        for child in children:
            if isinstance(child, str):
                self._run.append(Leaf("text", child, marks))
            elif child.tag == "br":
                self._run.append(Leaf("br"))
            elif child.tag == "img":
                self._run.append(_build_picture(child, marks))
            elif child.tag in _CODE:
                self._run += _build_code(child, marks)
            elif child.tag in MARKS:
                self.add_children(child.children, _extend_marks(marks, child))
            elif child.tag in BLOCKS:
                self.end_paragraph()
                self._add_element(child, marks)
                self.end_paragraph()
            else:
                self.add_children(child.children, marks)

    def end_paragraph(self, attributes: Attributes = ()) -> None:
        if not self._run:
            return
        self.blocks += [
            Block("p", run, attributes=attributes) for run in split_paragraphs(self._run)
        ]
        self._run.clear()

    def _add_element(self, node: Node, marks: frozenset[Mark]) -> None:
        if node.tag in _HEADINGS:
            inside = _join_as_line(_collect_blocks(node.children, marks, self._depth))
            if inside:
                self._append_block(_HEADINGS[node.tag], node, leaves=inside)
        elif node.tag == "hr":
            self._append_block("hr")
        elif node.tag == "pre":
            text = _extract_preformatted(node)
            if text:
                self._append_block("pre", node, text=text)
        elif node.tag == "table":
            self._add_table(node, marks)
        elif self._depth >= DEEPEST_LISTS or node.tag not in {"blockquote", "ul", "ol"}:
            self.add_children(node.children, marks)
            self.end_paragraph(
                _select_attributes(node, _LANGUAGE_ATTRIBUTES) if node.tag == "p" else ()
            )
        elif node.tag == "blockquote":
            quoted = _collect_blocks(node.children, marks, self._depth + 1)
            if quoted:
                self._append_block("blockquote", node, blocks=quoted)
        else:
            items = _build_items(node, marks, self._depth + 1)
            if items:
                start = _get_start_number(node) if node.tag == "ol" else ()
                self._append_block(node.tag, node, blocks=items, attributes=start)

    def _append_block(
        self,
        kind: str,
        node: Node | None = None,
        *,
        leaves: tuple[Leaf, ...] = (),
        blocks: tuple[Block, ...] = (),
        text: str = "",
        attributes: Attributes = (),
    ) -> None:
        language_attributes = _select_attributes(node, _LANGUAGE_ATTRIBUTES) if node else ()
        self.blocks.append(Block(kind, leaves, blocks, text, language_attributes + attributes))

    def _add_table(self, node: Node, marks: frozenset[Mark]) -> None:
        rows = [_build_row(row, marks, self._depth + 1) for row in _find_rows(node)]
        rows = [row for row in rows if row and any(cell.blocks for cell in row)]
        is_layout = node.attributes.get("role") in {"presentation", "none"} or not any(
            len(row) > 1 for row in rows
        )
        if is_layout or any(_holds_table(cell) for row in rows for cell in row):
            for row in rows:
                for cell in row:
                    self.blocks += cell.blocks
        else:
            table_rows = tuple(Block("tr", blocks=row) for row in rows)
            self._append_block("table", node, blocks=table_rows)
        for child in node.children:
            if isinstance(child, Node) and child.tag == "caption":
                self.add_children(child.children, marks)


def _extend_marks(marks: frozenset[Mark], node: Node) -> frozenset[Mark]:
    tag = MARKS[node.tag]
    if tag == "a":
        href = normalise_address(node.attributes.get("href", ""))
        if not href:
            return marks
        attributes = (("href", href), *_select_attributes(node, ("title",)))
        return frozenset(mark for mark in marks if mark.tag != "a") | {Mark("a", attributes)}
    if tag == "abbr":
        attributes = _select_attributes(node, ("title",))
        return marks | {Mark("abbr", attributes)} if attributes else marks
    return marks | {Mark(tag, _select_attributes(node, _LANGUAGE_ATTRIBUTES))}


def _select_attributes(node: Node, names: Sequence[str]) -> Attributes:
    pairs = ((name, _normalise_line(node.attributes.get(name, ""))) for name in names)
    return tuple((name, value) for name, value in pairs if value)


def _join_as_line(joined_blocks: Iterable[Block]) -> tuple[Leaf, ...]:
    """Return the leaves of blocks as one line, with a line break after each block."""
    leaves: list[Leaf] = []
    for block in joined_blocks:
        inside = block.leaves or _join_as_line(block.blocks)
        if block.text:
            inside = (Leaf("text", " ".join(block.text.split())),)
        if inside:
            leaves += [Leaf("br"), *inside] if leaves else inside
    return tuple(leaf for paragraph in split_paragraphs(leaves) for leaf in paragraph)


def _normalise_line(text: str) -> str:
    return " ".join(strip_invisible(text).split())


def normalise_address(written: str) -> str:
    """Return an address in the form in which the Markdown parser writes it."""
    return str(normalizeLink(written.strip()))


def _build_picture(node: Node, marks: frozenset[Mark]) -> Leaf:
    attributes = (
        ("src", normalise_address(node.attributes.get("src", ""))),
        *_select_attributes(node, ("title",)),
    )
    return Leaf("img", _normalise_line(node.attributes.get("alt", "")), marks, attributes)


def _build_code(node: Node, marks: frozenset[Mark]) -> list[Leaf]:
    text = strip_invisible(node.get_text())
    code = " ".join(text.split())
    space = Leaf("text", " ", marks)
    before = [space] if text[:1].isspace() else []
    behind = [space] if text[-1:].isspace() else []
    return [*before, *([Leaf("code", code, marks)] if code else []), *behind]


def _extract_preformatted(node: Node) -> str:
    def collect_text(node: Node) -> str:
        return "".join(
            child if isinstance(child, str) else "\n" if child.tag == "br" else collect_text(child)
            for child in node.children
        )

    raw = collect_text(node).replace("\r\n", "\n").replace("\r", "\n")
    lines = [
        strip_invisible(line).expandtabs(4).rstrip() for line in re.split("[\n\x0b\x0c\x85]", raw)
    ]
    return "\n".join(lines).strip("\n")


# ---- lists and tables --------------------------------------------------------------------------


def _build_items(node: Node, marks: frozenset[Mark], depth: int) -> tuple[Block, ...]:
    """Return a list's items. Google Docs and old pages write a nested list between two items; the
    nested list then belongs to the item before it."""
    items: list[tuple[Attributes, list[Block]]] = []
    for child in node.children:
        if isinstance(child, Node) and child.tag == "li":
            items.append(
                (
                    _select_attributes(child, _LANGUAGE_ATTRIBUTES),
                    list(_collect_blocks(child.children, marks, depth)),
                )
            )
        elif inside := _collect_blocks([child], marks, depth):
            if not items:
                items.append(((), []))
            items[-1][1].extend(inside)
    return tuple(
        Block("li", blocks=tuple(inside), attributes=language_attributes)
        for language_attributes, inside in items
        if inside
    )


def _get_start_number(node: Node) -> Attributes:
    """Return the list's ``start`` attribute unless it is 1. CommonMark has at most nine digits."""
    start = node.attributes.get("start", "").strip()
    is_plain = start.isascii() and start.isdigit() and len(start) < 10
    return (("start", str(int(start))),) if is_plain and int(start) != 1 else ()


def _find_rows(node: Node) -> Iterator[Node]:
    for child in node.children:
        if isinstance(child, Node) and child.tag == "tr":
            yield child
        elif isinstance(child, Node) and child.tag in {"thead", "tbody", "tfoot"}:
            yield from _find_rows(child)


def _build_row(row: Node, marks: frozenset[Mark], depth: int) -> tuple[Block, ...]:
    return tuple(
        Block(
            cell.tag,
            blocks=_collect_blocks(cell.children, marks, depth),
            attributes=_select_attributes(cell, _LANGUAGE_ATTRIBUTES) + _get_spans(cell),
        )
        for cell in row.children
        if isinstance(cell, Node) and cell.tag in {"td", "th"}
    )


def _get_spans(cell: Node) -> Attributes:
    pairs = ((name, cell.attributes.get(name, "").strip()) for name in ("colspan", "rowspan"))
    return tuple(
        (name, value)
        for name, value in pairs
        if value.isascii() and value.isdigit() and 1 < int(value[:4]) <= 1000
    )


def _holds_table(block: Block) -> bool:
    return any(
        nested_block.kind == "table" or _holds_table(nested_block) for nested_block in block.blocks
    )


def extract_text(text_blocks: Iterable[Block]) -> str:
    """Return the text of blocks as one line, without marks."""
    return " ".join(
        part
        for block in text_blocks
        for part in (
            "".join(" " if leaf.kind == "br" else leaf.text for leaf in block.leaves),
            " ".join(block.text.split()),
            extract_text(block.blocks),
        )
        if part
    )
