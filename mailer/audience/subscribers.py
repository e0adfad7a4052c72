"""Subscribers, and their membership of lists.

A person is identified by one address. Each membership decides which mails they get, by its state,
the chosen topics (no topic means all topics) and a language. The membership of a person who
unsubscribes stays stored, so that nothing brings the person back by accident.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import addresses, languages, words, zones
from mailer.actor import Actor
from mailer.audience.lists import check_line, check_open
from mailer.audience.membership_counts import count_change, get_joining_kind, is_active
from mailer.audience.reader_fields import merge_values
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.lines import holds_control, holds_visible
from mailer.model.lists import Frequency, MailingList, Topic
from mailer.model.membership_counts import MembershipChangeKind
from mailer.model.searches import SubscriberPage
from mailer.model.subscribers import (
    ConsentAction,
    ConsentEntry,
    Evidence,
    LawfulBasis,
    Membership,
    MembershipState,
    Person,
    Subscriber,
)
from mailer.model.suppressions import SuppressionReason
from mailer.model.transaction import Transaction

LONGEST_NAME = 200
LONGEST_TAG = 100
STAFF_SOURCE = "command line"
"""The source of changes that staff make."""
STAFF_EVIDENCE = Evidence(source=STAFF_SOURCE)


def check_person(person: Person) -> Person:
    """Return the person with every field in canonical form. Raises InputError naming the field."""
    return Person(
        address=addresses.normalise_address(person.address),
        name=check_name(person.name),
        language=languages.normalise_tag(person.language) if person.language else "",
        country=_check_country(person.country),
        time_zone=_check_time_zone(person.time_zone),
        tags=tuple(sorted({check_tag(tag) for tag in person.tags})),
        fields=person.fields,
    )


def check_name(name: str) -> str:
    """Return a person's name on one line; empty if nothing of it is visible. Raises InputError."""
    name = " ".join(name.split()) if holds_visible(name) else ""
    if holds_control(name):
        raise InputError("it holds control characters", field="name", hint="remove them")
    if len(name) > LONGEST_NAME:
        raise InputError(f"it is longer than {LONGEST_NAME} characters", field="name")
    return name


def check_tag(tag: str) -> str:
    """Return a tag on one line. Raises InputError."""
    line = check_line(tag, "tags")
    if len(line) > LONGEST_TAG:
        raise InputError(f"{line[:20]!r}… is longer than {LONGEST_TAG} characters", field="tags")
    return line


def _check_country(country: str) -> str:
    country = country.strip()
    return languages.find_country(country) if country else ""


def _check_time_zone(zone: str) -> str:
    zone = zone.strip()
    return zones.find_zone_name(zone) if zone else ""


