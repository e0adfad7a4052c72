"""Blocks -> HTML on one line: what Markdown has no words for stands so in an article's text."""

from collections.abc import Iterable
from html import escape

from mailer.intake.tidy.leaves import Attributes, Leaf, Mark, nested
from mailer.intake.tidy.shape import Block


def element(block: Block) -> str:
    """One block as an element, without a line end."""
    if block.kind == "hr":
        return "<hr>"
    if block.leaves:
        inside = inline(block.leaves, frozenset())
    elif block.kind == "pre":
        # an empty line would end it, where it stands in another element
        inside = escape(block.text, quote=False).replace("\n", "&#10;")
    elif block.kind in {"li", "td", "th"}:
        inside = _item(block)
    elif block.kind == "table":
        inside = _table(block)
    else:
        inside = elements(block.blocks)
    return f"{opening(block.kind, block.attributes)}{inside}</{block.kind}>"


def elements(blocks: Iterable[Block]) -> str:
    return "".join(map(element, blocks))


def _item(block: Block) -> str:
    """Its only paragraph stands there bare."""
    first = block.blocks[0] if block.blocks else None
    behind = block.blocks[1:]
    lists_follow = block.kind == "li" and all(one.kind in {"ul", "ol"} for one in behind)
    if first and first.kind == "p" and not first.attributes and (not behind or lists_follow):
        return inline(first.leaves, frozenset()) + elements(behind)
    return elements(block.blocks)


def _table(block: Block) -> str:
    head = [row for row in block.blocks[:1] if all(cell.kind == "th" for cell in row.blocks)]
    body = block.blocks[len(head) :]
    return "".join(
        f"<{part}>{elements(rows)}</{part}>"
        for part, rows in (("thead", head), ("tbody", body))
        if rows
    )


def opening(tag: str, attributes: Attributes) -> str:
    given = "".join(f' {name}="{escape(value)}"' for name, value in attributes)
    return f"<{tag}{given}>"


def inline(leaves: tuple[Leaf, ...], within: frozenset[Mark]) -> str:
    parts = []
    for mark, part in nested(leaves, within):
        if mark:
            inside = inline(part, within | {mark})
            parts.append(f"{opening(mark.tag, mark.attributes)}{inside}</{mark.tag}>")
        else:
            parts.append(_leaf(part[0]))
    return "".join(parts)


def _leaf(leaf: Leaf) -> str:
    if leaf.kind == "br":
        return "<br>"
    if leaf.kind == "img":
        return opening("img", (("src", dict(leaf.attributes)["src"]), ("alt", leaf.text),
                               *leaf.attributes[1:]))  # fmt: skip
    text = escape(leaf.text, quote=False)
    return f"<code>{text}</code>" if leaf.kind == "code" else text
