"""What pages write goes into few transactions, and each is answered as if it had its own."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mailer.audience import lists
from mailer.errors import ConfigError, InputError
from mailer.store import SqlTransaction, Store
from mailer.web.public.writer import PageWriter, UndoWrite
from tests.actors import STAFF
from tests.integration.factories import NOW


def run(store: Store, jobs: Sequence[Callable[[SqlTransaction], Any]]) -> list[Any]:
    """What each of the jobs gave or raised, all asked for at once."""
    writer = PageWriter(store, threads=4)

    async def ask() -> list[Any]:
        asked = [asyncio.ensure_future(writer.run_in_transaction(one)) for one in jobs]
        return await asyncio.gather(*asked, return_exceptions=True)

    try:
        return asyncio.run(ask())
    finally:
        writer.stop()


def add(slug: str) -> Callable[[SqlTransaction], str]:
    return lambda tx: lists.add_topic(tx, STAFF, slug, {"en": slug}, NOW).slug


def kept(store: Store) -> set[str]:
    with store.read() as tx:
        return {one.slug for one in tx.lists.list_topics()}


def test_all_are_answered_with_what_they_gave(store: Store) -> None:
    slugs = [f"t{number}" for number in range(30)]
    assert run(store, [add(slug) for slug in slugs]) == slugs
    assert kept(store) == {*slugs}


def test_an_error_undoes_its_own_and_nothing_else(store: Store) -> None:
    def fail(tx: SqlTransaction) -> str:
        add("wrong")(tx)
        raise InputError("no")

    first, error, last = run(store, [add("one"), fail, add("two")])
    assert (first, last) == ("one", "two")
    assert isinstance(error, InputError)
    assert kept(store) == {"one", "two"}


def test_what_is_undone_can_still_be_answered(store: Store) -> None:
    def refuse(tx: SqlTransaction) -> int:
        add("wrong")(tx)
        raise UndoWrite(lambda tx: len(tx.lists.list_topics()))

    assert run(store, [refuse]) == [0]
    assert kept(store) == set()


def test_nobody_is_answered_before_the_commit(store: Store) -> None:
    seen: list[set[str]] = []
    writer = PageWriter(store, threads=4)

    async def ask() -> None:
        await writer.run_in_transaction(add("one"))
        seen.append(kept(store))

    asyncio.run(ask())
    writer.stop()
    assert seen == [{"one"}]


def test_many_are_written_together_while_the_lock_is_elsewhere(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only SQLite has one writer at a time."""
    if store.engine.dialect.name != "sqlite":
        pytest.skip("each page has its own transaction on PostgreSQL")
    begun: list[int] = []
    begin = store.begin

    def count() -> Any:
        begun.append(1)
        return begin()

    monkeypatch.setattr(store, "begin", count)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with begin():
            held.set()
            release.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(10)
    threading.Timer(0.3, release.set).start()
    slugs = [f"t{number}" for number in range(8)]
    assert run(store, [add(slug) for slug in slugs]) == slugs
    other.join()
    assert len(begun) < len(slugs)


def test_a_database_that_is_gone_is_said_to_all(store: Store) -> None:
    def break_it(tx: SqlTransaction) -> None:
        raise ConfigError("the database can't be used")

    def begin() -> Any:
        raise ConfigError("the database can't be used")

    store.begin = begin  # type: ignore[method-assign]
    answers = run(store, [add("one"), break_it, add("two")])
    assert [type(one) for one in answers] == [ConfigError] * 3
