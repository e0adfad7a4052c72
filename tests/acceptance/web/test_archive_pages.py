"""Reading what was sent: a mail in the browser, and the archive."""

import pytest

from tests.acceptance.web import axe
from tests.acceptance.web.browser import BrowserReader
from tests.acceptance.web.fixtures import TITLES


@pytest.fixture
def member(reader: BrowserReader) -> BrowserReader:
    """Somebody who has got an edition."""
    reader.office.subscribe_person(reader.address, language=reader.variant.language)
    reader.office.send_edition()
    return reader


def reads(reader: BrowserReader) -> None:
    """An edition is open, as anybody may read it."""
    shown = reader.page.content()
    assert TITLES[reader.variant.language] in shown
    assert reader.address not in shown
    for personal in ("/u/", "/p/", "/v/"):
        assert f"{reader.office.url}{personal}" not in shown
    assert not reader.complaints, reader.complaints
    if reader.variant.scripts:
        assert not axe.find_violations(reader.page.main_frame)


def test_a_mail_is_read_in_the_browser_and_leads_to_earlier_ones(member: BrowserReader) -> None:
    member.open_path(member.office.find_link(member.address, "v"))
    reads(member)
    member.page.locator('a[href$="/archive/news"]').click()
    member.check_page("archive-list")


def test_an_edition_is_found_by_its_words(member: BrowserReader) -> None:
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
    member.page.locator("ul.entries > li > :first-child a").first.click()
    reads(member)
    member.page.go_back()
    member.page.locator('main a[href*="/subscribe/news"]').click()
    member.check_page("subscribe")
