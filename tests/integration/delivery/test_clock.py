"""Clocks that jump by an hour in the middle of a run, with two senders at work: nobody is lost, and
nobody gets a message twice."""

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
"""More than two senders have claimed when the clock jumps."""


class Clock:
    """A database's clock: what SQL's own words for now give, to all connections of `watched`."""

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

    def watched(self, store: Store) -> Store:
        event.listen(store.engine, "connect", self._take_over)
        return store

    def _take_over(self, connection: Any, _: object) -> None:
        if self._url.startswith("sqlite"):
            connection.create_function("strftime", -1, self._strftime)
        else:
            connection.execute("SET search_path TO clock, pg_catalog, public")
            connection.commit()

    def _strftime(self, *words: str) -> str:
        with self._lock:
            marks = ", ".join("?" * len(words))
            words = (*words, f"{self._shift} seconds")
            row = self._sqlite.execute(f"SELECT strftime({marks}, ?)", words).fetchone()
        return str(row[0])

    def jump(self, seconds: int) -> None:
        self._shift = seconds
        if not self._url.startswith("sqlite"):
            run_sql(self._url, f"UPDATE clock.shift SET seconds = {seconds:d}")  # noqa: S608

    def close(self) -> None:
        self._sqlite.close()
        if not self._url.startswith("sqlite"):
            run_sql(self._url, "DROP SCHEMA clock CASCADE")


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    found = Clock(database_url)
    yield found
    found.close()


@pytest.fixture
def two(mailer: Mailer, database_url: str, clock: Clock) -> Iterator[tuple[Mailer, Mailer]]:
    """Two senders of one office, each with connections to the database of its own."""
    relay = mailer.settings.relay.model_copy(update={"connections": 2})
    settings = mailer.settings.model_copy(update={"relay": relay})
    stores = [clock.watched(Store(database_url, KEY)) for _ in range(2)]
    first, second = (Mailer(settings, store) for store in stores)
    yield first, second
    for store in stores:
        store.close()


def both(two: tuple[Mailer, Mailer], edition: Edition) -> None:
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(one.deliver_editions, [edition], threading.Event(), at_once=True)
            for one in two
        ]
    for run in runs:
        run.result()


def after(count: int, do: Callable[[], object], relay: Relay) -> None:
    """Do something when the relay has so many messages."""
    left = iter(range(count))

    def act(_: Envelope) -> str:
        if next(left, None) == count - 1:
            do()
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, act)


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forward", "back"])
def test_the_databases_clock_jumps(
    seconds: int,
    two: tuple[Mailer, Mailer],
    clock: Clock,
    relay: Relay,
    mailer: Mailer,
    diary: StateLog,
) -> None:
    """When it goes back, what was due and is not yet claimed is not due any more: that is for the
    next run."""
    edition = begin_edition(mailer, *READERS)
    after(60, lambda: clock.jump(seconds), relay)
    both(two, edition)
    assert set(read_delivery_states(mailer.store, edition).values()) <= {_S.SENT, _S.QUEUED}
    both(two, edition)
    assert sorted(relay.accepted) == READERS, "each once"
    assert set(read_delivery_states(mailer.store, edition).values()) == {_S.SENT}
    assert diary.in_doubt_addresses == set()


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("hours", [(1, 0), (-1, 0), (1, -1)])
def test_two_machines_whose_clocks_differ(
    hours: tuple[int, int],
    two: tuple[Mailer, Mailer],
    relay: Relay,
    mailer: Mailer,
    diary: StateLog,
) -> None:
    for one, off in zip(two, hours, strict=True):
        one.clock = lambda off=off: get_utc_now() + timedelta(hours=off)  # type: ignore[misc]
    edition = begin_edition(mailer, *READERS)
    both(two, edition)
    assert sorted(relay.accepted) == READERS, "each once, in one go"
    assert set(read_delivery_states(mailer.store, edition).values()) == {_S.SENT}
    assert diary.in_doubt_addresses == set()
