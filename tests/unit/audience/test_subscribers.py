"""People who left are never resubscribed, and stored facts are never lost by accident."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience import subscribers
from mailer.audience.subscribers import check_person, merge_persons
from mailer.errors import InputError, NotFound, Refused
from mailer.model.lists import MailingList
from mailer.model.subscribers import (
    ConsentEntry,
    Evidence,
    Membership,
    MembershipState,
    Person,
    Subscriber,
)
from mailer.model.suppressions import Suppression, SuppressionReason
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import DAY, NOW, make_mailing_list, make_topic

LATER = NOW + DAY
NEWS = make_mailing_list("news")
ANA = Person("ana@example.org", name="Ana", language="fr", tags=("donor",))
M = MembershipState


class FakeSubscriberStore:
    """Subscribers and memberships in memory."""

    def __init__(self, **suppressed: str) -> None:
        self.saved_subscribers: dict[int, Subscriber] = {}
        self.memberships: dict[tuple[int, str], Membership] = {}
        self.suppressed = suppressed
        self.logged: list[ConsentEntry] = []
        self.aliases: dict[int, int] = {}

    def find_subscriber(self, address: str) -> Subscriber | None:
        return next(
            (
                subscriber
                for subscriber in self.saved_subscribers.values()
                if subscriber.address == address
            ),
            None,
        )

    def find_subscriber_by_id(self, subscriber_id: int) -> Subscriber | None:
        return self.saved_subscribers.get(self.aliases.get(subscriber_id, subscriber_id))

    def add_subscriber(self, person: Person, source: str, now: datetime) -> Subscriber:
        made = Subscriber(len(self.saved_subscribers) + 1, person, source, now)
        self.saved_subscribers[made.id] = made
        return made

    def edit_subscriber(self, subscriber: Subscriber, person: Person) -> Subscriber:
        self.saved_subscribers[subscriber.id] = replace(subscriber, person=person)
        return self.saved_subscribers[subscriber.id]

    def remove_subscriber(self, subscriber: Subscriber) -> None:
        del self.saved_subscribers[subscriber.id]

    def list_memberships(self, subscriber: Subscriber) -> Sequence[Membership]:
        return [
            membership
            for (number, _), membership in self.memberships.items()
            if number == subscriber.id
        ]

    def set_membership(
        self, subscriber: Subscriber, mailing_list: MailingList, membership: Membership
    ) -> None:
        self.memberships[subscriber.id, mailing_list.slug] = membership

    def end_membership(
        self, subscriber: Subscriber, mailing_list: MailingList, now: datetime
    ) -> None:
        membership = self.memberships[subscriber.id, mailing_list.slug]
        self.memberships[subscriber.id, mailing_list.slug] = replace(
            membership, state=M.UNSUBSCRIBED, left_at=now, paused_until=None
        )

    def find_suppression_reason(self, address: str) -> str | None:
        return self.suppressed.get(address.partition("@")[0])

    def find_suppression(self, address: str) -> Suppression | None:
        reason = self.find_suppression_reason(address)
        return Suppression(address, SuppressionReason(reason), "", NOW) if reason else None

    def log_consent(self, entries: Sequence[ConsentEntry]) -> None:
        self.logged += entries

    def add_alias(self, old_id: int, subscriber: Subscriber) -> None:
        self.aliases[old_id] = subscriber.id

    def erase_address(self, address: str, subscriber: Subscriber | None = None) -> None:
        self.logged = [
            replace(entry, address="")
            if entry.address == address
            and (subscriber is None or entry.subscriber_id == subscriber.id)
            else entry
            for entry in self.logged
        ]

    def list_addresses(self, subscriber: Subscriber) -> Sequence[str]:
        return [subscriber.address]

    def get_list(self, slug: str) -> MailingList:
        return make_mailing_list(slug)

    @property
    def acts(self) -> list[str]:
        return [entry.act.value for entry in self.logged]


def join_list(
    subscriber_store: FakeSubscriberStore, person: Person = ANA, **options: Any
) -> tuple[Subscriber, Membership]:
    return subscribers.subscribe_person(
        make_transaction(subscribers=subscriber_store),
        STAFF,
        person,
        NEWS,
        (),
        options.pop("now", NOW),
        **options,
    )


# ---- what may be known ------------------------------------------------------------------------

persons = st.builds(
    Person,
    st.sampled_from(["ana@example.org", "Bo@EXAMPLE.org"]),
    name=st.text(max_size=20),
    language=st.sampled_from(["", "fr", "EN-gb"]),
    country=st.sampled_from(["", "gb", " FR "]),
    time_zone=st.sampled_from(["", "Europe/London", " UTC "]),
    tags=st.lists(st.sampled_from(["donor", " vip ", "two  words"])).map(tuple),
)


@given(persons)
def test_person_check_is_idempotent(person: Person) -> None:
    try:
        once = check_person(person)
    except InputError as error:
        assert error.field == "name"  # noqa: PT017
        return
    assert check_person(once) == once


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"address": "ana"}, "address"),
        ({"name": "a\x07b"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"country": "XX"}, "country"),
        ({"time_zone": "london"}, "time_zone"),
        ({"tags": ("",)}, "tags"),
        ({"tags": ("x" * 101,)}, "tags"),
        ({"tags": ("a\x07",)}, "tags"),
    ],
)
def test_invalid_person_field_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        check_person(replace(ANA, **fields))
    assert caught.value.field == field


@given(persons, persons)
def test_person_merge_keeps_values_and_is_idempotent(existing: Person, new: Person) -> None:
    merged = merge_persons(existing, new)
    assert merged.address == existing.address
    for field in ("name", "language", "country", "time_zone"):
        expected = getattr(new, field) or getattr(existing, field)
        assert getattr(merged, field) == expected
    assert set(merged.tags) == {*existing.tags, *new.tags}
    assert merge_persons(merged, new) == merged


# ---- joining and leaving ----------------------------------------------------------------------


def test_new_subscriber_is_saved_with_source() -> None:
    subscriber_store = FakeSubscriberStore()
    health = (make_topic("health"), make_topic("diaspora"))
    made, membership = subscribers.subscribe_person(
        make_transaction(subscribers=subscriber_store),
        STAFF,
        ANA,
        NEWS,
        health,
        NOW,
        language="FR",
        evidence=Evidence(source="form"),
    )
    assert (made.person, made.source, made.created_at) == (ANA, "form", NOW)
    assert membership == Membership("news", M.ACTIVE, ("diaspora", "health"), "fr", NOW)
    assert (
        subscribers.get_subscriber(
            make_transaction(subscribers=subscriber_store), " ana@EXAMPLE.org"
        )
        == made
    )
    assert (
        subscribers.find_membership(make_transaction(subscribers=subscriber_store), made, "news")
        == membership
    )
    assert (
        subscribers.find_membership(make_transaction(subscribers=subscriber_store), made, "press")
        is None
    )


def test_repeated_subscription_keeps_joining_date() -> None:
    subscriber_store = FakeSubscriberStore()
    join_list(subscriber_store)
    again, membership = join_list(
        subscriber_store, Person("ana@example.org", country="GB"), now=LATER
    )
    assert again.person == replace(ANA, country="GB")
    assert membership.joined_at == NOW


def test_active_member_is_not_made_pending() -> None:
    subscriber_store = FakeSubscriberStore()
    join_list(subscriber_store)
    assert join_list(subscriber_store, state=M.PENDING)[1].state is M.ACTIVE


def test_pending_member_joins_on_confirmation() -> None:
    subscriber_store = FakeSubscriberStore()
    assert join_list(subscriber_store, state=M.PENDING)[1].state is M.PENDING
    _, membership = join_list(subscriber_store, now=LATER)
    assert (membership.state, membership.joined_at) == (M.ACTIVE, LATER)


def test_unsubscribed_person_rejoins_only_on_own_request() -> None:
    subscriber_store = FakeSubscriberStore()
    ana, _ = join_list(subscriber_store)
    subscribers.unsubscribe_person(
        make_transaction(subscribers=subscriber_store), STAFF, ana, NEWS, NOW
    )
    with pytest.raises(Refused, match=r"unsubscribed from the list 'news'; people who"):
        join_list(subscriber_store, now=LATER)
    left = subscribers.find_membership(make_transaction(subscribers=subscriber_store), ana, "news")
    assert left
    assert left.state is M.UNSUBSCRIBED
    _, membership = join_list(subscriber_store, now=LATER, rejoin=True)
    assert (membership.state, membership.joined_at, membership.left_at) == (M.ACTIVE, LATER, None)


def test_suppressed_address_is_not_saved() -> None:
    subscriber_store = FakeSubscriberStore(ana="complaint")
    with pytest.raises(Refused, match=r"ana@example\.org must not be mailed \(complaint\)"):
        join_list(subscriber_store, rejoin=True)
    assert subscriber_store.saved_subscribers == {}


def test_unsubscribing_twice_is_idempotent() -> None:
    subscriber_store = FakeSubscriberStore()
    ana, _ = join_list(subscriber_store)
    left = subscribers.unsubscribe_person(
        make_transaction(subscribers=subscriber_store), STAFF, ana, NEWS, NOW
    )
    assert left.left_at == NOW
    assert (
        subscribers.unsubscribe_person(
            make_transaction(subscribers=subscriber_store), STAFF, ana, NEWS, LATER
        )
        == left
    )


def test_unsubscribing_nonmember_raises_not_found() -> None:
    subscriber_store = FakeSubscriberStore()
    ana, _ = join_list(subscriber_store)
    with pytest.raises(NotFound, match="is not on the list 'press'"):
        subscribers.unsubscribe_person(
            make_transaction(subscribers=subscriber_store),
            STAFF,
            ana,
            make_mailing_list("press"),
            NOW,
        )


# ---- editing and forgetting -------------------------------------------------------------------


def test_subscriber_edit_reports_change() -> None:
    subscriber_store = FakeSubscriberStore()
    join_list(subscriber_store)
    assert (
        subscribers.edit_subscriber(
            make_transaction(subscribers=subscriber_store), STAFF, ANA.address, {"name": "Ana"}
        )[1]
        is False
    )
    changed, is_changed = subscribers.edit_subscriber(
        make_transaction(subscribers=subscriber_store), STAFF, ANA.address, {"name": "Ana B."}
    )
    assert is_changed
    assert changed.person.name == "Ana B."


def test_unknown_subscriber_raises_not_found() -> None:
    subscriber_store = FakeSubscriberStore()
    with pytest.raises(NotFound, match=r"ana@example\.org is not a subscriber"):
        subscribers.get_subscriber(make_transaction(subscribers=subscriber_store), ANA.address)
    with pytest.raises(InputError, match="is not a mail address"):
        subscribers.get_subscriber(make_transaction(subscribers=subscriber_store), "ana")
