"""The archive's pages, feeds and sitemap, which hold nothing personal."""

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
def edition(seeded_office: SeededOffice) -> Edition:
    """A sent edition in English and Arabic."""
    with seeded_office.store.begin() as tx:
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


def get_edition_path(edition: Edition) -> str:
    return f"/archive/{edition.list}/{edition.uid}"


def build_view_path(
    seeded_office: SeededOffice, edition: Edition, language: str = "en", stories: int = 1
) -> str:
    """Return the view link of a mail."""
    fields = (edition.id, language, f"{stories:x}")
    return "/v/" + tokens.sign_token(seeded_office.store.key, LinkPurpose.VIEW, *fields)


def read_all_listings(pages: AsgiClient) -> str:
    """Return the text of all pages and feeds that list editions."""
    targets = ("/archive", "/archive/news", "/archive/news/atom.xml", "/archive/news/rss.xml")
    return "\n".join(pages.get_page(one).text for one in (*targets, "/sitemap.xml"))


def parse_xml(answer: AsgiResponse) -> etree._Element:
    return etree.fromstring(answer.body, etree.XMLParser(resolve_entities=False))


def test_archive_lists_a_public_edition_everywhere(pages: AsgiClient, edition: Edition) -> None:
    for target in (
        "/archive",
        "/archive/news",
        "/archive/news?q=boats+DAWN",
        "/archive/news/atom.xml",
        "/archive/news/rss.xml",
        "/sitemap.xml",
    ):
        assert get_edition_path(edition) in pages.get_page(target).text, target
    assert get_edition_path(edition) not in pages.get_page("/archive/news?q=boats+giraffe").text
    page = pages.get_page(get_edition_path(edition))
    assert (page.status, page.get_header("content-language")) == (200, "en")
    assert "Boats came in at dawn." in page.text


@pytest.mark.parametrize(
    ("state", "archive"),
    [(one, ArchiveVisibility.PUBLIC) for one in S if one not in {S.SENDING, S.SENT}]
    + [(S.SENT, ArchiveVisibility.PRIVATE), (S.SENDING, ArchiveVisibility.PRIVATE)],
)
def test_unpublished_edition_is_answered_like_a_missing_one(
    pages: AsgiClient, seeded_office: SeededOffice, state: EditionState, archive: ArchiveVisibility
) -> None:
    with seeded_office.store.begin() as tx:
        edition = archive_factories.create_archived_edition(
            tx, "Confidential", state=state, archive=archive
        )
    assert edition.uid not in read_all_listings(pages)
    assert "Confidential" not in read_all_listings(pages)
    assert "Confidential" not in pages.get_page("/archive/news?q=boats").text.partition("<main")[2]
    missing_page = pages.get_page(f"/archive/news/{'0' * 16}")
    assert pages.get_page(get_edition_path(edition)).text == missing_page.text
    assert missing_page.status == 404


def test_private_list_has_no_archive(pages: AsgiClient, seeded_office: SeededOffice) -> None:
    with seeded_office.store.begin() as tx:
        edition = archive_factories.create_archived_edition(tx, "Confidential", list_slug="staff")
    missing_page = pages.get_page("/archive/nothing")
    for target in (
        "/archive/staff",
        get_edition_path(edition),
        *map("/archive/staff/{}.xml".format, ("atom", "rss")),
    ):
        answer = pages.get_page(target)
        assert (answer.status, answer.text) == (404, missing_page.text), target
    assert "Confidential" not in read_all_listings(pages)
    assert "staff" not in read_all_listings(pages)
    assert pages.get_page(build_view_path(seeded_office, edition)).status == 200


