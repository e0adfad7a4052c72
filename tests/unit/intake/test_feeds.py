"""Feeds as they are in the wild: what can be understood is taken, the rest is said."""

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


def read(name: str, address: str = FEED) -> DraftBatch:
    return feeds.read_feed((FOLDER / name).read_bytes(), DEFAULTS, address=address)


def only(name: str) -> Draft:
    batch = read(name)
    assert (len(batch.drafts), batch.problems) == (1, ())
    return batch.drafts[0]


def titles(batch: DraftBatch) -> list[str]:
    return [one.content.title for one in batch.drafts]


def left_out(one: Draft) -> dict[str, str]:
    return {dropped.what: dropped.example for dropped in one.omissions}


def rss(inside: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>x</title>'
        f"<link>https://example.org/</link><description/>{inside}</channel></rss>"
    ).encode()


# ---- the formats --------------------------------------------------------------------------------


def test_rss_0_91() -> None:
    one = only("rss-0.91.xml")
    assert one.content.title == "Ferry timetable moves to winter"
    assert one.content.body == "The last boat leaves at six."
    assert (one.content.language, one.dated) == ("en-GB", False)
    assert one.key == one.content.canonical_url == "https://example.org/ferry"


def test_rss_0_92_needs_no_title() -> None:
    first, second = read("rss-0.92.xml").drafts
    assert first.content.title.startswith("Lanterns were lit along the old pier")
    assert first.content.title.endswith("before the…")
    assert any("title was missing" in what for what in left_out(first))
    assert left_out(second) == {"sound file": "https://example.org/choir.mp3"}


def test_rss_1_0() -> None:
    one = only("rss-1.0.xml")
    assert (one.content.title, one.content.language) == ("Le port s'éclaire", "fr")
    assert one.content.published == datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
    assert (one.content.body, one.content.byline) == (
        "Des *lanternes* sur l'eau.",
        "Rédaction",
    )
    assert left_out(one) == {"category": "Fêtes"}


def test_rss_2_0_with_the_whole_text_beside_a_summary() -> None:
    one = only("rss-2.0-content.xml")
    assert one.content.body == "## Hours\n\nFrom **nine** to five.\n\n- Monday\n- Tuesday"
    assert one.content.summary == "A short account… more"
    assert one.content.topics == ("culture",)
    assert (one.key, one.dated) == ("tag:example.org,2026:7", True)
    assert left_out(one) == {"category": "Uncharted", "script": ""}


def test_an_author_is_a_name_and_no_mail_address() -> None:
    assert [one.content.byline for one in read("rss-2.0-authors.xml").drafts] == [
        "Press desk",
        "",
        "Press desk",
    ]


def test_atom_0_3() -> None:
    one = only("atom-0.3.xml")
    assert (one.content.title, one.content.body) == ("Tides & times", "High at *noon*.")
    assert one.content.published == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert one.content.byline == "Press desk"


def test_atom_1_0_with_xhtml_and_bases_within_each_other() -> None:
    one = only("atom-1.0-xhtml.xml")
    assert one.content.title == "Pan & sal: 2 < 3"
    assert one.content.canonical_url == "https://example.org/es/pan"
    assert one.content.body == (
        "Una [mesa](https://example.org/es/noticias/mesa) larga.\\\nY sal.\n\n> Pan."
    )
    assert one.content.summary == "Una mesa larga."
    assert (one.content.language, one.content.topics) == ("es", ("food",))
    assert one.content.published == datetime(2026, 11, 1, 7, tzinfo=UTC)


def test_atom_1_0_with_a_prefix_and_plain_text() -> None:
    first, second = read("atom-1.0-html.xml").drafts
    assert (first.content.title, first.content.body) == ("The long table", "Forty seats.")
    assert left_out(first) == {"attached file": "https://example.org/menu.pdf"}
    assert second.content.body == "2 < 3 & \\*stars\\*\n\nSecond."


def test_dublin_core_gives_names_dates_and_languages() -> None:
    first, second = read("dublin-core.xml").drafts
    assert (first.content.byline, first.content.language) == ("Press desk, Night desk", "fr")
    assert first.content.published == datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert second.content.published == datetime(2026, 11, 3, 10, tzinfo=UTC)


def test_the_longest_content_is_the_whole() -> None:
    first, second = read("namespaced-html.xml").drafts
    assert first.content.body == "The whole of it, in many more words."
    assert first.content.summary == "Short."
    assert second.content.body == "| Day | Tide |\n| --- | --- |\n| 1 | High |"


def test_a_podcast_is_its_notes() -> None:
    one = only("podcast.xml")
    assert one.content.body == "A talk on deck, with tea."
    assert left_out(one) == {
        "sound file": "https://example.org/ep4.mp3",
        "picture without alt text": "https://example.org/ep4.jpg",
    }


