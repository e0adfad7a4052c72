"""Embargoes: until when a story may reach nobody but trusted media contacts.

An embargo is the story's, whatever language it is told in. It ends when clocks in its zone show its
time; of a time that they show twice, the second time; or at once, when somebody lifts it.

:func:`find_embargoed` is the only judge. Every exit asks it just before something leaves: digests choose
around what is held, an edition doesn't begin, the gate lets nothing through, and for archive,
feeds, search, sitemap and press pages the story isn't there. What may leave meanwhile says itself
that it is embargoed, and until when, and goes to contacts who are trusted with that. Once a moved
embargo is committed, nothing passes that goes by the old one.

What is done about an embargo, each attempt that was refused and each look at an advance copy's page
are written down.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer import zones
from mailer.schedules import local_time


@dataclass(frozen=True, slots=True)
class EmbargoTerms:
    """What an embargo says: until clocks in `zone` show `wall` (naive, to the minute)."""

    wall: datetime
    zone: str

    @property
    def moment(self) -> datetime:
        """When that is, as the rules of zones are now: the last such moment."""
        return local_time.to_utc_latest(self.wall, zones.get_zone(self.zone))

    def __str__(self) -> str:
        return f"{self.wall:%a %d %b %Y %H:%M} {self.zone}"


@dataclass(frozen=True, slots=True)
class Embargo:
    """A story's embargo. `until` is when it ends, as it was worked out when the terms were written
    down; `lifted_at` when somebody ended it before its time."""

    slug: str
    terms: EmbargoTerms
    until: datetime
    set_at: datetime
    set_by: str = ""
    reason: str = ""
    lifted_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """When it ends. Where a zone's rules have changed since it was written down, the later of
        both moments counts until the worker has written down the new one: never early."""
        return self.lifted_at or max(self.until, self.terms.moment)

    def is_active(self, now: datetime) -> bool:
        """Whether the story must be kept in at `now`. At the very moment that it ends, it is
        free."""
        return now < self.ends_at


class EmbargoEventType(StrEnum):
    """What the log of an embargo tells of."""

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
    """A line of the log: `who` did, or tried, `what`; `detail` says where or why."""

    slug: str
    at: datetime
    what: EmbargoEventType
    who: str
    detail: str


@dataclass(frozen=True, slots=True)
class EmbargoEffect:
    """What moving an embargo did, by numbers of editions: to `voided`, which are drafts again, as
    they state the old one; to `paused`, some of which is out with the old one; and to `moved`,
    which are sent when it ends."""

    voided: tuple[int, ...] = ()
    paused: tuple[int, ...] = ()
    moved: tuple[int, ...] = ()
