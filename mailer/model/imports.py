"""The records of importing people: the rows of a table, and what became of each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer.model.lists import Frequency
from mailer.model.subscribers import Person
from mailer.model.suppressions import SuppressionReason


class RowState(StrEnum):
    """The state of a person in a row."""

    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    """The person unsubscribed, which is recorded."""
    PENDING = "pending"
    """The person has not confirmed: nothing may be sent to them."""
    SUPPRESSED = "suppressed"
    """The address must not be mailed, by any list."""


class RowOutcome(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT = "left"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class OmittedValue:
    """A value that could not be read and was left out of its row, and the reason."""

    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A person on one line of a table. A field that the row leaves out does not change the stored
    data: `topics`, `joined_at`, `frequency` and `paused_until` are then None, and `language`, which
    is the language on the list, is empty. `omitted` are values that could not be read, and
    `unknown_topics` the names of topics among them. `first_line` is an earlier line of the file
    with the same address, and `stated_earlier` the fields that such lines fill."""

    line: int
    person: Person
    topics: tuple[str, ...] | None = None
    joined_at: datetime | None = None
    language: str = ""
    frequency: Frequency | None = None
    paused_until: datetime | None = None
    state: RowState = RowState.ACTIVE
    left_at: datetime | None = None
    reason: SuppressionReason = SuppressionReason.MANUAL
    evidence: str = ""
    omitted: tuple[OmittedValue, ...] = ()
    unknown_topics: tuple[str, ...] = ()
    first_line: int = 0
    stated_earlier: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RowResult:
    line: int
    outcome: RowOutcome
    address: str
    reason: str = ""
    omitted: tuple[OmittedValue, ...] = ()
