"""The records of subscribers, their memberships of lists, and the log of consent."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from mailer.model.lists import Frequency


@dataclass(frozen=True, slots=True)
class MailedEdition:
    """An edition that was delivered to a subscriber or is planned for them. `state` is the state of
    the delivery."""

    edition: str
    state: str
    at: datetime


class MembershipState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Person:
    """The data about a person. An empty field is unknown. `address` is normalised, `country` is
    ISO 3166-1 alpha-2, `time_zone` an IANA name. `fields` has the values of the office's own fields
    by name, without empty ones; the settings need not declare all of them any longer."""

    address: str
    name: str = ""
    language: str = ""
    country: str = ""
    time_zone: str = ""
    tags: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


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
    """A person's membership of a list. `topics` are slugs; no topic means all topics. An empty
    `language` means the person's own. Nothing is sent to the person until `paused_until`."""

    list: str
    state: MembershipState
    topics: tuple[str, ...]
    language: str
    joined_at: datetime
    left_at: datetime | None = None
    frequency: Frequency = Frequency.EVERY
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedSubscriber:
    """A subscriber as lists and exports show them. `membership` is that of the list in question,
    `suppressed` the reason why the address must not be mailed, or empty."""

    subscriber: Subscriber
    membership: Membership | None = None
    suppressed: str = ""

    @property
    def state(self) -> str:
        """The state as readers of a list or file should see it: a suppressed address gets no mail,
        whatever its membership says."""
        if self.suppressed:
            return "suppressed"
        return self.membership.state.value if self.membership else ""


class ExportedSubscriber(NamedTuple):
    """A subscriber as an export writes them. Moments are in ISO 8601, in UTC; a field is empty if
    it is unknown, or if the export is not one of a list. `state` and `frequency` are those of the
    membership, `suppressed` is the reason why the address must not be mailed. `fields` are the
    values of the office's own fields."""

    address: str
    name: str
    language: str
    country: str
    time_zone: str
    tags: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    joined_at: str = ""
    state: str = ""
    left_at: str = ""
    list_language: str = ""
    frequency: str = ""
    paused_until: str = ""
    suppressed: str | None = None
    fields: Mapping[str, str] = {}


class LawfulBasis(StrEnum):
    """Lawful bases for processing, in the order of GDPR Article 6(1)(a) to (f), and `unknown` if no
    basis was stated."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"
    UNKNOWN = "unknown"


STATED_BASES = tuple(basis for basis in LawfulBasis if basis is not LawfulBasis.UNKNOWN)


class ConsentAction(StrEnum):
    """An action of a person, or an action of staff about their address."""

    CONFIRMED = "confirmed"
    """The person answered the mail that asked whether the sign-up was theirs (double opt-in)."""
    ADDED = "added"
    """Staff subscribed the person to a list."""
    IMPORTED = "imported"
    CHANGED = "changed"
    """The topics, language or frequency on a list changed, or staff changed the person's data."""
    PAUSED = "paused"
    RESUMED = "resumed"
    LEFT = "left"
    GAVE_REASON = "gave_reason"
    """The person who unsubscribed said why."""
    RETURNED = "returned"
    """The person resubscribed after unsubscribing."""
    NEW_ADDRESS = "new_address"
    MERGED = "merged"
    SUPPRESSED = "suppressed"
    RELEASED = "released"
    SENT_AGAIN = "sent_again"
    """An edition was sent to the person again, because they did not get it."""
    ERASED = "erased"


class LeavingReason(StrEnum):
    """A reason for unsubscribing, as the page lets people choose."""

    TOO_MANY = "too_many"
    NOT_INTERESTING = "not_interesting"
    NEVER_ASKED = "never_asked"
    ELSEWHERE = "elsewhere"
    """They read the news somewhere else."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LeavingCount:
    """The number of people who left a list (a slug) for a reason. A person who left, returned and
    left again counts for each time that they said why."""

    list: str
    reason: LeavingReason
    count: int


@dataclass(frozen=True, slots=True)
class Wording:
    """The text that a person was shown when they agreed, word for word."""

    language: str
    text: str

    @property
    def key(self) -> str:
        """The key of the wording: the SHA-256 of language and text, in hex."""
        return hashlib.sha256(f"{self.language}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for a subscription. `source` is the page, the file or the person that the
    subscription came from. `basis` is None if no lawful basis was stated."""

    act: ConsentAction = ConsentAction.ADDED
    source: str = "command line"
    basis: LawfulBasis | None = None
    wording: Wording | None = None


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """An entry of the log of consent. `list` is a slug, empty if the entry concerns the whole
    person. `address` is empty after an erasure. `detail` describes the change. `actor_key` is the
    key of the actor who made it. `reason` is why a person unsubscribed; `detail` then has their own
    words, which an erasure removes, and `edition_id` is the edition whose link was used, or 0."""

    at: datetime
    act: ConsentAction
    subscriber_id: int
    address: str
    source: str
    list: str = ""
    basis: LawfulBasis | None = None
    wording: Wording | None = None
    detail: str = ""
    actor_key: str = ""
    reason: LeavingReason | None = None
    edition_id: int = 0
