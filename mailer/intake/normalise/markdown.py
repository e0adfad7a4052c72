"""Write blocks as Markdown that people can edit, and that reads back as the same blocks.

Formatting that Markdown lacks (a subscript, a cell over two columns) is written as HTML. The result
is checked: the text is read back, and each block that differs is written as HTML.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from mailer.intake.markup import RenderedBlock, join_rendered_blocks, render_markdown_blocks
from mailer.intake.normalise.blocks import Block, build_blocks
from mailer.intake.normalise.html import render_block, render_start_tag
from mailer.intake.normalise.inline import Leaf, Mark, group_by_mark
from mailer.intake.normalise.tree import parse_html

_MARK_SIGNS = {"strong": "**", "em": "*", "s": "~~"}
_LISTS = ("ul", "ol")
_LIST_SEPARATOR = "<!-- -->"
"""A comment that separates two lists, which would otherwise become one. It does not appear in the
HTML."""


class _Unwritable(Exception):
    """Markdown can't express the block."""


class _Part(NamedTuple):
    """A top-level block and its text, or a separator between two lists."""

    text: str
    block: Block | None = None


def render_markdown(article_blocks: Iterable[Block]) -> tuple[str, str]:
    """Return (markdown, html): the blocks as Markdown, and the HTML of this Markdown.

    ``build_blocks(parse_html(html)) == blocks`` and ``to_html(markdown) == html`` always hold. The
    Markdown parser reads the text once: HTML that replaces a block passes through the parser
    unchanged, so the parser need not read it."""
    article_blocks = tuple(article_blocks)
    parts = _separate_lists(article_blocks, map(_write_block, article_blocks))
    markdown = _join_parts(parts)
    rendered_blocks = render_markdown_blocks(markdown)
    html = join_rendered_blocks(rendered_blocks)
    if _build_from_html(html) == article_blocks:
        return markdown, html
    sections = _group_by_part(parts, rendered_blocks)
    for index, part in enumerate(parts):
        if part.block and _build_from_html(join_rendered_blocks(sections[index])) != (part.block,):
            parts[index], sections[index] = _write_as_html(part)
    html = join_rendered_blocks(chain.from_iterable(sections))
    if _build_from_html(html) != article_blocks:
        for index, part in enumerate(parts):
            parts[index], sections[index] = _write_as_html(part)
        html = join_rendered_blocks(chain.from_iterable(sections))
    return _join_parts(parts), html


def _group_by_part(
    parts: Iterable[_Part], rendered_blocks: Iterable[RenderedBlock]
) -> list[list[RenderedBlock]]:
    """Return for each part what the Markdown parser made of its lines."""
    first_lines: list[int] = []
    line = 0
    for part in parts:
        first_lines.append(line)
        line += part.text.count("\n") + 2
    sections: list[list[RenderedBlock]] = [[] for _ in first_lines]
    for rendered_block in rendered_blocks:
        sections[bisect_right(first_lines, rendered_block.first_line) - 1].append(rendered_block)
    return sections


def _write_as_html(part: _Part) -> tuple[_Part, list[RenderedBlock]]:
    """Return the part with its block written as HTML, and what the Markdown parser makes of it."""
    html = render_block(part.block) if part.block else part.text
    return part._replace(text=html), [RenderedBlock(0, f"{html}\n")]


def _write_block(block: Block) -> str:
    try:
        return _format_block(block)
    except _Unwritable:
        return render_block(block)


def _build_from_html(html: str) -> tuple[Block, ...]:
    return build_blocks(parse_html(html))


def _separate_lists(separated_blocks: Iterable[Block], texts: Iterable[str]) -> list[_Part]:
    """Return the blocks' texts as parts, with a separator between two lists of the same kind."""
    parts: list[_Part] = []
    last_kind = ""
    for block, text in zip(separated_blocks, texts, strict=True):
        if block.kind == last_kind and last_kind in _LISTS:
            parts.append(_Part(_LIST_SEPARATOR))
        parts.append(_Part(text, block))
        last_kind = block.kind
    return parts


def _join_parts(parts: Iterable[_Part]) -> str:
    return "\n\n".join(part.text for part in parts)


