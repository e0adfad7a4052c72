"""Schedules of digests and blackouts, the verbs on them, and what they need kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.schedules.holidays import Blackout
from mailer.schedules.occurrences import Timing


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """What staff decide. `cutoff` before it is sent an occurrence's edition is assembled; `place`
    is the country whose public holidays count, if any (``GB``, ``GB-SCT``)."""

    digest_slug: str
    timing: Timing
    cutoff: timedelta = timedelta(hours=1)
    region: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    id: int
    settings: NewSchedule
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SavedBlackout:
    id: int
    days: Blackout


class OccurrenceState(StrEnum):
    """What has become of an occurrence. ``planned``: staff have moved it, and it is to come."""

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
    """What is kept of an occurrence: staff have touched it, or its time has come.

    `named` is the wall-clock time that the rule names, naive, and `zone` its zone: with the digest
    they are its name. `moved_to` is the wall-clock time that staff chose instead. `edition` is what
    was made of it."""

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
