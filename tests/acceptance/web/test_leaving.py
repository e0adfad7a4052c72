"""Unsubscribing, from the link of an edition's mail."""

from urllib.parse import urlsplit

import pytest

from mailer.audience.lists import Frequency
from mailer.audience.subscribers import MembershipState
from tests.acceptance.web.reader import Reader


@pytest.fixture
def member(reader: Reader) -> Reader:
    """Somebody who has got an edition and has opened its link for leaving."""
    reader.office.join(reader.address, language=reader.kind.language)
    reader.office.send_edition()
    reader.open(reader.office.link(reader.address, "u"))
    return reader


def state(reader: Reader) -> MembershipState:
    known = reader.office.membership(reader.address)
    assert known is not None
    return known.state


def test_who_leaves_by_mistake_comes_back(member: Reader) -> None:
    member.sees("unsubscribe")
    assert state(member) is MembershipState.ACTIVE, "opening the link does nothing"
    (mail,) = member.office.mails(member.address)
    path = urlsplit(member.page.url).path
    assert f"<{member.page.url}>" in str(mail["List-Unsubscribe"])
    member.press(path)
    member.sees("unsubscribed")
    assert state(member) is MembershipState.UNSUBSCRIBED
    member.page.reload()  # sends the form once more
    assert state(member) is MembershipState.UNSUBSCRIBED
    member.page.locator('form[action*="/undo"]:not(:has([name=frequency])) button').click()
    member.sees("unsubscribe-undone")
    assert member.said.count() == 1
    assert state(member) is MembershipState.ACTIVE


def test_fewer_mails_are_chosen_instead_of_none(member: Reader) -> None:
    for wanted in (Frequency.WEEKLY, Frequency.MONTHLY):
        member.page.locator(f'form:has([value="{wanted}"]) button').click()
        member.sees(f"unsubscribe-{wanted}")
        known = member.office.membership(member.address)
        assert known is not None
        assert (known.state, known.frequency) == (MembershipState.ACTIVE, wanted)
    assert member.page.locator("[name=frequency]").count() == 0, "there is nothing less than that"


def test_fewer_mails_are_chosen_after_leaving(member: Reader) -> None:
    member.press(urlsplit(member.page.url).path)
    member.page.locator('form:has([value="monthly"]) button').click()
    known = member.office.membership(member.address)
    assert known is not None
    assert (known.state, known.frequency) == (MembershipState.ACTIVE, Frequency.MONTHLY)
