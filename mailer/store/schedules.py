"""Schedules of digests, and blackouts."""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from mailer.schedules import spelling
from mailer.schedules.free_days import Blackout, OnFreeDay
from mailer.schedules.occurrences import Timing
from mailer.schedules.records import KeptBlackout, NewSchedule, Schedule
from mailer.schedules.rules import Recurring
from mailer.store.ids import id_of, new_id
from mailer.store.schema import blackout, digest, schedule


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
