"""Sanitised HTML -> text for the plain part of a mail.

Paragraphs are wrapped, headings stand alone, lists and quotes are indented, and each link's address
follows on a line of its own, so that no client breaks it.
"""

import copy
import re
import textwrap
from collections.abc import Iterator

from lxml import html as lxml_html
from lxml.html import HtmlElement

WIDTH = 72

_BLOCKS = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "div", "hr", "pre",
    "table", "thead", "tbody", "tr", "td", "th", "figure", "figcaption", "dl", "dt", "dd",
}  # fmt: skip


def wrap(text: str, width: int = WIDTH, indent: str = "", first: str | None = None) -> str:
    """`text` in lines of at most `width` characters, spaces run together; words are never cut, so
    that addresses stay whole. `first` begins the first line, `indent` the others."""
    return textwrap.fill(
        " ".join(text.split()),
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def plain(html: str, width: int = WIDTH) -> str:
    """The text of `html`, blocks parted by an empty line."""
    if not html.strip():
        return ""
    root = lxml_html.fragment_fromstring(str(html), create_parent="div")
    return "\n\n".join(block for block in _blocks(root, width, "") if block.strip())


def first_paragraph(html: str) -> str:
    """The text of the first paragraph, on one line."""
    if not html.strip():
        return ""
    root = lxml_html.fragment_fromstring(str(html), create_parent="div")
    for paragraph in root.iter("p"):
        text = " ".join(_inline(paragraph)[0].split())
        if text:
            return text
    return " ".join(root.text_content().split())


def _inline(element: HtmlElement) -> tuple[str, list[str]]:
    """The text of what stands within a line, and the addresses that it links to."""
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
            inner, deeper = _inline(child)
            text += inner
            links += deeper
            if child.tag in _BLOCKS:
                text += " "
            target = child.get("href") or ""
            if child.tag == "a" and target and target.removeprefix("mailto:") != inner.strip():
                links.append(target)
        text += child.tail or ""
    return text, links


def _paragraph(element: HtmlElement, width: int, indent: str, first: str | None = None) -> str:
    text, links = _inline(element)
    if not text.strip() and not links:
        return ""
    lines = [wrap(text, width, indent, first)] if text.strip() else []
    return "\n".join([*lines, *(f"{indent}{link}" for link in links)])


def _blocks(element: HtmlElement, width: int, indent: str) -> Iterator[str]:
    """What stands in `element`, block by block; what stands loose between blocks is a paragraph.
    A block may come out empty."""
    loose = lxml_html.Element("p")
    loose.text = element.text
    for child in element:
        if not isinstance(child.tag, str) or child.tag not in _BLOCKS:
            loose.append(copy.deepcopy(child))
            continue
        yield _paragraph(loose, width, indent)
        loose = lxml_html.Element("p")
        loose.text = child.tail
        match child.tag:
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                text, links = _inline(child)
                lines = wrap(text, width, indent).splitlines()
                rule = "-" * max((len(line) - len(indent) for line in lines), default=0)
                yield "\n".join([*lines, indent + rule, *(indent + link for link in links)])
            case "ul" | "ol":
                yield "\n".join(_items(child, width, indent))
            case "blockquote":
                quoted = _blocks(child, width, f"{indent}> ")
                yield "\n\n".join(block for block in quoted if block.strip())
            case "hr":
                yield f"{indent}* * *"
            case "pre":
                yield textwrap.indent((child.text_content() or "").rstrip(), indent)
            case "div" | "table" | "figure" | "dl" | "tbody" | "thead":
                yield from _blocks(child, width, indent)
            case _:
                yield _paragraph(child, width, indent)
    yield _paragraph(loose, width, indent)


def _items(element: HtmlElement, width: int, indent: str) -> Iterator[str]:
    start = element.get("start") or ""
    number = int(start) if re.fullmatch(r"-?[0-9]{1,9}", start) else 1
    for item in element.iterchildren("li"):
        sign = f"{number}. " if element.tag == "ol" else "- "
        number += 1
        deeper = indent + " " * len(sign)
        inner = [block for block in _blocks(item, width, deeper) if block.strip()]
        if inner:
            inner[0] = indent + sign + inner[0][len(deeper) :]
            yield "\n".join(inner)