def test_a_picture_is_taken_where_the_feed_says_what_it_shows() -> None:
    first, second, third = read("media-group.xml").drafts
    assert first.content.title == "The quay"
    assert first.content.image == Image(
        "https://example.org/quay.jpg", "Boats at dusk", "Harbour Office"
    )
    assert left_out(first) == {"video file": "https://example.org/quay.mp4"}
    assert (second.content.image, third.content.image) == (None, None)
    assert left_out(second) == {"picture without alt text": "https://example.org/dawn.jpg"}
    assert left_out(third) == {"picture without alt text": "https://example.org/noon.png"}


def test_right_to_left() -> None:
    first, second = read("right-to-left.xml").drafts
    assert (first.content.language, first.content.slug) == ("ar", "lanterns")
    assert first.content.body == (
        'أضاءت **الفوانيس** الميناء.\n\n<p dir="ltr">+44 20 7946 0000</p>'
    )
    assert second.content.slug == "story-2c624232"
    assert read("right-to-left.xml").drafts[1].content.slug == second.content.slug


# ---- titles, dates, addresses -------------------------------------------------------------------


def test_a_title_is_plain_text_however_often_it_was_escaped() -> None:
    found = titles(read("titles.xml"))
    assert found[:5] == ["Bold start", "Bread & salt", "Bread & salt", "Quay’s end …", "Slanted"]
    assert (
        found[5] == "Nobody gave this note a title, so the first words of its text must stand for…"
    )
    assert found[6:] == ["Two lines and a tab", "5 < 6 and R&D"]


def test_a_text_that_was_escaped_twice_is_read_once_more() -> None:
    assert only("double-escaped.xml").content.body == "Twice **escaped**."


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
def test_an_odd_date_is_understood(title: str, moment: datetime) -> None:
    found = {one.content.title: one for one in read("odd-dates.xml").drafts}
    assert (found[title].content.published, found[title].dated) == (moment, True)


def test_without_a_date_that_can_be_read_a_draft_is_undated() -> None:
    drafts = read("no-dates.xml").drafts
    assert [(one.dated, one.content.published) for one in drafts] == [(False, NOW)] * 3


def test_relative_links_stand_under_the_feeds_base() -> None:
    one = only("relative.xml")
    assert one.content.canonical_url == "https://example.org/news/one"
    assert one.content.body == (
        "[Two](https://example.org/feeds/two) [Three](https://example.org/three)"
        " ![A quay](https://example.org/i.png)"
    )


def test_an_id_that_is_no_address_is_no_link() -> None:
    assert [one.content.canonical_url for one in read("no-dates.xml").drafts] == ["", "", ""]


def test_a_draft_without_an_id_is_known_by_its_link_or_title() -> None:
    batch = read("no-ids.xml")
    assert [one.key for one in batch.drafts] == [
        "https://example.org/one",
        "By title and date 2026-11-03 09:00:00+00:00",
    ]
    (problem,) = batch.problems
    assert problem.key == "https://example.org/none"
    assert "there is no text in it" in str(problem.error)
    assert problem.error.where == f"{FEED}, No text at all"


def test_stories_of_one_title_get_slugs_of_their_own_and_one_id_is_one_story() -> None:
    batch = read("duplicates.xml")
    assert [(one.key, one.content.slug) for one in batch.drafts] == [
        ("1", "same"),
        ("2", "same-d4735e3a"),
    ]
    (problem,) = batch.problems
    assert "two entries say that they are 1" in str(problem.error)


# ---- what is broken -----------------------------------------------------------------------------


def test_cdata_in_pieces() -> None:
    one = only("cdata.xml")
    assert (one.content.title, one.key) == ("Quay", "1")
    assert one.content.canonical_url == "https://example.org/quay?a=1&b=2"
    assert one.content.body == "One\n\ntwo ]]> three © 2026"


def test_entities_that_xml_does_not_know_are_html() -> None:
    one = only("entities.xml")
    assert one.content.title == "Café — open &unknown; late"
    assert one.content.body == "Bread\u00a0&\u00a0salt ©"


def test_what_is_not_well_formed_is_read_and_said() -> None:
    batch = read("malformed.xml")
    assert titles(batch) == ["Bread & salt", "Second"]
    assert batch.drafts[0].content.body == "Unescaped **markup**"
    assert batch.drafts[0].content.canonical_url == "https://example.org/?a=1&b=2"
    assert [problem.error.message for problem in batch.problems] == [
        "it is not well-formed XML (line 3: not well-formed (invalid token))"
    ]


