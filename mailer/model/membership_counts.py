"""The records of who came to a list and who left it, in numbers only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MembershipChangeKind(StrEnum):
    """The ways in which a list gains or loses an active member."""

    CONFIRMED = "confirmed"
    """The person signed up and confirmed it, or joined by their own preferences page."""
    ADDED = "added"
    """Staff subscribed the person."""
    IMPORTED = "imported"
    RETURNED = "returned"
    """The person had left, and came back."""
    LEFT = "left"
    ERASED = "erased"
    """The person was a member when their data was erased."""
    MERGED = "merged"
    """Two addresses of one person became one member."""


JOINING_KINDS = (
    MembershipChangeKind.CONFIRMED,
    MembershipChangeKind.ADDED,
    MembershipChangeKind.IMPORTED,
    MembershipChangeKind.RETURNED,
)
LEAVING_KINDS = (
    MembershipChangeKind.LEFT,
    MembershipChangeKind.ERASED,
    MembershipChangeKind.MERGED,
)


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """A change of a list's number of active members. It names no person.

    `source` is the page, file or place that a joining came from, or the way of leaving.
    `edition_id` is the edition whose link was used to leave, or 0. `people` is positive for every
    kind."""

    list_id: int
    kind: MembershipChangeKind
    source: str = ""
    edition_id: int = 0
    people: int = 1


@dataclass(frozen=True, slots=True)
class CountedChange:
    """The sum of the changes of one kind within one hour. `hour` is its beginning, in UTC."""

    hour: datetime
    kind: MembershipChangeKind
    source: str
    edition_id: int
    people: int

    @property
    def net(self) -> int:
        """The number by which the list grew; negative if it lost members."""
        return self.people if self.kind in JOINING_KINDS else -self.people