def subscribe_person(
    tx: Transaction,
    actor: Actor,
    person: Person,
    mailing_list: MailingList,
    topics: Iterable[Topic],
    now: datetime,
    *,
    language: str = "",
    evidence: Evidence = STAFF_EVIDENCE,
    frequency: Frequency | None = None,
    state: MembershipState = MembershipState.ACTIVE,
    rejoin: bool = False,
) -> tuple[Subscriber, Membership]:
    """Subscribe a person to a list, or change their topics, language and frequency there.

    The log of consent records the `evidence`. A frequency that the list doesn't serve becomes every
    edition. Fields that `person` leaves empty keep their stored values. Raises Refused if the
    address is suppressed, or if the person had unsubscribed and `rejoin` is False (True means that
    they asked to come back), or if the list is closed and the person is not on it."""
    person = check_person(person)
    if reason := tx.subscribers.find_suppression_reason(person.address):
        raise Refused(
            f"{person.address} must not be mailed ({reason})",
            hint="lift the suppression if its reason no longer holds",
            next_steps=[NextStep("lift_suppression", address=person.address)],
        )
    existing = tx.subscribers.find_subscriber(person.address)
    if existing is None:
        subscriber = tx.subscribers.add_subscriber(person, evidence.source, now)
        earlier_membership = None
    else:
        subscriber = tx.subscribers.edit_subscriber(
            existing, merge_persons(existing.person, person)
        )
        earlier_membership = find_membership(tx, existing, mailing_list.slug)
    if (
        earlier_membership
        and earlier_membership.state is MembershipState.UNSUBSCRIBED
        and not rejoin
    ):
        raise Refused(
            f"{person.address} unsubscribed from the list {mailing_list.slug!r}",
            field="rejoin",
            hint="people who unsubscribed may return only if they ask to",
        )
    was_active = is_active(earlier_membership)
    if not was_active:
        check_open(mailing_list)
    membership = Membership(
        list=mailing_list.slug,
        state=MembershipState.ACTIVE if was_active else state,
        topics=tuple(sorted({topic.slug for topic in topics})),
        language=languages.normalise_tag(language) if language else "",
        joined_at=earlier_membership.joined_at if earlier_membership and was_active else now,
        frequency=_choose_frequency(
            mailing_list,
            frequency or (earlier_membership.frequency if earlier_membership else None),
        ),
        paused_until=earlier_membership.paused_until if earlier_membership and was_active else None,
    )
    if earlier_membership and is_other_frequency(earlier_membership, membership):
        tx.subscribers.record_past_frequency(
            subscriber, mailing_list, earlier_membership.frequency, now
        )
    tx.subscribers.set_membership(subscriber, mailing_list, membership)
    if is_active(membership) and not was_active:
        count_change(
            tx, actor, mailing_list, get_joining_kind(evidence.act), now, source=evidence.source
        )
    if membership.state is MembershipState.ACTIVE and membership != earlier_membership:
        act = (
            ConsentAction.CHANGED
            if was_active and evidence.act is ConsentAction.ADDED
            else evidence.act
        )
        entry = ConsentEntry(
            at=now,
            act=act,
            subscriber_id=subscriber.id,
            address=subscriber.address,
            source=evidence.source,
            list=mailing_list.slug,
            basis=evidence.basis or _get_unstated_basis(act),
            wording=evidence.wording,
            detail=describe_membership(membership),
            actor_key=actor.key,
        )
        tx.subscribers.log_consent([entry])
    return subscriber, membership


def _get_unstated_basis(act: ConsentAction) -> LawfulBasis | None:
    """Return the basis to record if none was stated: unknown if staff add the person."""
    return LawfulBasis.UNKNOWN if act is ConsentAction.ADDED else None


def _choose_frequency(mailing_list: MailingList, frequency: Frequency | None) -> Frequency:
    is_served = frequency in mailing_list.frequencies
    return frequency if frequency and is_served else Frequency.EVERY


def is_other_frequency(earlier: Membership, changed: Membership) -> bool:
    """Check whether a change gives an active member another frequency."""
    return earlier.state is MembershipState.ACTIVE and earlier.frequency is not changed.frequency


def describe_membership(membership: Membership) -> str:
    """Describe a membership's topics, language and frequency for the log."""
    parts = ["topics: " + (", ".join(membership.topics) or "all")]
    if membership.language:
        parts.append(f"language: {membership.language}")
    if membership.frequency is not Frequency.EVERY:
        parts.append(f"frequency: {membership.frequency}")
    return "; ".join(parts)


def log_consent_action(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    act: ConsentAction,
    now: datetime,
    *,
    source: str,
    mailing_list: str = "",
    detail: str = "",
) -> None:
    """Add an entry to the log of consent."""
    tx.subscribers.log_consent(
        [
            ConsentEntry(
                now,
                act,
                subscriber.id,
                subscriber.address,
                source,
                mailing_list,
                detail=detail,
                actor_key=actor.key,
            )
        ]
    )


def merge_persons(existing: Person, new: Person) -> Person:
    """Merge `new` into `existing`: fields that `new` leaves empty keep their values, and tags are
    united. Of the office's own fields, an empty value in `new` removes the stored one."""
    return Person(
        address=existing.address,
        name=new.name or existing.name,
        language=new.language or existing.language,
        country=new.country or existing.country,
        time_zone=new.time_zone or existing.time_zone,
        tags=tuple(sorted({*existing.tags, *new.tags})),
        fields=merge_values(existing.fields, new.fields),
    )


