"""Media contacts: subscribers who are journalists, with the press office's profiles of them.

A contact is a subscriber to a private list, with an address, a language, a country and a time zone.
The profile adds the outlet, the beats, whether the contact may get embargoed releases early, and
whether they welcome a call after a release.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer.actor import Actor
from mailer.audience.lists import check_line, get_list, get_topics
from mailer.audience.subscribers import check_person, find_membership, subscribe_person
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.model.contacts import Contact, ContactProfile
from mailer.model.lists import MailingList, Visibility
from mailer.model.subscribers import Evidence, Person, Subscriber
from mailer.model.transaction import Transaction

LONGEST_OUTLET = 200
LONGEST_BEAT = 60
MOST_BEATS = 30


def check_profile(profile: ContactProfile) -> ContactProfile:
    """Return the profile with every field in canonical form. Raises InputError naming the field."""
    outlet = check_line(profile.outlet, "outlet", required=False)
    if len(outlet) > LONGEST_OUTLET:
        raise InputError(f"it is longer than {LONGEST_OUTLET} characters", field="outlet")
    beats = tuple(sorted({normalise_beat(beat) for beat in profile.beats}))
    if len(beats) > MOST_BEATS:
        raise InputError(f"there are more than {MOST_BEATS}", field="beats")
    note = check_line(profile.note, "note", required=False)
    return ContactProfile(outlet, beats, profile.trust, profile.follow_up, note)


def normalise_beat(text: str) -> str:
    """Return a beat (a subject that a journalist writes about) in canonical form. Raises
    InputError."""
    line = check_line(text, "beat").casefold()
    if len(line) > LONGEST_BEAT:
        raise InputError(f"{line[:20]!r}… is longer than {LONGEST_BEAT} characters", field="beat")
    return line


def get_private_list(tx: Transaction, slug: str) -> MailingList:
    """Return a list that media contacts may be added to. Raises NotFound, and Refused for a public
    list."""
    mailing_list = get_list(tx, slug)
    if mailing_list.visibility is not Visibility.PRIVATE:
        raise Refused(
            f"{slug!r} is a public list, which anyone may join",
            hint="add media contacts to a private list",
            next_steps=[NextStep("add_private_list", list=slug)],
        )
    return mailing_list


def add_contact(
    tx: Transaction,
    actor: Actor,
    person: Person,
    mailing_list: MailingList,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    evidence: Evidence,
    topics: Sequence[str] = (),
    language: str = "",
) -> tuple[Contact, bool]:
    """Subscribe a person to a list that :func:`get_private_list` returned, and change fields of
    their profile as a media contact. Topics that they have chosen on the list stay, unless `topics`
    are given.

    Returns the contact and whether the profile changed. Raises InputError, and Refused in the same
    cases as ``subscribers.subscribe_person``."""
    person = check_person(person)
    if not topics and (existing := tx.subscribers.find_subscriber(person.address)):
        membership = find_membership(tx, existing, mailing_list.slug)
        topics = membership.topics if membership else ()
    subscriber, _ = subscribe_person(
        tx,
        actor,
        person,
        mailing_list,
        get_topics(tx, topics),
        now,
        language=language,
        evidence=evidence,
    )
    contact = tx.subscribers.find_contact(subscriber)
    profile = contact.profile if contact else ContactProfile()
    return save_contact(tx, actor, subscriber, replace(profile, **changes), now)


def save_contact(
    tx: Transaction, actor: Actor, subscriber: Subscriber, profile: ContactProfile, now: datetime
) -> tuple[Contact, bool]:
    """Save a contact's profile. Once this is committed, a contact who is no longer trusted gets no
    advance copy.

    Returns the contact and whether anything changed. Raises InputError."""
    profile = check_profile(profile)
    contact = tx.subscribers.find_contact(subscriber)
    if contact and contact.profile == profile:
        return contact, False
    return tx.subscribers.save_contact(subscriber, profile, now), True


def edit_contact(
    tx: Transaction, actor: Actor, subscriber: Subscriber, changes: Mapping[str, Any], now: datetime
) -> Contact:
    """Change fields of a contact's profile. Raises NotFound if the subscriber is not a media
    contact, and InputError."""
    profile = replace(get_contact(tx, subscriber).profile, **changes)
    return save_contact(tx, actor, subscriber, profile, now)[0]


def get_contact(tx: Transaction, subscriber: Subscriber) -> Contact:
    """Return a subscriber's contact. Raises NotFound if the subscriber is not a media contact."""
    contact = tx.subscribers.find_contact(subscriber)
    if contact is None:
        raise NotFound(
            f"{subscriber.address} is not a media contact",
            next_steps=[NextStep("add_contact", address=subscriber.address)],
        )
    return contact


def remove_contact(tx: Transaction, actor: Actor, subscriber: Subscriber) -> Contact:
    """Delete a subscriber's profile as a media contact. The subscriber stays."""
    contact = get_contact(tx, subscriber)
    tx.subscribers.remove_contact(subscriber)
    return contact
