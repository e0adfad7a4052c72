"""The archive's pages: who finds what there, and that nothing of anybody is in it."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from lxml import etree, html

from mailer import editions, tokens
from mailer.audience.links import LinkPurpose
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState
from mailer.model.editions import Edition
from mailer.web.public import response_cache
from tests.actors import STAFF
from tests.integration import archive_factories
from tests.integration.factories import MARKER, NOW
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse
from tests.integration.web.public.fixtures import SeededOffice

S = EditionState
ATOM = "{http://www.w3.org/2005/Atom}"
SITE = "https://mail.example.org"


@pytest.fixture
def week(stage: SeededOffice) -> Edition:
    """An edition in English and Arabic that was sent."""
    with stage.store.begin() as tx:
        return archive_factories.create_archived_edition(
            tx,
            "The week",
            bodies=(
                archive_factories.make_body(
                    subject="Boats & <bridges>", titles=("Boats", "Bridges")
                ),
                archive_factories.make_body(
                    subject="قوارب وجسور", language="ar", text="وصلت القوارب."
                ),
            ),
        )


def path(edition: Edition) -> str:
    return f"/archive/{edition.list}/{edition.uid}"


def view(stage: SeededOffice, edition: Edition, language: str = "en", stories: int = 1) -> str:
    """The link that a mail has."""
    fields = (edition.id, language, f"{stories:x}")
    return "/v/" + tokens.sign_token(stage.store.key, LinkPurpose.VIEW, *fields)


def everywhere(pages: AsgiClient) -> str:
    """All that leads to editions."""
    targets = ("/archive", "/archive/news", "/archive/news/atom.xml", "/archive/news/rss.xml")
    return "\n".join(pages.get_page(one).text for one in (*targets, "/sitemap.xml"))


def xml(answer: AsgiResponse) -> etree._Element:
    return etree.fromstring(answer.body, etree.XMLParser(resolve_entities=False))


def test_an_edition_is_found_in_lists_feeds_search_and_sitemap(
    pages: AsgiClient, week: Edition
) -> None:
    for target in (
        "/archive", "/archive/news", "/archive/news?q=boats+DAWN",
        "/archive/news/atom.xml", "/archive/news/rss.xml", "/sitemap.xml",
    ):  # fmt: skip
        assert path(week) in pages.get_page(target).text, target
    assert path(week) not in pages.get_page("/archive/news?q=boats+giraffe").text
    shown = pages.get_page(path(week))
    assert (shown.status, shown.get_header("content-language")) == (200, "en")
    assert "Boats came in at dawn." in shown.text


@pytest.mark.parametrize(
    ("state", "archive"),
    [(one, ArchiveVisibility.PUBLIC) for one in S if one not in {S.SENDING, S.SENT}]
    + [(S.SENT, ArchiveVisibility.PRIVATE), (S.SENDING, ArchiveVisibility.PRIVATE)],
)
def test_what_is_not_public_is_as_if_it_were_not_there(
    pages: AsgiClient, stage: SeededOffice, state: EditionState, archive: ArchiveVisibility
) -> None:
    with stage.store.begin() as tx:
        hidden = archive_factories.create_archived_edition(
            tx, "Confidential", state=state, archive=archive
        )
    assert hidden.uid not in everywhere(pages)
    assert "Confidential" not in everywhere(pages)
    assert "Confidential" not in pages.get_page("/archive/news?q=boats").text.partition("<main")[2]
    nothing = pages.get_page(f"/archive/news/{'0' * 16}")
    assert pages.get_page(path(hidden)).text == nothing.text
    assert nothing.status == 404


def test_a_private_list_has_no_archive(pages: AsgiClient, stage: SeededOffice) -> None:
    with stage.store.begin() as tx:
        hidden = archive_factories.create_archived_edition(tx, "Confidential", list_slug="staff")
    missing = pages.get_page("/archive/nothing")
    for target in (
        "/archive/staff",
        path(hidden),
        *map("/archive/staff/{}.xml".format, ("atom", "rss")),
    ):
        found = pages.get_page(target)
        assert (found.status, found.text) == (404, missing.text), target
    assert "Confidential" not in everywhere(pages)
    assert "staff" not in everywhere(pages)
    assert pages.get_page(view(stage, hidden)).status == 200


def test_an_answer_is_kept_for_a_moment(
    pages: AsgiClient, stage: SeededOffice, week: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_cache, "SECONDS", 60.0)
    first = pages.get_page(path(week))
    with stage.store.begin() as tx:
        editions.set_archive_visibility(tx, STAFF, week, ArchiveVisibility.PRIVATE, NOW)
    assert pages.get_page(path(week)) == first
    assert pages.get_page(path(week) + "?lang=ar").status == 404, "this one nobody had asked for"


def test_who_holds_a_page_of_an_edition_that_is_taken_out_is_told(
    pages: AsgiClient, stage: SeededOffice, week: Edition
) -> None:
    first = pages.get_page(path(week))
    held = [("If-None-Match", first.get_header("etag"))]
    assert "no-cache" in first.get_header("cache-control")
    again = pages.get_page(path(week), headers=held)
    assert (again.status, again.body) == (304, b"")
    with stage.store.begin() as tx:
        editions.set_archive_visibility(tx, STAFF, week, ArchiveVisibility.PRIVATE, NOW)
    assert pages.get_page(path(week), headers=held).status == 404


def test_the_link_of_a_mail_shows_its_stories_and_nothing_of_its_reader(
    pages: AsgiClient, stage: SeededOffice, week: Edition
) -> None:
    person = stage.add_person("ana@example.org", name="Ana Lee")
    shown = pages.get_page(view(stage, week))
    assert shown.status == 200
    assert shown.get_header("x-robots-tag") == "noindex"
    assert "Anybody may read this." in shown.text
    assert person.address not in shown.text
    for mails_only in ("Leave", "To …", "/u/", "/p/", "/v/", MARKER):
        assert mails_only not in shown.text
    assert pages.get_page(view(stage, week, "ar")).get_header("content-language") == "ar"


def test_links_of_mails_that_are_no_good_are_refused_alike(
    pages: AsgiClient, stage: SeededOffice, week: Edition
) -> None:
    good = view(stage, week)
    refused = pages.get_page("/v/x").text
    member = tokens.sign_token(stage.store.key, LinkPurpose.PREFERENCES, week.id, "en", "1")
    for bad in (good[:-1], good + "A", f"/v/{member}", view(stage, week, "fr"), "/v/" + "." * 40):
        found = pages.get_page(bad)
        assert (found.status, found.text) == (404, refused), bad
    with stage.store.begin() as tx:
        letter = archive_factories.create_archived_edition(tx, "Letter", kind=EditionKind.SERVICE)
    assert pages.get_page(view(stage, letter)).status == 404


def test_an_edition_is_read_in_the_language_that_is_asked_for_or_taken(
    pages: AsgiClient, week: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while answers to others are kept."""
    monkeypatch.setattr(response_cache, "SECONDS", 60.0)

    def language(query: str = "", takes: str = "") -> str:
        headers = [("Accept-Language", takes)] if takes else []
        return pages.get_page(path(week) + query, headers=headers).get_header("content-language")

    assert language() == "en"
    assert language("?lang=ar") == "ar"
    assert language(takes="ar-EG, fr;q=0.5") == "ar"
    assert language("?lang=en", "ar") == "en"
    assert language("?lang=fr") == "en"
    assert language("?lang=%00") == "en"
    also = pages.get_page(path(week)).get_header("link")
    assert f'<{SITE}{path(week)}?lang=ar>; rel="alternate"; hreflang="ar"' in also
    assert f'<{SITE}{path(week)}>; rel="canonical"' in also
    listed = pages.get_page("/archive/news?lang=ar").text
    assert 'lang="ar" dir="rtl"><a href="' + path(week) in listed


