"""Writes of pages share transactions, and each is answered as if it had its own."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mailer.audience import lists
from mailer.errors import ConfigError, InputError
from mailer.store import SqlTransaction, Store
from mailer.web.public import batched_writes
from mailer.web.public.batched_writes import PageWriter, UndoWrite
from tests.actors import STAFF
from tests.integration.factories import NOW


def run_at_once(store: Store, jobs: Sequence[Callable[[SqlTransaction], Any]]) -> list[Any]:
    """Run all jobs at once, and return the result or the error of each."""
    writer = PageWriter(store, threads=4)

    async def run_jobs() -> list[Any]:
        futures = [asyncio.ensure_future(writer.run_in_transaction(job)) for job in jobs]
        return await asyncio.gather(*futures, return_exceptions=True)

    try:
        return asyncio.run(run_jobs())
    finally:
        writer.stop()


def make_topic_write(slug: str) -> Callable[[SqlTransaction], str]:
    return lambda tx: lists.add_topic(tx, STAFF, slug, {"en": slug}, NOW).slug


def list_topic_slugs(store: Store) -> set[str]:
    with store.read() as tx:
        return {one.slug for one in tx.lists.list_topics()}


def test_page_writer_answers_each_write_with_its_result(store: Store) -> None:
    slugs = [f"t{number}" for number in range(30)]
    assert run_at_once(store, [make_topic_write(slug) for slug in slugs]) == slugs
    assert list_topic_slugs(store) == {*slugs}


def test_page_writer_undoes_only_the_write_that_failed(store: Store) -> None:
    def fail_after_writing(tx: SqlTransaction) -> str:
        make_topic_write("wrong")(tx)
        raise InputError("no")

    first_answer, error, last_answer = run_at_once(
        store, [make_topic_write("one"), fail_after_writing, make_topic_write("two")]
    )
    assert (first_answer, last_answer) == ("one", "two")
    assert isinstance(error, InputError)
    assert list_topic_slugs(store) == {"one", "two"}


def test_undo_write_makes_its_answer_after_the_rollback(store: Store) -> None:
    def undo_write(tx: SqlTransaction) -> int:
        make_topic_write("wrong")(tx)
        raise UndoWrite(lambda tx: len(tx.lists.list_topics()))

    assert run_at_once(store, [undo_write]) == [0]
    assert list_topic_slugs(store) == set()


def test_page_writer_answers_after_the_commit(store: Store) -> None:
    topics_at_answer: list[set[str]] = []
    writer = PageWriter(store, threads=4)

    async def write_topic() -> None:
        await writer.run_in_transaction(make_topic_write("one"))
        topics_at_answer.append(list_topic_slugs(store))

    asyncio.run(write_topic())
    writer.stop()
    assert topics_at_answer == [{"one"}]


def run_behind_lock(
    store: Store, monkeypatch: pytest.MonkeyPatch, jobs: Sequence[Callable[[SqlTransaction], Any]]
) -> tuple[list[Any], int]:
    """Run all jobs at once, while another transaction holds the lock for a moment. Returns the
    answers and the number of transactions."""
    if store.engine.dialect.name != "sqlite":  # only SQLite has one writer at a time
        pytest.skip("each page has its own transaction on PostgreSQL")
    transactions: list[int] = []
    begin = store.begin

    def count_transactions() -> Any:
        transactions.append(1)
        return begin()

    monkeypatch.setattr(store, "begin", count_transactions)
    lock_held, release = threading.Event(), threading.Event()

    def hold_lock() -> None:
        with begin():
            lock_held.set()
            release.wait(10)

    lock_holder = threading.Thread(target=hold_lock)
    lock_holder.start()
    lock_held.wait(10)
    threading.Timer(0.3, release.set).start()
    answers = run_at_once(store, jobs)
    lock_holder.join()
    return answers, len(transactions)


def make_slow_write(seconds: float) -> Callable[[SqlTransaction], None]:
    return lambda _: time.sleep(seconds)


def test_page_writer_batches_writes_that_wait_for_the_lock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    slugs = [f"t{number}" for number in range(8)]
    answers, transaction_count = run_behind_lock(
        store, monkeypatch, [make_topic_write(slug) for slug in slugs]
    )
    assert answers == slugs
    assert transaction_count < len(slugs)


def test_slow_writes_that_wait_share_a_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a loaded server would fall behind: the fewer writes each transaction takes, the
    more of them wait for the next one."""
    monkeypatch.setattr(batched_writes, "MAX_LOCK_TIME", 30.0)
    seconds = batched_writes.MAX_JOIN_TIME
    _, transaction_count = run_behind_lock(store, monkeypatch, [make_slow_write(seconds)] * 10)
    assert transaction_count <= 2


def test_slow_writes_let_other_processes_have_the_lock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = batched_writes.MAX_LOCK_TIME
    _, transaction_count = run_behind_lock(store, monkeypatch, [make_slow_write(seconds)] * 4)
    assert transaction_count == 4


def test_page_writer_reports_a_lost_database_to_every_write(store: Store) -> None:
    def break_it(tx: SqlTransaction) -> None:
        raise ConfigError("the database can't be used")

    def refuse_transaction() -> Any:
        raise ConfigError("the database can't be used")

    store.begin = refuse_transaction  # type: ignore[method-assign]
    answers = run_at_once(store, [make_topic_write("one"), break_it, make_topic_write("two")])
    assert [type(one) for one in answers] == [ConfigError] * 3
