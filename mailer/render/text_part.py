"""Convert sanitised HTML to text for the plain part of a mail.

Paragraphs are wrapped, headings stand alone, lists and quotes are indented, the cells of a table
stand in columns, and each link's address is on a line of its own after the text, so that no mail
client breaks it.
"""

import copy
import re
import textwrap
from collections.abc import Iterator

from lxml import html as lxml_html
from lxml.html import HtmlElement

from mailer import bidi, text_breaks
from mailer.text_breaks import measure_columns

WIDTH = 72

_BLOCK_TAGS = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "div", "hr", "pre",
    "table", "thead", "tbody", "tr", "td", "th", "figure", "figcaption", "dl", "dt", "dd",
}  # fmt: skip

_HARD_BREAK = "\v"
"""Stands for ``<br>`` in flattened text. Code that does not look for it treats it as a space."""

_CELL_GAP = "  "
_CELL_BAR = " | "


def wrap_text(text: str, width: int = WIDTH, indent: str = "", first: str | None = None) -> str:
    """Wrap `text` in lines of at most `width` columns, and collapse its spaces.

    Words are never cut, so that addresses stay whole; Chinese, Japanese and Thai break between
    characters. `first` begins the first line, `indent` the others (and the first if `first` is
    None)."""
    first = indent if first is None else first
    return "\n".join(text_breaks.wrap_lines(text, width, first, indent))


def to_plain_text(html: str, width: int = WIDTH) -> str:
    """Return the text of `html`, with an empty line between blocks."""
    if not html.strip():
        return ""
    root = lxml_html.fragment_fromstring(str(html), create_parent="div")
    return "\n\n".join(block for block in _format_blocks(root, width, "") if block.strip())


def extract_first_paragraph(html: str) -> str:
    """Return the text of the first paragraph with text, on one line."""
    if not html.strip():
        return ""
    root = lxml_html.fragment_fromstring(str(html), create_parent="div")
    for paragraph in root.iter("p"):
        text = _flatten_line(paragraph)[0]
        if text:
            return text
    return " ".join(text_breaks.join_cjk_lines(root.text_content()).split())


def _flatten_line(element: HtmlElement) -> tuple[str, list[str]]:
    """Return (text, links) of an element, as :func:`_flatten_inline` does, with the text on one
    line."""
    text, links = _flatten_inline(element)
    return " ".join(text_breaks.join_cjk_lines(text).split()), links


def _flatten_inline(element: HtmlElement) -> tuple[str, list[str]]:
    """Return (text, links): the text of an inline element, and the addresses of its links."""
    text = (element.text or "").replace(_HARD_BREAK, " ")
    links: list[str] = []
    for child in element:
        if not isinstance(child.tag, str):
            text += (child.tail or "").replace(_HARD_BREAK, " ")
            continue
        if child.tag == "br":
            text += _HARD_BREAK
        elif child.tag == "img":
            text += child.get("alt") or ""
        else:
            inner_text, inner_links = _flatten_inline(child)
            text += _isolate_direction(child, inner_text)
            links += inner_links
            if child.tag in _BLOCK_TAGS:
                text += " "
            target = child.get("href") or ""
            if child.tag == "a" and target and not _repeats_text(target, inner_text):
                links.append(target)
        text += (child.tail or "").replace(_HARD_BREAK, " ")
    return text, links


def _repeats_text(target: str, text: str) -> bool:
    """Check that a link's text already states its target, such as a mail address or telephone
    number."""
    if target.startswith("tel:"):
        return re.sub(r"\D", "", target) == re.sub(r"\D", "", text)
    return target.removeprefix("mailto:") == text.strip()


def _isolate_direction(element: HtmlElement, text: str) -> str:
    """Return the text of an inline element with the isolate that its ``dir`` stands for."""
    isolates = {"ltr": bidi.LTR_ISOLATE, "rtl": bidi.RTL_ISOLATE}
    isolate = isolates.get(element.get("dir") or "", "")
    if not isolate or element.tag in _BLOCK_TAGS or not text.strip():
        return text
    return f"{isolate}{text}{bidi.POP_ISOLATE}"


