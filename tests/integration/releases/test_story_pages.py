"""Where "read more" leads when a story has no address elsewhere."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

from lxml import html as lxml_html

from mailer import articles, editions
from mailer.app import Mailer
from mailer.audience import lists
from mailer.model.articles import ArticleKind, Image
from mailer.model.editions import NewEdition
from mailer.model.event_details import EventDetails
from mailer.model.lists import Visibility
from mailer.model.press_release import Asset, AssetKind, Release
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.releases.factories import PressScenario, request_kill


def send(mailer: Mailer, tx: SqlTransaction, slug: str, to: str = "news") -> str:
    """The HTML of an edition with this story, which has begun."""
    made = editions.create_edition(
        tx, STAFF, NewEdition("Now", to, stories=(slug,)), mailer.clock()
    )
    made, _ = editions.start_edition(
        tx,
        STAFF,
        editions.approve_edition(tx, AMINA, made, mailer.renderer, mailer.clock()),
        mailer.renderer,
        mailer.clock(),
    )
    return tx.editions.list_bodies(made)[0].html


def test_mail_link_leads_to_story_in_its_languages(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        factories.add_story(tx, "wells", canonical_url="", title="Wells </script>")
        factories.add_story(tx, "wells", language="fr", canonical_url="", title="Des puits")
        assert desk.pages.get_page("/stories/wells/en").status == 404
        link = re.search(r'href="http[^"]*(/stories/wells/en)"', send(desk.mailer, tx, "wells"))
    assert link
    page = desk.pages.get_page(link[1])
    assert page.status == 200
    assert "What Wells is about." in page.text
    metadata = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text)
    assert metadata
    story = json.loads(metadata[1])
    assert (story["@type"], story["headline"]) == ("NewsArticle", "Wells </script>")
    assert story["url"].endswith("/stories/wells/en")
    assert 'href="/stories/wells/fr"' in page.text
    assert "Des puits" in desk.pages.get_page("/stories/wells/fr").text
    for odd in ("/stories/wells/de", "/stories/none/en", "/stories/w%00ls/en", "/stories/wells/é"):
        assert desk.pages.get_page(odd).status == 404
    with desk.mailer.store.begin() as tx:
        articles.withdraw_articles(tx, STAFF, "wells", None, desk.mailer.clock())
    assert desk.pages.get_page(link[1]).status == 404


def test_story_page_names_topics_in_its_language(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        lists.add_topic(tx, STAFF, "water", {"en": "Water", "fr": "Eau"}, factories.NOW)
        factories.add_story(tx, "wells", "water", canonical_url="")
        factories.add_story(
            tx, "wells", "water", language="fr", canonical_url="", title="Des puits"
        )
        send(desk.mailer, tx, "wells")
    for language, topic_name in (("en", "Water"), ("fr", "Eau")):
        page = desk.pages.get_page(f"/stories/wells/{language}")
        metadata = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text)
        assert metadata
        assert json.loads(metadata[1])["articleSection"] == [topic_name]


def test_story_of_private_list_has_no_page(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        lists.add_list(tx, STAFF, "staff", "Staff", factories.NOW, visibility=Visibility.PRIVATE)
        factories.add_subscriber(tx, "eva@example.org", list_slug="staff")
        factories.add_story(tx, "wells", canonical_url="")
        send(desk.mailer, tx, "wells", "staff")
    assert desk.pages.get_page("/stories/wells/en").status == 404


def test_release_sent_only_in_newsletter_is_shown_as_story(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        factories.add_story(tx, "wells", canonical_url="", kind=ArticleKind.PRESS_RELEASE)
        assert "/press/wells?lang=en" in send(desk.mailer, tx, "wells")
    for path in ("/press/wells?lang=en", "/stories/wells/en"):
        assert "What Wells is about." in desk.pages.get_page(path).text


def test_story_with_requested_kill_has_no_page(desk: PressScenario) -> None:
    request_kill(desk.mailer)
    with desk.mailer.store.begin() as tx:
        assert tx.editions.find_story_sent_at(desk.release.stories[0]) is None


# ---- events and reports -------------------------------------------------------------------------

EVENT = EventDetails("2026-12-18T15:30", "Europe/London", "2026-12-18T18:30", "Old Hall")


def test_event_page_has_times_place_and_calendar_file(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        factories.add_story(tx, "walk", canonical_url="", kind=ArticleKind.EVENT, event=EVENT)
        assert desk.pages.get_page("/stories/walk/en/event.ics").status == 404
        link = re.search(
            r'href="http[^"]*(/stories/walk/en/event.ics)"', send(desk.mailer, tx, "walk")
        )
    assert link
    root = lxml_html.document_fromstring(desk.pages.get_page("/stories/walk/en").text)
    (facts,) = root.find_class("event-facts")
    assert "Friday, 18 December 2026, 15:30–18:30 (London)" in facts.text_content()
    assert "Old Hall" in facts.text_content()
    assert link[1] in [anchor.get("href") for anchor in facts.iter("a")]
    answer = desk.pages.get_page(link[1])
    assert (answer.status, answer.get_header("content-type")) == (
        200,
        "text/calendar; charset=utf-8",
    )
    assert "DTSTART:20261218T153000Z" in answer.text
    assert "SUMMARY:Walk" in answer.text


def test_calendar_file_exists_only_for_public_events(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        lists.add_list(tx, STAFF, "staff", "Staff", factories.NOW, visibility=Visibility.PRIVATE)
        factories.add_subscriber(tx, "eva@example.org", list_slug="staff")
        factories.add_story(tx, "walk", canonical_url="", kind=ArticleKind.EVENT, event=EVENT)
        assert "event.ics" not in send(desk.mailer, tx, "walk", "staff")
        factories.add_story(tx, "wells", canonical_url="")
        send(desk.mailer, tx, "wells")
    for path in ("/stories/walk/en/event.ics", "/stories/wells/en/event.ics"):
        assert desk.pages.get_page(path).status == 404


def test_report_page_offers_its_document(desk: PressScenario) -> None:
    content = b"%PDF-1.4 figures"
    sha256 = hashlib.sha256(content).hexdigest()
    document = Asset(
        AssetKind.DOCUMENT,
        "Boats in figures",
        file=sha256,
        name="boats.pdf",
        media_type="application/pdf",
        size=len(content),
    )
    path = f"/press/figures/files/{sha256[:16]}/boats.pdf"
    with desk.mailer.store.begin() as tx:
        tx.releases.save_file(sha256, "application/pdf", content, factories.NOW)
        factories.add_story(
            tx,
            "figures",
            canonical_url="",
            kind=ArticleKind.REPORT,
            release=Release(assets=(document,)),
        )
        assert desk.pages.get_page(path).status == 404, "before it is sent"
        assert path in send(desk.mailer, tx, "figures")
    assert f'href="{path}"' in desk.pages.get_page("/stories/figures/en").text
    answer = desk.pages.get_page(path)
    assert (answer.status, answer.body) == (200, content)
    assert desk.pages.get_page(path.replace("boats.pdf", "other.pdf")).status == 404


# ---- the picture, the kind, the date, and the text that was sent --------------------------------

PICTURE = Image("https://pictures.example.net/wells.jpg", "A well", "Ana Diaz / Example")


def test_story_page_shows_picture_kind_and_own_date(desk: PressScenario) -> None:
    published = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    with desk.mailer.store.begin() as tx:
        factories.add_story(
            tx,
            "wells",
            canonical_url="",
            kind=ArticleKind.EVENT,
            image=PICTURE,
            published=published,
            body="Water.\n\n![Map](http://maps.example.com:8080/a.png)",
        )
        send(desk.mailer, tx, "wells")
    page = desk.pages.get_page("/stories/wells/en")
    root = lxml_html.document_fromstring(page.text)
    picture = root.xpath("//article//figure/img")[0]
    assert (picture.get("src"), picture.get("alt")) == (PICTURE.url, PICTURE.alt)
    assert root.xpath("string(//figcaption)") == PICTURE.credit
    assert root.xpath("string(//main/p[1])") == "Event · Monday, 2 March 2026"
    policy = dict(page.headers)["content-security-policy"]
    assert "img-src 'self' https://pictures.example.net http://maps.example.com:8080;" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_other_pages_load_no_pictures_of_others(desk: PressScenario) -> None:
    headers = dict(desk.pages.get_page("/press").headers)
    assert "img-src 'self';" in headers["content-security-policy"]


def test_story_page_keeps_the_text_that_was_sent(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        factories.add_story(tx, "wells", canonical_url="", body="Two wells.")
        send(desk.mailer, tx, "wells")
    page = desk.pages.get_page("/stories/wells/en")
    assert "Two wells." in page.text
    assert "after we sent it" not in page.text
    later = desk.mailer.clock() + timedelta(days=1)
    with desk.mailer.store.begin() as tx:
        content = factories.make_content("wells", canonical_url="", body="Three wells.")
        articles.add_article(tx, STAFF, content, later)
        factories.add_story(tx, "wells", language="fr", canonical_url="")
    page = desk.pages.get_page("/stories/wells/en")
    assert "Two wells." in page.text
    assert "Three wells." not in page.text
    assert "This text was changed on" in page.text
