"""The expected result of a trial: the state, the stories and the notices of each occurrence."""

from dataclasses import dataclass, field
from enum import StrEnum


class DigestTrait(StrEnum):
    """The peculiarity of a digest."""

    READER = "is sent by each reader's time zone"
    REVIEWED = "needs approval, which comes soon"
    SLOW = "needs approval, which may come too late"
    EMPTY = "has no story at first"
    MOVED = "has a first occurrence that staff moved"
    MISSED = "has missed two occurrences"
    LATE = "has missed its first occurrence by more than its grace"
    CLOSED = "has its first occurrence on a blackout day"
    DAILY = "recurs daily"
    SHARED = "shares its stories with the next digest"
    TWIN = "shares its stories with the digest before it"
    PLAIN = "has no peculiarity"


@dataclass(frozen=True, slots=True)
class ExpectedOccurrence:
    """One occurrence, and its expected result.

    `rule_time` is the local time that its rule gives, which names it, and `sent_at` the time to
    which staff moved it. `reason` is the start of its reason. `notice` is the kind of notice that
    staff get if there is no edition."""

    digest_slug: str
    rule_time: str
    expected_state: str = "made"
    reason: str = ""
    has_stories: bool = True
    sent_at: str = ""
    notice: str = ""


@dataclass(slots=True)
class Expectations:
    """The expected result of a trial.

    `stories` are those of each digest, by its slug; every reader gets each of them once."""

    zone: str
    readers: tuple[str, ...]
    traits: dict[str, DigestTrait]
    occurrences: list[ExpectedOccurrence] = field(default_factory=list)
    stories: dict[str, set[str]] = field(default_factory=dict)

    @property
    def reviewed_digests(self) -> set[str]:
        """The digests whose editions need approval."""
        return {
            slug
            for slug, trait in self.traits.items()
            if trait in {DigestTrait.REVIEWED, DigestTrait.SLOW}
        }
