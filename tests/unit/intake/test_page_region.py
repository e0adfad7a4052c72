"""Words of a page's article are kept, or reported as lost."""

import pytest

from mailer.intake import pages
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.omissions import OmissionReport
from mailer.intake.page_region import LOST_TEXT, find_region, report_lost_text
from tests.unit.intake.factories import map_omissions
from tests.unit.samples import NOW

ADDRESS = "https://www.example.org/news/ferry"


def read_page(body: str) -> Draft:
    page = f'<html lang="en"><head><title>Ferry</title></head><body>{body}</body></html>'
    return pages.read_page(page.encode(), DraftDefaults(NOW), address=ADDRESS)


def list_lost_texts(region: str, text: str) -> list[str]:
    """Return the texts of an article's HTML that are not in `text`."""
    texts: list[str] = []

    class _Report(OmissionReport):
        def add_omission(self, kind: str, example: str = "", times: int = 1) -> None:
            texts.append(example)

    root = pages.parse_tree(f"<html><body><article>{region}</article></body></html>")
    report_lost_text(find_region(root), text, "The title", _Report())
    return texts


def test_short_page_keeps_paragraphs_and_loses_headline() -> None:
    draft = read_page(
        "<nav>Home</nav><article><header><h1>Ferry</h1><time datetime='2026-03-11'>11 March</time>"
        "<p class='byline'>By Ada</p></header><p>It sails at <b>six</b> again.</p><p>Bring a "
        "coat.</p><ul><li>Port Alder</li></ul><div class='share-buttons'>Share this now</div>"
        "</article><footer>Imprint</footer>"
    )
    assert draft.content.body == "It sails at **six** again.\n\nBring a coat.\n\n- Port Alder"
    assert map_omissions(draft) == {}


@pytest.mark.parametrize(
    ("region", "lost"),
    [
        ("<p>The ferry sails again.</p><p>Tickets are nine crowns.</p>",
         ["Tickets are nine crowns."]),
        ("<p>The ferry sails again.</p>Loose words in between.<br>Second loose line.",
         ["Loose words in between.", "Second loose line."]),
        ("<div>Some <b>bold</b> words lost<p>The ferry sails again.</p></div>",
         ["Some bold words lost"]),
        ("<table><tr><td>one two three</td></tr></table>", ["one two three"]),
        ("<p>The <i>ferry</i> sails\n again!</p><h1>The title</h1><p>Read more</p>", []),
        (
            "<aside>Something quite different here</aside><form>Your name goes here</form>",
            ["Something quite different here"],
        ),
        ("<div class='related-stories'><p>Another story of today</p></div>", []),
        ("<p style='display: none'>Not to be seen here</p><p hidden>Nor is this one</p>", []),
        ("<p>The ferry<span class='sr-only'> opens in window</span> sails again.</p>", []),
    ],
)  # fmt: skip
def test_page_words_that_extraction_loses_are_reported(region: str, lost: list[str]) -> None:
    assert list_lost_texts(region, "The ferry sails again.") == lost


def test_page_lost_text_is_reported_in_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_convert_to_html", lambda _: ["<p>", "The ferry sails. " * 4])
    monkeypatch.setattr(pages, "_is_run_together", lambda *_: False)
    draft = read_page(
        "<article><h1>Ferry</h1><p>" + "The ferry sails. " * 4 + "</p><div><p>It sails from the "
        "old harbour, as it did until the war.</p></div></article>"
    )
    assert map_omissions(draft) == {
        LOST_TEXT: "It sails from the old harbour, as it did until the war."
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<article id=a></article>", "a"),
        ("<main id=m><div>x</div></main>", "m"),
        ("<div role=main id=m></div>", "m"),
        ("<article id=a><h1>x</h1></article><article id=b></article>", "a"),
        ("<article id=a><article id=b></article></article>", "a"),
        ("<article id=a></article><article id=b></article>", None),
        ("<article id=a><div itemprop=articleBody id=c></div></article>", "c"),
        ("<div>x</div>", None),
    ],
)
def test_page_region_of_article(body: str, expected: str | None) -> None:
    region = find_region(pages.parse_tree(f"<html><body>{body}</body></html>"))
    assert (None if region is None else region.get("id")) == expected
