"""When another sender counts as dead: by its name, or when its beat has stood still for a lease."""

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


class Others:
    """A database with senders; it notes who was taken over, and whose rule was applied."""

    def __init__(self, *senders: DeliveryWorker) -> None:
        self.known = {one.id: one for one in senders}
        self.taken: list[int] = []
        self.ruled: list[int] = []

    @contextmanager
    def begin(self) -> Iterator[Any]:
        yield SimpleNamespace(outbox=self)

    read = begin

    def list_workers(self) -> list[DeliveryWorker]:
        return list(self.known.values())

    def reclaim_deliveries(self, dead: DeliveryWorker) -> tuple[int, int] | None:
        if self.known.get(dead.id) != dead:
            return None
        del self.known[dead.id]
        self.taken.append(dead.id)
        return 3, 1

    def apply_in_doubt_rule(self, known: Any, now: Any) -> int:
        self.ruled.append(known.id)
        return 1

    def beats(self, number: int) -> None:
        one = self.known[number]
        self.known[number] = DeliveryWorker(one.id, one.name, one.heartbeat + 1)


def watching(others: Others, sender: int = 1) -> WorkerMonitor:
    made = WorkerMonitor(cast("Database", others), LEASE, lambda: NOW)
    made.worker_id = sender
    return made


def elsewhere(number: int, beat: int = 0) -> DeliveryWorker:
    return DeliveryWorker(number, "somewhere:1:2:3", beat)


ENTRIES = [SimpleNamespace(edition=make_edition(id=7)), SimpleNamespace(edition=make_edition(id=8))]


def test_a_beat_that_stands_still_for_a_lease_is_a_dead_ones() -> None:
    others = Others(elsewhere(2))
    ours = watching(others)
    assert ours.reclaim_from_dead_workers([], 1000.0) == (0, 0)
    assert ours.reclaim_from_dead_workers([], 1000.0 + LEASE - 0.1) == (0, 0)
    assert ours.reclaim_from_dead_workers([], 1000.0 + LEASE) == (3, 1)
    assert others.taken == [2]


@given(st.lists(st.floats(0, 0.99 * LEASE), max_size=30))
def test_one_that_moves_at_least_once_a_lease_is_never_taken_for_dead(pauses: list[float]) -> None:
    others, now = Others(elsewhere(2)), 0.0
    ours = watching(others)
    for pause in pauses:
        ours.reclaim_from_dead_workers([], now)
        others.beats(2)
        now += pause
        ours.reclaim_from_dead_workers([], now)
    assert others.taken == []


def test_a_sender_does_not_take_itself_for_dead() -> None:
    others = Others(elsewhere(1))
    ours = watching(others, sender=1)
    for now in (0.0, 2 * LEASE, 9 * LEASE):
        ours.reclaim_from_dead_workers([], now)
    assert others.taken == []


def test_one_that_is_known_to_have_ended_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "is_dead", lambda name: name == "dead")
    others = Others(DeliveryWorker(2, "dead", 5), elsewhere(3))
    assert watching(others).reclaim_from_dead_workers([], 0.0) == (3, 1)
    assert others.taken == [2]


def test_how_long_one_has_stood_still_is_counted_from_when_we_saw_it() -> None:
    """Not from what is written there: clocks differ between machines."""
    others = Others(elsewhere(2, beat=9))
    assert watching(others).reclaim_from_dead_workers([], 1e9) == (0, 0)


def test_the_rule_for_what_is_in_doubt_follows_each_taking_over() -> None:
    others = Others(elsewhere(2))
    ours = watching(others)
    ours.reclaim_from_dead_workers(ENTRIES, 0.0)
    assert others.ruled == []
    ours.reclaim_from_dead_workers(ENTRIES, LEASE)
    assert others.ruled == [7, 8]


def test_at_the_start_the_rule_is_applied_though_nobody_died() -> None:
    others = Others()
    watching(others).reclaim_from_dead_workers(ENTRIES, 0.0, at_start=True)
    assert others.ruled == [7, 8]
