"""Blocks -> Markdown that people can go on writing in, and that reads back as the same blocks.

What Markdown has no words for (a subscript, a cell over two columns) stands as HTML. That holds by
construction: each block is read back, and one that would come back as another is written as HTML.
"""

import re
import unicodedata
from collections.abc import Iterable

from mailer.intake.markup import to_html
from mailer.intake.tidy.element import element, opening
from mailer.intake.tidy.leaves import Leaf, Mark, nested
from mailer.intake.tidy.shape import Block, blocks
from mailer.intake.tidy.tree import read

_SIGNS = {"strong": "**", "em": "*", "s": "~~"}
_LISTS = ("ul", "ol")
_APART = "<!-- -->"
"""Between two lists, which would else be one. It goes when Markdown becomes HTML."""


class _Unwritable(Exception):
    """Markdown has no words for this block."""


def write(found: Iterable[Block]) -> str:
    """The blocks as Markdown: ``blocks(read(to_html(write(found)))) == found``."""
    found = tuple(found)
    text = _apart(found, [_written(block) for block in found])
    if _read(text) != found:  # pragma: no cover - no such case is known
        text = _apart(found, [element(block) for block in found])
    return text


def _written(block: Block) -> str:
    try:
        text = _block(block)
    except _Unwritable:
        return element(block)
    return text if _read(text) == (block,) else element(block)


def _read(markdown: str) -> tuple[Block, ...]:
    return blocks(read(to_html(markdown)))


def _apart(found: tuple[Block, ...], texts: list[str]) -> str:
    parts: list[str] = []
    last = ""
    for block, text in zip(found, texts, strict=True):
        if block.kind == last and last in _LISTS:
            parts.append(_APART)
        parts.append(text)
        last = block.kind
    return "\n\n".join(parts)


def _block(block: Block) -> str:
    if block.kind == "p":
        return _line_starts(_inline(block.leaves))
    if block.kind in {"h2", "h3", "h4"}:
        line = _inline(block.leaves, line_break="<br>")
        # signs at the end would be taken for a heading's closing ones
        line = re.sub(r"(?<![^ ])(?=#+$)", r"\\", line)
        return f"{'#' * int(block.kind[1])} {line}"
    if block.kind == "hr":
        # not ---, which after "- " in a list would be the list's
        return "***"
    if block.kind == "pre":
        fence = "`" * max(3, _longest("`", block.text) + 1)
        return f"{fence}\n{block.text}\n{fence}"
    if block.kind == "blockquote":
        lines = _flow(block.blocks).split("\n")
        return "\n".join(f"> {line}" if line else ">" for line in lines)
    if block.kind in _LISTS:
        return _list(block)
    return _table(block)


def _flow(found: tuple[Block, ...]) -> str:
    return _apart(found, [_block(block) for block in found])


def _longest(sign: str, text: str) -> int:
    return max((len(run) for run in re.findall(f"{sign}+", text)), default=0)


# ---- lists and tables --------------------------------------------------------------------------


def _list(block: Block) -> str:
    number = int(dict(block.attributes).get("start", "1"))
    close = all(_is_close(item) for item in block.blocks)
    items = []
    for place, item in enumerate(block.blocks):
        sign = f"{number + place}. " if block.kind == "ol" else "- "
        inside = "\n".join(map(_block, item.blocks)) if close else _flow(item.blocks)
        lines = inside.split("\n")
        indented = [" " * len(sign) + line if line else "" for line in lines[1:]]
        items.append("\n".join([sign + lines[0], *indented]))
    return ("\n" if close else "\n\n").join(items)


def _is_close(item: Block) -> bool:
    """Whether no empty line is needed in it: a line of text, and a list that can follow it."""
    kinds = [one.kind for one in item.blocks]
    return kinds in (["p"], ["p", "ul"]) or (kinds == ["p", "ol"] and not item.blocks[1].attributes)


def _table(block: Block) -> str:
    rows = [row.blocks for row in block.blocks]
    head = rows[0]
    if any(len(row) != len(head) for row in rows) or any(cell.kind != "th" for cell in head):
        raise _Unwritable
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(head), *lines[1:]])


def _cell(cell: Block) -> str:
    if not cell.blocks:
        return ""
    if len(cell.blocks) > 1 or not cell.blocks[0].leaves:
        raise _Unwritable
    return _inline(cell.blocks[0].leaves, line_break="<br>").replace("|", "\\|")


# ---- text -------------------------------------------------------------------------------------


