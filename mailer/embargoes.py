"""Embargoes: the times until which stories may reach only trusted media contacts.

An embargo holds for a story in all its languages. It ends when clocks in its zone show its time
(the second time, if they show it twice), or when a person lifts it.

Only :func:`find_embargoed` decides whether a story is embargoed, and every exit calls this
function. Digests leave out embargoed stories, editions with such a story are not started, the gate
stops every message with such a story, and archive, feeds, search, sitemap and press pages act as if
the story did not exist. Only advance copies may leave earlier: they state the embargo and its end,
and go to contacts who are trusted with embargoes. Once the move of an embargo is committed, no mail
that states the old time passes the gate.

Changes of an embargo, refused attempts and views of an advance copy's page are recorded.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailer import zones
from mailer.actor import Actor
from mailer.audience.lists import check_line
from mailer.errors import Embargoed, InputError, NextStep, NotFound, Refused
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
"""An embargo that ends later than this is most likely a typing error."""

ALLOWED_YEARS = (1970, 9000)
"""An embargo outside these years is invalid, since near the ends of the calendar a moment does not
exist in every zone."""

MAX_LOG_LINES = 1000
"""Maximum number of lines of a log that are shown."""

MAX_RULE_SHIFT = timedelta(days=2)
"""The largest shift of a moment that new rules for a time zone can cause; Samoa skipped a whole
day."""


def find_embargoed(store: EmbargoStore, now: datetime) -> Mapping[str, Embargo]:
    """Return the embargoes that are active at `now`, by the story's slug.

    Every check of an embargo goes through this function."""
    candidates = store.list_embargoes(now - MAX_RULE_SHIFT)
    return {embargo.slug: embargo for embargo in candidates if embargo.is_active(now)}


def find_last_end(tx: Transaction, slugs: Iterable[str]) -> datetime | None:
    """Return the latest end, past or future, of these stories' embargoes, or None if no story has
    an embargo."""
    end_times = [embargo.ends_at for slug in slugs if (embargo := tx.embargoes.find_embargo(slug))]
    return max(end_times, default=None)


def get_embargo(tx: Transaction, slug: str) -> Embargo:
    """Return a story's embargo. Raises NotFound."""
    embargo = tx.embargoes.find_embargo(slug)
    if embargo is None:
        raise NotFound(f"there is no embargo on {slug!r}", next_steps=[NextStep("list_embargoes")])
    return embargo


def read_terms(value: object, zone: str) -> EmbargoTerms:
    """Read terms as people write them: ``2026-12-18 00:01`` in `zone`, the same followed by the
    name of a zone, or with an offset (``2026-12-18T00:01+01:00``), which is stored as UTC. Raises
    InputError."""
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
        if re.fullmatch(r"\s*(?:[Zz]|[+-]\d{2}:?\d{2})\s*", zone_name):
            clock_text, zone_name = clock_text + zone_name.strip(), ""
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
    tx: Transaction, actor: Actor, slug: str, terms: EmbargoTerms, now: datetime
) -> Embargo:
    """Put an embargo on a story as the story's article file states it. A story that has this
    embargo already is unchanged.

    Raises Refused if the story's embargo has other terms, since only :func:`set_embargo` moves an
    embargo. If the embargo once had the terms of the file, the file is old, and the error does not
    suggest to move the embargo back."""
    tx.lock_releases()
    existing = tx.embargoes.find_embargo(slug)
    if existing is None:
        return set_embargo(tx, actor, slug, terms, now)[0]
    if existing.terms != terms and existing.terms.moment != terms.moment:
        is_stale = _had_terms(tx, slug, terms)
        ended = "" if existing.is_active(now) else ", which has ended"
        raise Refused(
            f"{slug} is embargoed until {existing.terms}{ended}, and not until {terms}",
            field="embargo",
            hint=f"write embargo: {existing.terms.wall:%Y-%m-%d %H:%M} {existing.terms.zone}, or "
            "leave it out" + (": the embargo was moved since" if is_stale else ""),
            next_steps=[
                NextStep(
                    "set_embargo",
                    slug=slug,
                    time=f"{terms.wall:%Y-%m-%d %H:%M}",
                    zone=terms.zone,
                )
            ]
            if existing.is_active(now) and terms.moment > now and not is_stale
            else [],
        )
    return existing


def _had_terms(tx: Transaction, slug: str, terms: EmbargoTerms) -> bool:
    """Check whether a story's embargo once had these terms, so that a file with them is old."""
    beginnings = (f"until {terms}", f"from {terms} to ")
    return any(
        event.detail.startswith(beginnings)
        for event in tx.embargoes.list_events(slug, MAX_LOG_LINES)
        if event.event_type in {EmbargoEventType.SET, EmbargoEventType.MOVED}
    )


