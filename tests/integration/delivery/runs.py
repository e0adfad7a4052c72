"""Runs of an edition, and how it stands afterwards."""

import threading
from collections.abc import Callable
from typing import Any

from mailer import editions
from mailer.app import Mailer
from mailer.delivery.outcomes import Progress
from mailer.editions import Edition, EditionState
from mailer.outbox import DeliveryState, Report
from mailer.store import Store
from tests.integration import office
from tests.integration.office import deliveries
from tests.smtpd import Envelope, Relay, Step

PATIENCE = 30.0
"""Seconds after which a run is taken to wait for ever."""


def deliver(
    mailer: Mailer,
    *several: Edition,
    stop: threading.Event | None = None,
    follow: bool = False,
    at_once: bool = True,
) -> tuple[Progress, Report]:
    """A run; its figures, and the report of the first of the editions."""
    progress, reports = deliver_all(mailer, *several, stop=stop, follow=follow, at_once=at_once)
    return progress, reports[0]


def deliver_all(
    mailer: Mailer,
    *several: Edition,
    stop: threading.Event | None = None,
    follow: bool = False,
    at_once: bool = True,
) -> tuple[Progress, list[Report]]:
    """A run, which also tries what was put off if `at_once`; its figures, and the reports of the
    editions, in the order of their numbers."""
    with mailer.store.read() as tx:
        several = tuple(office.again(tx, edition) for edition in several)
    stop, stuck = stop or threading.Event(), threading.Event()

    def give_up() -> None:
        stuck.set()
        stop.set()

    watchdog = threading.Timer(PATIENCE, give_up)
    watchdog.start()
    try:
        done = mailer.deliver(several, stop, follow=follow, at_once=at_once)
    finally:
        watchdog.cancel()
    assert not stuck.is_set(), f"the run came to no end: {done[0]}"
    return done


def with_relay(mailer: Mailer, **changes: Any) -> Mailer:
    """The same office, but for these settings of its relay."""
    changed = mailer.settings.relay.model_copy(update=changes)
    return with_settings(mailer, relay=changed)


def with_settings(mailer: Mailer, **changes: Any) -> Mailer:
    return Mailer(mailer.settings.model_copy(update=changes), mailer.store, mailer.clock)


def one_by_one(mailer: Mailer, window: int = 4) -> Mailer:
    """The same office, with a single connection: messages go one after the other."""
    return with_relay(mailer, connections=1, window=window)


def counted(report: Report) -> dict[str, int]:
    return {state.value: count for state, count in report.states.items() if count}


def edition_state(store: Store, edition: Edition) -> EditionState:
    with store.read() as tx:
        return office.again(tx, edition).state


def resume(mailer: Mailer, edition: Edition) -> None:
    with mailer.store.begin() as tx:
        editions.resume(tx.editions, office.again(tx, edition), mailer.clock())


def nobody_was_tried(store: Store, edition: Edition) -> bool:
    """All wait in the queue, and nobody's attempt was spent."""
    rows = deliveries(store, edition).values()
    return {(row.state, row.attempt) for row in rows} == {(DeliveryState.QUEUED, 0)}


def while_the_first_is_sent(relay: Relay, do: Callable[[], object]) -> None:
    """Do this between the first message's final dot and its reply."""

    def act(_: Envelope) -> str:
        do()
        return "250 2.0.0 queued"

    relay.on(Step.DOT, act)
