"""Embargoes and their log, and the effects of a moved embargo on editions."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, func, insert, literal, select, update

from mailer.actor import Actor
from mailer.model.deliveries import EMBARGOED_REPLY, DeliveryState
from mailer.model.edition_states import OPEN_STATES, EditionRole, EditionState
from mailer.model.embargoes import (
    Embargo,
    EmbargoEffect,
    EmbargoEvent,
    EmbargoEventType,
    EmbargoTerms,
)
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions import revert
from mailer.store.locks import lock_releases
from mailer.store.upsert import build_upsert

_WALL_TIME_FORMAT = "%Y-%m-%dT%H:%M"


class SqlEmbargoStore(SqlStore):
    """Implements ``EmbargoStore``."""

    def read_clock(self) -> datetime:
        """Return the database's time. The gate and the pages must not depend on the clock of one
        process."""
        moment: datetime | None = self._db.scalar(select(schema.database_now()))
        assert moment is not None
        return moment

    def lock_releases(self) -> None:
        lock_releases(self._db)

    def find_embargo(self, slug: str) -> Embargo | None:
        row = self._db.execute(
            select(schema.embargo).where(schema.embargo.c.slug == slug)
        ).one_or_none()
        return _build_embargo(row) if row else None

    def list_embargoes(self, since: datetime | None = None) -> list[Embargo]:
        """Return embargoes, the soonest to end first. With `since`, return only those whose
        recorded end is later."""
        statement = select(schema.embargo).order_by(schema.embargo.c.until, schema.embargo.c.slug)
        if since is not None:
            statement = statement.where(schema.embargo.c.until > since)
        return [_build_embargo(row) for row in self._db.execute(statement)]

    def has_story(self, slug: str) -> bool:
        return (
            self._db.scalar(select(literal(1)).where(schema.article.c.slug == slug).limit(1))
            is not None
        )

    def count_recipients(self, slug: str, ends: datetime) -> tuple[int, int]:
        """Return (freely, otherwise): the number of people who have the story in a mail that states
        no embargo, and the number of those whose mail states another end of the embargo than
        `ends`."""
        stated_end = schema.edition.c.embargo_until
        bit = literal(1, BigInteger).op("<<")(schema.edition_story.c.bit)
        base_count = (
            select(func.count(schema.delivery.c.address_key.distinct()))
            .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .where(
                schema.edition_story.c.slug == slug,
                schema.delivery.c.stories.op("&")(bit) != 0,
                schema.edition.c.role != EditionRole.KILL.value,
                schema.is_in_state(DeliveryState.SENT.value),
            )
        )
        freely, otherwise = (
            base_count.where(stated_end.is_(None)),
            base_count.where(stated_end != ends),
        )
        return self._db.scalar(freely) or 0, self._db.scalar(otherwise) or 0

    def save_embargo(self, embargo: Embargo) -> None:
        values = {
            "wall": f"{embargo.terms.wall:{_WALL_TIME_FORMAT}}",
            "zone": embargo.terms.zone,
            "until": embargo.until,
            "lifted_at": embargo.lifted_at,
            "set_at": embargo.set_at,
            "set_by": embargo.set_by,
            "set_by_key": embargo.set_by_key,
            "reason": embargo.reason,
        }
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.embargo)
            .values(slug=embargo.slug, **values)
            .on_conflict_do_update(index_elements=["slug"], set_=values)
        )

    def record_event(self, event: EmbargoEvent) -> None:
        self._db.execute(
            insert(schema.embargo_event).values(
                slug=event.slug,
                at=event.at,
                event_type=event.event_type.value,
                actor=event.actor,
                actor_key=event.actor_key,
                detail=event.detail,
            )
        )

    def list_events(self, slug: str, limit: int = 1000) -> list[EmbargoEvent]:
        """Return the newest `limit` events, in chronological order."""
        rows = self._db.execute(
            select(schema.embargo_event)
            .where(schema.embargo_event.c.slug == slug)
            .order_by(schema.embargo_event.c.id.desc())
            .limit(limit)
        ).all()
        return [
            EmbargoEvent(
                row.slug,
                row.at,
                EmbargoEventType(row.event_type),
                row.actor,
                row.detail,
                row.actor_key,
            )
            for row in reversed(rows)
        ]

    def enforce_embargo(
        self, previous: Embargo | None, embargo: Embargo, now: datetime, actor: Actor
    ) -> EmbargoEffect:
        """Stop every mail that states an old end of an embargo. Editions that state an old end
        return to draft, or are paused if they have started. Editions that wait for the end of the
        embargo are sent at the new end. Deliveries that wait at the gate are checked again."""
        # On PostgreSQL the gate locks these rows until its transaction ends. So either the gate
        # sees the new embargo, or this transaction waits until the messages that passed are
        # recorded.
        rows = self._db.execute(
            select(schema.edition)
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .where(schema.edition_story.c.slug == embargo.slug)
            .order_by(schema.edition.c.id)
            .with_for_update(of=schema.edition)
        ).all()
        voided: list[int] = []
        paused: list[int] = []
        moved: list[int] = []
        reason = (
            f"the embargo on {embargo.slug} has {'been lifted' if embargo.lifted_at else 'moved'}"
        )
        for row in rows:
            state = EditionState(row.state)
            states_old_end = row.embargo_until is not None and row.embargo_until != embargo.ends_at
            if state in {EditionState.SENDING, EditionState.PAUSED}:
                if embargo.lifted_at and row.role == EditionRole.ADVANCE.value:
                    # The remaining recipients get the release instead.
                    self._cancel_edition(row.id, reason, now, actor)
                elif states_old_end and state is EditionState.SENDING and not embargo.lifted_at:
                    self._pause_edition(row.id, reason, now, actor)
                    paused.append(row.id)
                else:
                    self._make_waiting_due(row.id)
            elif state in OPEN_STATES:
                if states_old_end:
                    revert.revert_to_draft(self._db, row.id, reason, now, actor)
                    voided.append(row.id)
                if previous and row.send_at and self._is_waiting_for(row, previous):
                    self._move_send_time(row.id, embargo, now, actor)
                    moved.append(row.id)
        return EmbargoEffect(tuple(voided), tuple(paused), tuple(moved))

    def _is_waiting_for(self, row: Row[Any], embargo: Embargo) -> bool:
        return bool(
            row.wall == f"{embargo.terms.wall:{_WALL_TIME_FORMAT}}"
            and row.zone == embargo.terms.zone
        )

    def _move_send_time(
        self, edition_id: int, embargo: Embargo, now: datetime, actor: Actor
    ) -> None:
        """Change the send time of an edition that waits for the end of an embargo. If the embargo
        was lifted, the send time is the moment of lifting, although the embargo's terms stay."""
        statement = update(schema.edition).where(schema.edition.c.id == edition_id)
        if embargo.lifted_at:
            # In UTC, so that the worker has nothing to recalculate, and at the beginning of a
            # minute, which is not in the future.
            minute = embargo.lifted_at.replace(second=0, microsecond=0)
            self._db.execute(
                statement.values(send_at=minute, wall=f"{minute:{_WALL_TIME_FORMAT}}", zone="UTC")
            )
            detail = "now, as its embargo was lifted"
        else:
            self._db.execute(
                statement.values(
                    send_at=embargo.terms.moment,
                    wall=f"{embargo.terms.wall:{_WALL_TIME_FORMAT}}",
                    zone=embargo.terms.zone,
                )
            )
            detail = f"{embargo.terms}, as its embargo has moved"
        revert.insert_event(self._db, edition_id, "time", detail, now, actor)

    def _pause_edition(self, edition_id: int, reason: str, now: datetime, actor: Actor) -> None:
        paused_state = EditionState.PAUSED.value
        self._db.execute(
            update(schema.edition)
            .where(
                schema.edition.c.id == edition_id,
                schema.edition.c.state.in_(revert.list_sources(EditionState.PAUSED)),
            )
            .values(state=paused_state, reason=reason)
        )
        revert.insert_event(self._db, edition_id, paused_state, reason, now, actor)

    def _cancel_edition(self, edition_id: int, reason: str, now: datetime, actor: Actor) -> None:
        cancelled_state = EditionState.CANCELLED.value
        self._db.execute(
            update(schema.edition)
            .where(
                schema.edition.c.id == edition_id,
                schema.edition.c.state.in_(revert.list_sources(EditionState.CANCELLED)),
            )
            .values(state=cancelled_state, reason=reason, finished_at=now)
        )
        self._db.execute(
            update(schema.delivery)
            .where(schema.delivery.c.edition_id == edition_id, schema.is_in_state("queued"))
            .values(state=DeliveryState.CANCELLED.value, updated_at=schema.database_now())
        )
        revert.insert_event(self._db, edition_id, cancelled_state, reason, now, actor)

    def _make_waiting_due(self, edition_id: int) -> None:
        """Make the deliveries that the gate has deferred until the end of the embargo due now. The
        gate then defers them again or lets them pass."""
        self._db.execute(
            update(schema.delivery)
            .where(
                schema.delivery.c.edition_id == edition_id,
                schema.is_in_state("queued"),
                schema.delivery.c.reply == EMBARGOED_REPLY,
                schema.delivery.c.next_attempt_at > schema.database_now(),
            )
            .values(next_attempt_at=schema.database_now())
        )


def _build_embargo(row: Row[Any]) -> Embargo:
    return Embargo(
        slug=row.slug,
        terms=EmbargoTerms(datetime.fromisoformat(row.wall), row.zone),
        until=row.until,
        set_at=row.set_at,
        set_by=row.set_by,
        reason=row.reason,
        lifted_at=row.lifted_at,
        set_by_key=row.set_by_key,
    )