def test_of_a_feed_that_breaks_off_the_whole_entries_are_taken() -> None:
    batch = read("truncated.xml")
    assert titles(batch) == ["Whole", "Whole too"]
    assert [problem.error.message for problem in batch.problems] == ["it breaks off in the middle"]


@pytest.mark.parametrize("name", ["atom-1.0-html.xml", "rss-1.0.xml", "rss-2.0-content.xml"])
def test_wherever_a_feed_breaks_off_nothing_halved_is_taken(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    whole = {one.content.body for one in read(name).drafts}
    for length in range(200, len(data), 29):
        with suppress(InputError):
            found = feeds.read_feed(data[:length], DEFAULTS)
            assert {one.content.body for one in found.drafts} <= whole


def test_an_encoding_that_is_wrong_is_said() -> None:
    data = rss("<item><title>“Café”</title><description>5 €</description></item>").decode()
    batch = feeds.read_feed(data.encode("windows-1252"), DEFAULTS, content_type="text/xml")
    assert (titles(batch), batch.drafts[0].content.body) == (["“Café”"], "5 €")
    assert "not in the encoding that it names" in str(batch.problems[0].error)


def test_a_few_foreign_bytes_spoil_nothing_around_them() -> None:
    data = rss("<item><title>Élan – caf#</title><description>x</description></item>")
    batch = feeds.read_feed(data.replace(b"#", b"\xe9"), DEFAULTS)
    assert titles(batch) == ["Élan – café"]
    assert "some may be wrong" in str(batch.problems[0].error)


def test_control_characters_go() -> None:
    title = "<title>a\x00b\x08c&#x1;&#8;d</title>"
    data = rss(f"<item>{title}<description>e\x1bf</description></item>")
    (one,) = feeds.read_feed(data, DEFAULTS).drafts
    assert (one.content.title, one.content.body) == ("abcd", "ef")


def test_an_empty_feed_has_no_drafts() -> None:
    assert read("empty.xml") == DraftBatch((), ())


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        ((FOLDER / "page.html").read_bytes(), "web page", "https://example.org/news/feed.xml"),
        (b"<html><body>News</body></html>", "web page", "give the address of its feed"),
        (b"", "no feed", "RSS or Atom"),
        (b"\x89PNG\r\n\x1a\n\x00", "no feed", "RSS or Atom"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "no feed", "RSS or Atom"),
        (b"<?xml version='1.0'?><urlset><url/></urlset>", "no feed", "RSS or Atom"),
        (b"https://example.org/feed", "no feed", "RSS or Atom"),
        (b"/etc/passwd", "no feed", "RSS or Atom"),
    ],
)
def test_what_is_no_feed_is_refused_with_a_way_out(data: bytes, what: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        feeds.read_feed(data, DEFAULTS, address="https://example.org/")
    assert what in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == "https://example.org/"


def test_no_more_than_the_first_hundred_are_taken() -> None:
    items = "".join(
        f"<item><guid>{n}</guid><title>Note {n}</title><description>x</description></item>"
        for n in range(103)
    )
    batch = feeds.read_feed(rss(items), DEFAULTS)
    assert len(batch.drafts) == 100
    assert "103 entries" in batch.problems[0].error.message


def test_entities_are_not_expanded_and_files_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hush")
    doctype = (
        f'<!DOCTYPE rss [<!ENTITY a "{"x" * 50}"><!ENTITY b "{"&a;" * 50}">'
        f'<!ENTITY c "{"&b;" * 50}"><!ENTITY f SYSTEM "file://{secret}">]>'
    )
    item = "<item><title>t &c; &f;</title><description>d &c; &f;</description></item>"
    data = rss(item).replace(b"<rss", doctype.encode() + b"<rss", 1)
    (one,) = feeds.read_feed(data, DEFAULTS).drafts
    assert len(one.content.body) < 100
    assert "hush" not in one.content.body + one.content.title


# ---- hostile markup -----------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", ["<![CDATA[{}]]>", "escaped", "xhtml"])
def test_whatever_a_feed_holds_what_comes_out_is_harmless(wrap: str) -> None:
    for payload in PAYLOADS:
        if wrap == "escaped":
            said = payload.replace("&", "&amp;").replace("<", "&lt;")
        else:
            said = wrap.format(payload) if "{}" in wrap else payload
        item = (
            f"<item><guid>1</guid><title>{said}</title><link>{said}</link><author>{said}</author>"
            f"<category>{said}</category><description>words {said}</description></item>"
        )
        for one in feeds.read_feed(rss(item), DEFAULTS, address=FEED).drafts:
            assert_harmless(one.content.html)
            assert "<script" not in one.content.html.lower()
            assert one.content.title.isprintable()
            assert one.content.byline.isprintable() or not one.content.byline