def _inline(
    leaves: tuple[Leaf, ...], within: frozenset[Mark] = frozenset(), *, line_break: str = "\\\n"
) -> str:
    parts = list(nested(leaves, within))
    text = ""
    for at, (mark, part) in enumerate(parts):
        following = parts[at + 1] if at + 1 < len(parts) else None
        if mark:
            inside = _inline(part, within | {mark}, line_break=line_break)
            marked = _marked(mark, part, inside, text[-1:], _begins(following))
            # "!" before a link would make a picture of it
            text = text[:-1] + "\\!" if text[-1:] == "!" and marked[0] == "[" else text
            text += marked
        elif part[0].kind == "br":
            text += line_break
        else:
            linked = any(one.tag == "a" for one in within)
            text += _leaf(part[0], linked)
    return text


def _begins(part: tuple[Mark | None, tuple[Leaf, ...]] | None) -> str:
    """The sign that a part begins with."""
    if part is None:
        return ""
    mark, (first, *_) = part
    if mark:
        return "[" if mark.tag == "a" else _SIGNS.get(mark.tag, "<")[0]
    return {"img": "!", "code": "`", "br": "\n"}.get(first.kind, first.text[:1])


def _marked(mark: Mark, part: tuple[Leaf, ...], inside: str, before: str, behind: str) -> str:
    if mark.tag == "a":
        return _link(dict(mark.attributes), part, inside)
    sign = _SIGNS.get(mark.tag, "")
    if sign and not mark.attributes and _can_hold(sign, inside, before, behind):
        return f"{sign}{inside}{sign}"
    return f"{opening(mark.tag, mark.attributes)}{inside}</{mark.tag}>"


def _can_hold(sign: str, inside: str, before: str, behind: str) -> bool:
    """Whether `sign` opens and closes an emphasis there (CommonMark §6.2: left- and right-flanking
    delimiter runs)."""
    if sign[0] in (before, behind):
        return False
    opens = not _is_punctuation(inside[0]) or _is_edge(before)
    closes = not _is_punctuation(inside[-1]) or _is_edge(behind)
    return opens and closes


def _is_punctuation(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PS"


def _is_edge(sign: str) -> bool:
    return not sign or sign.isspace() or _is_punctuation(sign)


def _link(given: dict[str, str], part: tuple[Leaf, ...], inside: str) -> str:
    href, title = given["href"], given.get("title")
    if not title and len(part) == 1 and part[0].kind == "text":
        shown = part[0].text
        if href in {shown, f"mailto:{shown}"} and re.fullmatch(r"[^\s<>*_\\]+", shown):
            return f"<{shown}>"
    return f"[{inside}]({_target(href, title)})"


def _target(address: str, title: str | None) -> str:
    address = address.replace("&", "&amp;") if re.search(r"&#?\w+;", address) else address
    if address.count("(") != address.count(")") or ")" in address.partition("(")[0]:
        address = f"<{address}>"
    return f'{address} "{_escaped_title(title)}"' if title else address


def _escaped_title(title: str) -> str:
    return re.sub(r'["\\]', r"\\\g<0>", re.sub(r"&(?=#?\w+;)", "&amp;", title))


_SPECIAL = re.compile(
    r"""
      [\\`*~]                               # a code, an emphasis, a deletion
    | (?<![^\W_])_ | _(?![^\W_])            # within a word it is a letter
    | <(?=[A-Za-z/!?]|$)                    # an element, a link
    | &(?=\#?\w+;)                          # an entity
    | \[(?=[^\]]{0,500}\][(:])                  # a link, a definition
    """,
    re.VERBOSE,
)


def _leaf(leaf: Leaf, linked: bool) -> str:
    if leaf.kind == "code":
        fence = "`" * (_longest("`", leaf.text) + 1)
        space = " " if "`" in (leaf.text[0], leaf.text[-1]) else ""
        return f"{fence}{space}{leaf.text}{space}{fence}"
    text = _SPECIAL.sub(r"\\\g<0>", leaf.text)
    if linked or leaf.kind == "img":
        text = re.sub(r"(?<!\\)[\[\]]", r"\\\g<0>", text)
    if leaf.kind == "img":
        given = dict(leaf.attributes)
        return f"![{text}]({_target(given['src'], given.get('title'))})"
    return text


_STARTS = re.compile(
    r"""
      ^(?P<plain>[-+](?=\s|$) | \#{1,6}(?=\s|$) | > | =+\s*$ | [-:|](?=[-:|\s]*$) )
    | ^(?P<number>\d{1,9})(?P<sign>[.)])(?=\s|$)
    """,
    re.VERBOSE,
)


def _line_starts(text: str) -> str:
    """The lines, none of which begins a list, a heading, a quotation, a rule or a table."""
    return "\n".join(_STARTS.sub(_escape_start, line) for line in text.split("\n"))


def _escape_start(found: re.Match[str]) -> str:
    if found["number"]:
        return f"{found['number']}\\{found['sign']}"
    return f"\\{found['plain']}"
