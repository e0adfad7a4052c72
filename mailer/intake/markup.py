"""Convert Markdown and HTML to sanitised HTML, the only HTML that articles contain.

nh3 (ammonia) allows a closed list of elements and attributes, and only https, http, mailto and tel
links. Markdown that a person wrote passes ``markdown_checks.py`` first, which refuses everything
that would be lost here.
"""

import re
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt

ELEMENTS = {
    "a", "abbr", "b", "blockquote", "br", "cite", "code", "del", "em", "h2", "h3", "h4", "hr", "i",
    "img", "li", "ol", "p", "pre", "q", "s", "small", "strong", "sub", "sup", "table", "tbody",
    "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip

ATTRIBUTES = {
    "*": {"lang", "dir"},
    "a": {"href", "title"},
    "abbr": {"title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}

_ALIGNMENTS = {"align": {"left", "center", "right"}}
_CELL_STYLE = re.compile('<(t[dh]) style="text-align:(left|center|right)">')
"""Matches a cell as markdown-it writes its alignment."""

SCHEMES = {"https", "http", "mailto", "tel"}

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]+")


@lru_cache(maxsize=1)
def _create_markdown_parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True, "typographer": False}).enable(
        ["table", "strikethrough"]
    )


@lru_cache(maxsize=1)
def _create_cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=ELEMENTS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel=None,
        tag_attribute_values={"td": _ALIGNMENTS, "th": _ALIGNMENTS},
        set_tag_attribute_values={"table": {"role": "table"}},
        strip_comments=True,
        url_relative="deny",
    )


_HEADINGS = {"h1": "h2", "h5": "h4", "h6": "h4"}
_HEADING_TAG = re.compile(r"(</?)(h[156])(?=[\s/>])", re.IGNORECASE)


def to_html(markdown: str) -> str:
    """Return sanitised HTML of Markdown (CommonMark with tables).

    Headings of level 1 become level 2, as the mail's own headline has level 1; those of level 5 and
    6 become level 4."""
    parser = _create_markdown_parser()
    environment: dict[str, Any] = {}
    tokens = parser.parse(markdown, environment)
    for token in tokens:
        token.tag = _HEADINGS.get(token.tag, token.tag)
    html = parser.renderer.render(tokens, parser.options, environment)
    return sanitise_html(_CELL_STYLE.sub(r'<\1 align="\2">', html))


def sanitise_html(html: str) -> str:
    """Return `html` reduced to :data:`ELEMENTS`, :data:`ATTRIBUTES` and :data:`SCHEMES`.

    Scripts and styles are removed with their content. Any other element that is not allowed is
    replaced by its text. Control characters are removed: HTML forbids them, and lxml refuses
    them."""
    html = _HEADING_TAG.sub(lambda match: match[1] + _HEADINGS[match[2].lower()], html)
    clean = _create_cleaner().clean(html)
    if _CONTROL.search(clean):
        clean = _create_cleaner().clean(_CONTROL.sub("", clean))
    return clean.strip()
