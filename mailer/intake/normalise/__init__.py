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
from mailer.intake.markup import to_html
from mailer.intake.normalise.blocks import Block, build_blocks, extract_text
from mailer.intake.normalise.clean import (
    TreeCleaner,
    count_elements,
    find_first_heading,
    lower_headings,
)
from mailer.intake.normalise.markdown import write_markdown
from mailer.intake.normalise.tree import parse_html
from mailer.intake.omissions import Omission, OmissionReport

LONGEST_HTML = 5_000_000
"""Maximum length of HTML in characters. HTML pasted from Word is ten times as long as its text."""
LONGEST_TEXT = 300_000
"""Maximum length of an article's text in characters, which is some fifty thousand words."""
MOST_BLOCKS = 5_000
"""Maximum number of blocks in an article (paragraphs, items, cells and so on)."""

__all__ = ["NormalisedHtml", "find_title", "normalise_html", "parse_blocks", "to_plain_text"]


@dataclass(frozen=True, slots=True)
class NormalisedHtml:
    """Markdown, and its sanitised rendering `html`; `dropped` are the omissions."""

    markdown: str
    html: str
    dropped: tuple[Omission, ...]


def normalise_html(
    html: str, *, base: str = "", language: str = "", title: str = ""
) -> NormalisedHtml:
    """Normalise the HTML of a page or fragment.

    Relative addresses are resolved against `base`. Without a base, links with such addresses become
    text and are reported. A first heading that repeats the `title` is removed. Text that is not
    HTML becomes one paragraph.

    The meaning is preserved: ``parse_blocks(result.html)`` equals the blocks of the cleaned input.

    Raises InputError for HTML that is longer than any article."""
    if len(html) > LONGEST_HTML:
        raise _create_length_error()
    report = OmissionReport()
    count_elements(html, report)
    cleaned = TreeCleaner(report, base, language).clean_tree(parse_html(html))
    content_blocks = build_blocks(lower_headings(cleaned, title))
    if (
        sum(map(_count_blocks, content_blocks)) > MOST_BLOCKS
        or len(extract_text(content_blocks)) > LONGEST_TEXT
    ):
        raise _create_length_error()
    markdown = write_markdown(content_blocks)
    return NormalisedHtml(markdown, to_html(markdown), report.list_omissions())


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


def find_title(html: str) -> str:
    """Return the first heading of the text as its title, or ""."""
    node = find_first_heading(TreeCleaner(OmissionReport(), "", "").clean_tree(parse_html(html)))
    return " ".join(node.get_text().split()) if node else ""
