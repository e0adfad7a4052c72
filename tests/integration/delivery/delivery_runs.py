"""Run deliveries of editions, and read the resulting states."""

import threading
from collections.abc import Callable
from typing import Any

from mailer import editions
from mailer.app import Mailer
from mailer.delivery.outcomes import DeliveryProgress
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import Store
from tests.actors import STAFF
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.factories import read_deliveries

PATIENCE = 30.0
"""Seconds after which a run counts as endless, if its messages are few."""

SLOWEST_RATE = 40.0
"""Messages per second below which a run counts as endless, on a machine with other work beside."""


def deliver_edition(
    mailer: Mailer,
    *run_editions: Edition,
    stop: threading.Event | None = None,
    follow: bool = False,
    at_once: bool = True,
) -> tuple[DeliveryProgress, DeliveryReport]:
    """Run one delivery. Returns (progress, the report of the first edition)."""
    progress, reports = deliver_editions(
        mailer, *run_editions, stop=stop, follow=follow, at_once=at_once
    )
    return progress, reports[0]


def deliver_editions(
    mailer: Mailer,
    *run_editions: Edition,
    stop: threading.Event | None = None,
    follow: bool = False,
    at_once: bool = True,
) -> tuple[DeliveryProgress, list[DeliveryReport]]:
    """Run one delivery, which with `at_once` also tries deferred deliveries.

    Returns (progress, the reports of the editions in the order of their ids)."""
    with mailer.store.read() as tx:
        run_editions = tuple(factories.reload_edition(tx, edition) for edition in run_editions)
        due_count = sum(tx.outbox.count_due_deliveries(edition.id) for edition in run_editions)
    stop, timed_out = stop or threading.Event(), threading.Event()

    def stop_run() -> None:
        timed_out.set()
        stop.set()

    watchdog = threading.Timer(PATIENCE + due_count / SLOWEST_RATE, stop_run)
    watchdog.start()
    try:
        result = mailer.deliver_editions(run_editions, stop, follow_new=follow, at_once=at_once)
    finally:
        watchdog.cancel()
    assert not timed_out.is_set(), f"the run did not end: {result[0]}"
    return result


def with_relay(mailer: Mailer, **changes: Any) -> Mailer:
    """Return the same office with these settings of its relay changed."""
    changed = mailer.settings.relay.model_copy(update=changes)
    return with_settings(mailer, relay=changed)


def with_settings(mailer: Mailer, **changes: Any) -> Mailer:
    return Mailer(mailer.settings.model_copy(update=changes), mailer.store, mailer.clock)


def with_single_connection(mailer: Mailer, window: int = 4) -> Mailer:
    """Return the same office with a single connection, so that messages go one after the other."""
    return with_relay(mailer, connections=1, window=window)


def count_states(report: DeliveryReport) -> dict[str, int]:
    return {state.value: count for state, count in report.states.items() if count}


def get_edition_state(store: Store, edition: Edition) -> EditionState:
    with store.read() as tx:
        return factories.reload_edition(tx, edition).state


def resume_edition(mailer: Mailer, edition: Edition) -> None:
    with mailer.store.begin() as tx:
        editions.resume_edition(tx, STAFF, factories.reload_edition(tx, edition), mailer.clock())


def has_no_attempts(store: Store, edition: Edition) -> bool:
    """Check that all deliveries are queued and that no attempt was spent."""
    rows = read_deliveries(store, edition).values()
    return {(row.state, row.attempt) for row in rows} == {(DeliveryState.QUEUED, 0)}


def run_during_first_message(relay: Relay, action: Callable[[], object]) -> None:
    """Let the relay run `action` between the first message's final dot and its reply."""

    def answer_message(_: Envelope) -> str:
        action()
        return "250 2.0.0 queued"

    relay.answer_once(Step.DOT, answer_message)
