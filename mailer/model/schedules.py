"""The records of schedules, blackouts and saved occurrences."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.actor import Actor, build_actor
from mailer.schedules.holidays import Blackout
from mailer.schedules.occurrences import Timing


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """The settings of a schedule. An occurrence's edition is assembled at the `cutoff`, which is a
    duration before sending. `region` is the country whose public holidays count, if any (``GB``,
    ``GB-SCT``). `spread` says that the editions of a run-up share the stories that are ready;
    otherwise each takes all of them."""

    digest_slug: str
    timing: Timing
    cutoff: timedelta = timedelta(hours=1)
    region: str = ""
    spread: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of a digest. `created_at` is when it was added or its times last changed: earlier
    occurrences are not its own."""

    id: int
    settings: NewSchedule
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SavedBlackout:
    id: int
    days: Blackout


class OccurrenceState(StrEnum):
    """The state of an occurrence. ``planned``: staff have moved it to a future time."""

    PLANNED = "planned"
    SKIPPED = "skipped"
    MADE = "made"
    ON_HOLD = "held"


OCCURRENCE_TRANSITIONS: Mapping[OccurrenceState, frozenset[OccurrenceState]] = {
    OccurrenceState.PLANNED: frozenset(
        {OccurrenceState.SKIPPED, OccurrenceState.MADE, OccurrenceState.ON_HOLD}
    ),
    OccurrenceState.SKIPPED: frozenset({OccurrenceState.PLANNED}),
    OccurrenceState.ON_HOLD: frozenset({OccurrenceState.PLANNED, OccurrenceState.SKIPPED}),
    OccurrenceState.MADE: frozenset({OccurrenceState.SKIPPED, OccurrenceState.PLANNED}),
}


@dataclass(frozen=True, slots=True)
class SavedOccurrence:
    """The record of an occurrence that staff have decided about, or whose time has come.

    `rule_time` is the naive wall-clock time that the rule gives, in `zone`. Together with the
    digest, both identify the occurrence. `moved_to` is the wall-clock time that staff chose
    instead. `edition_id` is the edition that was assembled for it."""

    id: int
    digest_slug: str
    rule_time: datetime
    zone: str
    schedule_id: int | None
    state: OccurrenceState
    moved_to: datetime | None
    edition_id: int | None
    reason: str
    actor: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OccurrenceText:
    """A text that staff have written ahead for an occurrence's edition, in one language.
    `rule_time`, `zone` and the digest identify the occurrence, wherever staff move it. An empty
    field leaves the digest's own. `opening` is Markdown; `subject` and `preheader` may hold
    variables. `authors` are the names of the actors who wrote it, by the actors' keys."""

    digest_slug: str
    rule_time: datetime
    zone: str
    language: str
    subject: str
    preheader: str
    opening: str
    authors: Mapping[str, str]
    updated_at: datetime

    @property
    def key(self) -> tuple[datetime, str]:
        return self.rule_time, self.zone

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that are written."""
        return tuple(name for name in TEXT_FIELDS if getattr(self, name))

    def list_authors(self) -> list[Actor]:
        """Return the actors who wrote the text."""
        return [build_actor(key, name) for key, name in self.authors.items()]


TEXT_FIELDS = ("subject", "preheader", "opening")
"""The fields of a text written ahead."""
