"""Reading sent mails: a mail in the browser, and the archive."""

import pytest

from tests.acceptance.web import axe
from tests.acceptance.web.browser import BrowserReader
from tests.acceptance.web.fixtures import TITLES


@pytest.fixture
def member(reader: BrowserReader) -> BrowserReader:
    """A member who has received an edition."""
    reader.office.subscribe_person(reader.address, language=reader.variant.language)
    reader.office.send_edition()
    return reader


def check_edition_page(reader: BrowserReader) -> None:
    """Check that the page shows an edition without anything personal."""
    content = reader.page.content()
    assert TITLES[reader.variant.language] in content
    assert reader.address not in content
    for personal in ("/u/", "/p/", "/v/"):
        assert f"{reader.office.url}{personal}" not in content
    assert not reader.complaints, reader.complaints
    if reader.variant.scripts:
        assert not axe.find_violations(reader.page.main_frame)


def test_view_link_shows_the_mail_and_earlier_editions(member: BrowserReader) -> None:
    member.open_path(member.office.find_link(member.address, "v"))
    check_edition_page(member)
    member.page.locator('a[href$="/archive/news"]').click()
    member.check_page("archive-list")


def test_archive_search_finds_an_edition(member: BrowserReader) -> None:
    member.open_path(f"/archive?lang={member.variant.language}")
    member.check_page("archive")
    member.page.locator('main a[href*="/archive/news?"]').click()
    member.check_page("archive-list")
    member.page.locator("#q").fill("zeppelin")
    member.page.locator("form[role=search] button").click()
    member.check_page("archive-nothing-found")
    word = max(TITLES[member.variant.language].split(), key=len)
    member.page.locator("#q").fill(word)
    member.page.locator("form[role=search] button").click()
    member.check_page("archive-found")
    member.page.locator("ul.cards h3 a").first.click()
    check_edition_page(member)
    member.page.go_back()
    member.page.locator('main a[href*="/subscribe/news"]').click()
    member.check_page("subscribe")
