"""Press pages, the kit and the feed show the text that was approved, and say what they show."""

import io
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from lxml import html as lxml_html

from mailer import articles, editions, releases
from mailer.intake.markup import to_html
from mailer.model.articles import ArticleKind
from mailer.model.edition_states import EditionRole
from mailer.model.editions import NewEdition
from mailer.model.press_release import Quote, Release
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.releases.factories import CHANGE, SLUG, PressScenario
from tests.integration.releases.test_story_pages import send as send_story

CHANGED_NOTE = "This text was changed on"


def edit_story(desk: PressScenario, changes: dict[str, Any]) -> None:
    with desk.mailer.store.begin() as tx:
        now = desk.mailer.clock() + timedelta(days=1)
        articles.edit_article(tx, STAFF, SLUG, "en", changes, now)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": "Lanterns at sea"}, "Lanterns at sea"),
        ({"body": "Another text.", "html": "<p>Another text.</p>"}, "Another text."),
        ({"kind": ArticleKind.STATEMENT, "release": None}, "Statement ·"),
        ({"release": Release(quotes=(Quote("We lit all.", "Mara Vell"),))}, "We lit all."),
        ({"release": Release(notes="Lamps.", notes_html="<p>Lamps.</p>")}, "Lamps."),
        ({"release": Release(subhead="A festival")}, "A festival"),
    ],
)
def test_press_page_says_that_its_text_was_changed(
    desk: PressScenario, changes: dict[str, Any], words: str
) -> None:
    page = desk.pages.get_page("/press/lanterns")
    assert page.status == 200
    assert CHANGED_NOTE not in page.text
    edit_story(desk, changes)
    changed_page = desk.pages.get_page("/press/lanterns")
    assert CHANGED_NOTE in changed_page.text
    assert words not in changed_page.text


def test_page_without_summary_describes_itself_by_its_text(desk: PressScenario) -> None:
    with desk.mailer.store.begin() as tx:
        body = "海港恢复缓慢，需要更多船员。" * 40
        factories.add_story(tx, "wells", canonical_url="", summary="", body=body)
        send_story(desk.mailer, tx, "wells")
    root = lxml_html.document_fromstring(desk.pages.get_page("/stories/wells/en").text)
    for path in ("//meta[@name='description']", "//meta[@property='og:description']"):
        (description,) = root.xpath(f"{path}/@content")
        assert 200 < len(description) <= 300
        assert description.endswith("…")
    assert root.xpath("//meta[@property='og:url']/@content")[0].endswith("/stories/wells/en")


def test_later_pages_of_the_press_list_open(desk: PressScenario) -> None:
    page = desk.pages.get_page("/press?page=2&lang=fr")
    assert page.status == 200
    root = lxml_html.document_fromstring(page.text)
    assert root.xpath("//a[@rel='prev']/@href") == ["/press?lang=fr&page=1"]


def test_press_kit_and_feed_have_the_dateline_outside_a_quotation(desk: PressScenario) -> None:
    body = "> We lit them.\n\nSaid she."
    edit_story(desk, {"body": body, "html": to_html(body), "dateline": "DAKAR"})
    with desk.mailer.store.begin() as tx:
        releases.correct_release(tx, AMINA, SLUG, CHANGE, desk.mailer.renderer, desk.mailer.clock())
    desk.deliver_mails()
    kit = zipfile.ZipFile(io.BytesIO(desk.pages.get_page("/press/lanterns/kit.zip").body))
    text = kit.read("lanterns/release.en.txt").decode()
    assert "> We lit them.\n\nDAKAR – Said she." in text
    feed = desk.pages.get_page("/press/atom.xml").text
    assert "&lt;strong&gt;DAKAR –&lt;/strong&gt; Said she." in feed


@pytest.mark.parametrize(("language", "comma"), [("ar", "، "), ("zh", "，"), ("fr", ", ")])
def test_role_follows_the_comma_of_the_release_language(
    desk: PressScenario, language: str, comma: str
) -> None:
    quote = Quote("Mots.", "Mara Vell", "Rolle")
    with desk.mailer.store.begin() as tx:
        factories.add_story(
            tx,
            "wells",
            language=language,
            kind=ArticleKind.PRESS_RELEASE,
            canonical_url="",
            release=Release(quotes=(quote,)),
        )
        new = NewEdition(
            "Wells",
            "press",
            language=language,
            stories=("wells",),
            template="press-release",
            role=EditionRole.RELEASE,
        )
        now = desk.mailer.clock()
        edition = editions.create_edition(tx, STAFF, new, now)
        renderer = desk.mailer.renderer
        edition, _ = editions.compose_edition(tx, STAFF, edition, renderer)
        (mail,) = [body for body in tx.editions.list_bodies(edition) if body.language == language]
        edition = editions.approve_edition(tx, AMINA, edition, renderer, now)
        edition, _ = editions.start_edition(tx, STAFF, edition, renderer, now)
    assert f"Mara Vell{comma}Rolle" in mail.html
    assert f"— Mara Vell{comma}Rolle" in mail.text
    page = desk.pages.get_page(f"/press/wells?lang={language}")
    (speaker,) = lxml_html.document_fromstring(page.text).xpath("//blockquote/p[2]")
    assert f"Mara Vell{comma}Rolle" in re.sub("[\u2066-\u2069]", "", speaker.text_content())
    archive = zipfile.ZipFile(io.BytesIO(desk.pages.get_page("/press/wells/kit.zip").body))
    texts = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".txt")]
    assert any(f"— Mara Vell{comma}Rolle" in text for text in texts)
