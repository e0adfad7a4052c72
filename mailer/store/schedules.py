"""Schedules of digests, their occurrences, and blackouts."""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select, union, update

from mailer.model.schedules import (
    NewSchedule,
    OccurrenceState,
    SavedBlackout,
    SavedOccurrence,
    Schedule,
)
from mailer.schedules import rule_syntax
from mailer.schedules.holidays import Blackout, OnFreeDay
from mailer.schedules.occurrences import Timing
from mailer.schedules.rules import RecurringRule
from mailer.store import schema
from mailer.store.locks import lock_calendar
from mailer.store.occurrence_texts import OccurrenceTextQueries
from mailer.store.slug_lookup import find_id, get_inserted_id
from mailer.store.upsert import build_upsert
from mailer.store.wall_times import format_wall_time


class SqlScheduleStore(OccurrenceTextQueries):
    """Implements :class:`mailer.model.stores.sending.ScheduleStore`."""

    def list_schedules(self) -> list[Schedule]:
        rows = self._db.execute(
            select(schema.schedule, schema.digest.c.slug)
            .join(schema.digest, schema.digest.c.id == schema.schedule.c.digest_id)
            .order_by(schema.schedule.c.id)
        )
        return [_build_schedule(row) for row in rows]

    def add_schedule(self, settings: NewSchedule, now: datetime) -> Schedule:
        result = self._db.execute(
            insert(schema.schedule).values(
                digest_id=find_id(self._db, schema.digest, settings.digest_slug, "digest"),
                **_format_settings(settings, now),
            )
        )
        return Schedule(get_inserted_id(result), settings, now)

    def update_schedule(
        self, schedule: Schedule, settings: NewSchedule, counts_from: datetime
    ) -> Schedule:
        """Give a schedule other settings. Its occurrences count from `counts_from`."""
        self._db.execute(
            update(schema.schedule)
            .where(schema.schedule.c.id == schedule.id)
            .values(**_format_settings(settings, counts_from))
        )
        return Schedule(schedule.id, settings, counts_from)

    def remove_schedule(self, schedule: Schedule) -> None:
        self._db.execute(delete(schema.schedule).where(schema.schedule.c.id == schedule.id))

    # ---- occurrences ----------------------------------------------------------------------------

    def list_occurrences(self, digest_slug: str = "", limit: int = 1000) -> list[SavedOccurrence]:
        """Return the saved occurrences of a digest, or of all, the latest first."""
        statement = select(schema.occurrence, schema.digest.c.slug).join(
            schema.digest, schema.digest.c.id == schema.occurrence.c.digest_id
        )
        if digest_slug:
            statement = statement.where(schema.digest.c.slug == digest_slug)
        rows = self._db.execute(
            statement.order_by(
                schema.occurrence.c.rule_time.desc(), schema.occurrence.c.id.desc()
            ).limit(limit)
        )
        return [_build_occurrence(row) for row in rows]

    def list_occurrences_since(self, since: datetime) -> dict[str, list[SavedOccurrence]]:
        """Return, by digest, the saved occurrences since a moment, and all earlier occurrences that
        are still planned because staff have moved them."""
        ids = [  # two statements, each with an index of its own
            select(schema.occurrence.c.id).where(condition)
            for condition in (
                schema.occurrence.c.rule_time >= format_wall_time(since),
                schema.occurrence.c.state == OccurrenceState.PLANNED.value,
            )
        ]
        rows = self._db.execute(
            select(schema.occurrence, schema.digest.c.slug)
            .join(schema.digest, schema.digest.c.id == schema.occurrence.c.digest_id)
            .where(schema.occurrence.c.id.in_(union(*ids)))
            .order_by(schema.occurrence.c.id)
        )
        by_digest: dict[str, list[SavedOccurrence]] = {}
        for row in rows:
            by_digest.setdefault(row.slug, []).append(_build_occurrence(row))
        return by_digest

    def list_occurrences_on_hold(self) -> list[SavedOccurrence]:
        """Return the occurrences of all digests that are on hold. An occurrence is left out if a
        later occurrence of its digest has an edition."""
        later = schema.occurrence.alias("later")
        newer = (
            select(later.c.id)
            .where(
                later.c.digest_id == schema.occurrence.c.digest_id,
                later.c.rule_time > schema.occurrence.c.rule_time,
                later.c.state == OccurrenceState.MADE.value,
            )
            .exists()
        )
        rows = self._db.execute(
            select(schema.occurrence, schema.digest.c.slug)
            .join(schema.digest, schema.digest.c.id == schema.occurrence.c.digest_id)
            .where(schema.occurrence.c.state == OccurrenceState.ON_HOLD.value, ~newer)
            .order_by(schema.occurrence.c.rule_time)
        )
        return [_build_occurrence(row) for row in rows]

    def claim_occurrence(
        self,
        digest_slug: str,
        rule_time: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        schedule_id: int,
        reason: str = "",
    ) -> int | None:
        """Set an occurrence's state at its cut-off. Returns the id of its row, or None if another
        worker was first.

        The row is the lock: if two workers claim the same occurrence, only the first succeeds,
        whatever both have read before."""
        digest_id = find_id(self._db, schema.digest, digest_slug, "digest")
        lock_calendar(self._db, digest_id)  # a text written by now goes into the edition
        values = {
            "digest_id": digest_id,
            "rule_time": format_wall_time(rule_time),
            "zone": zone,
            "schedule_id": schedule_id,
            "state": state.value,
            "reason": reason,
            "actor": "",
            "created_at": now,
            "updated_at": now,
        }
        inserted_id = self._db.execute(
            build_upsert(self._db.dialect.name, schema.occurrence)
            .values(**values)
            .on_conflict_do_nothing()
            .returning(schema.occurrence.c.id)
        ).scalar_one_or_none()
        if inserted_id is not None:
            return int(inserted_id)
        updated_id = self._db.execute(
            update(schema.occurrence)
            .where(
                schema.occurrence.c.digest_id == digest_id,
                schema.occurrence.c.rule_time == format_wall_time(rule_time),
                schema.occurrence.c.zone == zone,
                schema.occurrence.c.state == OccurrenceState.PLANNED.value,
            )
            .values(state=state.value, updated_at=now, **({"reason": reason} if reason else {}))
            .returning(schema.occurrence.c.id)
        ).scalar_one_or_none()
        return None if updated_id is None else int(updated_id)

    def attach_edition(self, occurrence_id: int, edition_id: int) -> None:
        """Record the edition that was assembled for an occurrence."""
        self._db.execute(
            update(schema.occurrence)
            .where(schema.occurrence.c.id == occurrence_id)
            .values(edition_id=edition_id)
        )

    def save_decision(
        self,
        digest_slug: str,
        rule_time: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        expected: SavedOccurrence | None,
        schedule_id: int,
        moved_to: datetime | None,
        reason: str,
        actor: str,
    ) -> SavedOccurrence | None:
        """Save a decision of staff about an occurrence, provided that its record still equals
        `expected` (None: there is no record). Returns None if the record has changed in the
        meantime."""
        decided_values = {
            "state": state.value,
            "moved_to": format_wall_time(moved_to) if moved_to else None,
            "reason": reason,
            "actor": actor,
            "updated_at": now,
        }
        values = {
            "digest_id": find_id(self._db, schema.digest, digest_slug, "digest"),
            "rule_time": format_wall_time(rule_time),
            "zone": zone,
            "schedule_id": schedule_id,
            "created_at": now,
        }
        statement = build_upsert(self._db.dialect.name, schema.occurrence).values(
            **values, **decided_values
        )
        if expected is None:
            statement = statement.on_conflict_do_nothing()
        else:
            statement = statement.on_conflict_do_update(
                index_elements=[
                    schema.occurrence.c.digest_id,
                    schema.occurrence.c.rule_time,
                    schema.occurrence.c.zone,
                ],
                set_=decided_values,
                where=and_(
                    schema.occurrence.c.state == expected.state.value,
                    schema.occurrence.c.updated_at == expected.updated_at,
                ),
            )
        if (
            self._db.execute(statement.returning(schema.occurrence.c.id)).scalar_one_or_none()
            is None
        ):
            return None
        return next(
            saved
            for saved in self.list_occurrences(digest_slug)
            if (saved.rule_time, saved.zone) == (rule_time, zone)
        )

    # ---- blackouts ------------------------------------------------------------------------------

    def list_blackouts(self) -> list[SavedBlackout]:
        rows = self._db.execute(
            select(schema.blackout).order_by(schema.blackout.c.first_day, schema.blackout.c.id)
        )
        return [
            SavedBlackout(
                row.id,
                Blackout(
                    date.fromisoformat(row.first_day), date.fromisoformat(row.last_day), row.reason
                ),
            )
            for row in rows
        ]

    def add_blackout(self, days: Blackout, now: datetime) -> SavedBlackout:
        result = self._db.execute(
            insert(schema.blackout).values(
                first_day=days.first.isoformat(),
                last_day=days.last.isoformat(),
                reason=days.reason,
                created_at=now,
            )
        )
        return SavedBlackout(get_inserted_id(result), days)

    def remove_blackout(self, blackout: SavedBlackout) -> None:
        self._db.execute(delete(schema.blackout).where(schema.blackout.c.id == blackout.id))


