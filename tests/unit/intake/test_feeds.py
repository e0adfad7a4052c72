"""Feeds as sites really write them: readable entries are imported, faults are reported."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.errors import InputError
from mailer.intake import feeds
from mailer.intake.drafts import Draft, DraftBatch, DraftDefaults
from mailer.model.articles import Image
from tests.unit.intake.test_markup import PAYLOADS, assert_harmless
from tests.unit.samples import NOW

FOLDER = Path(__file__).parent / "feeds"
DEFAULTS = DraftDefaults(
    NOW, time_zone="Europe/London", topics_by_category={"culture": "culture", "comida": "food"}
)
FEED = "https://example.org/feeds/news.xml"


def read_fixture(name: str, address: str = FEED) -> DraftBatch:
    return feeds.read_feed((FOLDER / name).read_bytes(), DEFAULTS, address=address)


def read_single_draft(name: str) -> Draft:
    batch = read_fixture(name)
    assert (len(batch.drafts), batch.problems) == (1, ())
    return batch.drafts[0]


def list_titles(batch: DraftBatch) -> list[str]:
    return [draft.content.title for draft in batch.drafts]


def map_omissions(draft: Draft) -> dict[str, str]:
    return {omission.kind: omission.example for omission in draft.omissions}


def make_rss(items: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>x</title>'
        f"<link>https://example.org/</link><description/>{items}</channel></rss>"
    ).encode()


# ---- the formats --------------------------------------------------------------------------------


def test_rss_0_91_feed() -> None:
    draft = read_single_draft("rss-0.91.xml")
    assert draft.content.title == "Ferry timetable moves to winter"
    assert draft.content.body == "The last boat leaves at six."
    assert (draft.content.language, draft.dated) == ("en-GB", False)
    assert draft.key == draft.content.canonical_url == "https://example.org/ferry"


def test_rss_0_92_feed_without_title() -> None:
    first, second = read_fixture("rss-0.92.xml").drafts
    assert first.content.title.startswith("Lanterns were lit along the old pier")
    assert first.content.title.endswith("before the…")
    assert any("title was missing" in kind for kind in map_omissions(first))
    assert map_omissions(second) == {"sound file": "https://example.org/choir.mp3"}


def test_rss_1_0_feed() -> None:
    draft = read_single_draft("rss-1.0.xml")
    assert (draft.content.title, draft.content.language) == ("Le port s'éclaire", "fr")
    assert draft.content.published == datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
    assert (draft.content.body, draft.content.byline) == (
        "Des *lanternes* sur l'eau.",
        "Rédaction",
    )
    assert map_omissions(draft) == {"category": "Fêtes"}


def test_rss_2_0_feed_with_full_text_and_summary() -> None:
    draft = read_single_draft("rss-2.0-content.xml")
    assert draft.content.body == "## Hours\n\nFrom **nine** to five.\n\n- Monday\n- Tuesday"
    assert draft.content.summary == "A short account… more"
    assert draft.content.topics == ("culture",)
    assert (draft.key, draft.dated) == ("tag:example.org,2026:7", True)
    assert map_omissions(draft) == {"category": "Uncharted", "script": ""}


def test_feed_author_has_no_mail_address() -> None:
    assert [draft.content.byline for draft in read_fixture("rss-2.0-authors.xml").drafts] == [
        "Press desk",
        "",
        "Press desk",
    ]


def test_atom_0_3_feed() -> None:
    draft = read_single_draft("atom-0.3.xml")
    assert (draft.content.title, draft.content.body) == ("Tides & times", "High at *noon*.")
    assert draft.content.published == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert draft.content.byline == "Press desk"


def test_atom_1_0_feed_with_xhtml_and_nested_bases() -> None:
    draft = read_single_draft("atom-1.0-xhtml.xml")
    assert draft.content.title == "Pan & sal: 2 < 3"
    assert draft.content.canonical_url == "https://example.org/es/pan"
    assert draft.content.body == (
        "Una [mesa](https://example.org/es/noticias/mesa) larga.\\\nY sal.\n\n> Pan."
    )
    assert draft.content.summary == "Una mesa larga."
    assert (draft.content.language, draft.content.topics) == ("es", ("food",))
    assert draft.content.published == datetime(2026, 11, 1, 7, tzinfo=UTC)


def test_atom_1_0_feed_with_prefix_and_plain_text() -> None:
    first, second = read_fixture("atom-1.0-html.xml").drafts
    assert (first.content.title, first.content.body) == ("The long table", "Forty seats.")
    assert map_omissions(first) == {"attached file": "https://example.org/menu.pdf"}
    assert second.content.body == "2 < 3 & \\*stars\\*\n\nSecond."


def test_dublin_core_feed_names_dates_and_languages() -> None:
    first, second = read_fixture("dublin-core.xml").drafts
    assert (first.content.byline, first.content.language) == ("Press desk, Night desk", "fr")
    assert first.content.published == datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert second.content.published == datetime(2026, 11, 3, 10, tzinfo=UTC)


def test_feed_body_is_longest_content() -> None:
    first, second = read_fixture("namespaced-html.xml").drafts
    assert first.content.body == "The whole of it, in many more words."
    assert first.content.summary == "Short."
    assert second.content.body == "| Day | Tide |\n| --- | --- |\n| 1 | High |"


def test_podcast_feed_gives_its_notes() -> None:
    draft = read_single_draft("podcast.xml")
    assert draft.content.body == "A talk on deck, with tea."
    assert map_omissions(draft) == {
        "sound file": "https://example.org/ep4.mp3",
        "picture without alt text": "https://example.org/ep4.jpg",
    }


def test_feed_picture_needs_alt_text() -> None:
    first, second, third = read_fixture("media-group.xml").drafts
    assert first.content.title == "The quay"
    assert first.content.image == Image(
        "https://example.org/quay.jpg", "Boats at dusk", "Harbour Office"
    )
    assert map_omissions(first) == {"video file": "https://example.org/quay.mp4"}
    assert (second.content.image, third.content.image) == (None, None)
    assert map_omissions(second) == {"picture without alt text": "https://example.org/dawn.jpg"}
    assert map_omissions(third) == {"picture without alt text": "https://example.org/noon.png"}


def test_feed_in_right_to_left_language() -> None:
    first, second = read_fixture("right-to-left.xml").drafts
    assert (first.content.language, first.content.slug) == ("ar", "lanterns")
    assert first.content.body == (
        'أضاءت **الفوانيس** الميناء.\n\n<p dir="ltr">+44 20 7946 0000</p>'
    )
    assert second.content.slug == "story-2c624232"
    assert read_fixture("right-to-left.xml").drafts[1].content.slug == second.content.slug


# ---- titles, dates, addresses -------------------------------------------------------------------


def test_feed_title_is_unescaped_to_plain_text() -> None:
    titles = list_titles(read_fixture("titles.xml"))
    assert titles[:5] == ["Bold start", "Bread & salt", "Bread & salt", "Quay’s end …", "Slanted"]
    assert (
        titles[5] == "Nobody gave this note a title, so the first words of its text must stand for…"
    )
    assert titles[6:] == ["Two lines and a tab", "5 < 6 and R&D"]


def test_feed_text_escaped_twice_is_unescaped() -> None:
    assert read_single_draft("double-escaped.xml").content.body == "Twice **escaped**."


@pytest.mark.parametrize(
    ("title", "moment"),
    [
        ("Two-digit year", datetime(2026, 11, 3, 14, tzinfo=UTC)),
        ("Offset", datetime(2026, 11, 3, 3, 30, tzinfo=UTC)),
        ("No zone", datetime(2026, 7, 3, 8, tzinfo=UTC)),
        ("ISO in RSS", datetime(2026, 11, 3, 7, tzinfo=UTC)),
        ("No weekday, no seconds", datetime(2026, 11, 3, 9, tzinfo=UTC)),
        ("Dublin Core day", datetime(2026, 11, 3, tzinfo=UTC)),
        ("GMT+1", datetime(2026, 11, 3, 8, tzinfo=UTC)),
    ],
)
def test_feed_date_in_odd_format_is_parsed(title: str, moment: datetime) -> None:
    drafts_by_title = {draft.content.title: draft for draft in read_fixture("odd-dates.xml").drafts}
    assert (drafts_by_title[title].content.published, drafts_by_title[title].dated) == (
        moment,
        True,
    )


def test_feed_entry_without_date_is_undated() -> None:
    drafts = read_fixture("no-dates.xml").drafts
    assert [(draft.dated, draft.content.published) for draft in drafts] == [(False, NOW)] * 3


def test_feed_relative_links_are_resolved() -> None:
    draft = read_single_draft("relative.xml")
    assert draft.content.canonical_url == "https://example.org/news/one"
    assert draft.content.body == (
        "[Two](https://example.org/feeds/two) [Three](https://example.org/three)"
        " ![A quay](https://example.org/i.png)"
    )


def test_feed_id_without_address_is_not_a_link() -> None:
    assert [draft.content.canonical_url for draft in read_fixture("no-dates.xml").drafts] == [
        "",
        "",
        "",
    ]


def test_feed_entry_without_id_gets_key_from_link_or_title() -> None:
    batch = read_fixture("no-ids.xml")
    assert [draft.key for draft in batch.drafts] == [
        "https://example.org/one",
        "By title and date 2026-11-03 09:00:00+00:00",
    ]
    (problem,) = batch.problems
    assert problem.key == "https://example.org/none"
    assert "the article has no text" in str(problem.error)
    assert problem.error.where == f"{FEED}, No text at all"


def test_feed_duplicate_titles_and_duplicate_ids() -> None:
    batch = read_fixture("duplicates.xml")
    assert [(draft.key, draft.content.slug) for draft in batch.drafts] == [
        ("1", "same"),
        ("2", "same-d4735e3a"),
    ]
    (problem,) = batch.problems
    assert "two entries have the id 1" in str(problem.error)


# ---- what is broken -----------------------------------------------------------------------------


def test_feed_with_split_cdata() -> None:
    draft = read_single_draft("cdata.xml")
    assert (draft.content.title, draft.key) == ("Quay", "1")
    assert draft.content.canonical_url == "https://example.org/quay?a=1&b=2"
    assert draft.content.body == "One\n\ntwo ]]> three © 2026"


def test_feed_with_html_entities() -> None:
    draft = read_single_draft("entities.xml")
    assert draft.content.title == "Café — open &unknown; late"
    assert draft.content.body == "Bread\u00a0&\u00a0salt ©"


def test_malformed_feed_is_read_and_reported() -> None:
    batch = read_fixture("malformed.xml")
    assert list_titles(batch) == ["Bread & salt", "Second"]
    assert batch.drafts[0].content.body == "Unescaped **markup**"
    assert batch.drafts[0].content.canonical_url == "https://example.org/?a=1&b=2"
    assert [problem.error.message for problem in batch.problems] == [
        "the feed is not well-formed XML (line 4: mismatched tag)"
    ]


def test_truncated_feed_gives_complete_entries() -> None:
    batch = read_fixture("truncated.xml")
    assert list_titles(batch) == ["Whole", "Whole too"]
    assert [problem.error.message for problem in batch.problems] == [
        "the feed breaks off in the middle"
    ]


@pytest.mark.parametrize("name", ["atom-1.0-html.xml", "rss-1.0.xml", "rss-2.0-content.xml"])
def test_truncated_feed_never_gives_partial_entry(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    complete_bodies = {draft.content.body for draft in read_fixture(name).drafts}
    for length in range(200, len(data), 29):
        with suppress(InputError):
            batch = feeds.read_feed(data[:length], DEFAULTS)
            assert {draft.content.body for draft in batch.drafts} <= complete_bodies


def test_feed_with_wrong_encoding_is_reported() -> None:
    data = make_rss("<item><title>“Café”</title><description>5 €</description></item>").decode()
    batch = feeds.read_feed(data.encode("windows-1252"), DEFAULTS, content_type="text/xml")
    assert (list_titles(batch), batch.drafts[0].content.body) == (["“Café”"], "5 €")
    assert "not in the encoding that it names" in str(batch.problems[0].error)


def test_feed_with_few_invalid_bytes() -> None:
    data = make_rss("<item><title>Élan – caf#</title><description>x</description></item>")
    batch = feeds.read_feed(data.replace(b"#", b"\xe9"), DEFAULTS)
    assert list_titles(batch) == ["Élan – café"]
    assert "some characters may be wrong" in str(batch.problems[0].error)


def test_feed_control_characters_are_removed() -> None:
    title = "<title>a\x00b\x08c&#x1;&#8;d</title>"
    data = make_rss(f"<item>{title}<description>e\x1bf</description></item>")
    (draft,) = feeds.read_feed(data, DEFAULTS).drafts
    assert (draft.content.title, draft.content.body) == ("abcd", "ef")


def test_empty_feed_gives_no_drafts() -> None:
    assert read_fixture("empty.xml") == DraftBatch((), ())


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        ((FOLDER / "page.html").read_bytes(), "web page", "https://example.org/news/feed.xml"),
        (b"<html><body>News</body></html>", "web page", "use the address of the page's feed"),
        (b"", "not a feed", "RSS or Atom"),
        (b"\x89PNG\r\n\x1a\n\x00", "not a feed", "RSS or Atom"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "not a feed", "RSS or Atom"),
        (b"<?xml version='1.0'?><urlset><url/></urlset>", "not a feed", "RSS or Atom"),
        (b"https://example.org/feed", "not a feed", "RSS or Atom"),
        (b"/etc/passwd", "not a feed", "RSS or Atom"),
    ],
)
def test_non_feed_is_refused_with_hint(data: bytes, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        feeds.read_feed(data, DEFAULTS, address="https://example.org/")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == "https://example.org/"


def test_feed_gives_first_hundred_entries() -> None:
    items = "".join(
        f"<item><guid>{n}</guid><title>Note {n}</title><description>x</description></item>"
        for n in range(103)
    )
    batch = feeds.read_feed(make_rss(items), DEFAULTS)
    assert len(batch.drafts) == 100
    assert "103 entries" in batch.problems[0].error.message


def test_feed_entities_are_not_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hush")
    doctype = (
        f'<!DOCTYPE rss [<!ENTITY a "{"x" * 50}"><!ENTITY b "{"&a;" * 50}">'
        f'<!ENTITY c "{"&b;" * 50}"><!ENTITY f SYSTEM "file://{secret}">]>'
    )
    item = "<item><title>t &c; &f;</title><description>d &c; &f;</description></item>"
    data = make_rss(item).replace(b"<rss", doctype.encode() + b"<rss", 1)
    (draft,) = feeds.read_feed(data, DEFAULTS).drafts
    assert len(draft.content.body) < 100
    assert "hush" not in draft.content.body + draft.content.title


# ---- hostile markup -----------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", ["<![CDATA[{}]]>", "escaped", "xhtml"])
def test_feed_with_hostile_markup_gives_harmless_html(wrap: str) -> None:
    for payload in PAYLOADS:
        if wrap == "escaped":
            encoded = payload.replace("&", "&amp;").replace("<", "&lt;")
        else:
            encoded = wrap.format(payload) if "{}" in wrap else payload
        item = (
            f"<item><guid>1</guid><title>{encoded}</title><link>{encoded}</link><author>{encoded}</author>"
            f"<category>{encoded}</category><description>words {encoded}</description></item>"
        )
        for draft in feeds.read_feed(make_rss(item), DEFAULTS, address=FEED).drafts:
            assert_harmless(draft.content.html)
            assert "<script" not in draft.content.html.lower()
            assert draft.content.title.isprintable()
            assert draft.content.byline.isprintable() or not draft.content.byline
