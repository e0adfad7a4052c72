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

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailer import zones
from mailer.errors import Embargoed, InputError, NotFound, Refused
from mailer.model.embargoes import (
    Embargo,
    EmbargoEffect,
    EmbargoEvent,
    EmbargoEventType,
    EmbargoTerms,
)
from mailer.model.stores.content import EmbargoStore
from mailer.model.transaction import Transaction

MAX_EMBARGO = timedelta(days=366 * 2)
"""An embargo further away than this is most likely a slip of the pen."""

ALLOWED_YEARS = (1970, 9000)
"""An embargo outside of these years is none: near the ends of the calendar other zones have no
such time."""

MAX_RULE_SHIFT = timedelta(days=2)
"""How far new rules for a zone may move a time: Samoa skipped a day."""


def find_embargoed(store: EmbargoStore, now: datetime) -> Mapping[str, Embargo]:
    """The stories that must be kept in at `now`, by slug. The only judge of that."""
    candidates = store.list_embargoes(now - MAX_RULE_SHIFT)
    return {embargo.slug: embargo for embargo in candidates if embargo.is_active(now)}


def find_last_end(tx: Transaction, slugs: Iterable[str]) -> datetime | None:
    """When the last embargo of these stories ends or ended; None where there was none."""
    end_times = [embargo.ends_at for slug in slugs if (embargo := tx.embargoes.find_embargo(slug))]
    return max(end_times, default=None)


def get_embargo(tx: Transaction, slug: str) -> Embargo:
    """A story's embargo. Raises NotFound."""
    embargo = tx.embargoes.find_embargo(slug)
    if embargo is None:
        raise NotFound(
            f"there is no embargo on {slug!r}", hint="see `mailer embargo list` for those there are"
        )
    return embargo


def read_terms(value: object, zone: str) -> EmbargoTerms:
    """Terms as people write them: ``2026-12-18 00:01``, in `zone`; with a zone behind it; or with
    an offset (``2026-12-18T00:01+01:00``), which is kept as UTC. Raises InputError."""
    format_hint = "write it as 2026-12-18 00:01, or 2026-12-18 00:01 Europe/London"
    format_error = InputError(f"'{value}' is not a time of an embargo", hint=format_hint)
    if isinstance(value, str):
        value = value.strip()
        if value[10:11] == "T":
            value = f"{value[:10]} {value[11:]}"
        date_text, _, zone_name = value.partition(" ")
        clock_text, _, zone_name = zone_name.partition(" ")
        if not clock_text:
            raise format_error
        zone = zone_name.strip() or zone
        try:
            value = datetime.fromisoformat(f"{date_text} {clock_text}")
        except ValueError as error:
            raise format_error from error
        if value.tzinfo is not None and zone_name.strip():
            raise format_error
    if not isinstance(value, datetime):
        raise format_error
    if value.second or value.microsecond:
        raise InputError(f"{value} is not a whole minute", hint=format_hint)
    if not ALLOWED_YEARS[0] <= value.year <= ALLOWED_YEARS[1]:
        raise format_error
    if value.tzinfo is not None:
        return EmbargoTerms(value.astimezone(UTC).replace(tzinfo=None), "UTC")
    return EmbargoTerms(value, zones.get_zone(zone, "embargo").key)


def declare_embargo(
    tx: Transaction, slug: str, terms: EmbargoTerms, now: datetime, *, by: str = ""
) -> Embargo:
    """An embargo as a file of the story has it: put on a story that has none. Raises Refused for
    other terms than those that it has: moving one is a decision of its own."""
    tx.embargoes.lock_releases()
    existing = tx.embargoes.find_embargo(slug)
    if existing is None:
        return set_embargo(tx, slug, terms, now, by=by)[0]
    if existing.terms != terms and existing.terms.moment != terms.moment:
        ended = "" if existing.is_active(now) else ", which has ended"
        raise Refused(
            f"{slug} is embargoed until {existing.terms}{ended}, and not until {terms}",
            where="embargo",
            hint=f"write embargo: {existing.terms.wall:%Y-%m-%d %H:%M} {existing.terms.zone}, or leave "
            f"it out; if it is to move: `mailer embargo set {slug} "
            f"'{terms.wall:%Y-%m-%d %H:%M}' --zone {terms.zone}`",
        )
    return existing


