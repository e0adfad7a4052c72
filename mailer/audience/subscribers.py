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
from mailer.audience.consent import Act, Entry, Evidence
from mailer.audience.lists import Frequency, MailingList, Topic, check_line
from mailer.errors import InputError, NotFound, Refused
from mailer.lines import holds_control

LONGEST_NAME = 200
LONGEST_TAG = 100
STAFF = "command line"
"""The source of what staff did."""
BY_STAFF = Evidence(source=STAFF)


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
    """`topics` are slugs; none means all. `language` is empty when the person's own serves. Until
    `paused_until` nothing is sent to them."""

    list: str
    state: MembershipState
    topics: tuple[str, ...]
    language: str
    joined_at: datetime
    left_at: datetime | None = None
    frequency: Frequency = Frequency.EVERY
    paused_until: datetime | None = None


class SubscriberStore(Protocol):
    """What the verbs here need kept."""

    def find_subscriber(self, address: str) -> Subscriber | None: ...
    def by_id(self, number: int) -> Subscriber | None: ...
    def add_subscriber(self, person: Person, source: str, now: datetime) -> Subscriber: ...
    def edit_subscriber(self, subscriber: Subscriber, person: Person) -> Subscriber: ...
    def remove_subscriber(self, subscriber: Subscriber) -> None: ...
    def memberships(self, subscriber: Subscriber) -> Sequence[Membership]: ...
    def set_membership(
        self, subscriber: Subscriber, mailing_list: MailingList, membership: Membership
    ) -> None: ...
    def suppression_reason(self, address: str) -> str | None: ...
    def log(self, entries: Sequence[Entry]) -> None: ...
    def alias(self, old: int, subscriber: Subscriber) -> None: ...
    def erase_address(self, address: str, of: Subscriber | None = None) -> None: ...
    def addresses_of(self, subscriber: Subscriber) -> Sequence[str]: ...
    def list_named(self, slug: str) -> MailingList: ...


def check_person(person: Person) -> Person:
    """The person with every field in canonical form. Raises InputError naming the field."""
    name = " ".join(person.name.split())
    if holds_control(name):
        raise InputError("it holds control characters", where="name", hint="remove them")
    if len(name) > LONGEST_NAME:
        raise InputError(f"it is longer than {LONGEST_NAME} characters", where="name")
    return Person(
        address=addresses.normalise(person.address),
        name=name,
        language=languages.normalise(person.language) if person.language else "",
        country=_country(person.country),
        time_zone=_time_zone(person.time_zone),
        tags=tuple(sorted({_tag(tag) for tag in person.tags})),
    )


def _tag(tag: str) -> str:
    found = check_line(tag, "tags")
    if len(found) > LONGEST_TAG:
        raise InputError(f"{found[:20]!r}… is longer than {LONGEST_TAG} characters", where="tags")
    return found


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
    evidence: Evidence = BY_STAFF,
    frequency: Frequency | None = None,
    state: MembershipState = MembershipState.ACTIVE,
    rejoin: bool = False,
) -> tuple[Subscriber, Membership]:
    """Put a person on a list, or change the topics, language and frequency that they have there.
    The log keeps the `evidence`. A frequency that the list doesn't serve becomes every edition.

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
        subscriber = store.add_subscriber(person, evidence.source, now)
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
        frequency=_served(mailing_list, frequency or (earlier.frequency if earlier else None)),
        paused_until=earlier.paused_until if earlier and active else None,
    )
    store.set_membership(subscriber, mailing_list, membership)
    if membership.state is MembershipState.ACTIVE and membership != earlier:
        act = Act.CHANGED if active and evidence.act is Act.ADDED else evidence.act
        entry = Entry(
            at=now,
            act=act,
            subscriber_id=subscriber.id,
            address=subscriber.address,
            source=evidence.source,
            list=mailing_list.slug,
            basis=evidence.basis,
            wording=evidence.wording,
            detail=spell(membership),
        )
        store.log([entry])
    return subscriber, membership


def _served(mailing_list: MailingList, frequency: Frequency | None) -> Frequency:
    served = frequency in mailing_list.frequencies
    return frequency if frequency and served else Frequency.EVERY


def spell(membership: Membership) -> str:
    """What somebody gets on a list, for the log."""
    said = ["topics: " + (", ".join(membership.topics) or "all")]
    if membership.language:
        said.append(f"language: {membership.language}")
    if membership.frequency is not Frequency.EVERY:
        said.append(f"frequency: {membership.frequency}")
    return "; ".join(said)


def note(
    store: SubscriberStore,
    subscriber: Subscriber,
    act: Act,
    now: datetime,
    *,
    source: str,
    mailing_list: str = "",
    detail: str = "",
) -> None:
    """Write a line into the log of consent."""
    store.log(
        [Entry(now, act, subscriber.id, subscriber.address, source, mailing_list, detail=detail)]
    )


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
    store: SubscriberStore,
    subscriber: Subscriber,
    mailing_list: MailingList,
    now: datetime,
    *,
    source: str = STAFF,
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
    note(store, subscriber, Act.LEFT, now, source=source, mailing_list=mailing_list.slug)
    return left


def edit(
    store: SubscriberStore, address: str, changes: Mapping[str, Any]
) -> tuple[Subscriber, bool]:
    """Change what is known of a person. Returns the person and whether anything changed. A new
    address goes through ``choices.change_address``."""
    known = get(store, address)
    person = check_person(replace(known.person, **changes))
    if person == known.person:
        return known, False
    assert person.address == known.address
    return store.edit_subscriber(known, person), True


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