def unsubscribe_person(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    mailing_list: MailingList,
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
    edition_id: int = 0,
) -> Membership:
    """Unsubscribe a person from a list. Idempotent. Once this is committed, no further mail of the
    list to this person passes the gate. `edition_id` is the edition whose link the person used, or
    0; it is counted, and not stored with the person. Raises NotFound if the person never was on the
    list."""
    membership = find_membership(tx, subscriber, mailing_list.slug)
    if membership is None:
        raise NotFound(f"{subscriber.address} is not on the list {mailing_list.slug!r}")
    if membership.state is MembershipState.UNSUBSCRIBED:
        return membership
    tx.subscribers.end_membership(subscriber, mailing_list, now)
    if is_active(membership):
        count_change(
            tx,
            actor,
            mailing_list,
            MembershipChangeKind.LEFT,
            now,
            source=source,
            edition_id=edition_id,
        )
    log_consent_action(
        tx,
        actor,
        subscriber,
        ConsentAction.LEFT,
        now,
        source=source,
        mailing_list=mailing_list.slug,
    )
    return replace(membership, state=MembershipState.UNSUBSCRIBED, left_at=now)


def edit_subscriber(
    tx: Transaction, actor: Actor, address: str, changes: Mapping[str, Any]
) -> tuple[Subscriber, bool]:
    """Change fields of a person. To change the address, use ``preferences.change_address``.

    Returns the person and whether anything changed."""
    subscriber = get_subscriber(tx, address)
    person = check_person(replace(subscriber.person, **changes))
    if person == subscriber.person:
        return subscriber, False
    assert person.address == subscriber.address
    return tx.subscribers.edit_subscriber(subscriber, person), True


def get_subscriber(tx: Transaction, address: str) -> Subscriber:
    """Return a subscriber by address. Raises NotFound, or InputError for an invalid address."""
    normal_address = addresses.normalise_address(address)
    subscriber = tx.subscribers.find_subscriber(normal_address)
    if subscriber is None:
        suppression = tx.subscribers.find_suppression(normal_address)
        if suppression is not None and suppression.reason is SuppressionReason.ERASED:
            raise NotFound(
                f"{normal_address} was erased on {suppression.created_at:%Y-%m-%d}, with all that "
                "was stored about its owner; it gets no mail"
            )
        raise NotFound(
            f"{normal_address} is not a subscriber",
            next_steps=[NextStep("list_subscribers")],
        )
    return subscriber


def list_subscribers(
    tx: Transaction,
    search: str = "",
    mailing_list: MailingList | None = None,
    *,
    after_id: int = 0,
    limit: int = 50,
) -> SubscriberPage:
    """Return a page of up to `limit` people, in the order of their ids, beginning after `after_id`.

    With `search`, return only people whose name and address contain every word of it: a word of at
    least three characters anywhere, a shorter one at the beginning of a name's word or of the
    address. If the database can find only beginnings, that holds for every word. With a list,
    return only its members, with their memberships. Raises InputError for an unusable `search`."""
    method = None
    limit_with_next = min(limit + 1, sys.maxsize)
    if search:
        search_words = words.parse_line_query(search)
        people, method = tx.subscribers.find_subscribers(
            search_words, mailing_list, after_id, limit_with_next
        )
    else:
        people = tx.subscribers.list_subscribers(mailing_list, after_id, limit_with_next)
    page = tuple(people[:limit])
    return SubscriberPage(page, page[-1].subscriber.id if len(people) > limit else None, method)


def find_membership(
    tx: Transaction, subscriber: Subscriber, mailing_list: str
) -> Membership | None:
    return next(
        (
            membership
            for membership in tx.subscribers.list_memberships(subscriber)
            if membership.list == mailing_list
        ),
        None,
    )
