"""Clean a tree: remove nodes that are not part of the text, and make addresses absolute.

Every removed node that a reader could have seen is reported, with an example.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urljoin, urlsplit

from mailer import languages
from mailer.articles import is_svg
from mailer.intake.normalise import pasted
from mailer.intake.normalise.tree import Node
from mailer.intake.omissions import OmissionReport

_OMITTED_ELEMENTS = {
    "applet": "embedded object",
    "audio": "sound",
    "button": "button",
    "canvas": "drawing",
    "embed": "embedded object",
    "form": "form",
    "frame": "frame",
    "iframe": "frame",
    "math": "formula",
    "object": "embedded object",
    "script": "script",
    "select": "form",
    "style": "style",
    "svg": "drawing",
    "textarea": "form",
    "video": "video",
}
_TAG = re.compile(rf"<({'|'.join(_OMITTED_ELEMENTS)})\b([^>]{{0,2000}})", re.IGNORECASE)
_SOURCE = re.compile(r"""(?:src|data|action)\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_VIDEOS = ("youtube", "youtu.be", "vimeo", "dailymotion")
_LAZY_SOURCES = ("data-src", "data-lazy-src", "data-original")
_MIN_PIXELS = 3
"""Minimum width and height of a picture in pixels. A smaller picture shows nothing: it serves to
count the people who open the page."""


def count_elements(html: str, report: OmissionReport) -> None:
    """Report the elements that the parser removes with their content."""
    for match in _TAG.finditer(re.sub(r"<!--.*?(?:-->|$)", "", html, flags=re.DOTALL)):
        source = _SOURCE.search(match[2])
        example = source[1] if source else ""
        kind = _OMITTED_ELEMENTS[match[1].lower()]
        if kind == "frame" and any(video_host in example for video_host in _VIDEOS):
            kind = "video frame"
        report.add_omission(kind, example)


class TreeCleaner:
    """Cleans one tree in place.

    Relative addresses are resolved against `base`. `language` is the article's language. Attributes
    that repeat this language or its direction are removed."""

    def __init__(self, report: OmissionReport, base: str, language: str) -> None:
        self._report = report
        self._base = base if get_host(base) else ""
        self._language = language

    def clean_tree(self, root: Node) -> Node:
        self._clean_children(root)
        return root

    def _clean_children(self, node: Node) -> None:
        cleaned: list[Node | str] = []
        for child in node.children:
            if isinstance(child, str):
                cleaned.append(child)
            elif child.tag == "img":
                cleaned += self._clean_picture(child)
            elif (kind := _describe_hidden(child) or _describe_site_line(child)) is not None:
                if child.get_text().strip():
                    self._report.add_omission(kind, child.get_text())
            else:
                cleaned.append(self._clean_element(child))
        node.children = pasted.build_lists(cleaned)

    def _clean_element(self, node: Node) -> Node:
        node.tag, inside = pasted.resolve_emphases(node)
        if node.tag == "a":
            self._clean_link(node)
        if node.attributes.get("class", "").startswith("MsoTitle"):
            node.tag = "h1"
        self._clean_language(node)
        self._clean_children(node)
        for tag in inside:
            node.children = [Node(tag, {}, node.children)]
        return node

    def _clean_language(self, node: Node) -> None:
        attributes = node.attributes
        if attributes.get("dir", "").lower() not in {"ltr", "rtl"} or (
            self._language and attributes["dir"].lower() == languages.get_direction(self._language)
        ):
            attributes.pop("dir", None)
        if node.tag in {"span", "font"} or not re.fullmatch(
            "[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", attributes.get("lang", "")
        ):
            attributes.pop("lang", None)
        elif self._language and languages.get_base_language(
            attributes["lang"].lower()
        ) == languages.get_base_language(self._language):
            del attributes["lang"]

    # ---- addresses ----------------------------------------------------------------------------

    def _clean_link(self, node: Node) -> None:
        """Make the link's address absolute, or replace the link with its text."""
        attributes = node.attributes
        href = attributes.pop("href", "").strip()
        if not href:
            if "name" not in attributes and "id" not in attributes:
                self._report.add_omission("link to no web address", node.get_text())
        elif href.startswith("#"):
            self._report.add_omission("link within the page", href)
        elif re.match(r"mailto:[^?]|tel:\+?\d", href, re.IGNORECASE):
            attributes["href"] = href
            return
        elif absolute := self._resolve_address(href):
            attributes["href"] = _unwrap_address(absolute)
            return
        elif get_host(href) or ":" in href.partition("/")[0]:
            self._report.add_omission("link to no web address", href)
        else:
            self._report.add_omission("relative link", href)
        node.tag = "span"

    def _resolve_address(self, address: str) -> str:
        """Return the absolute form of a web address, or ""."""
        address = re.sub("[\t\n\r]", "", address)
        if address.startswith("//"):
            address = "https:" + address
        if not get_host(address) and self._base:
            try:
                address = urljoin(self._base, address)
            except ValueError:
                return ""
        return address if get_host(address) else ""

    def _clean_picture(self, node: Node) -> list[Node | str]:
        attributes = node.attributes
        alt = attributes.get("alt", "")
        if alt and {"emoji", "wp-smiley"} & set(attributes.get("class", "").split()):
            return [alt]
        source = attributes.get("src", "").strip()
        if not source or source.startswith("data:"):
            source = next(
                (attributes[name] for name in _LAZY_SOURCES if attributes.get(name)), source
            ).strip()
        if _is_tiny(node) or _describe_hidden(node):
            self._report.add_omission("tracking picture", source)
        elif not source:
            self._report.add_omission("picture without address", alt)
        elif source.startswith(("data:", "cid:")):
            self._report.add_omission("embedded picture", alt)
        elif is_svg(source):
            self._report.add_omission("SVG picture, which mail programs don't show", alt or source)
        elif absolute := self._resolve_address(source):
            if not alt.strip():
                self._report.add_omission("nothing, but a picture has no alt text", source)
            node.attributes = {"src": absolute, "alt": alt, "title": attributes.get("title", "")}
            return [node]
        else:
            self._report.add_omission("picture with a relative address", source)
        return []


