"""Subscribers, and their membership of lists.

A person is one address. What they get hangs on each membership: its state, the topics chosen there
(none chosen means all) and a language. A membership that was left is kept, so that nothing brings
the person back by accident.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from mailer import languages, zones
from mailer.audience import addresses
from mailer.audience.lists import MailingList, Topic, check_line
from mailer.errors import InputError, NotFound, Refused
from mailer.lines import holds_control


class MembershipState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Person:
    """What may be known of somebody. Empty means unknown. `address` is normalised, `country` is
    ISO 3166-1 alpha-2, `time_zone` an IANA name."""

    address: str
    name: str = ""
    language: str = ""
    country: str = ""
    time_zone: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscriber:
    id: int
    person: Person
    source: str
    created_at: datetime

    @property
    def address(self) -> str:
        return self.person.address


@dataclass(frozen=True, slots=True)
class Membership:
    """`topics` are slugs; none means all. `language` is empty when the person's own serves."""

    list: str
    state: MembershipState
    topics: tuple[str, ...]
    language: str
    joined_at: datetime
    left_at: datetime | None = None


class SubscriberStore(Protocol):
    """What the verbs here need kept."""

    def find_subscriber(self, address: str) -> Subscriber | None: ...
    def add_subscriber(self, person: Person, source: str, now: datetime) -> Subscriber: ...
    def edit_subscriber(self, subscriber: Subscriber, person: Person) -> Subscriber: ...
    def remove_subscriber(self, subscriber: Subscriber) -> None: ...
    def memberships(self, subscriber: Subscriber) -> Sequence[Membership]: ...
    def set_membership(
        self, subscriber: Subscriber, mailing_list: MailingList, membership: Membership
    ) -> None: ...
    def suppression_reason(self, address: str) -> str | None: ...


def check_person(person: Person) -> Person:
    """The person with every field in canonical form. Raises InputError naming the field."""
    name = " ".join(person.name.split())
    if holds_control(name):
        raise InputError("it holds control characters", where="name", hint="remove them")
    if len(name) > 200:
        raise InputError("it is longer than 200 characters", where="name")
    return Person(
        address=addresses.normalise(person.address),
        name=name,
        language=languages.normalise(person.language) if person.language else "",
        country=_country(person.country),
        time_zone=_time_zone(person.time_zone),
        tags=tuple(sorted({check_line(tag, "tags") for tag in person.tags})),
    )


def _country(code: str) -> str:
    code = code.strip().upper()
    if code and code not in languages.COUNTRIES:
        raise InputError(
            f"{code!r} is not a country code",
            where="country",
            hint="use two letters as in ISO 3166, such as GB",
        )
    return code


def _time_zone(zone: str) -> str:
    zone = zone.strip()
    return zones.zone(zone, "time_zone").key if zone else ""


def subscribe(
    store: SubscriberStore,
    person: Person,
    mailing_list: MailingList,
    topics: Iterable[Topic],
    now: datetime,
    *,
    language: str = "",
    source: str = "",
    state: MembershipState = MembershipState.ACTIVE,
    rejoin: bool = False,
) -> tuple[Subscriber, Membership]:
    """Put a person on a list, or change the topics and language that they have there.

    Known fields of the person are kept where `person` leaves them empty. Raises Refused for a
    suppressed address, and for one who left the list unless `rejoin` says that they asked."""
    person = check_person(person)
    if reason := store.suppression_reason(person.address):
        raise Refused(
            f"{person.address} must not be mailed ({reason})",
            hint="`mailer suppression remove` if that is no longer so",
        )
    known = store.find_subscriber(person.address)
    if known is None:
        subscriber = store.add_subscriber(person, source, now)
        earlier = None
    else:
        subscriber = store.edit_subscriber(known, merge(known.person, person))
        earlier = membership_of(store, known, mailing_list.slug)
    if earlier and earlier.state is MembershipState.UNSUBSCRIBED and not rejoin:
        raise Refused(
            f"{person.address} left the list {mailing_list.slug!r}",
            hint="give --rejoin if they have asked to come back",
        )
    active = earlier is not None and earlier.state is MembershipState.ACTIVE
    membership = Membership(
        list=mailing_list.slug,
        state=MembershipState.ACTIVE if active else state,
        topics=tuple(sorted({topic.slug for topic in topics})),
        language=languages.normalise(language) if language else "",
        joined_at=earlier.joined_at if earlier and active else now,
    )
    store.set_membership(subscriber, mailing_list, membership)
    return subscriber, membership


def merge(known: Person, new: Person) -> Person:
    """`known` with what `new` tells: empty fields of `new` keep what is known, tags add up."""
    return Person(
        address=known.address,
        name=new.name or known.name,
        language=new.language or known.language,
        country=new.country or known.country,
        time_zone=new.time_zone or known.time_zone,
        tags=tuple(sorted({*known.tags, *new.tags})),
    )


def unsubscribe(
    store: SubscriberStore, subscriber: Subscriber, mailing_list: MailingList, now: datetime
) -> Membership:
    """Take a person off a list. Idempotent: who has left stays as they are. From the commit on,
    nothing more of that list passes the gate for this person."""
    earlier = membership_of(store, subscriber, mailing_list.slug)
    if earlier is None:
        raise NotFound(f"{subscriber.address} is not on the list {mailing_list.slug!r}")
    if earlier.state is MembershipState.UNSUBSCRIBED:
        return earlier
    left = replace(earlier, state=MembershipState.UNSUBSCRIBED, left_at=now)
    store.set_membership(subscriber, mailing_list, left)
    return left


def edit(
    store: SubscriberStore, address: str, changes: Mapping[str, Any]
) -> tuple[Subscriber, bool]:
    """Change what is known of a person. Returns the person and whether anything changed."""
    known = get(store, address)
    person = check_person(replace(known.person, **changes))
    if person == known.person:
        return known, False
    if person.address != known.address and store.find_subscriber(person.address):
        raise InputError(f"{person.address} is a subscriber already", where="address")
    return store.edit_subscriber(known, person), True


def remove(store: SubscriberStore, address: str) -> Subscriber:
    """Forget a person: their fields, memberships and topics. Deliveries keep the address until
    their edition's report is no longer needed."""
    known = get(store, address)
    store.remove_subscriber(known)
    return known


def get(store: SubscriberStore, address: str) -> Subscriber:
    """One subscriber. Raises NotFound, or InputError for what is no address."""
    normal = addresses.normalise(address)
    subscriber = store.find_subscriber(normal)
    if subscriber is None:
        raise NotFound(
            f"{normal} is not a subscriber", hint="add them with `mailer subscriber add`"
        )
    return subscriber


def membership_of(
    store: SubscriberStore, subscriber: Subscriber, mailing_list: str
) -> Membership | None:
    return next((m for m in store.memberships(subscriber) if m.list == mailing_list), None)
