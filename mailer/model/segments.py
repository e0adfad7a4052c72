"""Segments: saved filters over a list's members.

A segment is a closed tree of fields and operators, never SQL text. People write it as a line::

    country = GB and (topic = diaspora or tag in (donor, trustee)) and not joined before 2026-01-01

Grammar (keywords in any case, values bare or in double quotes)::

    any    = all ("or" all)*
    all    = one ("and" one)*
    one    = "not" one | "(" any ")" | test
    test   = field ("=" | "!=") value | field ["not"] "in" "(" value ("," value)* ")"
           | "joined" ("before" | "after") date

Fields: topic (follows it: chose it, or chose none), language (as mailed), country, tag, frequency
(every, weekly, monthly), joined (the day of joining the list, UTC; ``after`` means on that day or
later); of media contacts outlet, beat, trust (trusted, untrusted) and follow_up (welcome, never).

One change to many members of a list: what it makes of each.

Who gets what is theirs to choose: such a change is for what staff have to put right, and the log of
consent says of each whom it concerned that it was staff.
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
"""Fields that hold one of a few words."""


@dataclass(frozen=True, slots=True)
class Among:
    """The field has one of the values; with one value: equals it."""

    field: FilterField
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Joined the list before the day, or (``after``) on the day or later. Days are UTC."""

    before: bool
    day: date


@dataclass(frozen=True, slots=True)
class Not:
    term: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """Every term holds; with no term: everyone."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    terms: tuple["Filter", ...]


Filter: TypeAlias = Among | Joined | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class Segment:
    id: int
    slug: str
    name: str
    filter: Filter
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListMember:
    """A list's active member, as a sample shows them; `language` is the one they are mailed in."""

    address: str
    name: str
    language: str
    country: str
    topics: tuple[str, ...]
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class BulkChange:
    """`topics` are those that there are. None: what is there stays; an empty `language`: their own
    serves."""

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
    """An active member of the list that is changed."""

    id: int
    address: str
    tags: tuple[str, ...]
    membership: Membership


class BulkOutcome(StrEnum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


class BulkResult(NamedTuple):
    """`reason` says why somebody was skipped."""

    outcome: BulkOutcome
    before: BulkMember
    after: BulkMember
    reason: str = ""
