"""Media contacts: what the press office knows of subscribers who write for others.

A contact is a subscriber first: on a private list, with an address, a language, a country and a
time zone. Beside that stands for whom they write and about what, whether they may have embargoed
releases before their time, and whether they want to be asked afterwards if they got one.
"""

from datetime import datetime

from mailer.audience.lists import check_line
from mailer.errors import InputError, NotFound
from mailer.model.contacts import Contact, ContactProfile
from mailer.model.subscribers import Subscriber
from mailer.model.transaction import Transaction

LONGEST_OUTLET = 200
LONGEST_BEAT = 60
MOST_BEATS = 30


def check_profile(profile: ContactProfile) -> ContactProfile:
    """Every field in canonical form. Raises InputError naming the field."""
    outlet = check_line(profile.outlet, "outlet", required=False)
    if len(outlet) > LONGEST_OUTLET:
        raise InputError(f"it is longer than {LONGEST_OUTLET} characters", where="outlet")
    beats = tuple(sorted({normalise_beat(beat) for beat in profile.beats}))
    if len(beats) > MOST_BEATS:
        raise InputError(f"there are more than {MOST_BEATS}", where="beats")
    note = check_line(profile.note, "note", required=False)
    return ContactProfile(outlet, beats, profile.trust, profile.follow_up, note)


def normalise_beat(text: str) -> str:
    """What somebody writes about, in canonical form. Raises InputError."""
    line = check_line(text, "beat").casefold()
    if len(line) > LONGEST_BEAT:
        raise InputError(f"{line[:20]!r}… is longer than {LONGEST_BEAT} characters", where="beat")
    return line


def save_contact(
    tx: Transaction, subscriber: Subscriber, profile: ContactProfile, now: datetime
) -> tuple[Contact, bool]:
    """Keep what is known of a contact; whether anything changed. From the moment that this is
    committed, nobody who is not trusted any more gets an advance copy. Raises InputError."""
    profile = check_profile(profile)
    contact = tx.subscribers.find_contact(subscriber)
    if contact and contact.profile == profile:
        return contact, False
    return tx.subscribers.save_contact(subscriber, profile, now), True


def get_contact(tx: Transaction, subscriber: Subscriber) -> Contact:
    """Raises NotFound for a subscriber who is no media contact."""
    contact = tx.subscribers.find_contact(subscriber)
    if contact is None:
        raise NotFound(
            f"{subscriber.address} is no media contact",
            hint=f"make them one with `mailer contact add {subscriber.address} --outlet …`",
        )
    return contact


def remove_contact(tx: Transaction, subscriber: Subscriber) -> Contact:
    """Forget what is known of somebody as a journalist; they stay a subscriber."""
    contact = get_contact(tx, subscriber)
    tx.subscribers.remove_contact(subscriber)
    return contact
