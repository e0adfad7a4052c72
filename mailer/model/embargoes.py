"""Records of embargoes and of their log; the rules are in ``mailer/embargoes.py``."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer import zones
from mailer.schedules import local_time


@dataclass(frozen=True, slots=True)
class EmbargoTerms:
    """The terms of an embargo: until clocks in `zone` show `wall` (naive, to the minute)."""

    wall: datetime
    zone: str

    @property
    def moment(self) -> datetime:
        """When clocks show that time, by the present rules of zones. If they show the time twice,
        the second time counts."""
        return local_time.to_utc_latest(self.wall, zones.get_zone(self.zone))

    def __str__(self) -> str:
        return local_time.describe_local_time(self.wall, self.zone)


@dataclass(frozen=True, slots=True)
class Embargo:
    """A story's embargo. `until` is when it ends, as computed when the terms were saved.
    `lifted_at` is when a person ended it early."""

    slug: str
    terms: EmbargoTerms
    until: datetime
    set_at: datetime
    set_by: str = ""
    reason: str = ""
    lifted_at: datetime | None = None
    set_by_key: str = ""

    @property
    def ends_at(self) -> datetime:
        """When the embargo ends. If a zone's rules have changed since the end was saved, the later
        of both moments counts until the worker has saved the new one, so that an embargo never ends
        early."""
        return self.lifted_at or max(self.until, self.terms.moment)

    def is_active(self, now: datetime) -> bool:
        """Check whether the story is embargoed at `now`. At the exact end of the embargo, it is
        not."""
        return now < self.ends_at


class EmbargoEventType(StrEnum):
    """The kind of an entry in the log of an embargo."""

    SET = "set"
    MOVED = "moved"
    LIFTED = "lifted"
    RECALCULATED = "kept by the clock"
    REFUSED = "refused"
    VIEWED = "looked at"
    CORRECTED = "corrected"
    KILL_REQUESTED = "to be killed"
    KILL_WITHDRAWN = "not to be killed"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class EmbargoEvent:
    """A line of the log. `actor` is the name of the person who acted or tried to; `actor_key`
    identifies them. `detail` gives the place or the reason."""

    slug: str
    at: datetime
    event_type: EmbargoEventType
    actor: str
    detail: str
    actor_key: str = ""


@dataclass(frozen=True, slots=True)
class EmbargoEffect:
    """The ids of the editions that were changed when an embargo was moved.

    Those in `voided` stated the old time and are drafts again, those in `paused` were partly sent
    with the old time, and those in `moved` are sent when the embargo ends."""

    voided: tuple[int, ...] = ()
    paused: tuple[int, ...] = ()
    moved: tuple[int, ...] = ()
