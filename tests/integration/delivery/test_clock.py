"""Clocks jump by an hour during a run of two workers: no message is lost or sent twice."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from mailer.app import Mailer, get_utc_now
from mailer.model.deliveries import DeliveryState
from mailer.model.editions import Edition
from mailer.store import Store
from tests.conftest import KEY
from tests.fake_relay import Envelope, Relay, Step
from tests.integration.delivery.faults import SUCCESS_REPLIES
from tests.integration.delivery.worker_processes import StateLog
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states
from tests.postgresql import run_sql

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)

_S = DeliveryState
HOUR = 3600
READERS = make_addresses(700)
"""More readers than two workers have claimed when the clock jumps."""


class DatabaseClock:
    """The clock of a database: the value of SQL's functions for now, in all connections of a store
    passed to `attach_store`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._shift = 0
        self._sqlite = sqlite3.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        if not url.startswith("sqlite"):
            run_sql(
                url,
                "CREATE SCHEMA clock",
                "CREATE TABLE clock.shift AS SELECT 0 AS seconds",
                "CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                "'SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) "
                "FROM clock.shift'",
            )

    def attach_store(self, store: Store) -> Store:
        event.listen(store.engine, "connect", self._replace_clock)
        return store

    def _replace_clock(self, connection: Any, _: object) -> None:
        if self._url.startswith("sqlite"):
            connection.create_function("strftime", -1, self._strftime)
        else:
            connection.execute("SET search_path TO clock, pg_catalog, public")
            connection.commit()

    def _strftime(self, *arguments: str) -> str:
        with self._lock:
            placeholders = ", ".join("?" * len(arguments))
            arguments = (*arguments, f"{self._shift} seconds")
            row = self._sqlite.execute(f"SELECT strftime({placeholders}, ?)", arguments).fetchone()
        return str(row[0])

    def set_shift(self, seconds: int) -> None:
        self._shift = seconds
        if not self._url.startswith("sqlite"):
            run_sql(self._url, f"UPDATE clock.shift SET seconds = {seconds:d}")  # noqa: S608

    def close(self) -> None:
        self._sqlite.close()
        if not self._url.startswith("sqlite"):
            run_sql(self._url, "DROP SCHEMA clock CASCADE")


@pytest.fixture
def clock(database_url: str) -> Iterator[DatabaseClock]:
    database_clock = DatabaseClock(database_url)
    yield database_clock
    database_clock.close()


@pytest.fixture
def two_workers(
    mailer: Mailer, database_url: str, clock: DatabaseClock
) -> Iterator[tuple[Mailer, Mailer]]:
    """Two workers of one office, each with its own connections to the database."""
    relay = mailer.settings.relay.model_copy(update={"connections": 2})
    settings = mailer.settings.model_copy(update={"relay": relay})
    stores = [clock.attach_store(Store(database_url, KEY)) for _ in range(2)]
    first, second = (Mailer(settings, store) for store in stores)
    yield first, second
    for store in stores:
        store.close()


def run_both_workers(two_workers: tuple[Mailer, Mailer], edition: Edition) -> None:
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(worker.deliver_editions, [edition], threading.Event(), at_once=True)
            for worker in two_workers
        ]
    for run in runs:
        run.result()


def run_after_messages(count: int, action: Callable[[], object], relay: Relay) -> None:
    """Run `action` when the relay has received `count` messages."""
    remaining = iter(range(count))

    def count_message(_: Envelope) -> str:
        if next(remaining, None) == count - 1:
            action()
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, count_message)


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forward", "back"])
def test_database_clock_jump_loses_and_repeats_nothing(
    seconds: int,
    two_workers: tuple[Mailer, Mailer],
    clock: DatabaseClock,
    relay: Relay,
    mailer: Mailer,
    state_log: StateLog,
) -> None:
    """If the clock goes back, unclaimed deliveries are no longer due: the next run sends them."""
    edition = begin_edition(mailer, *READERS)
    run_after_messages(60, lambda: clock.set_shift(seconds), relay)
    run_both_workers(two_workers, edition)
    assert set(read_delivery_states(mailer.store, edition).values()) <= {_S.SENT, _S.QUEUED}
    run_both_workers(two_workers, edition)
    assert sorted(relay.accepted) == READERS, "each message once"
    assert set(read_delivery_states(mailer.store, edition).values()) == {_S.SENT}
    assert state_log.in_doubt_addresses == set()


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("hours", [(1, 0), (-1, 0), (1, -1)])
def test_workers_with_different_clocks_share_edition(
    hours: tuple[int, int],
    two_workers: tuple[Mailer, Mailer],
    relay: Relay,
    mailer: Mailer,
    state_log: StateLog,
) -> None:
    for worker, offset in zip(two_workers, hours, strict=True):
        worker.clock = lambda offset=offset: get_utc_now() + timedelta(hours=offset)  # type: ignore[misc]
    edition = begin_edition(mailer, *READERS)
    run_both_workers(two_workers, edition)
    assert sorted(relay.accepted) == READERS, "each message once, in one run"
    assert set(read_delivery_states(mailer.store, edition).values()) == {_S.SENT}
    assert state_log.in_doubt_addresses == set()