def _format_block(block: Block) -> str:
    if block.kind == "p":
        return _escape_line_starts(_format_inline(block.leaves))
    if block.kind in {"h2", "h3", "h4"}:
        line = _format_inline(block.leaves, line_break="<br>")
        # Number signs at the end would be read as the heading's closing sequence.
        line = re.sub(r"(?<![^ ])(?=#+$)", r"\\", line)
        return f"{'#' * int(block.kind[1])} {line}"
    if block.kind == "hr":
        # "---" after "- " in a list would be read as part of the list.
        return "***"
    if block.kind == "pre":
        fence = "`" * max(3, _find_longest_run("`", block.text) + 1)
        return f"{fence}\n{block.text}\n{fence}"
    if block.kind == "blockquote":
        lines = _format_blocks(block.blocks).split("\n")
        return "\n".join(f"> {line}" if line else ">" for line in lines)
    if block.kind in _LISTS:
        return _format_list(block)
    return _format_table(block)


def _format_blocks(nested_blocks: tuple[Block, ...]) -> str:
    return _join_parts(_separate_lists(nested_blocks, map(_format_block, nested_blocks)))


def _find_longest_run(sign: str, text: str) -> int:
    return max((len(run) for run in re.findall(f"{sign}+", text)), default=0)


# ---- lists and tables --------------------------------------------------------------------------


def _format_list(block: Block) -> str:
    number = int(dict(block.attributes).get("start", "1"))
    is_close = all(_is_close(item) for item in block.blocks)
    items = []
    for index, item in enumerate(block.blocks):
        sign = f"{number + index}. " if block.kind == "ol" else "- "
        inside = (
            "\n".join(map(_format_block, item.blocks)) if is_close else _format_blocks(item.blocks)
        )
        lines = inside.split("\n")
        indented = [" " * len(sign) + line if line else "" for line in lines[1:]]
        items.append("\n".join([sign + lines[0], *indented]))
    return ("\n" if is_close else "\n\n").join(items)


def _is_close(item: Block) -> bool:
    """Check that the item needs no empty lines around it, because it is a single paragraph,
    possibly with a nested list."""
    kinds = [nested_block.kind for nested_block in item.blocks]
    return kinds in (["p"], ["p", "ul"]) or (kinds == ["p", "ol"] and not item.blocks[1].attributes)


