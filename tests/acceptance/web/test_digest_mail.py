"""The demo's digest in a browser: on a phone the lead's picture and headline are on the first
screen, and nothing scrolls sideways."""

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from mailer.demo import office as demo_office
from mailer.intake import files
from mailer.intake.markup import to_html
from mailer.languages import UN_LANGUAGES
from mailer.message import extract_visible_text
from mailer.model.articles import Article
from mailer.render import compose_edition
from tests.acceptance.web import axe
from tests.acceptance.web.browser import NARROWEST, WIDTHS
from tests.unit.render import factories
from tests.unit.samples import make_article, make_topic

DEMO = Path(str(resources.files("mailer.demo")))
NOW = datetime(2026, 12, 14, 9, tzinfo=UTC)


def read_demo_articles() -> list[Article]:
    """Return the articles of the demo's digest, the lead first."""
    contents = [
        file.content
        for file in files.read_files(
            [DEMO / "articles"], NOW, language="en", time_zone="Europe/London"
        )
        if file.content and {*file.content.topics} & {*demo_office.DIGEST_TOPICS}
    ]
    contents.sort(key=lambda content: (not content.lead, content.slug))
    return [
        make_article(**{name: getattr(content, name) for name in content.__dataclass_fields__})
        for content in contents
    ]


@pytest.fixture(scope="module")
def mails() -> dict[str, str]:
    """The mails of a reader of all topics, by language."""
    manuscript = factories.make_manuscript(
        *read_demo_articles(),
        name=demo_office.DIGEST_NAMES["en"],
        names=demo_office.DIGEST_NAMES,
        opening=demo_office.OPENING,
        topics=[make_topic(slug, **names) for slug, names in demo_office.TOPICS.items()],
        languages=UN_LANGUAGES,
        number=51,
    )
    composition = compose_edition(manuscript, factories.make_settings(), to_html)
    return {
        body.language: extract_visible_text(body.html, body.marker, body.stories)
        for body in composition.bodies
    }


def fulfil_picture(route: Route) -> None:
    picture = DEMO / "media" / route.request.url.rpartition("/")[2]
    if picture.is_file():
        route.fulfill(path=picture)
    else:
        route.abort()


def open_mail(browser: Browser, html: str, width: int, height: int, scheme: str = "light") -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.route("**/*", fulfil_picture)
    page.set_content(html)
    page.wait_for_load_state("networkidle")
    return page


def test_lead_picture_and_headline_are_on_a_phones_first_screen(
    browser: Browser, mails: dict[str, str]
) -> None:
    width, height = WIDTHS["phone"]
    for language, html in mails.items():
        page = open_mail(browser, html, width, height)
        for selector in ("img.photo", "h2.headline"):
            box = page.locator(selector).first.bounding_box()
            assert box
            assert box["y"] + box["height"] <= height, (language, selector, box)
        assert page.locator("img.photo").first.evaluate("picture => picture.naturalWidth > 0")
        page.close()
    assert {*mails} == {*UN_LANGUAGES}


@pytest.mark.parametrize("width", [NARROWEST["phone"], *(width for width, _ in WIDTHS.values())])
def test_mail_never_scrolls_sideways(browser: Browser, mails: dict[str, str], width: int) -> None:
    for language, html in mails.items():
        page = open_mail(browser, html, width, 800)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, language
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mail_is_accessible_in_light_and_dark(
    browser: Browser, mails: dict[str, str], scheme: str
) -> None:
    for language in ("en", "ar"):
        # A mail is one article among others in a mail program, and has no landmarks of its own.
        html = mails[language].replace('role="article" aria-roledescription="email"', 'role="main"')
        page = open_mail(browser, html, *WIDTHS["phone"], scheme)
        assert not axe.find_violations(page.main_frame)
        page.close()
