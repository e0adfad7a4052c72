"""Parse HTML from any source into a tree, as a browser would build it.

nh3 contains an HTML5 parser (html5ever). Here it makes well-formed markup, which Python's own
parser can read without repairs, and keeps every attribute that says something about the text. The
tree is not safe: all HTML of an article is sanitised later, by
:func:`mailer.intake.markup.sanitise_html`.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser

import nh3

from mailer.errors import InputError

DEEPEST = 60
"""Maximum depth of nested elements. The content of deeper elements moves up to this depth."""

MAX_OPEN = 3_000
"""Maximum depth of elements in a page. html5ever goes through all open elements for each new
element, so that 200,000 nested elements took more than nine minutes. Real pages nest some
dozens."""

MAX_TAGS = 120_000

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
        url_schemes={"https", "http", "mailto", "tel", "data", "cid"},
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


_TAG = re.compile(r"<!--(?:-?>|.*?(?:--!?>|$))|<(/?)([A-Za-z][^\s/>]{0,50})", re.DOTALL)
_OPTIONAL_ENDS = frozenset({
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html",
    "img", "input", "li", "link", "meta", "option", "p", "source", "tbody", "td", "tfoot", "th",
    "thead", "tr", "track", "wbr",
})  # fmt: skip
_SCOPES = frozenset({"applet", "button", "caption", "marquee", "object", "table", "template"})
"""An end tag within one of these elements closes no element outside it (HTML §13.2.4.2)."""


def check_nesting(html: str) -> None:
    """Check that a parser won't have more than :data:`MAX_OPEN` elements open at once.

    Raises InputError."""
    open_tags: list[str] = []
    if html.count("<") > MAX_TAGS:
        raise InputError(
            f"the page has more than {MAX_TAGS:,} elements", where="body", hint="import a part"
        )
    if html.count("<") <= MAX_OPEN:
        return
    for match in _TAG.finditer(html):
        name = (match[2] or "").lower()
        if not name or name in _OPTIONAL_ENDS:
            continue
        if not match[1]:
            open_tags.append(name)
            if len(open_tags) > MAX_OPEN:
                raise InputError(
                    f"its elements nest deeper than {MAX_OPEN}",
                    where="body",
                    hint="copy its text into a new document, and import that",
                )
            continue
        for index in range(len(open_tags) - 1, -1, -1):
            if open_tags[index] == name:
                del open_tags[index:]
                break
            if open_tags[index] in _SCOPES:
                break


def parse_html(html: str) -> Node:
    """Return the tree of a page's body or of a fragment.

    Raises InputError for HTML that nests too deep. Any other HTML is parsed, even if it is
    invalid."""
    check_nesting(html)
    builder = _TreeBuilder()
    builder.feed(_create_cleaner().clean(html.encode("utf-8", "replace").decode()))
    builder.close()
    return builder.root
