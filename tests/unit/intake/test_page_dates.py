"""The publication date of a web page is the one that its article states."""

from datetime import UTC, datetime

import pytest

from mailer.intake import pages
from mailer.intake.drafts import Draft, DraftDefaults
from tests.unit.intake.factories import map_omissions
from tests.unit.samples import NOW

ADDRESS = "https://www.example.org/news/ferry"
TEXT = (
    "<p>The ferry sails again from the first of April, with a new deck for bicycles and a longer"
    " day on Sundays.</p><p>Tickets are sold at the harbour office on 3 January 2024 only.</p>"
)


def read_page(*, head: str = "", header: str = "", after: str = "", language: str = "en") -> Draft:
    page = (
        f'<html lang="{language}"><head><title>Ferry</title>{head}</head><body><main><article>'
        f"<header><h1>The ferry sails again</h1>{header}</header>{TEXT}</article></main>{after}"
        "</body></html>"
    )
    defaults = DraftDefaults(NOW, time_zone="Europe/Zurich")
    return pages.read_page(page.encode(), defaults, address=ADDRESS)


LINKED = '<script type="application/ld+json">{}</script>'
ARTICLE = '{{"@type": "NewsArticle", "datePublished": "{}", "url": "{}"}}'


@pytest.mark.parametrize(
    ("head", "header"),
    [
        ('<meta property="article:published_time" content="2026-03-11 09:00:00 +0200">', ""),
        ('<meta name="citation_publication_date" content="2026/03/11 8:00">', ""),
        ('<meta itemprop="datePublished" content="2026-03-11T07:00Z">', ""),
        (LINKED.format(ARTICLE.format("2026-03-11T07:00:00Z", "")), ""),
        (
            LINKED.format(
                '{"@graph": [{"@type": "WebSite", "datePublished": "2011-01-01"},'
                '{"@type": ["WebPage"], "mainEntity": '
                + ARTICLE.format("2026-03-11T07:00Z", "")
                + "}]}"
            ),
            "",
        ),
        (
            LINKED.format(
                f"[{ARTICLE.format('2026-03-12', 'https://www.example.org/news/tram')},"
                f"{ARTICLE.format('2026-03-11T07:00Z', '/news/ferry/')}]"
            ),
            "",
        ),
        ("", '<time datetime="2026-03-11T08:00:00+01:00">11/03/2026</time>'),
        ("", "<p><time>11 March 2026, 8:00</time></p>"),
        ("", ('<time class="updated" datetime="2026-04-01">x</time><time class="entry-date '
         'published" datetime="2026-03-11T07:00Z">x</time>')),
    ],
)  # fmt: skip
def test_page_date_from_metadata_of_article(head: str, header: str) -> None:
    draft = read_page(head=head, header=header)
    assert (draft.dated, draft.content.published) == (True, datetime(2026, 3, 11, 7, tzinfo=UTC))
    assert "date" not in " ".join(map_omissions(draft))


@pytest.mark.parametrize(
    ("head", "after"),
    [
        ("", ""),
        ("", '<aside><article><time datetime="2025-12-24">x</time><p>Other</p></article></aside>'),
        ("", "<footer><time>2020-01-01</time> © 2020</footer>"),
        (
            "",
            (
                '<div itemtype="https://schema.org/NewsArticle"><meta itemprop="datePublished"'
                ' content="2025-12-24"></div>'
            ),
        ),
        (LINKED.format('{"@type": "Event", "startDate": "2026-04-01"}'), ""),
        (
            LINKED.format(
                '{"@type": "ItemList", "itemListElement": ['
                + ARTICLE.format("2025-12-24", "/x")
                + "]}"
            ),
            "",
        ),
        (LINKED.format('{"@type": "NewsArticle", "datePublished": '), ""),
    ],
)
def test_page_date_of_other_content_is_not_taken(head: str, after: str) -> None:
    draft = read_page(head=head, after=after)
    assert (draft.dated, draft.content.published) == (False, NOW)


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en-GB", (2026, 2, 3)), ("de", (2026, 2, 3)), ("en-US", (2026, 3, 2)), ("en", None)],
)
def test_page_date_order_follows_language(
    language: str, expected: tuple[int, int, int] | None
) -> None:
    draft = read_page(header="<time>03/02/2026 12:00</time>", language=language)
    if expected is None:
        assert not draft.dated
        assert map_omissions(draft) == {"date that can't be read": "03/02/2026 12:00"}
    else:
        assert draft.content.published == datetime(*expected, 11, tzinfo=UTC)


def test_page_with_several_dates_has_none() -> None:
    draft = read_page(header="<time>2026-03-11</time> – <time>2026-03-14</time>")
    assert not draft.dated
    assert map_omissions(draft) == {"date, as the page states several": "2026-03-11, 2026-03-14"}


@pytest.mark.parametrize(
    "sentence",
    [
        "The regatta begins on {}.",
        "Updated: {}",
        "Geboren {} in Basel",
        "Register by {}",
    ],
)
def test_page_date_in_a_sentence_stays_there_and_is_not_the_publication(sentence: str) -> None:
    date = "<time datetime='2027-05-04'>4 May 2027</time>"
    draft = read_page(header=f"<p>{sentence.format(date)}</p>")
    assert not draft.dated
    assert sentence.format("4 May 2027") in draft.content.body


def test_page_date_beside_its_label_or_author_is_the_publication() -> None:
    for label in ("Published on {}", "By Ada Poe, {}", "Veröffentlicht am {}", "{}"):
        draft = read_page(header=f"<p>{label.format('<time>5 May 2026</time>')}</p>")
        assert draft.dated, label


def test_page_date_of_another_story_on_the_site_is_not_taken() -> None:
    other = ARTICLE.format("2020-03-11T07:00:00Z", "https://www.example.org/news/other")
    assert not read_page(head=LINKED.format(other)).dated


def test_page_words_that_visitors_do_not_see_stay_out() -> None:
    draft = read_page(header="<p hidden>Draft for the board only</p><template>Row here</template>")
    assert "board" not in draft.content.body
    assert "Row" not in draft.content.body
    assert map_omissions(draft)["hidden text"] == "Draft for the board only"
