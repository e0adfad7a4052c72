"""A session that the database has ended never reaches a reader.

A pooled session is replaced before use, and a transaction that lost its link is run again."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text

from mailer.audience import lists
from mailer.errors import DatabaseUnavailable
from mailer.store import SqlTransaction, Store
from mailer.web.public.batched_writes import PageWriter
from mailer.web.public.routes import ROUTES
from tests.actors import STAFF
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice
from tests.postgresql import run_sql

END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def backend() -> str:
    return "postgresql"


def test_ended_sessions_reach_no_reader(
    pages: AsgiClient, seeded_office: SeededOffice, database_url: str
) -> None:
    subscriber = seeded_office.find_subscriber(ADDRESSES["known"])
    assert subscriber is not None
    link = seeded_office.build_unsubscribe_path(subscriber)
    for _ in range(3):
        assert pages.get_page(link).status == 200
        run_sql(database_url, END_SESSIONS)
        assert pages.send_form(link, {"List-Unsubscribe": "One-Click"}).text == "unsubscribed\n"
        run_sql(database_url, END_SESSIONS)
        assert pages.get_page("/healthz").status == 200


def run_write(store: Store, write: Callable[[SqlTransaction], Any], *, may_repeat: bool) -> Any:
    writer = PageWriter(store, threads=2)
    return asyncio.run(writer.run_in_transaction(write, may_repeat=may_repeat))


def end_session(tx: SqlTransaction, url: str) -> None:
    pid = tx.connection.scalar(text("SELECT pg_backend_pid()"))
    run_sql(url, f"SELECT pg_terminate_backend({pid})")


def test_write_that_lost_its_link_is_run_again(store: Store, database_url: str) -> None:
    attempts: list[int] = []

    def add_topic(tx: SqlTransaction) -> str:
        attempts.append(1)
        slug = lists.add_topic(tx, STAFF, "health", {"en": "Health"}, NOW).slug
        if len(attempts) == 1:
            end_session(tx, database_url)
        tx.lists.list_topics()
        return slug

    assert run_write(store, add_topic, may_repeat=False) == "health"
    assert len(attempts) == 2


@pytest.mark.parametrize("may_repeat", [True, False])
def test_write_with_unknown_outcome_is_repeated_only_if_harmless(
    store: Store, database_url: str, may_repeat: bool
) -> None:
    attempts: list[int] = []
    is_first = threading.Event()
    is_first.set()

    def lose_link(connection: Any) -> None:
        if is_first.is_set():
            is_first.clear()
            pid = connection.connection.driver_connection.info.backend_pid
            run_sql(database_url, f"SELECT pg_terminate_backend({pid})")

    def read_topics(tx: SqlTransaction) -> str:
        attempts.append(1)
        tx.connection.execute(text("SELECT 1"))
        return "done"

    event.listen(store.engine, "commit", lose_link)
    try:
        if may_repeat:
            assert run_write(store, read_topics, may_repeat=True) == "done"
        else:
            with pytest.raises(DatabaseUnavailable) as caught:
                run_write(store, read_topics, may_repeat=False)
            assert caught.value.outcome_unknown
            assert "may be saved" in caught.value.hint
    finally:
        event.remove(store.engine, "commit", lose_link)
    assert len(attempts) == 1 + may_repeat


def test_unsubscribing_may_be_repeated() -> None:
    repeated_paths = {route.path for route in ROUTES if route.may_repeat}
    assert {"/u/{token}", "/p/{token}/leave"} <= repeated_paths
    assert not {"/subscribe", "/c/{token}", "/p/{token}/address"} & repeated_paths
