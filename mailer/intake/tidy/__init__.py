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
from mailer.intake.dropped import Dropped, Report
from mailer.intake.markup import to_html
from mailer.intake.tidy.markdown import write
from mailer.intake.tidy.shape import Block, blocks, words
from mailer.intake.tidy.sweep import Sweep, count_elements, first_heading, under_headline
from mailer.intake.tidy.tree import read

LONGEST_HTML = 5_000_000
"""Characters that HTML may have: pasted from Word it has ten times those of its text."""
LONGEST_TEXT = 300_000
"""Characters that an article may have: some fifty thousand words."""
MOST_BLOCKS = 5_000
"""Paragraphs, items, cells and so on that an article may have."""

__all__ = ["Tidied", "meaning", "plain", "tidy", "title_in"]


@dataclass(frozen=True, slots=True)
class Tidied:
    """`html` is the sanitised rendering of `markdown`, always."""

    markdown: str
    html: str
    dropped: tuple[Dropped, ...]


def tidy(html: str, *, base: str = "", language: str = "", title: str = "") -> Tidied:
    """The text of a page or fragment. Relative addresses are taken to stand under `base`; without
    one their links leave their text, and are reported. A first heading that says the `title` again
    goes.

    What comes out means what went in: ``meaning(tidied.html)`` are the blocks of the swept input.
    Text that is no HTML is taken as one paragraph. Raises InputError for what is longer than any
    article."""
    if len(html) > LONGEST_HTML:
        raise _too_long()
    report = Report()
    count_elements(html, report)
    swept = Sweep(report, base, language).clean(read(html))
    found = blocks(under_headline(swept, title))
    if sum(map(_count, found)) > MOST_BLOCKS or len(words(found)) > LONGEST_TEXT:
        raise _too_long()
    markdown = write(found)
    return Tidied(markdown, to_html(markdown), report.all())


def _count(block: Block) -> int:
    return 1 + sum(map(_count, block.blocks))


def _too_long() -> InputError:
    return InputError(
        f"it is longer than {LONGEST_TEXT:,} characters or {MOST_BLOCKS:,} paragraphs",
        where="body",
        hint="take in a part of it, and link to the rest",
    )


def meaning(html: str) -> tuple[Block, ...]:
    """What HTML says, in a form that is equal for all HTML that says the same."""
    return blocks(read(html))


def plain(html: str) -> str:
    """The text alone, as one line."""
    return words(blocks(read(html)))


def title_in(html: str) -> str:
    """The title that a text gives itself, in its first heading; empty where it gives none."""
    node = first_heading(Sweep(Report(), "", "").clean(read(html)))
    return " ".join(node.text().split()) if node else ""