def test_archive_answer_is_cached_by_language(
    pages: AsgiClient,
    seeded_office: SeededOffice,
    edition: Edition,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(response_cache, "SECONDS", 60.0)
    first_answer = pages.get_page(get_edition_path(edition))
    with seeded_office.store.begin() as tx:
        editions.set_archive_visibility(tx, STAFF, edition, ArchiveVisibility.PRIVATE, NOW)
    assert pages.get_page(get_edition_path(edition)) == first_answer
    assert pages.get_page(get_edition_path(edition) + "?lang=ar").status == 404, (
        "this language was not in the cache"
    )


def test_conditional_request_learns_that_an_edition_was_taken_out(
    pages: AsgiClient, seeded_office: SeededOffice, edition: Edition
) -> None:
    first_answer = pages.get_page(get_edition_path(edition))
    conditional = [("If-None-Match", first_answer.get_header("etag"))]
    assert "no-cache" in first_answer.get_header("cache-control")
    second_answer = pages.get_page(get_edition_path(edition), headers=conditional)
    assert (second_answer.status, second_answer.body) == (304, b"")
    with seeded_office.store.begin() as tx:
        editions.set_archive_visibility(tx, STAFF, edition, ArchiveVisibility.PRIVATE, NOW)
    assert pages.get_page(get_edition_path(edition), headers=conditional).status == 404


def test_view_link_shows_stories_without_personal_data(
    pages: AsgiClient, seeded_office: SeededOffice, edition: Edition
) -> None:
    subscriber = seeded_office.add_person("ana@example.org", name="Ana Lee")
    page = pages.get_page(build_view_path(seeded_office, edition))
    assert page.status == 200
    assert page.get_header("x-robots-tag") == "noindex"
    assert "Anybody may read this." in page.text
    assert subscriber.address not in page.text
    for mail_only_text in ("Leave", "To …", "/u/", "/p/", "/v/", MARKER):
        assert mail_only_text not in page.text
    assert (
        pages.get_page(build_view_path(seeded_office, edition, "ar")).get_header("content-language")
        == "ar"
    )


def test_invalid_view_links_are_refused_alike(
    pages: AsgiClient, seeded_office: SeededOffice, edition: Edition
) -> None:
    valid_path = build_view_path(seeded_office, edition)
    refusal = pages.get_page("/v/x").text
    member_token = tokens.sign_token(
        seeded_office.store.key, LinkPurpose.PREFERENCES, edition.id, "en", "1"
    )
    for invalid_path in (
        valid_path[:-1],
        valid_path + "A",
        f"/v/{member_token}",
        build_view_path(seeded_office, edition, "fr"),
        "/v/" + "." * 40,
    ):
        answer = pages.get_page(invalid_path)
        assert (answer.status, answer.text) == (404, refusal), invalid_path
    with seeded_office.store.begin() as tx:
        service_mail = archive_factories.create_archived_edition(
            tx, "Letter", kind=EditionKind.SERVICE
        )
    assert pages.get_page(build_view_path(seeded_office, service_mail)).status == 404


def test_edition_page_is_in_the_requested_or_accepted_language(
    pages: AsgiClient, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache must not mix languages up."""
    monkeypatch.setattr(response_cache, "SECONDS", 60.0)

    def read_language(query: str = "", accept_language: str = "") -> str:
        headers = [("Accept-Language", accept_language)] if accept_language else []
        return pages.get_page(get_edition_path(edition) + query, headers=headers).get_header(
            "content-language"
        )

    assert read_language() == "en"
    assert read_language("?lang=ar") == "ar"
    assert read_language(accept_language="ar-EG, fr;q=0.5") == "ar"
    assert read_language("?lang=en", "ar") == "en"
    assert read_language("?lang=fr") == "en"
    assert read_language("?lang=%00") == "en"
    link_header = pages.get_page(get_edition_path(edition)).get_header("link")
    assert (
        f'<{SITE}{get_edition_path(edition)}?lang=ar>; rel="alternate"; hreflang="ar"'
        in link_header
    )
    assert f'<{SITE}{get_edition_path(edition)}>; rel="canonical"' in link_header
    list_page = pages.get_page("/archive/news?lang=ar").text
    assert 'lang="ar" dir="rtl"><a href="' + get_edition_path(edition) in list_page


def test_archive_search_finds_arabic_words(pages: AsgiClient, edition: Edition) -> None:
    target = "/archive/news?lang=ar&q=%D8%A7%D9%84%D9%82%D9%88%D8%A7%D8%B1%D8%A8"
    assert get_edition_path(edition) in pages.get_page(target).text


def test_archive_list_is_paged_newest_first(pages: AsgiClient, seeded_office: SeededOffice) -> None:
    with seeded_office.store.begin() as tx:
        for number in range(45):
            sent_at = NOW + timedelta(days=number)
            archive_factories.create_archived_edition(tx, f"Number {number:02}", sent_at=sent_at)
    subjects: list[str] = []
    target, page_count = "/archive/news?q=boats", 0
    while target:
        page = html.fromstring(pages.get_page(target).text)
        subjects += [one.text_content() for one in page.cssselect("ul.cards h3 a")]
        target = next(iter(page.xpath("//a[@rel='next']/@href")), "")
        page_count += 1
    assert (page_count, subjects) == (3, [f"Number {number:02}" for number in reversed(range(45))])
    assert "no older editions" in pages.get_page("/archive/news?page=9").text
    for page_number in ("0", "-1", "x", "99999", "²"):
        assert pages.get_page(f"/archive/news?page={quote(page_number)}").status == 200
    assert len(parse_xml(pages.get_page("/archive/news/atom.xml")).findall(f"{ATOM}entry")) == 20


def test_atom_feed_has_the_elements_of_rfc_4287(pages: AsgiClient, edition: Edition) -> None:
    answer = pages.get_page("/archive/news/atom.xml?lang=ar")
    assert answer.get_header("content-type") == "application/atom+xml; charset=utf-8"
    feed = parse_xml(answer)
    for name in ("id", "title", "updated", "author"):
        assert feed.find(ATOM + name) is not None, name
    hrefs = {one.get("rel"): one.get("href") for one in feed.findall(f"{ATOM}link")}
    assert hrefs["self"] == f"{SITE}/archive/news/atom.xml?lang=ar"
    (entry,) = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "قوارب وجسور"
    assert entry.findtext(f"{ATOM}id") == SITE + get_edition_path(edition)
    for name in ("updated", "published"):
        assert re.fullmatch(r"2026-11-20T09:30:00Z", entry.findtext(ATOM + name) or "")
    assert feed.findtext(f"{ATOM}updated") == "2026-11-20T09:30:00Z"
    entry_links = {(one.get("rel"), one.get("hreflang")) for one in entry.findall(f"{ATOM}link")}
    assert entry_links == {("alternate", "ar"), ("related", "en")}


def test_rss_feed_has_the_same_entries(pages: AsgiClient, edition: Edition) -> None:
    answer = pages.get_page("/archive/news/rss.xml")
    assert answer.get_header("content-type") == "application/rss+xml; charset=utf-8"
    channel = parse_xml(answer).find("channel")
    assert channel is not None
    item = channel.find("item")
    assert item is not None
    assert item.findtext("title") == "Boats & <bridges>"
    assert item.findtext("guid") == SITE + get_edition_path(edition)
    assert item.findtext("description") == "What came in.\nBridges"
    assert re.fullmatch(r"Fri, 20 Nov 2026 09:30:00 .0000", item.findtext("pubDate") or "")


def test_feeds_drop_characters_that_xml_forbids(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    with seeded_office.store.begin() as tx:
        archive_factories.create_archived_edition(
            tx, bodies=(archive_factories.make_body(summary="bell\x07 and \ufffe"),)
        )
    for kind in ("atom", "rss"):
        assert "bell and" in "".join(
            parse_xml(pages.get_page(f"/archive/news/{kind}.xml")).itertext()
        )


def test_sitemap_lists_public_pages_and_their_languages(
    pages: AsgiClient, edition: Edition
) -> None:
    sitemap = parse_xml(pages.get_page("/sitemap.xml"))
    namespace = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    urls = [path.findtext(f"{namespace}loc") for path in sitemap]
    assert urls == [
        SITE + path
        for path in (
            "/",
            "/archive",
            "/press",
            "/archive/news",
            "/archive/press",
            "/subscribe/news",
            "/subscribe/press",
            get_edition_path(edition),
        )
    ]
    alternate_languages = [path.get("hreflang") for path in sitemap[-1] if path.get("hreflang")]
    assert alternate_languages == ["ar", "en"]


def test_robots_txt_disallows_personal_pages(pages: AsgiClient) -> None:
    text = pages.get_page("/robots.txt").text
    assert text.splitlines()[1:9] == [f"Disallow: /{one}/" for one in "cdekpruv"]
    assert f"Sitemap: {SITE}/sitemap.xml" in text


def test_archive_escapes_markup_in_editions_and_searches(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    markup = '"><script>alert(1)</script>'
    with seeded_office.store.begin() as tx:
        archive_factories.create_archived_edition(
            tx,
            bodies=(
                archive_factories.make_body(subject=markup, titles=("a", markup), summary=markup),
            ),
        )
    for target in ("/archive", "/archive/news", "/archive/news?q=%22%3E%3Cscript%3Ealert(1)"):
        assert "<script" not in pages.get_page(target).text
