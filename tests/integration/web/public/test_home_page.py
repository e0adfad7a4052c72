"""The home page: the sign-up form beside the latest edition, and pictures of editions as cards."""

from datetime import timedelta

from lxml import html as lxml_html

from mailer.audience import lists
from mailer.model.articles import Image
from mailer.model.editions import Edition
from mailer.web.public import signup
from tests.actors import STAFF
from tests.integration import archive_factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import SeededOffice
from tests.integration.web.public.requests import on_sqlite

PICTURE = Image("https://pictures.example.net/boats.jpg", "Boats at a pier")


def send_edition(seeded_office: SeededOffice, subject: str, day: int, list_slug: str) -> Edition:
    """Send an edition of four stories, of which the first has a picture."""
    with seeded_office.store.begin() as tx:
        return archive_factories.create_archived_edition(
            tx,
            subject,
            list_slug=list_slug,
            sent_at=NOW + timedelta(days=day),
            bodies=(
                archive_factories.make_body(
                    subject=subject,
                    titles=(subject, "Bridges", "A very long title about roads and rails", "Wells"),
                    picture=PICTURE,
                ),
            ),
        )


def list_headings(page: str) -> list[str]:
    cards = lxml_html.document_fromstring(page).find_class("card")
    return [card.find(".//h3").text_content() for card in cards]


@on_sqlite
def test_home_page_is_the_sign_up_form_beside_the_latest_edition(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    for day in range(6):
        send_edition(seeded_office, f"Edition {day}", day, ("news", "press")[day % 2])
    page = pages.get_page("/")
    assert list_headings(page.text) == [f"Edition {day}" for day in (5, 4, 3, 2)]
    assert len(list_headings(page.text)) == signup.SHOWN_EDITIONS
    root = lxml_html.document_fromstring(page.body)
    (form,) = root.forms
    assert form.get("action") == "/subscribe"
    (latest,) = root.xpath("//aside//article")
    (picture,) = latest.iter("img")
    assert (picture.get("src"), picture.get("alt")) == (PICTURE.url, PICTURE.alt)
    assert "Also: Bridges; A very long title about…; Wells" in " ".join(
        latest.text_content().split()
    )
    assert 'href="/archive"' in page.text
    policy = page.get_header("content-security-policy")
    assert "img-src 'self' https://pictures.example.net;" in policy


@on_sqlite
def test_sign_up_page_of_a_list_shows_only_its_own_editions(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    send_edition(seeded_office, "News", 1, "news")
    send_edition(seeded_office, "For journalists", 2, "press")
    assert list_headings(pages.get_page("/subscribe/news").text) == ["News"]
    embedded_page = pages.get_page("/embed/news")
    assert not list_headings(embedded_page.text)
    assert "frame-ancestors *" in embedded_page.get_header("content-security-policy")
    refused = pages.send_form("/subscribe", {"email": "nobody", "list": "news", "of": "news"})
    assert (refused.status, list_headings(refused.text)) == (422, ["News"])


@on_sqlite
def test_home_page_without_editions_is_only_the_form(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    page = pages.get_page("/")
    assert not list_headings(page.text)
    assert len(lxml_html.document_fromstring(page.body).forms) == 1


@on_sqlite
def test_home_page_of_a_single_list_is_named_after_it(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    with seeded_office.store.begin() as tx:
        archive_factories.hide_list(tx, "press")
        (public_list,) = lists.list_public_lists(tx)
        lists.edit_list(tx, STAFF, public_list.slug, {"description": "Every Thursday."})
    root = lxml_html.document_fromstring(pages.get_page("/").body)
    assert root.xpath("string(//h1)") == public_list.name
    assert "Every Thursday." in root.xpath("string(//main)")


@on_sqlite
def test_archive_shows_editions_as_cards_with_pictures(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    send_edition(seeded_office, "News", 1, "news")
    for target in ("/archive", "/archive/news", "/archive/news?q=boats"):
        page = pages.get_page(target)
        (card,) = lxml_html.document_fromstring(page.body).find_class("card")
        assert [picture.get("src") for picture in card.iter("img")] == [PICTURE.url]
        assert "https://pictures.example.net" in page.get_header("content-security-policy")
