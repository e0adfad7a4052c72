"""The contacts to ask about a release."""

from types import SimpleNamespace

import pytest

from mailer.errors import NotFound
from mailer.model.contacts import Contact, ContactProfile, FollowUp
from mailer.model.subscribers import Person, Subscriber
from mailer.model.transaction import Transaction
from mailer.releases import list_contacts_to_ask
from tests.fakes import make_transaction
from tests.unit.samples import NOW


def make_contact(subscriber_id: int, follow_up: FollowUp) -> Contact:
    person = Person(f"press{subscriber_id}@example.org")
    subscriber = Subscriber(subscriber_id, person, "test", NOW)
    return Contact(subscriber, ContactProfile(follow_up=follow_up), NOW)


def make_release_transaction(*recipients: Contact) -> Transaction:
    return make_transaction(
        embargoes=SimpleNamespace(has_story=lambda slug: slug == "lanterns"),
        subscribers=SimpleNamespace(list_release_recipients=lambda slug: list(recipients)),
    )


def test_recipients_who_refuse_follow_up_are_not_asked() -> None:
    willing, unwilling = make_contact(1, FollowUp.WELCOME), make_contact(2, FollowUp.NEVER)
    tx = make_release_transaction(willing, unwilling)
    assert list_contacts_to_ask(tx, "lanterns") == [willing]


def test_follow_up_of_unknown_story_is_not_found() -> None:
    with pytest.raises(NotFound, match="there is no story 'boats'"):
        list_contacts_to_ask(make_release_transaction(), "boats")
