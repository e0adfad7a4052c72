"""Unsubscribing, from the link of an edition's mail."""

from urllib.parse import urlsplit

import pytest

from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from tests.acceptance.web.browser import BrowserReader


@pytest.fixture
def member(reader: BrowserReader) -> BrowserReader:
    """Somebody who has got an edition and has opened its link for leaving."""
    reader.office.subscribe_person(reader.address, language=reader.variant.language)
    reader.office.send_edition()
    reader.open_path(reader.office.find_link(reader.address, "u"))
    return reader


def state(reader: BrowserReader) -> MembershipState:
    known = reader.office.find_membership(reader.address)
    assert known is not None
    return known.state


def test_who_leaves_by_mistake_comes_back(member: BrowserReader) -> None:
    member.check_page("unsubscribe")
    assert state(member) is MembershipState.ACTIVE, "opening the link does nothing"
    (mail,) = member.office.list_mails(member.address)
    path = urlsplit(member.page.url).path
    assert f"<{member.page.url}>" in str(mail["List-Unsubscribe"])
    member.activate_button(path)
    member.check_page("unsubscribed")
    assert state(member) is MembershipState.UNSUBSCRIBED
    member.page.reload()  # sends the form once more
    assert state(member) is MembershipState.UNSUBSCRIBED
    member.page.locator('form[action*="/undo"]:not(:has([name=frequency])) button').click()
    member.check_page("unsubscribe-undone")
    assert member.status_message.count() == 1
    assert state(member) is MembershipState.ACTIVE


def test_fewer_mails_are_chosen_instead_of_none(member: BrowserReader) -> None:
    for wanted in (Frequency.WEEKLY, Frequency.MONTHLY):
        member.page.locator(f'form:has([value="{wanted}"]) button').click()
        member.check_page(f"unsubscribe-{wanted}")
        known = member.office.find_membership(member.address)
        assert known is not None
        assert (known.state, known.frequency) == (MembershipState.ACTIVE, wanted)
    assert member.page.locator("[name=frequency]").count() == 0, "there is nothing less than that"


def test_fewer_mails_are_chosen_after_leaving(member: BrowserReader) -> None:
    member.activate_button(urlsplit(member.page.url).path)
    member.page.locator('form:has([value="monthly"]) button').click()
    known = member.office.find_membership(member.address)
    assert known is not None
    assert (known.state, known.frequency) == (MembershipState.ACTIVE, Frequency.MONTHLY)
