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
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import DAY, NOW, make_mailing_list, make_topic

LATER = NOW + DAY
NEWS = make_mailing_list("news")
ANA = Person("ana@example.org", name="Ana", language="fr", tags=("donor",))
M = MembershipState


class People:
    """Subscribers and memberships in memory."""

    def __init__(self, **suppressed: str) -> None:
        self.kept: dict[int, Subscriber] = {}
        self.of: dict[tuple[int, str], Membership] = {}
        self.suppressed = suppressed
        self.logged: list[ConsentEntry] = []
        self.aliases: dict[int, int] = {}

    def find_subscriber(self, address: str) -> Subscriber | None:
        return next((one for one in self.kept.values() if one.address == address), None)

    def find_subscriber_by_id(self, subscriber_id: int) -> Subscriber | None:
        return self.kept.get(self.aliases.get(subscriber_id, subscriber_id))

    def add_subscriber(self, person: Person, source: str, now: datetime) -> Subscriber:
        made = Subscriber(len(self.kept) + 1, person, source, now)
        self.kept[made.id] = made
        return made

    def edit_subscriber(self, subscriber: Subscriber, person: Person) -> Subscriber:
        self.kept[subscriber.id] = replace(subscriber, person=person)
        return self.kept[subscriber.id]

    def remove_subscriber(self, subscriber: Subscriber) -> None:
        del self.kept[subscriber.id]

    def list_memberships(self, subscriber: Subscriber) -> Sequence[Membership]:
        return [one for (number, _), one in self.of.items() if number == subscriber.id]

    def set_membership(
        self, subscriber: Subscriber, mailing_list: MailingList, membership: Membership
    ) -> None:
        self.of[subscriber.id, mailing_list.slug] = membership

    def find_suppression_reason(self, address: str) -> str | None:
        return self.suppressed.get(address.partition("@")[0])

    def log_consent(self, entries: Sequence[ConsentEntry]) -> None:
        self.logged += entries

    def add_alias(self, old_id: int, subscriber: Subscriber) -> None:
        self.aliases[old_id] = subscriber.id

    def erase_address(self, address: str, subscriber: Subscriber | None = None) -> None:
        self.logged = [
            replace(one, address="")
            if one.address == address and (subscriber is None or one.subscriber_id == subscriber.id)
            else one
            for one in self.logged
        ]

    def list_addresses(self, subscriber: Subscriber) -> Sequence[str]:
        return [subscriber.address]

    def get_list(self, slug: str) -> MailingList:
        return make_mailing_list(slug)

    @property
    def acts(self) -> list[str]:
        return [one.act.value for one in self.logged]


def join(people: People, person: Person = ANA, **how: Any) -> tuple[Subscriber, Membership]:
    return subscribers.subscribe_person(
        make_transaction(subscribers=people), STAFF, person, NEWS, (), how.pop("now", NOW), **how
    )


# ---- what may be known ------------------------------------------------------------------------

people_like = st.builds(
    Person,
    st.sampled_from(["ana@example.org", "Bo@EXAMPLE.org"]),
    name=st.text(max_size=20),
    language=st.sampled_from(["", "fr", "EN-gb"]),
    country=st.sampled_from(["", "gb", " FR "]),
    time_zone=st.sampled_from(["", "Europe/London", " UTC "]),
    tags=st.lists(st.sampled_from(["donor", " vip ", "two  words"])).map(tuple),
)


@given(people_like)
def test_a_person_is_settled_by_one_pass(person: Person) -> None:
    try:
        once = check_person(person)
    except InputError as error:
        assert error.field == "name"  # noqa: PT017
        return
    assert check_person(once) == once


