"""Changes that staff make for one reader: name, language, zone, fields, the choices on a list, and
the address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mailer import addresses
from mailer.actor import Actor
from mailer.audience import preferences
from mailer.audience.reader_fields import merge_values, parse_values
from mailer.audience.signup.confirmations import build_address_change, request_confirmation
from mailer.audience.subscribers import (
    STAFF_SOURCE,
    check_person,
    find_membership,
    log_consent_action,
)
from mailer.errors import InputError, Refused
from mailer.model.lists import MailingList
from mailer.model.reader_fields import NO_FIELDS, ReaderFields
from mailer.model.signup import MailLimit
from mailer.model.subscribers import ConsentAction, Membership, Person, Subscriber
from mailer.model.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ReaderChanges:
    """The changes to one reader. `person` has new values of name, language, country, time_zone and
    tags; `fields` has texts of the office's own fields, where an empty text removes the value;
    `membership` has new topics (slugs), language and frequency on the list."""

    person: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    membership: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EditedReader:
    """A reader after changes. `changed` names what changed; `membership` is that of the list, if
    one was given."""

    subscriber: Subscriber
    membership: Membership | None
    changed: tuple[str, ...]


def edit_reader(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    changes: ReaderChanges,
    now: datetime,
    *,
    declared_fields: ReaderFields = NO_FIELDS,
    mailing_list: MailingList | None = None,
    source: str = STAFF_SOURCE,
) -> EditedReader:
    """Change a reader's data and their choices on a list. The log of consent names the actor and
    what changed, without names and values of fields.

    Raises InputError for an invalid value, an undeclared field, or choices without a list, and
    NotFound if the reader is not on the list."""
    if changes.membership and mailing_list is None:
        raise InputError(
            "topics, frequency and the language on a list need a list",
            field="list",
            hint="name the list",
        )
    values = parse_values(declared_fields, changes.fields)
    person = check_person(
        replace(
            subscriber.person,
            **changes.person,
            fields=merge_values(subscriber.person.fields, values),
        )
    )
    assert person.address == subscriber.address
    changed = _list_changes(subscriber.person, person)
    if changed:
        subscriber = tx.subscribers.edit_subscriber(subscriber, person)
        log_consent_action(
            tx,
            actor,
            subscriber,
            ConsentAction.CHANGED,
            now,
            source=source,
            detail="; ".join(changed),
        )
    membership = None
    if mailing_list is not None:
        membership, membership_changed = _edit_membership(
            tx, actor, subscriber, mailing_list, changes.membership, now, source
        )
        changed += [f"the list {mailing_list.slug}"] if membership_changed else []
    return EditedReader(subscriber, membership, tuple(changed))


def _list_changes(before: Person, after: Person) -> list[str]:
    """Return what changed. Values that tell people apart, such as names, are left out."""
    changes = ["name"] if after.name != before.name else []
    changes += [
        f"{attribute.replace('_', ' ')}: {getattr(after, attribute) or 'none'}"
        for attribute in ("language", "country", "time_zone")
        if getattr(after, attribute) != getattr(before, attribute)
    ]
    if after.tags != before.tags:
        changes.append(f"tags: {', '.join(after.tags) or 'none'}")
    names = sorted({*before.fields, *after.fields})
    return changes + [
        f"field {name}" for name in names if after.fields.get(name) != before.fields.get(name)
    ]


def _edit_membership(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    mailing_list: MailingList,
    changes: Mapping[str, Any],
    now: datetime,
    source: str,
) -> tuple[Membership | None, bool]:
    before = find_membership(tx, subscriber, mailing_list.slug)
    if not changes:
        return before, False
    after = preferences.change_membership(
        tx, actor, subscriber, mailing_list, changes, now, source=source
    )
    return after, after != before


def request_new_address(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    address: str,
    language: str,
    limit: MailLimit,
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
) -> str:
    """Ask the owner of a new address to confirm that it is the reader's, as when readers change
    their address themselves. The address changes when they confirm. `language` is that of the mail
    if the reader has none, and `limit` bounds the mails to one address: beyond it, no mail is sent.

    Returns the new address. Raises InputError for an invalid address or the present one."""
    change = build_address_change(
        tx, subscriber.id, address, subscriber.person.language or language, source
    )
    request_confirmation(tx, actor, limit, change, now)
    return change.address


def change_confirmed_address(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    address: str,
    now: datetime,
    *,
    source: str,
) -> Subscriber:
    """Change the address of a reader who has told staff that the new one is theirs. `source` says
    when and how, and goes into the log of consent.

    Raises InputError without a source, and Refused if another subscriber has the address or if it
    is suppressed."""
    if not source.strip() or source == STAFF_SOURCE:
        raise InputError(
            "a change of address without a confirmation mail must say how the reader asked for it",
            field="source",
            hint="such as 'letter of 2 December'",
        )
    address = addresses.normalise_address(address)
    other = tx.subscribers.find_subscriber(address)
    if other is not None and other.id != subscriber.id:
        raise Refused(
            f"{address} is the address of another subscriber",
            field="address",
            value=address,
            hint="if both are the same person, merge the two",
        )
    return preferences.change_address(tx, actor, subscriber, address, now, source=source)
