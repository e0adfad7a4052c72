"""Reading what was sent: a mail in the browser, and the archive."""

import pytest

from tests.acceptance.web import axe
from tests.acceptance.web.office import TITLES
from tests.acceptance.web.reader import Reader


@pytest.fixture
def member(reader: Reader) -> Reader:
    """Somebody who has got an edition."""
    reader.office.join(reader.address, language=reader.kind.language)
    reader.office.send_edition()
    return reader


def reads(reader: Reader) -> None:
    """An edition is open, as anybody may read it."""
    shown = reader.page.content()
    assert TITLES[reader.kind.language] in shown
    assert reader.address not in shown
    for personal in ("/u/", "/p/", "/v/"):
        assert f"{reader.office.url}{personal}" not in shown
    assert not reader.complaints, reader.complaints
    if reader.kind.scripts:
        assert not axe.findings(reader.page.main_frame)


def test_a_mail_is_read_in_the_browser_and_leads_to_earlier_ones(member: Reader) -> None:
    member.open(member.office.link(member.address, "v"))
    reads(member)
    member.page.locator('a[href$="/archive/news"]').click()
    member.sees("archive-list")


def test_an_edition_is_found_by_its_words(member: Reader) -> None:
    member.open(f"/archive?lang={member.kind.language}")
    member.sees("archive")
    member.page.locator('main a[href*="/archive/news?"]').click()
    member.sees("archive-list")
    member.page.locator("#q").fill("zeppelin")
    member.page.locator("form[role=search] button").click()
    member.sees("archive-nothing-found")
    word = max(TITLES[member.kind.language].split(), key=len)
    member.page.locator("#q").fill(word)
    member.page.locator("form[role=search] button").click()
    member.sees("archive-found")
    member.page.locator("ul.entries > li > :first-child a").first.click()
    reads(member)
    member.page.go_back()
    member.page.locator('main a[href*="/subscribe/news"]').click()
    member.sees("subscribe")
