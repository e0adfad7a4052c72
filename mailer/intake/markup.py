"""Convert Markdown and HTML to sanitised HTML, the only HTML that articles contain.

nh3 (ammonia) allows a closed list of elements and attributes, and only https, http, mailto and tel
links; pictures may also be assets. Markdown that a person wrote passes ``markdown_checks.py``
first, which refuses everything that would be lost here.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

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

SCHEMES = {"https", "http", "mailto", "tel", "asset"}
"""``asset`` is for references to stored pictures only (``mailer/assets/references.py``)."""

_ASSET_LINK = re.compile(r' href="asset:[^"]*"')
_FOREIGN_ASSET = re.compile(r' src="asset:(?![0-9a-f]{64}\.(?:jpg|png)")[^"]*"')

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


class RenderedBlock(NamedTuple):
    """A top-level block of Markdown: the number of its first line, from 0, and its HTML, which is
    not sanitised yet."""

    first_line: int
    html: str


def to_html(markdown: str) -> str:
    """Return sanitised HTML of Markdown (CommonMark with tables).

    Headings of level 1 become level 2, as the mail's own headline has level 1; those of level 5 and
    6 become level 4."""
    return join_rendered_blocks(render_markdown_blocks(markdown))


def render_markdown_blocks(markdown: str) -> list[RenderedBlock]:
    """Render Markdown once, and return its top-level blocks in order."""
    environment: dict[str, Any] = {}
    return render_tokens(_create_markdown_parser().parse(markdown, environment), environment)


def render_tokens(tokens: Sequence[Token], environment: dict[str, Any]) -> list[RenderedBlock]:
    """Render what a parser made of Markdown, with the references in `environment`."""
    parser = _create_markdown_parser()
    rendered_blocks: list[RenderedBlock] = []
    start = 0
    for index, token in enumerate(tokens):
        token.tag = _HEADINGS.get(token.tag, token.tag)
        if token.level or token.nesting > 0:
            continue
        block_tokens = tokens[start : index + 1]
        first_line = block_tokens[0].map[0] if block_tokens[0].map else 0
        html = parser.renderer.render(block_tokens, parser.options, environment)
        rendered_blocks.append(RenderedBlock(first_line, html))
        start = index + 1
    return rendered_blocks


def join_rendered_blocks(rendered_blocks: Iterable[RenderedBlock]) -> str:
    """Return the blocks as sanitised HTML."""
    html = "".join(rendered_block.html for rendered_block in rendered_blocks)
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
    if "asset:" in clean:
        clean = _FOREIGN_ASSET.sub("", _ASSET_LINK.sub("", clean))
    return clean.strip()
