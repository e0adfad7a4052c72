"""A tree -> the same without what is no part of its text, and with whole addresses.

Nothing goes silently that a reader could have seen: it is counted, with an example.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urljoin, urlsplit

from mailer import languages
from mailer.intake.dropped import Report
from mailer.intake.tidy import pasted
from mailer.intake.tidy.tree import Node

_GONE = {
    "applet": "embedded object", "audio": "sound", "button": "button", "canvas": "drawing",
    "embed": "embedded object", "form": "form", "frame": "frame", "iframe": "frame",
    "math": "formula", "object": "embedded object", "script": "script", "select": "form",
    "style": "style", "svg": "drawing", "textarea": "form", "video": "video",
}  # fmt: skip
_TAG = re.compile(rf"<({'|'.join(_GONE)})\b([^>]{{0,2000}})", re.IGNORECASE)
_SOURCE = re.compile(r"""(?:src|data|action)\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_VIDEOS = ("youtube", "youtu.be", "vimeo", "dailymotion")
_LAZY = ("data-src", "data-lazy-src", "data-original")
_SMALLEST = 3
"""Pixels. A picture that is less wide or high shows nothing; it counts who opens it."""


def count_elements(html: str, report: Report) -> None:
    """Report the elements that the parser leaves out with what is in them."""
    for found in _TAG.finditer(re.sub(r"<!--.*?(?:-->|$)", "", html, flags=re.DOTALL)):
        source = _SOURCE.search(found[2])
        example = source[1] if source else ""
        what = _GONE[found[1].lower()]
        if what == "frame" and any(one in example for one in _VIDEOS):
            what = "video frame"
        report.add(what, example)


class Sweep:
    """Cleans one tree in place. `base` is the address that relative ones stand under; `language`
    is the article's, whose direction need not be said again."""

    def __init__(self, report: Report, base: str, language: str) -> None:
        self._report = report
        self._base = base if host(base) else ""
        self._language = language

    def clean(self, root: Node) -> Node:
        self._children(root)
        return root

    def _children(self, node: Node) -> None:
        kept: list[Node | str] = []
        for child in node.children:
            if isinstance(child, str):
                kept.append(child)
            elif child.tag == "img":
                kept += self._picture(child)
            elif (what := _unseen(child)) is not None:
                if child.text().strip():
                    self._report.add(what, child.text())
            else:
                kept.append(self._element(child))
        node.children = pasted.lists(kept)

    def _element(self, node: Node) -> Node:
        node.tag, inside = pasted.emphases(node)
        if node.tag == "a":
            self._link(node)
        if node.attributes.get("class", "").startswith("MsoTitle"):
            node.tag = "h1"
        self._direction(node)
        self._children(node)
        for tag in inside:
            node.children = [Node(tag, {}, node.children)]
        return node

    def _direction(self, node: Node) -> None:
        given = node.attributes
        if given.get("dir", "").lower() not in {"ltr", "rtl"} or (
            self._language and given["dir"].lower() == languages.direction(self._language)
        ):
            given.pop("dir", None)
        if node.tag in {"span", "font"} or not re.fullmatch(
            "[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", given.get("lang", "")
        ):
            given.pop("lang", None)
        elif self._language and languages.base(given["lang"].lower()) == languages.base(
            self._language
        ):
            del given["lang"]

    # ---- addresses ----------------------------------------------------------------------------

    def _link(self, node: Node) -> None:
        """Give the link its whole address, or leave its text alone."""
        given = node.attributes
        href = given.pop("href", "").strip()
        if not href:
            if "name" not in given and "id" not in given:
                self._report.add("link to no web address", node.text())
        elif href.startswith("#"):
            self._report.add("link within the page", href)
        elif re.match(r"mailto:[^?]", href, re.IGNORECASE):
            given["href"] = href
            return
        elif whole := self._whole(href):
            given["href"] = _unwrapped(whole)
            return
        elif host(href) or ":" in href.partition("/")[0]:
            self._report.add("link to no web address", href)
        else:
            self._report.add("relative link", href)
        node.tag = "span"

    def _whole(self, address: str) -> str:
        """The absolute form of a web address; empty where there is none."""
        address = re.sub("[\t\n\r]", "", address)
        if address.startswith("//"):
            address = "https:" + address
        if not host(address) and self._base:
            try:
                address = urljoin(self._base, address)
            except ValueError:
                return ""
        return address if host(address) else ""

    def _picture(self, node: Node) -> list[Node | str]:
        given = node.attributes
        alt = given.get("alt", "")
        if alt and {"emoji", "wp-smiley"} & set(given.get("class", "").split()):
            return [alt]
        source = given.get("src", "").strip()
        if not source or source.startswith("data:"):
            source = next((given[name] for name in _LAZY if given.get(name)), source).strip()
        if _is_tiny(node) or _unseen(node):
            self._report.add("tracking picture", source)
        elif not source:
            self._report.add("picture without address", alt)
        elif source.startswith(("data:", "cid:")):
            self._report.add("embedded picture", alt)
        elif whole := self._whole(source):
            node.attributes = {"src": whole, "alt": alt, "title": given.get("title", "")}
            return [node]
        else:
            self._report.add("picture with a relative address", source)
        return []


