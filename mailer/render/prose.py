"""Prepare an article's sanitised HTML for a mail or a page: its dateline, tables, pictures, and the
phone numbers of a right-to-left text.

The text part is derived from the same HTML, so that both have the same words.
"""

import re
from collections.abc import Callable, Iterator

from lxml import html as lxml_html
from lxml.html import HtmlElement

from mailer import bidi, text_breaks

COLUMN_WIDTH = 552
"""Width of a mail's text column in pixels, without its gutters."""

_INDENTS = {"blockquote": 23, "ul": 24, "ol": 24}
"""Pixels by which an element makes its content narrower (``templates/email/styles.css``)."""

_CELL_PADDING = 24
"""Pixels to the left and right of a cell's content."""
_MIN_WIDTH = 24

DATELINE_PATTERN = "%(dateline)s –"
"""The dateline as English writes it before a text; the .po files have the translations."""


def build_run_in(dateline: str, gettext: Callable[[str], str]) -> str:
    """Return a dateline as it stands before a text, or "" if there is none. `gettext` has the
    translations of mails."""
    return gettext(DATELINE_PATTERN) % {"dateline": dateline} if dateline else ""


_SKIPPED_BEFORE_DATELINE = {"blockquote", "h2", "h3", "h4", "hr"}


def prepare_prose(html: str, *, direction: str, run_in: str = "") -> str:
    """Return an article's HTML as mails and pages show it.

    `direction` is the article's, ``ltr`` or ``rtl``. `run_in` is the dateline as it stands before
    the text, such as “GENEVA –”."""
    root = lxml_html.fragment_fromstring(str(html), create_parent="div")
    _join_cjk_lines(root)
    if run_in and not _begins_with_dateline(root, run_in):
        _insert_dateline(root, run_in)
    for picture in root.iter("img"):
        _fit_picture(picture)
    for table in list(root.iter("table")):
        _dress_table(table, direction)
    if direction == "rtl":
        _isolate_numbers(root)
    return _serialise_inside(root)


def _serialise_inside(root: HtmlElement) -> str:
    text = str(lxml_html.tostring(root, encoding="unicode"))
    return text.removeprefix("<div>").removesuffix("</div>").strip()


def _join_cjk_lines(root: HtmlElement) -> None:
    """Join the lines of Chinese and Japanese source: some mail programs show a space for a line end
    (CSS Text 3 §4.1.3 leaves it out)."""
    for element in root.iter():
        if not isinstance(element.tag, str) or element.tag in {"pre", "code"}:
            continue
        if element.text:
            element.text = text_breaks.join_cjk_lines(element.text)
        for child in element:
            if child.tail:
                child.tail = text_breaks.join_cjk_lines(child.tail)


# ---- datelines --------------------------------------------------------------------------------


def _insert_dateline(root: HtmlElement, run_in: str) -> None:
    """Put the dateline at the beginning of the first paragraph outside quotes, after any pictures
    there. If a list or table comes before that paragraph, the dateline becomes a paragraph of its
    own at the beginning of the text."""
    strong = lxml_html.Element("strong")
    strong.text = run_in
    strong.tail = " "
    if (root.text or "").strip():
        strong.tail += (root.text or "").lstrip()
        root.text = None
        root.insert(0, strong)
        return
    first_block: HtmlElement | None = None
    for block in root:
        if not isinstance(block.tag, str) or _is_picture_only(block) or is_caption(block):
            continue
        if block.tag == "p":
            _run_in(block, strong)
            return
        if first_block is None:
            first_block = block
        if block.tag not in _SKIPPED_BEFORE_DATELINE:
            break
    paragraph = lxml_html.Element("p")
    strong.tail = None
    paragraph.append(strong)
    paragraph.tail = "\n"
    position = len(root) if first_block is None else root.index(first_block)
    root.insert(position, paragraph)


def _begins_with_dateline(root: HtmlElement, run_in: str) -> bool:
    """Check that the text itself begins with its dateline, as copied texts do: the place, perhaps a
    date, and a dash."""
    place = re.sub(r"[\W_]+$", "", run_in)
    beginning = " ".join(root.text_content().split())
    own_dateline = re.escape(place) + r"(?:, [^.–—]{0,40}| \([^.()]{0,40}\))? ?[-–—]{1,2} "
    return bool(place) and re.match(own_dateline, beginning) is not None


def _run_in(paragraph: HtmlElement, strong: HtmlElement) -> None:
    """Insert the dateline at the first words of a paragraph."""
    if (paragraph.text or "").strip():
        strong.tail += (paragraph.text or "").lstrip()
        paragraph.text = None
        paragraph.insert(0, strong)
        return
    for position, child in enumerate(paragraph):
        if isinstance(child.tag, str) and not _is_picture_only(child) and child.tag != "br":
            paragraph.insert(position, strong)
            return
        if (child.tail or "").strip():
            strong.tail += (child.tail or "").lstrip()
            child.tail = " "
            paragraph.insert(position + 1, strong)
            return