def _format_lines(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    """Wrap flattened text; each of its hard breaks ends a line."""
    lines: list[str] = []
    for part in text.split(_HARD_BREAK):
        if part.strip():
            lines.append(wrap_text(part, width, indent, indent if lines else first))
    return lines


def _format_paragraph(
    element: HtmlElement, width: int, indent: str, first: str | None = None
) -> str:
    text, links = _flatten_inline(element)
    lines = _format_lines(text, width, indent, first)
    return "\n".join([*lines, *(f"{indent}{link}" for link in links)])


def _format_blocks(element: HtmlElement, width: int, indent: str) -> Iterator[str]:
    """Yield the content of `element` block by block. Text between blocks becomes a paragraph.

    A yielded block may be empty."""
    loose_paragraph = lxml_html.Element("p")
    loose_paragraph.text = element.text
    for child in element:
        if not isinstance(child.tag, str) or child.tag not in _BLOCK_TAGS:
            loose_paragraph.append(copy.deepcopy(child))
            continue
        yield _format_paragraph(loose_paragraph, width, indent)
        loose_paragraph = lxml_html.Element("p")
        loose_paragraph.text = child.tail
        match child.tag:
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                text, links = _flatten_inline(child)
                lines = "\n".join(_format_lines(text, width, indent)).splitlines()
                columns = max((measure_columns(line) - len(indent) for line in lines), default=0)
                underline = indent + "-" * columns
                yield "\n".join([*lines, underline, *(indent + link for link in links)])
            case "ul" | "ol":
                yield "\n".join(_format_list_items(child, width, indent))
            case "blockquote":
                quoted_blocks = _format_blocks(child, width, f"{indent}> ")
                blank_line = f"\n{indent}>\n"
                yield blank_line.join(block for block in quoted_blocks if block.strip(" >\n"))
            case "hr":
                yield f"{indent}* * *"
            case "pre":
                yield textwrap.indent((child.text_content() or "").rstrip(), indent)
            case "table":
                yield _format_table(child, width, indent)
            case "div" | "figure" | "dl" | "tbody" | "thead":
                yield from _format_blocks(child, width, indent)
            case _:
                yield _format_paragraph(child, width, indent)
    yield _format_paragraph(loose_paragraph, width, indent)


def _format_list_items(element: HtmlElement, width: int, indent: str) -> Iterator[str]:
    start = element.get("start") or ""
    number = int(start) if re.fullmatch(r"-?[0-9]{1,9}", start) else 1
    for item in element.iterchildren("li"):
        bullet = f"{number}. " if element.tag == "ol" else "- "
        number += 1
        item_indent = indent + " " * len(bullet)
        item_blocks = [block for block in _format_blocks(item, width, item_indent) if block.strip()]
        if item_blocks:
            item_blocks[0] = indent + bullet + item_blocks[0][len(item_indent) :]
            yield "\n".join(item_blocks)


# ---- tables -----------------------------------------------------------------------------------


def _format_table(table: HtmlElement, width: int, indent: str) -> str:
    """Return a table, a line for each row: in columns if they fit, otherwise with bars between the
    cells. Addresses of links follow the table."""
    rows: list[list[str]] = []
    links: list[str] = []
    is_at_end: dict[int, bool] = {}
    is_rtl = bidi.is_right_to_left(table.text_content())
    head_rows = 0
    for row in table.iter("tr"):
        cells = []
        for number, cell in enumerate(row.iterchildren("td", "th")):
            text, cell_links = _flatten_line(cell)
            cells.append(text)
            links += cell_links
            is_at_end[number] = cell.get("align") == ("left" if is_rtl else "right")
        if any(cells):
            rows.append(cells)
            head_rows += row.getparent().tag == "thead"
    widths = _measure_table(rows)
    if len(indent) + sum(widths) + len(_CELL_GAP) * (len(widths) - 1) > width:
        lines = [wrap_text(_CELL_BAR.join(cells), width, f"{indent}  ", indent) for cells in rows]
    else:
        lines = [indent + _align_cells(cells, widths, is_at_end) for cells in rows]
        if 0 < head_rows < len(rows):
            rule = _CELL_GAP.join("-" * column_width for column_width in widths)
            lines.insert(head_rows, indent + rule)
    return "\n".join([*lines, *(indent + link for link in links)])


def _measure_table(rows: list[list[str]]) -> list[int]:
    column_count = max(map(len, rows), default=0)
    return [
        max((measure_columns(row[number]) for row in rows if number < len(row)), default=0)
        for number in range(column_count)
    ]


def _align_cells(cells: list[str], widths: list[int], is_at_end: dict[int, bool]) -> str:
    padded_cells = []
    for number, text in enumerate(cells):
        padding = " " * (widths[number] - measure_columns(text))
        padded_cells.append(padding + text if is_at_end[number] else text + padding)
    return _CELL_GAP.join(padded_cells).rstrip()
