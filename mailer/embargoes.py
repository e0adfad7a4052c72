"""Embargoes: until when a story may reach nobody but trusted media contacts.

An embargo is the story's, whatever language it is told in. It ends when clocks in its zone show its
time; of a time that they show twice, the second time; or at once, when somebody lifts it.

:func:`held` is the only judge. Every exit asks it just before something leaves: digests choose
around what is held, an edition doesn't begin, the gate lets nothing through, and for archive,
feeds, search, sitemap and press pages the story isn't there. What may leave meanwhile says itself
that it is embargoed, and until when, and goes to contacts who are trusted with that. Once a moved
embargo is committed, nothing passes that goes by the old one.

What is done about an embargo, each attempt that was refused and each look at an advance copy's page
are written down.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from mailer import zones
from mailer.errors import Embargoed, InputError, NotFound, Refused
from mailer.schedules import walls

LONGEST = timedelta(days=366 * 2)
"""An embargo further away than this is most likely a slip of the pen."""

YEARS = (1970, 9000)
"""An embargo outside of these years is none: near the ends of the calendar other zones have no
such time."""

RULES_MAY_MOVE = timedelta(days=2)
"""How far new rules for a zone may move a time: Samoa skipped a day."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an embargo says: until clocks in `zone` show `wall` (naive, to the minute)."""

    wall: datetime
    zone: str

    @property
    def moment(self) -> datetime:
        """When that is, as the rules of zones are now: the last such moment."""
        return walls.last(self.wall, zones.zone(self.zone))

    def __str__(self) -> str:
        return f"{self.wall:%a %d %b %Y %H:%M} {self.zone}"


@dataclass(frozen=True, slots=True)
class Embargo:
    """A story's embargo. `until` is when it ends, as it was worked out when the terms were written
    down; `lifted_at` when somebody ended it before its time."""

    slug: str
    terms: Terms
    until: datetime
    set_at: datetime
    set_by: str = ""
    reason: str = ""
    lifted_at: datetime | None = None

    @property
    def ends(self) -> datetime:
        """When it ends. Where a zone's rules have changed since it was written down, the later of
        both moments counts until the worker has written down the new one: never early."""
        return self.lifted_at or max(self.until, self.terms.moment)

    def holds(self, now: datetime) -> bool:
        """Whether the story must be kept in at `now`. At the very moment that it ends, it is
        free."""
        return now < self.ends


class What(StrEnum):
    """What the log of an embargo tells of."""

    SET = "set"
    MOVED = "moved"
    LIFTED = "lifted"
    KEPT = "kept by the clock"
    REFUSED = "refused"
    LOOKED = "looked at"
    CORRECTED = "corrected"
    TO_KILL = "to be killed"
    NOT_KILLED = "not to be killed"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the log: `who` did, or tried, `what`; `detail` says where or why."""

    slug: str
    at: datetime
    what: What
    who: str
    detail: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What moving an embargo did, by numbers of editions: to `voided`, which are drafts again, as
    they state the old one; to `paused`, some of which is out with the old one; and to `moved`,
    which are sent when it ends."""

    voided: tuple[int, ...] = ()
    paused: tuple[int, ...] = ()
    moved: tuple[int, ...] = ()


class EmbargoStore(Protocol):
    """What the verbs here need kept."""

    def alone(self) -> None: ...
    def find(self, slug: str) -> Embargo | None: ...
    def all(self, since: datetime | None = None) -> Sequence[Embargo]: ...
    def keep(self, embargo: Embargo) -> None: ...
    def note(self, happening: Happening) -> None: ...
    def happenings(self, slug: str, limit: int) -> Sequence[Happening]: ...
    def enforce(self, was: Embargo | None, embargo: Embargo, now: datetime, by: str) -> Effect: ...
    def has_story(self, slug: str) -> bool: ...


def held(store: EmbargoStore, now: datetime) -> Mapping[str, Embargo]:
    """The stories that must be kept in at `now`, by slug. The only judge of that."""
    some = store.all(now - RULES_MAY_MOVE)
    return {one.slug: one for one in some if one.holds(now)}


def ends(store: EmbargoStore, slugs: Iterable[str]) -> datetime | None:
    """When the last embargo of these stories ends or ended; None where there was none."""
    found = [one.ends for slug in slugs if (one := store.find(slug))]
    return max(found, default=None)


def get(store: EmbargoStore, slug: str) -> Embargo:
    """A story's embargo. Raises NotFound."""
    known = store.find(slug)
    if known is None:
        raise NotFound(
            f"there is no embargo on {slug!r}", hint="see `mailer embargo list` for those there are"
        )
    return known