def _format_settings(settings: NewSchedule, counts_from: datetime) -> dict[str, object]:
    timing = settings.timing
    start = timing.rule.start if isinstance(timing.rule, RecurringRule) else counts_from.date()
    return {
        "rule": rule_syntax.format_rule(timing.rule),
        "start": start.isoformat(),
        "at": f"{timing.at:%H:%M}",
        "zone": timing.zone,
        "on_free_day": timing.on_free_day.value,
        "region": settings.region,
        "cutoff_minutes": int(settings.cutoff.total_seconds()) // 60,
        "spread": settings.spread,
        "created_at": counts_from,
    }


def _build_schedule(row: Row[Any]) -> Schedule:
    timing = Timing(
        rule_syntax.parse_rule(row.rule, date.fromisoformat(row.start)),
        time.fromisoformat(row.at),
        row.zone,
        OnFreeDay(row.on_free_day),
    )
    new = NewSchedule(
        row.slug, timing, timedelta(minutes=row.cutoff_minutes), row.region, row.spread
    )
    return Schedule(row.id, new, row.created_at)


def _build_occurrence(row: Row[Any]) -> SavedOccurrence:
    return SavedOccurrence(
        id=row.id,
        digest_slug=row.slug,
        rule_time=datetime.fromisoformat(row.rule_time),
        zone=row.zone,
        schedule_id=row.schedule_id,
        state=OccurrenceState(row.state),
        moved_to=datetime.fromisoformat(row.moved_to) if row.moved_to else None,
        edition_id=row.edition_id,
        reason=row.reason,
        actor=row.actor,
        updated_at=row.updated_at,
    )
