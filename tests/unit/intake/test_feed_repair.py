"""Feeds with bare ampersands, spaces in links, films and unreadable dates."""

from datetime import UTC, datetime

import pytest

from mailer.intake import feeds
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.feed_repair import repair_xml
from tests.unit.intake.factories import map_omissions
from tests.unit.samples import NOW

DEFAULTS = DraftDefaults(NOW, time_zone="Europe/Zurich")


def read_items(*items: str) -> list[Draft]:
    xml = (
        '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>x</title>'
        f"<link>https://www.example.org/</link><description/>{''.join(items)}</channel></rss>"
    )
    batch = feeds.read_feed(xml.encode(), DEFAULTS, address="https://www.example.org/feed")
    assert batch.problems == ()
    return list(batch.drafts)


def make_item(number: int = 1, *, date: str = "", extra: str = "") -> str:
    dated = f"<pubDate>{date}</pubDate>" if date else ""
    return (
        f"<item><guid isPermaLink='false'>{number}</guid><title>Story {number}</title>"
        f"<description>The text of story {number}.</description>{dated}{extra}</item>"
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("H&M opens", "H&M opens"),
        ("Q&A: R&D & more", "Q&A: R&D & more"),
        ("Fish &amp; chips &eacute;", "Fish & chips é"),
        ("A &# B &#x; C &#65;", "A &# B &#x; C A"),
        ("&copy 2026 &", "&copy 2026 &"),
        ("a<![CDATA[ & b &amp; c]]> & d", "a & b & c & d"),
    ],
)
def test_feed_with_bare_ampersands_keeps_text(written: str, text: str) -> None:
    (draft,) = read_items(
        f"<item><title>{written}</title><guid>1</guid><description>Text.</description></item>"
    )
    assert draft.content.title == text


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://a.example/s?id=1&lang=en&copy=2&sect=3", "https://a.example/s?id=1&lang=en&copy=2&sect=3"),
        ("https://a.example/s?id=1&amp;reg=2", "https://a.example/s?id=1&reg=2"),
        ("<![CDATA[\n  https://a.example/two words?x=a b&y=2\n]]>", "https://a.example/two%20words?x=a%20b&y=2"),
        ("\n https://a.example/\n path ", "https://a.example/%20path"),
    ],
)  # fmt: skip
def test_feed_link_keeps_its_parameters_and_spaces(written: str, address: str) -> None:
    (draft,) = read_items(
        f"<item><title>T</title><guid isPermaLink='false'>1</guid><link>{written}</link>"
        "<description>Text.</description></item>"
    )
    assert draft.content.canonical_url == address


def test_feed_link_that_is_no_address_is_reported() -> None:
    (draft,) = read_items(make_item(extra="<link>javascript:alert(1)</link>"))
    assert draft.content.canonical_url == ""
    assert map_omissions(draft) == {
        "article's address, which is not a web address": "javascript:alert(1)"
    }


def test_feed_repair_leaves_well_formed_xml_unchanged() -> None:
    xml = "<a b='1&amp;2'>&lt;p&gt; &#233; &quot;<![CDATA[x & y]]></a>"
    assert repair_xml(xml) == xml


def test_feed_film_is_described_by_media_description() -> None:
    film = (
        "<item><guid>1</guid><title>Our film</title><media:group>"
        "<media:content url='https://v.example/1' medium='video'/>"
        "<media:title>Our film</media:title><media:description>How the harbour was built.\n\n"
        "A film of ten minutes.</media:description>"
        "<media:thumbnail url='https://v.example/1.jpg'/></media:group></item>"
    )
    (draft,) = read_items(film)
    assert draft.content.body == "How the harbour was built.\n\nA film of ten minutes."
    assert draft.content.image is not None
    assert draft.content.image.alt == "Our film"


def test_feed_author_that_program_filled_in_is_left_out() -> None:
    drafts = read_items(
        make_item(1, extra="<dc:creator>admin</dc:creator>"),
        make_item(2, extra="<dc:creator>Ada Min</dc:creator>"),
    )
    assert [draft.content.byline for draft in drafts] == ["", "Ada Min"]


def test_feed_of_drupal_does_not_repeat_fields_in_text() -> None:
    text = (
        '<span class="field field--name-title">Boats</span><span class="field field--name-uid">'
        '<a href="/user/1">admin</a></span><span class="field--name-created">5 May</span>'
        '<div class="field field--name-body"><p>The text.</p></div>'
    )
    (draft,) = read_items(
        f"<item><title>Boats</title><guid>1</guid><description><![CDATA[{text}]]></description></item>"
    )
    assert draft.content.body == "The text."
    assert map_omissions(draft) == {
        "title, author or date that the site repeats in the text": "Boats"
    }


def test_feed_date_that_cannot_be_read_is_reported() -> None:
    draft, _ = read_items(make_item(1, date="mardi prochain"), make_item(2))
    assert (draft.dated, draft.content.published) == (False, NOW)
    assert map_omissions(draft) == {"date that can't be read": "mardi prochain"}


def test_feed_unreadable_date_is_not_replaced_by_another() -> None:
    (draft,) = read_items(
        make_item(date="sometime", extra="<dc:date>2026-03-11T07:00:00Z</dc:date>")
    )
    assert not draft.dated


def test_feed_date_order_is_inferred_from_other_entries() -> None:
    first, second = read_items(
        make_item(1, date="03/04/2026 09:00"), make_item(2, date="17/04/2026 09:00")
    )
    assert first.content.published == datetime(2026, 4, 3, 7, tzinfo=UTC)
    assert map_omissions(first) == {
        "nothing, but the date was read as day before month, as in other entries": (
            "03/04/2026 09:00"
        )
    }
    assert map_omissions(second) == {}
    (alone,) = read_items(make_item(1, date="03/04/2026 09:00"))
    assert not alone.dated
