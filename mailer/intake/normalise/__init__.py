"""HTML of any provenance -> the Markdown that says the same, its rendering, and what was left out.

tree.py      HTML -> a tree, as a browser would build it
sweep.py     the tree without what is no part of the text, with whole addresses
pasted.py    what word processors mean by the HTML on their clipboards
shape.py     the tree -> blocks, in the one form that equal articles share
leaves.py    what stands in a block: text and the marks that hold for it
markdown.py  blocks -> Markdown that reads back as the same blocks
element.py   blocks -> HTML, for what Markdown has no words for
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
"""Characters that HTML may have: pasted from Word it has ten times those of its text."""
LONGEST_TEXT = 300_000
"""Characters that an article may have: some fifty thousand words."""
MOST_BLOCKS = 5_000
"""Paragraphs, items, cells and so on that an article may have."""

__all__ = ["NormalisedHtml", "find_title", "normalise_html", "parse_blocks", "to_plain_text"]


@dataclass(frozen=True, slots=True)
class NormalisedHtml:
    """`html` is the sanitised rendering of `markdown`, always."""

    markdown: str
    html: str
    dropped: tuple[Omission, ...]


def normalise_html(
    html: str, *, base: str = "", language: str = "", title: str = ""
) -> NormalisedHtml:
    """The text of a page or fragment. Relative addresses are taken to stand under `base`; without
    one their links leave their text, and are reported. A first heading that says the `title` again
    goes.

    What comes out means what went in: ``meaning(tidied.html)`` are the blocks of the swept input.
    Text that is no HTML is taken as one paragraph. Raises InputError for what is longer than any
    article."""
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
        f"it is longer than {LONGEST_TEXT:,} characters or {MOST_BLOCKS:,} paragraphs",
        where="body",
        hint="take in a part of it, and link to the rest",
    )


def parse_blocks(html: str) -> tuple[Block, ...]:
    """What HTML says, in a form that is equal for all HTML that says the same."""
    return build_blocks(parse_html(html))


def to_plain_text(html: str) -> str:
    """The text alone, as one line."""
    return extract_text(build_blocks(parse_html(html)))


def find_title(html: str) -> str:
    """The title that a text gives itself, in its first heading; empty where it gives none."""
    node = find_first_heading(TreeCleaner(OmissionReport(), "", "").clean_tree(parse_html(html)))
    return " ".join(node.get_text().split()) if node else ""