def get_host(address: str) -> str | None:
    """Return the host of an absolute web address, or None."""
    try:
        parts = urlsplit(address)
        return parts.hostname if parts.scheme.lower() in {"https", "http"} else None
    except ValueError:
        return None


def _unwrap_address(address: str) -> str:
    """Return the target of a link that Google Docs or Outlook has wrapped in an address of its
    own."""
    parts = urlsplit(address)
    name = parts.hostname or ""
    query = parse_qs(parts.query)
    if name == "www.google.com" and parts.path == "/url":
        wrapped = query.get("q", [""])[0]
    elif name.endswith(".safelinks.protection.outlook.com"):
        wrapped = query.get("url", [""])[0]
    else:
        return address
    return wrapped if get_host(wrapped) and wrapped.isprintable() else address


def _describe_hidden(node: Node) -> str | None:
    """Return the kind of omission for an element that readers do not see, or None for a visible
    element."""
    style = node.get_style()
    if node.tag in {"del", "ins"} and "datetime" in node.attributes:
        return "tracked deletion" if node.tag == "del" else None
    if style.get("mso-element", "").startswith("comment"):
        return "comment"
    if "MsoCommentReference" in node.attributes.get("class", ""):
        return "comment"
    is_hidden = (
        "hidden" in node.attributes
        or style.get("display", "").startswith("none")
        or style.get("visibility") == "hidden"
        or style.get("mso-hide") == "all"
        or style.get("font-size") in {"0", "0px", "0pt"}
    )
    return "hidden text" if is_hidden else None


_SITE_FIELD = re.compile(r"\bfield--name-(?:title|uid|created)\b")


def _describe_site_line(node: Node) -> str | None:
    """Return the kind of omission for a line that Drupal's feeds put before the text, or None for
    other elements. Such lines hold the title, the author and the date, which the feed also states
    in fields of their own."""
    if _SITE_FIELD.search(node.attributes.get("class", "")):
        return "title, author or date that the site repeats in the text"
    return None


def _is_tiny(node: Node) -> bool:
    style = node.get_style()
    sizes = [node.attributes.get("width"), node.attributes.get("height")]
    sizes += [style.get("width"), style.get("height")]
    numbers = [re.fullmatch(r"(\d{1,6})(?:\.\d+)?(?:px)?", size.strip()) for size in sizes if size]
    return any(int(number[1]) < _MIN_PIXELS for number in numbers if number)


def _walk_nodes(node: Node) -> Iterator[Node]:
    for child in node.children:
        if isinstance(child, Node):
            yield child
            yield from _walk_nodes(child)


_HEADING = re.compile(r"<h[1-6]\b|MsoTitle", re.IGNORECASE)


def may_hold_heading(html: str) -> bool:
    """Check, without parsing `html`, that it may contain a heading."""
    return _HEADING.search(html) is not None


def find_first_heading(root: Node) -> Node | None:
    """Return the heading that may be a title: the first h1, or a heading that begins the text."""
    headings = [node for node in _walk_nodes(root) if re.fullmatch("h[1-6]", node.tag)]
    headings = [node for node in headings if node.get_text().strip()]
    first = next((node for node in headings if node.tag == "h1"), None)
    if (
        first is None
        and headings
        and root.get_text().lstrip().startswith(headings[0].get_text().lstrip())
    ):
        first = headings[0]
    return first


def _drop_heading(root: Node, title: str) -> None:
    """Remove the first heading if it repeats the title."""
    node = find_first_heading(root)
    if node and " ".join(node.get_text().split()).casefold() == title.casefold():
        node.tag, node.children = "div", []


def lower_headings(root: Node, title: str) -> Node:
    """Lower the tree's headings to level 2 and below, since level 1 is the mail's own headline.

    A first heading that repeats `title` is removed. Returns the same tree."""
    if title:
        _drop_heading(root, title)
    headings = [node for node in _walk_nodes(root) if re.fullmatch("h[1-6]", node.tag)]
    if any(node.tag == "h1" for node in headings):
        for node in headings:
            node.tag = f"h{min(int(node.tag[1]) + 1, 4)}"
    return root