def test_an_arabic_search_finds_it_in_the_arabic_version(pages: AsgiClient, week: Edition) -> None:
    asked = "/archive/news?lang=ar&q=%D8%A7%D9%84%D9%82%D9%88%D8%A7%D8%B1%D8%A8"
    assert path(week) in pages.get_page(asked).text


def test_the_newest_are_first_and_older_ones_on_further_pages(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    with stage.store.begin() as tx:
        for number in range(45):
            at = NOW + timedelta(days=number)
            archive_factories.create_archived_edition(tx, f"Number {number:02}", sent_at=at)
    seen: list[str] = []
    target, turned = "/archive/news?q=boats", 0
    while target:
        page = html.fromstring(pages.get_page(target).text)
        seen += [one.text_content() for one in page.cssselect("ul.entries > li > :first-child a")]
        target = next(iter(page.xpath("//a[@rel='next']/@href")), "")
        turned += 1
    assert (turned, seen) == (3, [f"Number {number:02}" for number in reversed(range(45))])
    assert "no older editions" in pages.get_page("/archive/news?page=9").text
    for odd in ("0", "-1", "x", "99999", "²"):
        assert pages.get_page(f"/archive/news?page={quote(odd)}").status == 200
    assert len(xml(pages.get_page("/archive/news/atom.xml")).findall(f"{ATOM}entry")) == 20


def test_an_atom_feed_has_what_rfc_4287_asks_for(pages: AsgiClient, week: Edition) -> None:
    answer = pages.get_page("/archive/news/atom.xml?lang=ar")
    assert answer.get_header("content-type") == "application/atom+xml; charset=utf-8"
    feed = xml(answer)
    for name in ("id", "title", "updated", "author"):
        assert feed.find(ATOM + name) is not None, name
    hrefs = {one.get("rel"): one.get("href") for one in feed.findall(f"{ATOM}link")}
    assert hrefs["self"] == f"{SITE}/archive/news/atom.xml?lang=ar"
    (entry,) = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "قوارب وجسور"
    assert entry.findtext(f"{ATOM}id") == SITE + path(week)
    for name in ("updated", "published"):
        assert re.fullmatch(r"2026-11-20T09:30:00Z", entry.findtext(ATOM + name) or "")
    assert feed.findtext(f"{ATOM}updated") == "2026-11-20T09:30:00Z"
    links_ = {(one.get("rel"), one.get("hreflang")) for one in entry.findall(f"{ATOM}link")}
    assert links_ == {("alternate", "ar"), ("related", "en")}


def test_an_rss_feed_says_the_same(pages: AsgiClient, week: Edition) -> None:
    answer = pages.get_page("/archive/news/rss.xml")
    assert answer.get_header("content-type") == "application/rss+xml; charset=utf-8"
    channel = xml(answer).find("channel")
    assert channel is not None
    item = channel.find("item")
    assert item is not None
    assert item.findtext("title") == "Boats & <bridges>"
    assert item.findtext("guid") == SITE + path(week)
    assert item.findtext("description") == "What came in.\nBridges"
    assert re.fullmatch(r"Fri, 20 Nov 2026 09:30:00 .0000", item.findtext("pubDate") or "")


def test_a_feed_has_characters_that_xml_has_room_for_only(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    with stage.store.begin() as tx:
        archive_factories.create_archived_edition(
            tx, bodies=(archive_factories.make_body(summary="bell\x07 and \ufffe"),)
        )
    for kind in ("atom", "rss"):
        assert "bell and" in "".join(xml(pages.get_page(f"/archive/news/{kind}.xml")).itertext())


def test_the_sitemap_names_public_pages_in_their_languages(
    pages: AsgiClient, week: Edition
) -> None:
    found = xml(pages.get_page("/sitemap.xml"))
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    named = [one.findtext(f"{space}loc") for one in found]
    assert named == [
        SITE + one
        for one in (
            "/", "/archive", "/press", "/subscribe/news", "/archive/news",
            "/subscribe/press", "/archive/press", path(week),
        )
    ]  # fmt: skip
    also = [one.get("hreflang") for one in found[-1] if one.get("hreflang")]
    assert also == ["ar", "en"]


def test_crawlers_are_told_which_pages_are_somebodys_own(pages: AsgiClient) -> None:
    told = pages.get_page("/robots.txt").text
    assert told.splitlines()[1:6] == [f"Disallow: /{one}/" for one in "cepuv"]
    assert f"Sitemap: {SITE}/sitemap.xml" in told


def test_what_people_wrote_or_look_for_is_never_live(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    words = '"><script>alert(1)</script>'
    with stage.store.begin() as tx:
        archive_factories.create_archived_edition(
            tx,
            bodies=(
                archive_factories.make_body(subject=words, titles=("a", words), summary=words),
            ),
        )
    for target in ("/archive", "/archive/news", "/archive/news?q=%22%3E%3Cscript%3Ealert(1)"):
        assert "<script" not in pages.get_page(target).text
