"""A worker counts as dead by its name, or if its heartbeat has not changed for a lease."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery import takeover
from mailer.delivery.takeover import WorkerMonitor
from mailer.model.deliveries import DeliveryWorker
from mailer.model.transaction import Database
from tests.unit.samples import NOW, make_edition

LEASE = 60.0


class FakeWorkerDatabase:
    """A database with workers that notes which were reclaimed, and for which editions the in-doubt
    rule was applied."""

    def __init__(self, *workers: DeliveryWorker) -> None:
        self.workers_by_id = {worker.id: worker for worker in workers}
        self.reclaimed_ids: list[int] = []
        self.ruled_edition_ids: list[int] = []
        self.due_edition_ids: list[int] = []

    @contextmanager
    def begin(self) -> Iterator[Any]:
        yield SimpleNamespace(outbox=self)

    read = begin

    def list_workers(self) -> list[DeliveryWorker]:
        return list(self.workers_by_id.values())

    def reclaim_deliveries(self, dead_worker: DeliveryWorker) -> tuple[int, int] | None:
        if self.workers_by_id.get(dead_worker.id) != dead_worker:
            return None
        del self.workers_by_id[dead_worker.id]
        self.reclaimed_ids.append(dead_worker.id)
        return 3, 1

    def find_due_doubts(self, edition_ids: list[int]) -> list[int]:
        return [edition_id for edition_id in self.due_edition_ids if edition_id in edition_ids]

    def apply_in_doubt_rule(self, edition: Any, now: Any) -> int:
        self.ruled_edition_ids.append(edition.id)
        return 1

    def advance_heartbeat(self, worker_id: int) -> None:
        worker = self.workers_by_id[worker_id]
        self.workers_by_id[worker_id] = DeliveryWorker(worker.id, worker.name, worker.heartbeat + 1)


def make_monitor(database: FakeWorkerDatabase, worker_id: int = 1) -> WorkerMonitor:
    monitor = WorkerMonitor(cast("Database", database), LEASE, lambda: NOW)
    monitor.worker_id = worker_id
    return monitor


def make_remote_worker(worker_id: int, heartbeat: int = 0) -> DeliveryWorker:
    return DeliveryWorker(worker_id, "somewhere:1:2:3", heartbeat)


ACTIVE_EDITIONS = [
    SimpleNamespace(edition=make_edition(id=7)),
    SimpleNamespace(edition=make_edition(id=8)),
]


def test_unchanged_heartbeat_for_a_lease_means_dead() -> None:
    database = FakeWorkerDatabase(make_remote_worker(2))
    monitor = make_monitor(database)
    assert monitor.reclaim_from_dead_workers(1000.0) == (0, 0)
    assert monitor.reclaim_from_dead_workers(1000.0 + LEASE - 0.1) == (0, 0)
    assert monitor.reclaim_from_dead_workers(1000.0 + LEASE) == (3, 1)
    assert database.reclaimed_ids == [2]


@given(st.lists(st.floats(0, 0.99 * LEASE), max_size=30))
def test_worker_with_moving_heartbeat_is_never_reclaimed(pauses: list[float]) -> None:
    database, now = FakeWorkerDatabase(make_remote_worker(2)), 0.0
    monitor = make_monitor(database)
    for pause in pauses:
        monitor.reclaim_from_dead_workers(now)
        database.advance_heartbeat(2)
        now += pause
        monitor.reclaim_from_dead_workers(now)
    assert database.reclaimed_ids == []


def test_worker_never_reclaims_its_own_deliveries() -> None:
    database = FakeWorkerDatabase(make_remote_worker(1))
    monitor = make_monitor(database, worker_id=1)
    for now in (0.0, 2 * LEASE, 9 * LEASE):
        monitor.reclaim_from_dead_workers(now)
    assert database.reclaimed_ids == []


def test_ended_process_is_reclaimed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "is_dead", lambda name: name == "dead")
    database = FakeWorkerDatabase(DeliveryWorker(2, "dead", 5), make_remote_worker(3))
    assert make_monitor(database).reclaim_from_dead_workers(0.0) == (3, 1)
    assert database.reclaimed_ids == [2]


def test_lease_counts_from_first_observation() -> None:
    """Not from a moment in the database, because clocks differ between machines."""
    database = FakeWorkerDatabase(make_remote_worker(2, heartbeat=9))
    assert make_monitor(database).reclaim_from_dead_workers(1e9) == (0, 0)


def test_in_doubt_rule_is_applied_to_editions_with_due_doubts() -> None:
    database = FakeWorkerDatabase()
    monitor = make_monitor(database)
    assert monitor.apply_in_doubt_rules(ACTIVE_EDITIONS) == 0
    assert database.ruled_edition_ids == []
    database.due_edition_ids = [8, 9]
    assert monitor.apply_in_doubt_rules(ACTIVE_EDITIONS) == 1
    assert database.ruled_edition_ids == [8]