def _is_picture_only(element: HtmlElement) -> bool:
    """Check that an element shows no words, but only pictures or nothing."""
    if element.tag == "hr":
        return True
    return element.tag in {"p", "a", "img", "em", "strong", "br"} and not (
        element.text_content().strip()
    )


def is_caption(block: HtmlElement) -> bool:
    """Check that a paragraph is a caption in italics, after its picture or below it."""
    if block.tag != "p" or (block.text or "").strip():
        return False
    previous = block.getprevious()
    is_below = previous is not None and previous.find(".//img") is not None
    if not (block.find(".//img") is not None or (is_below and _is_picture_only(previous))):
        return False
    return all(
        isinstance(child.tag, str)
        and (child.tag in {"em", "i", "small", "br"} or _is_picture_only(child))
        and not (child.tail or "").strip()
        for child in block
    )


# ---- pictures and tables ----------------------------------------------------------------------


def _fit_picture(picture: HtmlElement) -> None:
    """Limit a picture's ``width`` attribute to the space there is, since Outlook ignores
    ``max-width``."""
    width = COLUMN_WIDTH - sum(_INDENTS.get(str(node.tag), 0) for node in picture.iterancestors())
    for cell in picture.iterancestors("td", "th"):
        columns = sum(1 for _ in cell.getparent().iterchildren("td", "th"))
        width = max(width // columns - _CELL_PADDING, _MIN_WIDTH)
    own_width = picture.get("width") or ""
    if not (own_width.isdigit() and 0 < int(own_width) <= width):
        picture.set("width", str(width))
    picture.attrib.pop("height", None)


def _dress_table(table: HtmlElement, direction: str) -> None:
    """Give a table its class, and its cells their alignment. Put an element below the table that
    makes space, since Outlook ignores the margins of tables."""
    start = "right" if direction == "rtl" else "left"
    table.set("class", "grid")
    table.set("cellpadding", "0")
    table.set("cellspacing", "0")
    table.set("border", "0")
    if table.get("role") is None:
        table.set("role", "table")
    for cell in _list_cells(table):
        cell.set("class", "cell")
        cell.set("valign", "top")
        if cell.get("align") not in {"left", "center", "right"}:
            cell.set("align", start)
        if cell.tag == "th" and cell.get("scope") is None:
            cell.set("scope", "col" if _is_in_head(cell) else "row")
    space = lxml_html.Element("div")
    space.set("class", "below")
    space.text = "\u00a0"
    space.tail, table.tail = table.tail, None
    parent = table.getparent()
    parent.insert(parent.index(table) + 1, space)


def _list_cells(table: HtmlElement) -> Iterator[HtmlElement]:
    yield from table.iter("td", "th")


def _is_in_head(cell: HtmlElement) -> bool:
    return any(ancestor.tag == "thead" for ancestor in cell.iterancestors("thead", "table"))


# ---- numbers ----------------------------------------------------------------------------------


def _isolate_numbers(root: HtmlElement) -> None:
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            continue
        if element.get("dir") == "ltr":
            continue
        inside_ltr = any(node.get("dir") == "ltr" for node in element.iterancestors())
        if inside_ltr:
            continue
        if element.tag not in {"code", "pre"} and element.text:
            _isolate_text(element)
        for child in list(element):
            if child.tail:
                _isolate_tail(element, child)


def _make_isolate(number: str) -> HtmlElement:
    span = lxml_html.Element("span")
    span.set("dir", "ltr")
    span.text = number
    return span


def _isolate_text(element: HtmlElement) -> None:
    parts = list(bidi.split_numbers(element.text))
    if not any(is_number for _, is_number in parts):
        return
    element.text = None
    _insert_parts(element, 0, parts)


def _isolate_tail(parent: HtmlElement, child: HtmlElement) -> None:
    parts = list(bidi.split_numbers(child.tail))
    if not any(is_number for _, is_number in parts):
        return
    child.tail = None
    _insert_parts(parent, parent.index(child) + 1, parts)


def _insert_parts(parent: HtmlElement, position: int, parts: list[tuple[str, bool]]) -> None:
    for part, is_number in parts:
        if is_number:
            parent.insert(position, _make_isolate(part))
            position += 1
        elif position == 0:
            parent.text = (parent.text or "") + part
        else:
            previous = parent[position - 1]
            previous.tail = (previous.tail or "") + part