def host(address: str) -> str | None:
    """The host of an absolute web address."""
    try:
        parts = urlsplit(address)
        return parts.hostname if parts.scheme.lower() in {"https", "http"} else None
    except ValueError:
        return None


def _unwrapped(address: str) -> str:
    """The address that Google Docs and Outlook hide behind one of their own."""
    parts = urlsplit(address)
    name = parts.hostname or ""
    asked = parse_qs(parts.query)
    if name == "www.google.com" and parts.path == "/url":
        inner = asked.get("q", [""])[0]
    elif name.endswith(".safelinks.protection.outlook.com"):
        inner = asked.get("url", [""])[0]
    else:
        return address
    return inner if host(inner) and inner.isprintable() else address


def _unseen(node: Node) -> str | None:
    """What an element is that readers don't see; None for all others."""
    style = node.style()
    if node.tag in {"del", "ins"} and "datetime" in node.attributes:
        return "tracked deletion" if node.tag == "del" else None
    if style.get("mso-element", "").startswith("comment"):
        return "comment"
    if "MsoCommentReference" in node.attributes.get("class", ""):
        return "comment"
    hidden = (
        "hidden" in node.attributes
        or style.get("display", "").startswith("none")
        or style.get("visibility") == "hidden"
        or style.get("mso-hide") == "all"
        or style.get("font-size") in {"0", "0px", "0pt"}
    )
    return "hidden text" if hidden else None


def _is_tiny(node: Node) -> bool:
    style = node.style()
    sizes = [node.attributes.get("width"), node.attributes.get("height")]
    sizes += [style.get("width"), style.get("height")]
    numbers = [re.fullmatch(r"(\d{1,6})(?:\.\d+)?(?:px)?", size.strip()) for size in sizes if size]
    return any(int(number[1]) < _SMALLEST for number in numbers if number)


def _nodes(node: Node) -> Iterator[Node]:
    for child in node.children:
        if isinstance(child, Node):
            yield child
            yield from _nodes(child)


def first_heading(root: Node) -> Node | None:
    """The heading that may be a title: one of the first rank, or what all begins with."""
    headings = [node for node in _nodes(root) if re.fullmatch("h[1-6]", node.tag)]
    headings = [node for node in headings if node.text().strip()]
    first = next((node for node in headings if node.tag == "h1"), None)
    if first is None and headings and root.text().lstrip().startswith(headings[0].text().lstrip()):
        first = headings[0]
    return first


def _drop_heading(root: Node, title: str) -> None:
    """Take out the first heading where it only says the title again."""
    node = first_heading(root)
    if node and " ".join(node.text().split()).casefold() == title.casefold():
        node.tag, node.children = "div", []


def under_headline(root: Node, title: str) -> Node:
    """The tree with its headings below the mail's own headline, which is the one of first rank."""
    if title:
        _drop_heading(root, title)
    headings = [node for node in _nodes(root) if re.fullmatch("h[1-6]", node.tag)]
    if any(node.tag == "h1" for node in headings):
        for node in headings:
            node.tag = f"h{min(int(node.tag[1]) + 1, 4)}"
    return root