def set_embargo(
    tx: Transaction,
    slug: str,
    terms: EmbargoTerms,
    now: datetime,
    *,
    by: str = "",
    reason: str = "",
) -> tuple[Embargo, EmbargoEffect]:
    """Put an embargo on a story, or move the one that it has, and stop what goes by the old one.
    Raises InputError for a time that is past or further away than two years, Refused for one that
    has ended: what is out can't be taken back."""
    if not tx.embargoes.has_story(slug):
        raise NotFound(f"there is no story {slug!r}", hint="see `mailer article list`")
    tx.embargoes.lock_releases()
    previous = tx.embargoes.find_embargo(slug)
    if previous and not previous.is_active(now):
        raise Refused(
            f"the embargo on {slug} ended {previous.ends_at:%a %d %b %Y at %H:%M} UTC",
            hint="what is out can't be taken back: correct the release, or kill it",
        )
    until = terms.moment
    if until <= now:
        raise InputError(
            f"{terms} is past",
            where="embargo",
            hint=f"to end it now: `mailer embargo lift {slug}`" if previous else "leave it out",
        )
    if until - now > MAX_EMBARGO:
        raise InputError(f"{terms} is more than two years away", where="embargo")
    if previous and previous.terms == terms:
        return previous, EmbargoEffect()
    embargo = Embargo(slug, terms, until, now, by, reason)
    tx.embargoes.save_embargo(embargo)
    detail = f"from {previous.terms} to {terms}" if previous else f"until {terms}"
    event_type = EmbargoEventType.MOVED if previous else EmbargoEventType.SET
    tx.embargoes.record_event(
        EmbargoEvent(slug, now, event_type, by, f"{detail}: {reason}" if reason else detail)
    )
    return embargo, tx.embargoes.enforce_embargo(previous, embargo, now, by)


def lift_embargo(
    tx: Transaction, slug: str, now: datetime, *, by: str = "", reason: str = ""
) -> tuple[Embargo, EmbargoEffect]:
    """End an embargo at once: its page opens, and what waits for it goes. Raises Refused for one
    that has ended."""
    tx.embargoes.lock_releases()
    previous = get_embargo(tx, slug)
    if not previous.is_active(now):
        raise Refused(f"the embargo on {slug} ended {previous.ends_at:%a %d %b %Y at %H:%M} UTC")
    embargo = replace(previous, until=now, lifted_at=now)
    tx.embargoes.save_embargo(embargo)
    tx.embargoes.record_event(EmbargoEvent(slug, now, EmbargoEventType.LIFTED, by, reason))
    return embargo, tx.embargoes.enforce_embargo(previous, embargo, now, by)


def record_attempt(tx: Transaction, error: Embargoed, now: datetime, by: str) -> None:
    """Write down that something embargoed was to leave, and was refused."""
    for slug in error.slugs:
        tx.embargoes.record_event(
            EmbargoEvent(slug, now, EmbargoEventType.REFUSED, by, error.attempt)
        )


def record_release_event(
    tx: Transaction,
    slug: str,
    event_type: EmbargoEventType,
    now: datetime,
    by: str,
    detail: str = "",
) -> None:
    """Write down what became of a release, where it is or was embargoed."""
    if tx.embargoes.find_embargo(slug):
        tx.embargoes.record_event(EmbargoEvent(slug, now, event_type, by, detail))


def _has_end_moved(embargo: Embargo | None, now: datetime) -> bool:
    """Whether it ends at another moment than was written down."""
    if embargo is None or embargo.lifted_at or not embargo.is_active(now):
        return False
    return embargo.terms.moment != embargo.until


def refresh_end(tx: Transaction, slug: str, now: datetime) -> Embargo | None:
    """Write down when an embargo ends as the rules of its zone are now, where they have changed;
    None where they have not."""
    if not _has_end_moved(tx.embargoes.find_embargo(slug), now):
        return None
    tx.embargoes.lock_releases()
    previous = tx.embargoes.find_embargo(slug)
    if previous is None or not _has_end_moved(previous, now):
        return None
    moment = previous.terms.moment
    embargo = replace(previous, until=moment)
    tx.embargoes.save_embargo(embargo)
    detail = f"{previous.terms} is {moment:%a %d %b %Y %H:%M} UTC by the rules of today"
    tx.embargoes.record_event(EmbargoEvent(slug, now, EmbargoEventType.RECALCULATED, "", detail))
    tx.embargoes.enforce_embargo(previous, embargo, now, "")
    return embargo
