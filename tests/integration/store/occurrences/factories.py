"""Make schedules, occurrences and editions for tests, and run transactions concurrently."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from mailer import digests
from mailer.digests import occurrences, schedules
from mailer.digests.calendar import LOOK_BACK, DigestCalendar, OccurrenceAction, PlannedOccurrence
from mailer.model.edition_states import SendTimeBasis
from mailer.model.editions import Edition
from mailer.model.schedules import NewSchedule, OccurrenceState, SavedOccurrence
from mailer.schedules.holidays import OnFreeDay
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration.factories import NOW

LONDON = "Europe/London"
ROUNDS = 20
PLANNED, SKIPPED = OccurrenceState.PLANNED, OccurrenceState.SKIPPED
MADE, ON_HOLD = OccurrenceState.MADE, OccurrenceState.ON_HOLD

T = TypeVar("T")


def parse_wall_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


RULE_TIME = parse_wall_time("2026-11-24 09:00")
"""A Tuesday, four days from now."""


def add_schedule(tx: SqlTransaction, slug: str = "weekly", zone: str = LONDON) -> None:
    timing = schedules.parse_timing("weekly on Tue", "09:00", zone, NOW.date(), OnFreeDay.SKIP)
    schedules.add_schedule(tx, STAFF, NewSchedule(slug, timing), {}, NOW)


def find_schedule_id(tx: SqlTransaction, slug: str = "weekly") -> int:
    return next(
        schedule.id
        for schedule in tx.schedules.list_schedules()
        if schedule.settings.digest_slug == slug
    )


def claim_occurrence(
    tx: SqlTransaction,
    rule_time: datetime = RULE_TIME,
    state: OccurrenceState = MADE,
    *,
    slug: str = "weekly",
    zone: str = LONDON,
    **fields: Any,
) -> int | None:
    fields = {"schedule_id": find_schedule_id(tx, slug)} | fields
    return tx.schedules.claim_occurrence(slug, rule_time, zone, state, NOW, **fields)


def save_decision(
    tx: SqlTransaction,
    state: OccurrenceState = PLANNED,
    rule_time: datetime = RULE_TIME,
    *,
    expected: SavedOccurrence | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> SavedOccurrence | None:
    fields = {
        "schedule_id": find_schedule_id(tx),
        "moved_to": None,
        "reason": "",
        "actor": "Amina",
    } | fields
    return tx.schedules.save_decision(
        "weekly", rule_time, LONDON, state, now, expected=expected, **fields
    )


def get_occurrence(tx: SqlTransaction, rule_time: datetime = RULE_TIME) -> SavedOccurrence:
    (occurrence,) = [
        one for one in tx.schedules.list_occurrences("weekly") if one.rule_time == rule_time
    ]
    return occurrence


def run_concurrently(store: Store, *actions: Callable[[SqlTransaction], T]) -> list[T]:
    """Run transactions that begin at once, and return their results. On PostgreSQL all have begun
    and read before any writes; SQLite lets in one writer after the other, so they only start
    together."""
    barrier = threading.Barrier(len(actions), timeout=10)
    on_sqlite = store.engine.dialect.name == "sqlite"

    def run(action: Callable[[SqlTransaction], T]) -> T:
        if on_sqlite:
            barrier.wait()
        with store.begin() as tx:
            if not on_sqlite:
                tx.schedules.list_occurrences("weekly")
                barrier.wait()
            return action(tx)

    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(run, action) for action in actions]]


def build_calendar(tx: SqlTransaction) -> DigestCalendar:
    return DigestCalendar(
        digests.get_digest(tx, "weekly"),
        tuple(
            schedule
            for schedule in tx.schedules.list_schedules()
            if schedule.settings.digest_slug == "weekly"
        ),
        tuple(tx.schedules.list_occurrences_since(NOW - LOOK_BACK).get("weekly", ())),
        tuple(blackout.days for blackout in tx.schedules.list_blackouts()),
        {},
    )


def find_planned(tx: SqlTransaction, text: str = "2026-11-24") -> PlannedOccurrence:
    return build_calendar(tx).find_occurrence(text, NOW)


def assemble_edition(tx: SqlTransaction) -> Edition:
    """Its edition, as the worker makes it at the cut-off."""
    planned = find_planned(tx)
    occurrence_id = claim_occurrence(tx)
    assert occurrence_id
    appointment = occurrences.build_appointment(planned, SendTimeBasis.OFFICE)
    edition, _ = digests.assemble_edition(tx, STAFF, "weekly", NOW, appointment)
    tx.schedules.attach_edition(occurrence_id, edition.id)
    return edition


def list_waiting_slugs(tx: SqlTransaction) -> list[str]:
    """The stories that the digest's next edition would hold."""
    digest = digests.get_digest(tx, "weekly")
    choice = digests.choose_stories(digest.settings, tx.digests.list_candidate_stories(digest), NOW)
    return [story.slug for story in choice.stories]


def list_due_actions(tx: SqlTransaction, now: datetime) -> dict[str, OccurrenceAction]:
    return {
        f"{step.planned.occurrence.rule_time:%d %b}": step.action
        for step in build_calendar(tx).list_due_steps(now, LOOK_BACK)
    }