def set_embargo(
    tx: Transaction,
    actor: Actor,
    slug: str,
    terms: EmbargoTerms,
    now: datetime,
    *,
    reason: str = "",
) -> tuple[Embargo, EmbargoEffect]:
    """Put an embargo on a story, or move its embargo and stop every mail that states the old time.

    Raises InputError for a time that is past or further away than two years, or a reason with
    control characters, and Refused if the story's embargo has ended: what is public can't be taken
    back."""
    reason = check_line(reason, "reason", required=False)
    if not tx.embargoes.has_story(slug):
        raise NotFound(f"there is no story {slug!r}", next_steps=[NextStep("list_articles")])
    tx.lock_releases()
    previous = tx.embargoes.find_embargo(slug)
    if previous and not previous.is_active(now):
        raise Refused(
            f"the embargo on {slug} ended {previous.ends_at:%a %d %b %Y at %H:%M} UTC",
            hint="what is public can't be taken back: correct the release, or kill it",
        )
    until = terms.moment
    if until <= now:
        raise InputError(
            f"{terms} is past",
            field="embargo",
            hint="" if previous else "leave it out",
            next_steps=[NextStep("lift_embargo", slug=slug)] if previous else (),
        )
    if until - now > MAX_EMBARGO:
        raise InputError(f"{terms} is more than two years away", field="embargo")
    if previous and previous.terms == terms:
        return previous, EmbargoEffect()
    embargo = Embargo(slug, terms, until, now, actor.name, reason, set_by_key=actor.key)
    tx.embargoes.save_embargo(embargo)
    detail = f"from {previous.terms} to {terms}" if previous else f"until {terms}"
    event_type = EmbargoEventType.MOVED if previous else EmbargoEventType.SET
    _record_event(tx, actor, slug, event_type, now, f"{detail}: {reason}" if reason else detail)
    return embargo, tx.embargoes.enforce_embargo(previous, embargo, now, actor)


def lift_embargo(
    tx: Transaction, actor: Actor, slug: str, now: datetime, *, reason: str = ""
) -> tuple[Embargo, EmbargoEffect]:
    """End an embargo at once: the story's page opens, and editions that wait for the end are sent.
    Raises Refused for an embargo that has ended."""
    reason = check_line(reason, "reason", required=False)
    tx.lock_releases()
    previous = get_embargo(tx, slug)
    if not previous.is_active(now):
        raise Refused(f"the embargo on {slug} ended {previous.ends_at:%a %d %b %Y at %H:%M} UTC")
    embargo = replace(previous, until=now, lifted_at=now)
    tx.embargoes.save_embargo(embargo)
    _record_event(tx, actor, slug, EmbargoEventType.LIFTED, now, reason)
    return embargo, tx.embargoes.enforce_embargo(previous, embargo, now, actor)


def record_attempt(tx: Transaction, actor: Actor, error: Embargoed, now: datetime) -> None:
    """Record that an attempt to send an embargoed story was refused."""
    for slug in error.slugs:
        _record_event(tx, actor, slug, EmbargoEventType.REFUSED, now, error.attempt)


def record_release_event(
    tx: Transaction,
    actor: Actor,
    slug: str,
    event_type: EmbargoEventType,
    now: datetime,
    detail: str = "",
) -> None:
    """Record an event of a release in the embargo's log. This is done even if the story was never
    embargoed, because the log must show both people who decide a kill."""
    _record_event(tx, actor, slug, event_type, now, detail)


def list_log(tx: Transaction, slug: str) -> Sequence[EmbargoEvent]:
    """Return the log of a story's embargo, corrections and kill, newest first. Raises NotFound if
    there is nothing to log."""
    events = tx.embargoes.list_events(slug, MAX_LOG_LINES)
    if not events:
        get_embargo(tx, slug)
    return events


def _record_event(
    tx: Transaction,
    actor: Actor,
    slug: str,
    event_type: EmbargoEventType,
    now: datetime,
    detail: str,
) -> None:
    tx.embargoes.record_event(
        EmbargoEvent(slug, now, event_type, actor.name, detail, actor_key=actor.key)
    )


def _has_end_moved(embargo: Embargo | None, now: datetime) -> bool:
    """Check whether an embargo, by the current rules of its zone, ends at another moment than
    recorded."""
    if embargo is None or embargo.lifted_at or not embargo.is_active(now):
        return False
    return embargo.terms.moment != embargo.until


def list_moved_ends(tx: Transaction, now: datetime) -> list[Embargo]:
    """Return the active embargoes that :func:`refresh_end` has to change."""
    return [
        embargo
        for embargo in tx.embargoes.list_embargoes(now - MAX_RULE_SHIFT)
        if _has_end_moved(embargo, now)
    ]


def refresh_end(tx: Transaction, actor: Actor, slug: str, now: datetime) -> Embargo | None:
    """Record when an embargo ends by the current rules of its time zone. Returns None if the end
    has not changed."""
    if not _has_end_moved(tx.embargoes.find_embargo(slug), now):
        return None
    tx.lock_releases()
    previous = tx.embargoes.find_embargo(slug)
    if previous is None or not _has_end_moved(previous, now):
        return None
    moment = previous.terms.moment
    embargo = replace(previous, until=moment)
    tx.embargoes.save_embargo(embargo)
    detail = f"{previous.terms} is {moment:%a %d %b %Y %H:%M} UTC by the rules of today"
    _record_event(tx, actor, slug, EmbargoEventType.RECALCULATED, now, detail)
    tx.embargoes.enforce_embargo(previous, embargo, now, actor)
    return embargo