def _format_table(block: Block) -> str:
    rows = [row.blocks for row in block.blocks]
    head = rows[0]
    if any(len(row) != len(head) for row in rows) or any(cell.kind != "th" for cell in head):
        raise _Unwritable
    lines = ["| " + " | ".join(map(_format_cell, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(head), *lines[1:]])


def _format_cell(cell: Block) -> str:
    if not cell.blocks:
        return ""
    if len(cell.blocks) > 1 or not cell.blocks[0].leaves:
        raise _Unwritable
    return _format_inline(cell.blocks[0].leaves, line_break="<br>").replace("|", "\\|")


# ---- text -------------------------------------------------------------------------------------


def _format_inline(
    leaves: tuple[Leaf, ...], within: frozenset[Mark] = frozenset(), *, line_break: str = "\\\n"
) -> str:
    parts = list(group_by_mark(leaves, within))
    text = ""
    for index, (mark, part) in enumerate(parts):
        following = parts[index + 1] if index + 1 < len(parts) else None
        if mark:
            inside = _format_inline(part, within | {mark}, line_break=line_break)
            marked = _format_mark(mark, part, inside, text[-1:], _get_first_sign(following))
            # An unescaped "!" before a link would make a picture of it.
            text = text[:-1] + "\\!" if text[-1:] == "!" and marked[0] == "[" else text
            text += marked
        elif part[0].kind == "br":
            text += line_break
        else:
            is_linked = any(outer_mark.tag == "a" for outer_mark in within)
            text += _format_leaf(part[0], is_linked)
    return text


def _get_first_sign(part: tuple[Mark | None, tuple[Leaf, ...]] | None) -> str:
    """Return the first character of a part in Markdown, or ""."""
    if part is None:
        return ""
    mark, (first, *_) = part
    if mark:
        return "[" if mark.tag == "a" else _MARK_SIGNS.get(mark.tag, "<")[0]
    return {"img": "!", "code": "`", "br": "\n"}.get(first.kind, first.text[:1])


def _format_mark(mark: Mark, part: tuple[Leaf, ...], inside: str, before: str, behind: str) -> str:
    if mark.tag == "a":
        return _format_link(dict(mark.attributes), part, inside)
    sign = _MARK_SIGNS.get(mark.tag, "")
    if sign and not mark.attributes and _can_emphasise(sign, inside, before, behind):
        return f"{sign}{inside}{sign}"
    return f"{render_start_tag(mark.tag, mark.attributes)}{inside}</{mark.tag}>"


def _can_emphasise(sign: str, inside: str, before: str, behind: str) -> bool:
    """Check that `sign` opens and closes an emphasis between `before` and `behind` (CommonMark
    §6.2: left- and right-flanking delimiter runs)."""
    if sign[0] in (before, behind):
        return False
    can_open = not _is_punctuation(inside[0]) or _is_edge(before)
    can_close = not _is_punctuation(inside[-1]) or _is_edge(behind)
    return can_open and can_close


def _is_punctuation(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PS"


def _is_edge(sign: str) -> bool:
    return not sign or sign.isspace() or _is_punctuation(sign)


def _format_link(attributes: dict[str, str], part: tuple[Leaf, ...], inside: str) -> str:
    href, title = attributes["href"], attributes.get("title")
    if not title and len(part) == 1 and part[0].kind == "text":
        link_text = part[0].text
        if href in {link_text, f"mailto:{link_text}"} and re.fullmatch(r"[^\s<>*_\\]+", link_text):
            return f"<{link_text}>"
    return f"[{inside}]({_format_target(href, title)})"


def _format_target(address: str, title: str | None) -> str:
    address = address.replace("&", "&amp;") if re.search(r"&#?\w+;", address) else address
    if address.count("(") != address.count(")") or ")" in address.partition("(")[0]:
        address = f"<{address}>"
    return f'{address} "{_escape_title(title)}"' if title else address


def _escape_title(title: str) -> str:
    return re.sub(r'["\\]', r"\\\g<0>", re.sub(r"&(?=#?\w+;)", "&amp;", title))


_SPECIAL = re.compile(
    r"""
      [\\`*~]                               # code, emphasis, deletion
    | (?<![^\W_])_ | _(?![^\W_])            # emphasis, except within a word
    | <(?=[A-Za-z/!?]|$)                    # element, link
    | &(?=\#?\w+;)                          # entity
    | \[(?=[^\]]{0,500}\][(:])              # link, definition
    """,
    re.VERBOSE,
)


def _format_leaf(leaf: Leaf, is_linked: bool) -> str:
    if leaf.kind == "code":
        fence = "`" * (_find_longest_run("`", leaf.text) + 1)
        space = " " if "`" in (leaf.text[0], leaf.text[-1]) else ""
        return f"{fence}{space}{leaf.text}{space}{fence}"
    text = _SPECIAL.sub(r"\\\g<0>", leaf.text)
    if is_linked or leaf.kind == "img":
        text = re.sub(r"(?<!\\)[\[\]]", r"\\\g<0>", text)
    if leaf.kind == "img":
        attributes = dict(leaf.attributes)
        return f"![{text}]({_format_target(attributes['src'], attributes.get('title'))})"
    return text


_LINE_STARTS = re.compile(
    r"""
      ^(?P<plain>[-+](?=\s|$) | \#{1,6}(?=\s|$) | > | =+\s*$ | [-:|](?=[-:|\s]*$) )
    | ^(?P<number>\d{1,9})(?P<sign>[.)])(?=\s|$)
    """,
    re.VERBOSE,
)


def _escape_line_starts(text: str) -> str:
    """Escape the beginnings of lines that would start a list, a heading, a quotation, a rule or a
    table."""
    return "\n".join(_LINE_STARTS.sub(_escape_start, line) for line in text.split("\n"))


def _escape_start(match: re.Match[str]) -> str:
    if match["number"]:
        return f"{match['number']}\\{match['sign']}"
    return f"\\{match['plain']}"
