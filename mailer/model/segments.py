"""The records of segments, which are saved filters over a list's members, and of bulk changes.

A filter is a tree of known fields and operators, never SQL text. ``mailer/audience/segments.py``
parses and formats it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from mailer.model.contacts import FollowUp, Trust
from mailer.model.lists import Frequency
from mailer.model.subscribers import Membership


class FilterField(StrEnum):
    TOPIC = "topic"
    LANGUAGE = "language"
    COUNTRY = "country"
    TAG = "tag"
    FREQUENCY = "frequency"
    OUTLET = "outlet"
    BEAT = "beat"
    TRUST = "trust"
    FOLLOW_UP = "follow_up"


FIELD_WORDS: Mapping[FilterField, type[StrEnum]] = {
    FilterField.FREQUENCY: Frequency,
    FilterField.TRUST: Trust,
    FilterField.FOLLOW_UP: FollowUp,
}
"""The fields whose values are a fixed set of words."""


@dataclass(frozen=True, slots=True)
class Among:
    """The field has one of the values."""

    field: FilterField
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """The member joined the list before the day or, if `before` is False, on the day or later. Days
    are in UTC."""

    before: bool
    day: date


@dataclass(frozen=True, slots=True)
class AmongValues:
    """One of the office's own fields has one of the values, which are spelled as they are
    stored."""

    name: str
    values: tuple[str, ...]


class Comparison(StrEnum):
    """A comparison of a number, or of a day (BEFORE, AFTER: that day or later)."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    BEFORE = "before"
    AFTER = "after"


NUMBER_COMPARISONS = (
    Comparison.LESS, Comparison.AT_MOST, Comparison.MORE, Comparison.AT_LEAST,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the office's own fields, a number or a day, compares so with a value."""

    name: str
    comparison: Comparison
    value: str


@dataclass(frozen=True, slots=True)
class HasValue:
    """One of the office's own fields has a value."""

    name: str


@dataclass(frozen=True, slots=True)
class JoinedWithin:
    """The member joined the list within the last `days` days."""

    days: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The last edition of the list that a relay accepted for the member's present address was
    accepted before the day or, if `before` is False, on the day or later. Days are in UTC."""

    before: bool
    day: date


@dataclass(frozen=True, slots=True)
class SentWithin:
    """A relay accepted an edition of the list for the member's present address within the last
    `days` days."""

    days: int


@dataclass(frozen=True, slots=True)
class NeverSent:
    """No relay ever accepted an edition of the list for the member's present address."""


@dataclass(frozen=True, slots=True)
class RefusedWithin:
    """Relays refused at least `times` editions, of any list, for the member's present address
    within the last `days` days."""

    times: int
    days: int


@dataclass(frozen=True, slots=True)
class LastRefused:
    """Relays refused an edition, of any list, for the member's present address, and have accepted
    none since."""


@dataclass(frozen=True, slots=True)
class Not:
    term: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """Every term holds. Without terms, every member matches."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    terms: tuple["Filter", ...]


Test: TypeAlias = (
    Among
    | AmongValues
    | Compared
    | HasValue
    | Joined
    | JoinedWithin
    | Sent
    | SentWithin
    | NeverSent
    | RefusedWithin
    | LastRefused
)
Filter: TypeAlias = Test | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class Segment:
    id: int
    slug: str
    name: str
    filter: Filter
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListMember:
    """An active member of a list in a sample. `language` is the language of their mails."""

    address: str
    name: str
    language: str
    country: str
    topics: tuple[str, ...]
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class BulkChange:
    """A change to many members. `topics` are all existing topics. A value of None leaves the
    member's choice unchanged; an empty `language` means the person's own language."""

    topics: frozenset[str]
    add_topics: frozenset[str] = frozenset()
    remove_topics: frozenset[str] = frozenset()
    all_topics: bool = False
    add_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()
    language: str | None = None
    frequency: Frequency | None = None
    unsubscribe: bool = False


@dataclass(frozen=True, slots=True)
class BulkMember:
    """An active member of the list that is being changed."""

    id: int
    address: str
    tags: tuple[str, ...]
    membership: Membership


class BulkOutcome(StrEnum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


class BulkResult(NamedTuple):
    """The result for one member. If the member was skipped, `reason` says why."""

    outcome: BulkOutcome
    before: BulkMember
    after: BulkMember
    reason: str = ""
