"""Parse HTML from any source into a tree, as a browser would build it.

nh3 contains an HTML5 parser (html5ever). Here it makes well-formed markup, which Python's own
parser can read without repairs, and keeps every attribute that says something about the text. The
tree is not safe: all HTML of an article is sanitised later, by
:func:`mailer.intake.markup.sanitise_html`.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser

import nh3

DEEPEST = 60
"""Maximum depth of nested elements. The content of deeper elements moves up to this depth."""

BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details",
    "div", "dl", "dt", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hgroup", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})  # fmt: skip

_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "big", "br", "cite", "code", "del", "em", "font", "i", "img",
    "ins", "kbd", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u",
})  # fmt: skip

OMITTED_ELEMENTS = frozenset({
    "applet", "audio", "button", "canvas", "embed", "frame", "frameset", "head", "iframe", "math",
    "noembed", "noframes", "noscript", "object", "plaintext", "script", "select", "style", "svg",
    "template", "textarea", "title", "video", "xml", "xmp",
})  # fmt: skip
"""Elements that are removed with their content."""

_ATTRIBUTES = {
    "*": {"style", "class", "lang", "dir", "hidden", "role"},
    "a": {"href", "title", "name", "id"},
    "abbr": {"title"},
    "acronym": {"title"},
    "b": {"id"},
    "del": {"datetime"},
    "ins": {"datetime"},
    "img": {
        "src",
        "alt",
        "title",
        "width",
        "height",
        "srcset",
        "data-src",
        "data-lazy-src",
        "data-original",
    },
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}


@dataclass(slots=True)
class Node:
    """An element: its name, its attributes and its content."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node | str"] = field(default_factory=list)

    def get_text(self) -> str:
        return "".join(
            child if isinstance(child, str) else child.get_text() for child in self.children
        )

    def get_style(self) -> dict[str, str]:
        """Return the element's own CSS declarations, in lower case."""
        pairs = (part.partition(":") for part in self.attributes.get("style", "").split(";"))
        return {name.strip().lower(): value.strip().lower() for name, _, value in pairs if value}


@lru_cache(maxsize=1)
def _create_cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(BLOCKS | _INLINE),
        clean_content_tags=set(OMITTED_ELEMENTS),
        attributes=_ATTRIBUTES,
        url_schemes={"https", "http", "mailto", "data", "cid"},
        link_rel=None,
        strip_comments=True,
        url_relative="pass_through",
    )


class _TreeBuilder(HTMLParser):
    _EMPTY = frozenset({"br", "hr", "img"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("body")
        self._open_nodes = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        if len(self._open_nodes) > DEEPEST and tag not in self._EMPTY:
            node = self._open_nodes[-1]
        else:
            self._open_nodes[-1].children.append(node)
        if tag not in self._EMPTY:
            self._open_nodes.append(node)

    def handle_endtag(self, tag: str) -> None:
        if len(self._open_nodes) > 1 and tag not in self._EMPTY:
            self._open_nodes.pop()

    def handle_data(self, data: str) -> None:
        self._open_nodes[-1].children.append(data)


def parse_html(html: str) -> Node:
    """Return the tree of a page's body or of a fragment. Parsing never fails."""
    builder = _TreeBuilder()
    builder.feed(_create_cleaner().clean(html.encode("utf-8", "replace").decode()))
    builder.close()
    return builder.root
