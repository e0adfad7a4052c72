"""What is stored about a person: a copy of it, and its erasure (GDPR Articles 15, 17 and 20).

What subscribers choose for themselves, and staff for them: on a list, for a while, for good.

Subscribers, and their membership of lists.

A person is one address. What they get hangs on each membership: its state, the topics chosen there
(none chosen means all) and a language. A membership that was left is kept, so that nothing brings
the person back by accident.

Consent, kept as evidence: who agreed to what wording, when, and where they were asked.

The log is only added to. An erasure takes the address out of its entries and leaves the keyed hash,
so that it can still be shown that somebody had agreed, to whoever brings the address.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer.model.lists import Frequency


@dataclass(frozen=True, slots=True)
class MailedEdition:
    """One edition that somebody got, or was to get. `state` is the delivery's."""

    edition: str
    state: str
    at: datetime


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


class LawfulBasis(StrEnum):
    """Lawful bases for processing: GDPR Article 6(1)(a) to (f), in its order."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


class ConsentAction(StrEnum):
    """What somebody did, or what was done with their address."""

    CONFIRMED = "confirmed"
    """They answered the mail that asked whether the sign-up was theirs (double opt-in)."""
    ADDED = "added"
    """Staff put them on a list."""
    IMPORTED = "imported"
    CHANGED = "changed"
    """Topics, language or frequency on a list."""
    PAUSED = "paused"
    RESUMED = "resumed"
    LEFT = "left"
    RETURNED = "returned"
    """They took their leaving back."""
    NEW_ADDRESS = "new_address"
    MERGED = "merged"
    SUPPRESSED = "suppressed"
    RELEASED = "released"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Wording:
    """What somebody was shown when they agreed, as it stood there."""

    language: str
    text: str

    @property
    def key(self) -> str:
        """Its version: SHA-256 of language and text, in hex."""
        return hashlib.sha256(f"{self.language}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """How somebody comes onto a list. `source`: the page, the file, the person; `basis` is None
    where nobody has named one."""

    act: ConsentAction = ConsentAction.ADDED
    source: str = "command line"
    basis: LawfulBasis | None = None
    wording: Wording | None = None


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """One line of the log. `list` is a slug, empty for what concerns the whole person; `address` is
    empty once it was erased; `detail` says what changed."""

    at: datetime
    act: ConsentAction
    subscriber_id: int
    address: str
    source: str
    list: str = ""
    basis: LawfulBasis | None = None
    wording: Wording | None = None
    detail: str = ""
