"""Unsubscribing by the link of an edition's mail."""

from urllib.parse import urlsplit

import pytest

from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from tests.acceptance.web.browser import BrowserReader


@pytest.fixture
def member(reader: BrowserReader) -> BrowserReader:
    """A member who has opened the unsubscribe link of an edition."""
    reader.office.subscribe_person(reader.address, language=reader.variant.language)
    reader.office.send_edition()
    reader.open_path(reader.office.find_link(reader.address, "u"))
    return reader


def get_membership_state(reader: BrowserReader) -> MembershipState:
    membership = reader.office.find_membership(reader.address)
    assert membership is not None
    return membership.state


def test_unsubscribe_can_be_undone(member: BrowserReader) -> None:
    member.check_page("unsubscribe")
    assert get_membership_state(member) is MembershipState.ACTIVE, "opening the link does nothing"
    (mail,) = member.office.list_mails(member.address)
    path = urlsplit(member.page.url).path
    assert f"<{member.page.url}>" in str(mail["List-Unsubscribe"])
    member.activate_button(path)
    member.check_page("unsubscribed")
    assert get_membership_state(member) is MembershipState.UNSUBSCRIBED
    member.page.reload()  # sends the form once more
    assert get_membership_state(member) is MembershipState.UNSUBSCRIBED
    member.page.locator('form[action*="/undo"]:not(:has([name=frequency])) button').click()
    member.check_page("unsubscribe-undone")
    assert member.status_message.count() == 1
    assert get_membership_state(member) is MembershipState.ACTIVE


def test_fewer_mails_can_be_chosen_instead_of_unsubscribing(member: BrowserReader) -> None:
    for frequency in (Frequency.WEEKLY, Frequency.MONTHLY):
        member.page.locator(f'form:has([value="{frequency}"]) button').click()
        member.check_page(f"unsubscribe-{frequency}")
        membership = member.office.find_membership(member.address)
        assert membership is not None
        assert (membership.state, membership.frequency) == (MembershipState.ACTIVE, frequency)
    assert member.page.locator("[name=frequency]").count() == 0, "no lower frequency is left"


def test_fewer_mails_can_be_chosen_after_unsubscribing(member: BrowserReader) -> None:
    member.activate_button(urlsplit(member.page.url).path)
    member.page.locator('form:has([value="monthly"]) button').click()
    membership = member.office.find_membership(member.address)
    assert membership is not None
    assert (membership.state, membership.frequency) == (MembershipState.ACTIVE, Frequency.MONTHLY)