def read_terms(value: object, zone: str) -> Terms:
    """Terms as people write them: ``2026-12-18 00:01``, in `zone`; with a zone behind it; or with
    an offset (``2026-12-18T00:01+01:00``), which is kept as UTC. Raises InputError."""
    hint = "write it as 2026-12-18 00:01, or 2026-12-18 00:01 Europe/London"
    wrong = InputError(f"'{value}' is not a time of an embargo", hint=hint)
    if isinstance(value, str):
        value = value.strip()
        if value[10:11] == "T":
            value = f"{value[:10]} {value[11:]}"
        written, _, name = value.partition(" ")
        clock, _, name = name.partition(" ")
        if not clock:
            raise wrong
        zone = name.strip() or zone
        try:
            value = datetime.fromisoformat(f"{written} {clock}")
        except ValueError as error:
            raise wrong from error
        if value.tzinfo is not None and name.strip():
            raise wrong
    if not isinstance(value, datetime):
        raise wrong
    if value.second or value.microsecond:
        raise InputError(f"{value} is not a whole minute", hint=hint)
    if not YEARS[0] <= value.year <= YEARS[1]:
        raise wrong
    if value.tzinfo is not None:
        return Terms(value.astimezone(UTC).replace(tzinfo=None), "UTC")
    return Terms(value, zones.zone(zone, "embargo").key)


def declare(
    store: EmbargoStore, slug: str, terms: Terms, now: datetime, *, by: str = ""
) -> Embargo:
    """An embargo as a file of the story has it: put on a story that has none. Raises Refused for
    other terms than those that it has: moving one is a decision of its own."""
    store.alone()
    known = store.find(slug)
    if known is None:
        return put(store, slug, terms, now, by=by)[0]
    if known.terms != terms and known.terms.moment != terms.moment:
        ended = "" if known.holds(now) else ", which has ended"
        raise Refused(
            f"{slug} is embargoed until {known.terms}{ended}, and not until {terms}",
            where="embargo",
            hint=f"write embargo: {known.terms.wall:%Y-%m-%d %H:%M} {known.terms.zone}, or leave "
            f"it out; if it is to move: `mailer embargo move {slug} "
            f"'{terms.wall:%Y-%m-%d %H:%M}' --zone {terms.zone}`",
        )
    return known


def put(
    store: EmbargoStore, slug: str, terms: Terms, now: datetime, *, by: str = "", reason: str = ""
) -> tuple[Embargo, Effect]:
    """Put an embargo on a story, or move the one that it has, and stop what goes by the old one.
    Raises InputError for a time that is past or further away than two years, Refused for one that
    has ended: what is out can't be taken back."""
    if not store.has_story(slug):
        raise NotFound(f"there is no story {slug!r}", hint="see `mailer article list`")
    store.alone()
    known = store.find(slug)
    if known and not known.holds(now):
        raise Refused(
            f"the embargo on {slug} ended {known.ends:%a %d %b %Y at %H:%M} UTC",
            hint="what is out can't be taken back: correct the release, or kill it",
        )
    until = terms.moment
    if until <= now:
        raise InputError(
            f"{terms} is past",
            where="embargo",
            hint=f"to end it now: `mailer embargo lift {slug}`" if known else "leave it out",
        )
    if until - now > LONGEST:
        raise InputError(f"{terms} is more than two years away", where="embargo")
    if known and known.terms == terms:
        return known, Effect()
    made = Embargo(slug, terms, until, now, by, reason)
    store.keep(made)
    detail = f"from {known.terms} to {terms}" if known else f"until {terms}"
    what = What.MOVED if known else What.SET
    store.note(Happening(slug, now, what, by, f"{detail}: {reason}" if reason else detail))
    return made, store.enforce(known, made, now, by)


def lift(
    store: EmbargoStore, slug: str, now: datetime, *, by: str = "", reason: str = ""
) -> tuple[Embargo, Effect]:
    """End an embargo at once: its page opens, and what waits for it goes. Raises Refused for one
    that has ended."""
    store.alone()
    known = get(store, slug)
    if not known.holds(now):
        raise Refused(f"the embargo on {slug} ended {known.ends:%a %d %b %Y at %H:%M} UTC")
    made = replace(known, until=now, lifted_at=now)
    store.keep(made)
    store.note(Happening(slug, now, What.LIFTED, by, reason))
    return made, store.enforce(known, made, now, by)


def note_attempt(store: EmbargoStore, error: Embargoed, now: datetime, by: str) -> None:
    """Write down that something embargoed was to leave, and was refused."""
    for slug in error.slugs:
        store.note(Happening(slug, now, What.REFUSED, by, error.tried))


def note_release(
    store: EmbargoStore, slug: str, what: What, now: datetime, by: str, detail: str = ""
) -> None:
    """Write down what became of a release, where it is or was embargoed."""
    if store.find(slug):
        store.note(Happening(slug, now, what, by, detail))


def _is_off(known: Embargo | None, now: datetime) -> bool:
    """Whether it ends at another moment than was written down."""
    if known is None or known.lifted_at or not known.holds(now):
        return False
    return known.terms.moment != known.until


def keep_time(store: EmbargoStore, slug: str, now: datetime) -> Embargo | None:
    """Write down when an embargo ends as the rules of its zone are now, where they have changed;
    None where they have not."""
    if not _is_off(store.find(slug), now):
        return None
    store.alone()
    known = store.find(slug)
    if known is None or not _is_off(known, now):
        return None
    moment = known.terms.moment
    made = replace(known, until=moment)
    store.keep(made)
    detail = f"{known.terms} is {moment:%a %d %b %Y %H:%M} UTC by the rules of today"
    store.note(Happening(slug, now, What.KEPT, "", detail))
    store.enforce(known, made, now, "")
    return made
