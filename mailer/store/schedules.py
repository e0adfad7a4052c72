"""Schedules of digests, their occurrences, and blackouts."""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from mailer.schedules import spelling
from mailer.schedules.free_days import Blackout, OnFreeDay
from mailer.schedules.occurrences import Timing
from mailer.schedules.records import (
    KeptBlackout,
    KeptOccurrence,
    NewSchedule,
    OccurrenceState,
    Schedule,
)
from mailer.schedules.rules import Recurring
from mailer.store.ids import id_of, new_id
from mailer.store.schema import blackout, digest, occurrence, schedule
from mailer.store.upsert import upsert


class Schedules:
    """Implements ``schedules.records.ScheduleStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def schedules(self) -> list[Schedule]:
        rows = self._db.execute(
            select(schedule, digest.c.slug)
            .join(digest, digest.c.id == schedule.c.digest_id)
            .order_by(schedule.c.id)
        )
        return [_record(row) for row in rows]

    def add(self, new: NewSchedule, now: datetime) -> Schedule:
        timing = new.timing
        start = timing.rule.start if isinstance(timing.rule, Recurring) else now.date()
        made = self._db.execute(
            insert(schedule).values(
                digest_id=id_of(self._db, digest, new.digest, "digest"),
                rule=spelling.spell(timing.rule),
                start=start.isoformat(),
                at=f"{timing.at:%H:%M}",
                zone=timing.zone,
                on_free_day=timing.on_free_day.value,
                place=new.place,
                cutoff_minutes=int(new.cutoff.total_seconds()) // 60,
                created_at=now,
            )
        )
        return Schedule(new_id(made), new, now)

    def remove(self, known: Schedule) -> None:
        self._db.execute(delete(schedule).where(schedule.c.id == known.id))

    # ---- occurrences ----------------------------------------------------------------------------

    def occurrences(self, slug: str, limit: int = 1000) -> list[KeptOccurrence]:
        """What is kept of a digest's occurrences, the latest by name first."""
        rows = self._db.execute(
            select(occurrence, digest.c.slug)
            .join(digest, digest.c.id == occurrence.c.digest_id)
            .where(digest.c.slug == slug)
            .order_by(occurrence.c.wall.desc(), occurrence.c.id.desc())
            .limit(limit)
        )
        return [_occurrence(row) for row in rows]

    def kept_since(self, since: datetime) -> dict[str, list[KeptOccurrence]]:
        """What is kept of all digests' occurrences that are named since then, and of those that
        staff have moved and are to come; by digest."""
        rows = self._db.execute(
            select(occurrence, digest.c.slug)
            .join(digest, digest.c.id == occurrence.c.digest_id)
            .where(
                or_(
                    occurrence.c.wall >= _wall(since),
                    occurrence.c.state == OccurrenceState.PLANNED.value,
                )
            )
            .order_by(occurrence.c.id)
        )
        found: dict[str, list[KeptOccurrence]] = {}
        for row in rows:
            found.setdefault(row.slug, []).append(_occurrence(row))
        return found

    def held(self) -> list[KeptOccurrence]:
        """Those of all digests that are held, and that no later one was made of."""
        later = occurrence.alias("later")
        newer = (
            select(later.c.id)
            .where(
                later.c.digest_id == occurrence.c.digest_id,
                later.c.wall > occurrence.c.wall,
                later.c.state == OccurrenceState.MADE.value,
            )
            .exists()
        )
        rows = self._db.execute(
            select(occurrence, digest.c.slug)
            .join(digest, digest.c.id == occurrence.c.digest_id)
            .where(occurrence.c.state == OccurrenceState.HELD.value, ~newer)
            .order_by(occurrence.c.wall)
        )
        return [_occurrence(row) for row in rows]

    def take(
        self,
        slug: str,
        named: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        schedule: int,
        reason: str = "",
    ) -> int | None:
        """Let an occurrence become what it becomes at its cut-off; the number of its row. None:
        somebody else has done so. The row is the lock: of two who ask, one is first, whatever
        either of them has seen before."""
        digest_id = id_of(self._db, digest, slug, "digest")
        values = {
            "digest_id": digest_id,
            "wall": _wall(named),
            "zone": zone,
            "schedule_id": schedule,
            "state": state.value,
            "reason": reason,
            "actor": "",
            "created_at": now,
            "updated_at": now,
        }
        made = self._db.execute(
            upsert(self._db.dialect.name, occurrence)
            .values(**values)
            .on_conflict_do_nothing()
            .returning(occurrence.c.id)
        ).scalar_one_or_none()
        if made is not None:
            return int(made)
        moved = self._db.execute(
            update(occurrence)
            .where(
                occurrence.c.digest_id == digest_id,
                occurrence.c.wall == _wall(named),
                occurrence.c.zone == zone,
                occurrence.c.state == OccurrenceState.PLANNED.value,
            )
            .values(state=state.value, updated_at=now, **({"reason": reason} if reason else {}))
            .returning(occurrence.c.id)
        ).scalar_one_or_none()
        return None if moved is None else int(moved)

    def attach(self, number: int, edition: int) -> None:
        """Say which edition was made of an occurrence."""
        self._db.execute(
            update(occurrence).where(occurrence.c.id == number).values(edition_id=edition)
        )

    def decide(
        self,
        slug: str,
        named: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        seen: KeptOccurrence | None,
        schedule: int,
        moved_to: datetime | None,
        reason: str,
        actor: str,
    ) -> KeptOccurrence | None:
        """Keep what staff have decided about an occurrence that is still as they have `seen` it
        (None: nothing was kept of it). None: it has changed meanwhile."""
        decided = {
            "state": state.value,
            "moved_to": _wall(moved_to) if moved_to else None,
            "reason": reason,
            "actor": actor,
            "updated_at": now,
        }
        values = {
            "digest_id": id_of(self._db, digest, slug, "digest"),
            "wall": _wall(named),
            "zone": zone,
            "schedule_id": schedule,
            "created_at": now,
        }
        statement = upsert(self._db.dialect.name, occurrence).values(**values, **decided)
        if seen is None:
            statement = statement.on_conflict_do_nothing()
        else:
            statement = statement.on_conflict_do_update(
                index_elements=[occurrence.c.digest_id, occurrence.c.wall, occurrence.c.zone],
                set_=decided,
                where=and_(
                    occurrence.c.state == seen.state.value,
                    occurrence.c.updated_at == seen.updated_at,
                ),
            )
        if self._db.execute(statement.returning(occurrence.c.id)).scalar_one_or_none() is None:
            return None
        return next(one for one in self.occurrences(slug) if (one.named, one.zone) == (named, zone))

    # ---- blackouts ------------------------------------------------------------------------------

    def blackouts(self) -> list[KeptBlackout]:
        rows = self._db.execute(select(blackout).order_by(blackout.c.first_day, blackout.c.id))
        return [
            KeptBlackout(
                row.id,
                Blackout(
                    date.fromisoformat(row.first_day), date.fromisoformat(row.last_day), row.reason
                ),
            )
            for row in rows
        ]

    def add_blackout(self, days: Blackout, now: datetime) -> KeptBlackout:
        made = self._db.execute(
            insert(blackout).values(
                first_day=days.first.isoformat(),
                last_day=days.last.isoformat(),
                reason=days.reason,
                created_at=now,
            )
        )
        return KeptBlackout(new_id(made), days)

    def remove_blackout(self, kept: KeptBlackout) -> None:
        self._db.execute(delete(blackout).where(blackout.c.id == kept.id))


def _record(row: Row[Any]) -> Schedule:
    timing = Timing(
        spelling.parse(row.rule, date.fromisoformat(row.start)),
        time.fromisoformat(row.at),
        row.zone,
        OnFreeDay(row.on_free_day),
    )
    new = NewSchedule(row.slug, timing, timedelta(minutes=row.cutoff_minutes), row.place)
    return Schedule(row.id, new, row.created_at)


def _wall(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


def _occurrence(row: Row[Any]) -> KeptOccurrence:
    return KeptOccurrence(
        id=row.id,
        digest=row.slug,
        named=datetime.fromisoformat(row.wall),
        zone=row.zone,
        schedule=row.schedule_id,
        state=OccurrenceState(row.state),
        moved_to=datetime.fromisoformat(row.moved_to) if row.moved_to else None,
        edition=row.edition_id,
        reason=row.reason,
        actor=row.actor,
        updated_at=row.updated_at,
    )
