"""Embargoes and their log, and what a moved one does to editions."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, func, insert, literal, select, update

from mailer.editions import OPEN, EditionState, Role
from mailer.embargoes import Effect, Embargo, Happening, Terms, What
from mailer.outbox import WAITS, DeliveryState
from mailer.store import void
from mailer.store.alone import alone
from mailer.store.schema import (
    article,
    database_now,
    delivery,
    edition,
    edition_event,
    edition_story,
    embargo,
    embargo_event,
    in_state,
)
from mailer.store.upsert import upsert

_WALL = "%Y-%m-%dT%H:%M"


class Embargoes:
    """Implements ``embargoes.EmbargoStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def now(self) -> datetime:
        """The database's clock: what leaves through it or a page goes by no process's own."""
        found: datetime | None = self._db.scalar(select(database_now()))
        assert found is not None
        return found

    def alone(self) -> None:
        alone(self._db)

    def find(self, slug: str) -> Embargo | None:
        row = self._db.execute(select(embargo).where(embargo.c.slug == slug)).one_or_none()
        return _record(row) if row else None

    def all(self, since: datetime | None = None) -> list[Embargo]:
        """The soonest to end first; with `since` only those that end later, as it is written."""
        wanted = select(embargo).order_by(embargo.c.until, embargo.c.slug)
        if since is not None:
            wanted = wanted.where(embargo.c.until > since)
        return [_record(row) for row in self._db.execute(wanted)]

    def has_story(self, slug: str) -> bool:
        return (
            self._db.scalar(select(literal(1)).where(article.c.slug == slug).limit(1)) is not None
        )

    def who_has(self, slug: str, ends: datetime) -> tuple[int, int]:
        """How many people have a mail with the story that says nothing of an embargo, and how many
        one that says another end than this."""
        told = edition.c.embargo_until
        bit = literal(1, BigInteger).op("<<")(edition_story.c.bit)
        have = (
            select(func.count(delivery.c.address_key.distinct()))
            .join(edition, edition.c.id == delivery.c.edition_id)
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .where(
                edition_story.c.slug == slug,
                delivery.c.stories.op("&")(bit) != 0,
                edition.c.role != Role.KILL.value,
                in_state(DeliveryState.SENT.value),
            )
        )
        freely, otherwise = have.where(told.is_(None)), have.where(told != ends)
        return self._db.scalar(freely) or 0, self._db.scalar(otherwise) or 0

    def keep(self, made: Embargo) -> None:
        values = {
            "wall": f"{made.terms.wall:{_WALL}}",
            "zone": made.terms.zone,
            "until": made.until,
            "lifted_at": made.lifted_at,
            "set_at": made.set_at,
            "set_by": made.set_by,
            "reason": made.reason,
        }
        self._db.execute(
            upsert(self._db.dialect.name, embargo)
            .values(slug=made.slug, **values)
            .on_conflict_do_update(index_elements=["slug"], set_=values)
        )

    def note(self, told: Happening) -> None:
        self._db.execute(
            insert(embargo_event).values(
                slug=told.slug, at=told.at, what=told.what.value, who=told.who, detail=told.detail
            )
        )

    def happenings(self, slug: str, limit: int = 1000) -> list[Happening]:
        """The newest `limit`, the oldest of them first."""
        rows = self._db.execute(
            select(embargo_event)
            .where(embargo_event.c.slug == slug)
            .order_by(embargo_event.c.id.desc())
            .limit(limit)
        ).all()
        return [
            Happening(row.slug, row.at, What(row.what), row.who, row.detail)
            for row in reversed(rows)
        ]

    def enforce(self, was: Embargo | None, made: Embargo, now: datetime, by: str) -> Effect:
        """See that nothing goes by an embargo that is no more. Editions that state it are drafts
        again, or are paused if they have begun; those that were to be sent when it ends are sent
        when it ends now; and what waits at the gate is looked at again."""
        # On PostgreSQL the gate has these rows locked until its transaction ends: it sees the new
        # embargo, or this waits until what it has let out is written down.
        rows = self._db.execute(
            select(edition)
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .where(edition_story.c.slug == made.slug)
            .order_by(edition.c.id)
            .with_for_update(of=edition)
        ).all()
        voided: list[int] = []
        paused: list[int] = []
        moved: list[int] = []
        reason = f"the embargo on {made.slug} has {'been lifted' if made.lifted_at else 'moved'}"
        for row in rows:
            state = EditionState(row.state)
            stale = row.embargo_until is not None and row.embargo_until != made.ends
            if state in {EditionState.SENDING, EditionState.PAUSED}:
                if made.lifted_at and row.role == Role.ADVANCE.value:
                    # Whoever was still to get it gets the release.
                    self._stop(row.id, reason, now, by)
                elif stale and state is EditionState.SENDING and not made.lifted_at:
                    self._pause(row.id, reason, now, by)
                    paused.append(row.id)
                else:
                    self._look_again(row.id)
            elif state in OPEN:
                if stale:
                    void.back_to_draft(self._db, row.id, reason, now, by)
                    voided.append(row.id)
                if was and row.send_at and self._waits_for(row, was):
                    self._move(row.id, made, now)
                    moved.append(row.id)
        return Effect(tuple(voided), tuple(paused), tuple(moved))

    def _waits_for(self, row: Row[Any], was: Embargo) -> bool:
        return bool(row.wall == f"{was.terms.wall:{_WALL}}" and row.zone == was.terms.zone)

    def _move(self, number: int, made: Embargo, now: datetime) -> None:
        """Give an edition that goes when the embargo ends its new time. The terms stay those of the
        embargo also when it was lifted: its own moment is what counts then."""
        here = update(edition).where(edition.c.id == number)
        if made.lifted_at:
            # By the clock in UTC, so that the worker finds nothing to put right; a minute's
            # beginning that is not yet to come.
            minute = made.lifted_at.replace(second=0, microsecond=0)
            self._db.execute(here.values(send_at=minute, wall=f"{minute:{_WALL}}", zone="UTC"))
            detail = "now, as its embargo was lifted"
        else:
            self._db.execute(
                here.values(
                    send_at=made.terms.moment,
                    wall=f"{made.terms.wall:{_WALL}}",
                    zone=made.terms.zone,
                )
            )
            detail = f"{made.terms}, as its embargo has moved"
        self._event(number, "time", detail, now, "")

    def _pause(self, number: int, reason: str, now: datetime, by: str) -> None:
        paused = EditionState.PAUSED.value
        self._db.execute(
            update(edition).where(edition.c.id == number).values(state=paused, reason=reason)
        )
        self._event(number, paused, reason, now, by)

    def _stop(self, number: int, reason: str, now: datetime, by: str) -> None:
        cancelled = EditionState.CANCELLED.value
        self._db.execute(
            update(edition)
            .where(edition.c.id == number)
            .values(state=cancelled, reason=reason, finished_at=now)
        )
        self._db.execute(
            update(delivery)
            .where(delivery.c.edition_id == number, in_state("queued"))
            .values(state=DeliveryState.CANCELLED.value, updated_at=database_now())
        )
        self._event(number, cancelled, reason, now, by)

    def _look_again(self, number: int) -> None:
        """What the gate has put off until the embargo ends is due: the gate puts it off anew, or
        lets it out."""
        self._db.execute(
            update(delivery)
            .where(
                delivery.c.edition_id == number,
                in_state("queued"),
                delivery.c.reply == WAITS,
                delivery.c.next_attempt_at > database_now(),
            )
            .values(next_attempt_at=database_now())
        )

    def _event(self, number: int, what: str, detail: str, now: datetime, by: str) -> None:
        self._db.execute(
            insert(edition_event).values(
                edition_id=number, at=now, what=what, actor=by, detail=detail
            )
        )


def _record(row: Row[Any]) -> Embargo:
    return Embargo(
        slug=row.slug,
        terms=Terms(datetime.fromisoformat(row.wall), row.zone),
        until=row.until,
        set_at=row.set_at,
        set_by=row.set_by,
        reason=row.reason,
        lifted_at=row.lifted_at,
    )