@pytest.mark.parametrize(
    ("fields", "where"),
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
def test_a_field_that_can_not_be_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        check_person(replace(ANA, **fields))
    assert caught.value.field == where


@given(people_like, people_like)
def test_merging_loses_nothing_and_is_done_after_once(known: Person, new: Person) -> None:
    merged = merge_persons(known, new)
    assert merged.address == known.address
    for field in ("name", "language", "country", "time_zone"):
        expected = getattr(new, field) or getattr(known, field)
        assert getattr(merged, field) == expected
    assert set(merged.tags) == {*known.tags, *new.tags}
    assert merge_persons(merged, new) == merged


# ---- joining and leaving ----------------------------------------------------------------------


def test_somebody_new_is_kept_with_where_they_came_from() -> None:
    people = People()
    health = (make_topic("health"), make_topic("diaspora"))
    made, membership = subscribers.subscribe_person(
        make_transaction(subscribers=people),
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
        subscribers.get_subscriber(make_transaction(subscribers=people), " ana@EXAMPLE.org") == made
    )
    assert (
        subscribers.find_membership(make_transaction(subscribers=people), made, "news")
        == membership
    )
    assert subscribers.find_membership(make_transaction(subscribers=people), made, "press") is None


def test_joining_again_changes_topics_and_keeps_the_day_of_joining() -> None:
    people = People()
    join(people)
    again, membership = join(people, Person("ana@example.org", country="GB"), now=LATER)
    assert again.person == replace(ANA, country="GB")
    assert membership.joined_at == NOW


def test_who_is_active_is_not_made_pending() -> None:
    people = People()
    join(people)
    assert join(people, state=M.PENDING)[1].state is M.ACTIVE


def test_who_is_pending_joins_when_they_confirm() -> None:
    people = People()
    assert join(people, state=M.PENDING)[1].state is M.PENDING
    _, membership = join(people, now=LATER)
    assert (membership.state, membership.joined_at) == (M.ACTIVE, LATER)


def test_who_left_comes_back_only_when_they_asked() -> None:
    people = People()
    ana, _ = join(people)
    subscribers.unsubscribe_person(make_transaction(subscribers=people), STAFF, ana, NEWS, NOW)
    with pytest.raises(Refused, match=r"unsubscribed from the list 'news'; people who"):
        join(people, now=LATER)
    left = subscribers.find_membership(make_transaction(subscribers=people), ana, "news")
    assert left
    assert left.state is M.UNSUBSCRIBED
    _, membership = join(people, now=LATER, rejoin=True)
    assert (membership.state, membership.joined_at, membership.left_at) == (M.ACTIVE, LATER, None)


def test_a_suppressed_address_is_not_even_kept() -> None:
    people = People(ana="complaint")
    with pytest.raises(Refused, match=r"ana@example\.org must not be mailed \(complaint\)"):
        join(people, rejoin=True)
    assert people.kept == {}


def test_leaving_twice_is_leaving_once() -> None:
    people = People()
    ana, _ = join(people)
    left = subscribers.unsubscribe_person(
        make_transaction(subscribers=people), STAFF, ana, NEWS, NOW
    )
    assert left.left_at == NOW
    assert (
        subscribers.unsubscribe_person(
            make_transaction(subscribers=people), STAFF, ana, NEWS, LATER
        )
        == left
    )


def test_one_can_not_leave_a_list_that_one_is_not_on() -> None:
    people = People()
    ana, _ = join(people)
    with pytest.raises(NotFound, match="is not on the list 'press'"):
        subscribers.unsubscribe_person(
            make_transaction(subscribers=people), STAFF, ana, make_mailing_list("press"), NOW
        )


# ---- editing and forgetting -------------------------------------------------------------------


def test_an_edit_says_whether_anything_changed() -> None:
    people = People()
    join(people)
    assert (
        subscribers.edit_subscriber(
            make_transaction(subscribers=people), STAFF, ANA.address, {"name": "Ana"}
        )[1]
        is False
    )
    changed, did = subscribers.edit_subscriber(
        make_transaction(subscribers=people), STAFF, ANA.address, {"name": "Ana B."}
    )
    assert did
    assert changed.person.name == "Ana B."


def test_who_is_unknown_is_not_found() -> None:
    people = People()
    with pytest.raises(NotFound, match=r"ana@example\.org is not a subscriber"):
        subscribers.get_subscriber(make_transaction(subscribers=people), ANA.address)
    with pytest.raises(InputError, match="is not a mail address"):
        subscribers.get_subscriber(make_transaction(subscribers=people), "ana")
