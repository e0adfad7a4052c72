"""Media contacts: subscribers who are journalists, with the press office's profiles of them.

A contact is a subscriber to a private list, with an address, a language, a country and a time zone.
The profile adds the outlet, the beats, whether the contact may get embargoed releases early, and
whether they welcome a call after a release.
"""

from datetime import datetime

from mailer.actor import Actor
from mailer.audience.lists import check_line
from mailer.errors import InputError, NextStep, NotFound
from mailer.model.contacts import Contact, ContactProfile
from mailer.model.subscribers import Subscriber
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
