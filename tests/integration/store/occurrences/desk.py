"""What tests of occurrences do again and again."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from mailer import digests
from mailer.digests import occurrences
from mailer.digests.calendar import LOOK_BACK, Calendar, Do, Planned
from mailer.editions import Edition, SendTime
from mailer.schedules import records
from mailer.schedules.free_days import OnFreeDay
from mailer.schedules.records import KeptOccurrence, NewSchedule, OccurrenceState
from mailer.store import Store, Transaction
from tests.integration.office import NOW

LONDON = "Europe/London"
ROUNDS = 20
PLANNED, SKIPPED = OccurrenceState.PLANNED, OccurrenceState.SKIPPED
MADE, HELD = OccurrenceState.MADE, OccurrenceState.HELD

T = TypeVar("T")


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


NAMED = wall("2026-11-24 09:00")
"""A Tuesday, four days from now."""


def schedule(tx: Transaction, slug: str = "weekly", zone: str = LONDON) -> None:
    timing = records.timing("weekly on Tue", "09:00", zone, NOW.date(), OnFreeDay.SKIP)
    records.schedule(tx.schedules, NewSchedule(slug, timing), {}, NOW)


def schedule_of(tx: Transaction, slug: str = "weekly") -> int:
    return next(one.id for one in tx.schedules.schedules() if one.new.digest == slug)


def take(
    tx: Transaction,
    named: datetime = NAMED,
    state: OccurrenceState = MADE,
    *,
    of: str = "weekly",
    zone: str = LONDON,
    **fields: Any,
) -> int | None:
    fields = {"schedule": schedule_of(tx, of)} | fields
    return tx.schedules.take(of, named, zone, state, NOW, **fields)


def decide(
    tx: Transaction,
    state: OccurrenceState = PLANNED,
    named: datetime = NAMED,
    *,
    seen: KeptOccurrence | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> KeptOccurrence | None:
    fields = {
        "schedule": schedule_of(tx),
        "moved_to": None,
        "reason": "",
        "actor": "Amina",
    } | fields
    return tx.schedules.decide("weekly", named, LONDON, state, now, seen=seen, **fields)


def row(tx: Transaction, named: datetime = NAMED) -> KeptOccurrence:
    (found,) = [one for one in tx.schedules.occurrences("weekly") if one.named == named]
    return found


def race(store: Store, *acts: Callable[[Transaction], T]) -> list[T]:
    """What transactions give that begin at once. On PostgreSQL all have begun and read before any
    writes; SQLite lets in one writer after the other, and so they start together."""
    together = threading.Barrier(len(acts), timeout=10)
    on_sqlite = store.engine.dialect.name == "sqlite"

    def run(act: Callable[[Transaction], T]) -> T:
        if on_sqlite:
            together.wait()
        with store.begin() as tx:
            if not on_sqlite:
                tx.schedules.occurrences("weekly")
                together.wait()
            return act(tx)

    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result() for one in [pool.submit(run, act) for act in acts]]


def calendar(tx: Transaction) -> Calendar:
    return Calendar(
        digests.get(tx.digests, "weekly"),
        tuple(one for one in tx.schedules.schedules() if one.new.digest == "weekly"),
        tuple(tx.schedules.kept_since(NOW - LOOK_BACK).get("weekly", ())),
        tuple(one.days for one in tx.schedules.blackouts()),
        {},
    )


def planned(tx: Transaction, when: str = "2026-11-24") -> Planned:
    return calendar(tx).find(when, NOW)


def assembled(tx: Transaction) -> Edition:
    """Its edition, as the worker makes it at the cut-off."""
    one = planned(tx)
    number = take(tx)
    assert number
    when = occurrences.appointment(one, SendTime.OFFICE)
    made, _ = digests.assemble(tx.digests, "weekly", NOW, when)
    tx.schedules.attach(number, made.id)
    return made


def waiting(tx: Transaction) -> list[str]:
    """The stories that the digest's next edition would hold."""
    known = digests.get(tx.digests, "weekly")
    found = digests.choose(known.order, tx.digests.candidates(known), NOW)
    return [story.slug for story in found.stories]


def due(tx: Transaction, now: datetime) -> dict[str, Do]:
    return {
        f"{step.planned.occurrence.named:%d %b}": step.do
        for step in calendar(tx).due(now, LOOK_BACK)
    }
