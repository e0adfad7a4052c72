"""Convert sanitised HTML to text for the plain part of a mail.

Paragraphs are wrapped, headings stand alone, and lists and quotes are indented. The address of each
link is on a separate line after the text, so that mail clients do not break it.
"""

import copy
import re
import textwrap
from collections.abc import Iterator

from lxml import html as lxml_html
from lxml.html import HtmlElement

WIDTH = 72

_BLOCK_TAGS = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "div", "hr", "pre",
    "table", "thead", "tbody", "tr", "td", "th", "figure", "figcaption", "dl", "dt", "dd",
}  # fmt: skip


def wrap_text(text: str, width: int = WIDTH, indent: str = "", first: str | None = None) -> str:
    """Wrap `text` into lines of at most `width` characters, and collapse its spaces.

    Words are never cut, so that addresses stay whole. `first` begins the first line, `indent` the
    others (and the first if `first` is None)."""
    return textwrap.fill(
        " ".join(text.split()),
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


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
        text = " ".join(_flatten_inline(paragraph)[0].split())
        if text:
            return text
    return " ".join(root.text_content().split())


def _flatten_inline(element: HtmlElement) -> tuple[str, list[str]]:
    """Return (text, links): the text of an inline element, and the addresses of its links."""
    text = element.text or ""
    links: list[str] = []
    for child in element:
        if not isinstance(child.tag, str):
            text += child.tail or ""
            continue
        if child.tag == "br":
            text += " "
        elif child.tag == "img":
            text += child.get("alt") or ""
        else:
            inner_text, inner_links = _flatten_inline(child)
            text += inner_text
            links += inner_links
            if child.tag in _BLOCK_TAGS:
                text += " "
            target = child.get("href") or ""
            if child.tag == "a" and target and not _repeats_text(target, inner_text):
                links.append(target)
        text += child.tail or ""
    return text, links


def _repeats_text(target: str, text: str) -> bool:
    """Check that a link's text says its address already: a mail address, a telephone number."""
    if target.startswith("tel:"):
        return re.sub(r"\D", "", target) == re.sub(r"\D", "", text)
    return target.removeprefix("mailto:") == text.strip()


def _format_paragraph(
    element: HtmlElement, width: int, indent: str, first: str | None = None
) -> str:
    text, links = _flatten_inline(element)
    if not text.strip() and not links:
        return ""
    lines = [wrap_text(text, width, indent, first)] if text.strip() else []
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
                lines = wrap_text(text, width, indent).splitlines()
                underline = "-" * max((len(line) - len(indent) for line in lines), default=0)
                yield "\n".join([*lines, indent + underline, *(indent + link for link in links)])
            case "ul" | "ol":
                yield "\n".join(_format_list_items(child, width, indent))
            case "blockquote":
                quoted_blocks = _format_blocks(child, width, f"{indent}> ")
                yield "\n\n".join(block for block in quoted_blocks if block.strip())
            case "hr":
                yield f"{indent}* * *"
            case "pre":
                yield textwrap.indent((child.text_content() or "").rstrip(), indent)
            case "div" | "table" | "figure" | "dl" | "tbody" | "thead":
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
