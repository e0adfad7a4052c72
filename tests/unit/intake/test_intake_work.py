"""The work of reading an article: its HTML is cleaned once, and its Markdown is parsed once."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from mailer.intake import feeds, files, pages, word
from mailer.intake.drafts import DraftDefaults, to_beginning, to_one_line
from mailer.intake.markup import to_html
from mailer.intake.normalise import clean, tree
from tests.unit.intake.test_pages import ADDRESS, PAGE
from tests.unit.intake.word_files import build_word_file, make_paragraph
from tests.unit.samples import NOW

ENTRIES = 25
LENGTH = 6_000
"""The length of an entry in characters: enough for more than twenty paragraphs."""

_PARAGRAPHS = (
    "<h3>Boats of day {}</h3>",
    "<p>Boat {} brought <b>lamp oil</b> and <i>rope</i>, and the crew rested at the mill.</p>",
    '<p dir="rtl">Boat {} left a note that Markdown can not express.</p>',
    "<ul><li>Crate {}</li><li>Sack of oats</li></ul>",
    "<ul lang='fr'><li>Caisse {}</li></ul>",
    "<p>Level {}: H<sub>2</sub>O at 4 * 5 [so] a_b.</p>",
    '<blockquote lang="fr"><p>Le quai {} est ouvert.</p></blockquote>',
    '<p><a href="https://example.org/boats/{}">The list of boats</a></p>',
)


def build_body(number: int) -> str:
    """Make a long text, a part of which Markdown can't express."""
    parts: list[str] = []
    while sum(map(len, parts)) < LENGTH:
        parts.append(_PARAGRAPHS[len(parts) % len(_PARAGRAPHS)].format(number + len(parts)))
    return "".join(parts)


def build_feed(count: int) -> bytes:
    items = "".join(
        f"<item><title>Harbour diary {number}</title><guid>diary-{number}</guid>"
        f"<description><![CDATA[{build_body(number)}]]></description></item>"
        for number in range(count)
    )
    return f'<rss version="2.0"><channel><title>Diary</title>{items}</channel></rss>'.encode()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is done to texts: Markdown parsed, HTML cleaned, and long HTML parsed."""
    counts: Counter[str] = Counter()
    parse_markdown, clean_tree = MarkdownIt.parse, clean.TreeCleaner.clean_tree
    feed_html = tree._TreeBuilder.feed

    def count_parse(self: MarkdownIt, src: str, env: Any = None) -> Any:
        counts["markdown"] += 1
        return parse_markdown(self, src, env)

    def count_clean(self: clean.TreeCleaner, root: tree.Node) -> tree.Node:
        counts["clean"] += 1
        return clean_tree(self, root)

    def count_feed(self: Any, data: str) -> None:
        counts["long html"] += len(data) > LENGTH * 0.9
        feed_html(self, data)

    monkeypatch.setattr(MarkdownIt, "parse", count_parse)
    monkeypatch.setattr(clean.TreeCleaner, "clean_tree", count_clean)
    monkeypatch.setattr(tree._TreeBuilder, "feed", count_feed)
    return counts


def test_feed_entry_is_rendered_once(work: Counter[str]) -> None:
    batch = feeds.read_feed(build_feed(ENTRIES), DraftDefaults(NOW))
    assert (len(batch.drafts), batch.problems) == (ENTRIES, ())
    assert work["markdown"] == work["clean"] == ENTRIES
    for draft in batch.drafts:
        assert '<p dir="rtl">' in draft.content.body
        assert draft.content.html == to_html(draft.content.body)


def test_long_feed_entry_is_parsed_once_and_checked_once(
    work: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.intake.test_intake_work.LENGTH", 40_000)
    batch = feeds.read_feed(build_feed(2), DraftDefaults(NOW))
    assert len(batch.drafts) == 2
    # The text is parsed, its rendering is read back, and again after parts of it became HTML.
    assert work["long html"] <= 3 * 2


def test_page_is_rendered_once(work: Counter[str]) -> None:
    page = PAGE.replace("%s", '<p lang="fr">Le quai est ouvert toute la nuit.</p>')
    draft = pages.read_page(page.encode(), DraftDefaults(NOW), address=ADDRESS)
    assert "Lanterns are made" in draft.content.body
    assert work["markdown"] == work["clean"] == 1


def test_word_file_is_rendered_once(work: Counter[str]) -> None:
    heading = make_paragraph("The quay opens", properties='<w:pStyle w:val="H2"/>')
    text = make_paragraph("It opens at noon.")
    draft = word.read_docx(build_word_file(heading + text), DraftDefaults(NOW), name="quay.docx")
    assert (draft.content.title, draft.content.body) == ("The quay opens", "It opens at noon.")
    assert work["markdown"] == work["clean"] == 1


def test_pasted_text_is_rendered_once(work: Counter[str]) -> None:
    html = "<h1>The quay opens</h1>" + build_body(1)
    draft = word.from_html(html, DraftDefaults(NOW), origin="pasted")
    assert draft.content.title == "The quay opens"
    assert work["markdown"] == work["clean"] == 1


def test_markdown_file_is_parsed_once(work: Counter[str], tmp_path: Path) -> None:
    text = 'A \\[lamp\\] & a *rope*, [oats](https://example.org/oats "5 &amp; 6") ![\\*](https://example.org/i.png)'
    (tmp_path / "quay.md").write_text(f"---\ntitle: The quay\n---\n{text}\n")
    article_file = files.read_file(tmp_path / "quay.md", NOW, language="en", time_zone="UTC")
    assert article_file.content is not None
    assert work["markdown"] == 1
    assert article_file.content.html == to_html(text)


@pytest.mark.parametrize("length", [10, 200, 1000])
@pytest.mark.parametrize(
    "html",
    [
        build_body(3) * 3,
        "<div>" + build_body(3) * 3 + "</div>",
        "<style>p {}</style><!-- <b> -->" * 500 + build_body(3),
        f"<table><caption>Boats</caption><tr><td>{build_body(3)}</td><td>x</td></tr></table>",
        build_body(3).replace("<", "&lt;") + "<p>end</p>",
        "",
        "plain words " * 2000,
    ],
)
def test_beginning_of_text_agrees_with_whole_text(html: str, length: int) -> None:
    beginning = to_beginning(html, length)
    line = to_one_line(html)
    assert line.startswith(beginning)
    assert beginning == line or len(beginning) > length
