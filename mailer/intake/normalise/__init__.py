"""Normalise HTML from any source: return equivalent Markdown, its rendering, and the omissions.

tree.py      HTML -> a tree, as a browser would build it
clean.py     the tree -> a tree with only the article's text, and with absolute addresses
pasted.py    interprets HTML that word processors put on the clipboard
blocks.py    the tree -> blocks, which are equal for articles with the same meaning
inline.py    the content of a block: text with marks
markdown.py  blocks -> Markdown that reads back as the same blocks
html.py      blocks -> HTML, for formatting that Markdown lacks
"""

from dataclasses import dataclass

from mailer.errors import InputError
from mailer.intake.normalise.blocks import Block, build_blocks, extract_text
from mailer.intake.normalise.clean import (
    TreeCleaner,
    count_elements,
    find_first_heading,
    lower_headings,
    may_hold_heading,
)
from mailer.intake.normalise.markdown import render_markdown
from mailer.intake.normalise.tree import Node, parse_html
from mailer.intake.omissions import Omission, OmissionReport

LONGEST_HTML = 5_000_000
"""Maximum length of HTML in characters. HTML pasted from Word is ten times as long as its text."""
LONGEST_TEXT = 300_000
"""Maximum length of an article's text in characters, which is some fifty thousand words."""
MOST_BLOCKS = 5_000
"""Maximum number of blocks in an article (paragraphs, items, cells and so on)."""

__all__ = [
    "CleanedHtml",
    "NormalisedHtml",
    "clean_html",
    "normalise_cleaned",
    "normalise_html",
    "parse_blocks",
    "to_plain_text",
]


@dataclass(frozen=True, slots=True)
class NormalisedHtml:
    """Markdown, its sanitised rendering `html`, and its `text` as one line; `dropped` are the
    omissions."""

    markdown: str
    html: str
    text: str
    dropped: tuple[Omission, ...]


@dataclass(frozen=True, slots=True)
class CleanedHtml:
    """A tree with only the text of an article; `heading` is its first heading, or ""."""

    tree: Node
    heading: str
    report: OmissionReport


def clean_html(html: str, *, base: str = "", language: str = "") -> CleanedHtml:
    """Parse and clean the HTML of a page or fragment, once for everything that is read from it.

    Relative addresses are resolved against `base`. Without a base, links with such addresses become
    text and are reported. Raises InputError for HTML that is longer than any article."""
    if len(html) > LONGEST_HTML:
        raise _create_length_error()
    report = OmissionReport()
    count_elements(html, report)
    tree = TreeCleaner(report, base, language).clean_tree(parse_html(html))
    node = find_first_heading(tree) if may_hold_heading(html) else None
    return CleanedHtml(tree, " ".join(node.get_text().split()) if node else "", report)


def normalise_html(
    html: str, *, base: str = "", language: str = "", title: str = ""
) -> NormalisedHtml:
    """Clean and normalise HTML, as :func:`clean_html` and :func:`normalise_cleaned` do."""
    return normalise_cleaned(clean_html(html, base=base, language=language), title)


def normalise_cleaned(cleaned: CleanedHtml, title: str = "") -> NormalisedHtml:
    """Normalise cleaned HTML, whose tree is changed.

    A first heading that repeats the `title` is removed. Text that is not HTML becomes one
    paragraph. The meaning is preserved: ``parse_blocks(result.html)`` equals the blocks of the
    cleaned HTML.

    Raises InputError for a text that is longer than any article."""
    content_blocks = build_blocks(lower_headings(cleaned.tree, title))
    text = extract_text(content_blocks)
    if sum(map(_count_blocks, content_blocks)) > MOST_BLOCKS or len(text) > LONGEST_TEXT:
        raise _create_length_error()
    markdown, rendered_html = render_markdown(content_blocks)
    return NormalisedHtml(markdown, rendered_html, text, cleaned.report.list_omissions())


def _count_blocks(block: Block) -> int:
    return 1 + sum(map(_count_blocks, block.blocks))


def _create_length_error() -> InputError:
    return InputError(
        f"the text is longer than {LONGEST_TEXT:,} characters or {MOST_BLOCKS:,} paragraphs",
        where="body",
        hint="import a part of it, and link to the rest",
    )


def parse_blocks(html: str) -> tuple[Block, ...]:
    """Return the blocks of HTML, which are equal for all HTML with the same meaning."""
    return build_blocks(parse_html(html))


def to_plain_text(html: str) -> str:
    """Return the text of `html` as one line."""
    return extract_text(build_blocks(parse_html(html)))
