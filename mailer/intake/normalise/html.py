"""Render blocks as HTML on one line, for parts of an article that Markdown can't express."""

from collections.abc import Iterable
from html import escape

from mailer.intake.normalise.blocks import Block
from mailer.intake.normalise.inline import Attributes, Leaf, Mark, group_by_mark


def render_block(block: Block) -> str:
    """Render one block as an element, without a line end."""
    if block.kind == "hr":
        return "<hr>"
    if block.leaves:
        inside = render_inline(block.leaves, frozenset())
    elif block.kind == "pre":
        # An empty line within an element would end the HTML block (CommonMark §4.6).
        inside = escape(block.text, quote=False).replace("\n", "&#10;")
    elif block.kind in {"li", "td", "th"}:
        inside = _render_item(block)
    elif block.kind == "table":
        inside = _render_table(block)
    else:
        inside = render_blocks(block.blocks)
    return f"{render_start_tag(block.kind, block.attributes)}{inside}</{block.kind}>"


def render_blocks(blocks: Iterable[Block]) -> str:
    return "".join(map(render_block, blocks))


def _render_item(block: Block) -> str:
    """Render the content of an item or cell. A single paragraph is rendered without <p>."""
    first = block.blocks[0] if block.blocks else None
    rest = block.blocks[1:]
    only_lists_follow = block.kind == "li" and all(
        nested_block.kind in {"ul", "ol"} for nested_block in rest
    )
    if first and first.kind == "p" and not first.attributes and (not rest or only_lists_follow):
        return render_inline(first.leaves, frozenset()) + render_blocks(rest)
    return render_blocks(block.blocks)


def _render_table(block: Block) -> str:
    head = [row for row in block.blocks[:1] if all(cell.kind == "th" for cell in row.blocks)]
    body = block.blocks[len(head) :]
    return "".join(
        f"<{part}>{render_blocks(rows)}</{part}>"
        for part, rows in (("thead", head), ("tbody", body))
        if rows
    )


def render_start_tag(tag: str, attributes: Attributes) -> str:
    rendered_attributes = "".join(f' {name}="{escape(value)}"' for name, value in attributes)
    return f"<{tag}{rendered_attributes}>"


def render_inline(leaves: tuple[Leaf, ...], within: frozenset[Mark]) -> str:
    parts = []
    for mark, part in group_by_mark(leaves, within):
        if mark:
            inside = render_inline(part, within | {mark})
            parts.append(f"{render_start_tag(mark.tag, mark.attributes)}{inside}</{mark.tag}>")
        else:
            parts.append(_render_leaf(part[0]))
    return "".join(parts)


def _render_leaf(leaf: Leaf) -> str:
    if leaf.kind == "br":
        return "<br>"
    if leaf.kind == "img":
        return render_start_tag(
            "img", (("src", dict(leaf.attributes)["src"]), ("alt", leaf.text), *leaf.attributes[1:])
        )
    text = escape(leaf.text, quote=False)
    return f"<code>{text}</code>" if leaf.kind == "code" else text
