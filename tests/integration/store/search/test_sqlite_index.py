"""SQLite's indexes of trigrams: they follow every change, forget deleted people, and are not
needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from mailer.audience import erasure, subscribers
from mailer.errors import NextStep, SchemaError
from mailer.model.imports import ImportRow
from mailer.model.searches import SearchMethod
from mailer.model.subscribers import Person
from mailer.store import SqlTransaction, Store, schema
from mailer.store.search import sqlite
from tests.actors import STAFF
from tests.conftest import KEY
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.search.fts5 import (
    check_index,
    open_without_fts5,
    read_index_blocks,
    rebuild_index,
)

COLUMN = schema.subscriber.c.search_text


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'search.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url, KEY)
    store.upgrade_schema()
    with store.begin() as tx:
        factories.add_mailing_list(tx)
    yield store
    store.close()


def find_addresses(store: Store, search: str) -> list[str]:
    with store.read() as tx:
        page = subscribers.list_subscribers(tx, search, limit=1000)
    return [record.subscriber.address for record in page.subscribers]


def import_people(tx: SqlTransaction, *people: Person) -> None:
    rows = [ImportRow(line, person) for line, person in enumerate(people, 1)]
    tx.import_rows.import_people(STAFF, rows, factories.get_mailing_list(tx), "a fair", NOW)


def make_readers(count: int, start: int = 0) -> list[Person]:
    return [
        Person(f"reader{number}@example{number % 7}.org", f"Reader No {number}")
        for number in range(start, start + count)
    ]


# ---- changes ----------------------------------------------------------------------------------


def test_index_follows_every_kind_of_write(store: Store) -> None:
    with store.begin() as tx:
        import_people(tx, *make_readers(20))
        factories.add_subscriber(tx, "zoe@example.org", name="Zoe Quay")
        import_people(tx, *make_readers(20, start=10))
        import_people(tx, Person("reader3@example3.org", "Renamed"))
        factories.add_story(tx, "boats")
    with store.begin() as tx:
        subscribers.edit_subscriber(tx, STAFF, "zoe@example.org", {"name": "Zoe Dock"})
        erasure.erase_person(tx, STAFF, "reader5@example5.org", NOW)
        tx.connection.execute(text("UPDATE subscriber SET search_text = '  other' WHERE id = 7"))
        tx.connection.execute(text("DELETE FROM membership"))
        tx.connection.execute(text("DELETE FROM subscriber WHERE id IN (8, 9)"))
    with store.begin() as tx:
        check_index(tx)
        tx.connection.execute(text("DROP TRIGGER subscriber_search_update"))
        tx.connection.execute(text("UPDATE subscriber SET search_text = '  lost' WHERE id = 10"))
        with pytest.raises(DatabaseError, match="malformed"):
            check_index(tx)
        tx.rollback()


def test_index_follows_a_rolled_back_import(store: Store) -> None:
    with store.begin() as tx:
        import_people(tx, *make_readers(3))
        tx.rollback()
    with store.begin() as tx, tx.open_savepoint():
        import_people(tx, *make_readers(3, start=3))
    assert find_addresses(store, "reader") == [f"reader{n}@example{n % 7}.org" for n in (3, 4, 5)]
    with store.begin() as tx:
        check_index(tx)
        assert tx.connection.scalar(text("SELECT count(*) FROM search_state")) == 0


def test_upgrade_leaves_a_current_index_alone(store: Store) -> None:
    with store.begin() as tx:
        import_people(tx, *make_readers(3))
        factories.add_subscriber(tx, "zoe@example.org")
    with store.read() as tx:
        blocks = read_index_blocks(tx)
    store.upgrade_schema()
    with store.read() as tx:
        assert read_index_blocks(tx) == blocks


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TRIGGER subscriber_search_insert",
        "DROP TRIGGER subscriber_search_delete",
        "DROP TABLE subscriber_search",
    ],
)
def test_upgrade_makes_an_outdated_index_again(store: Store, damage: str) -> None:
    with store.begin() as tx:
        factories.add_subscriber(tx, "zoe@example.org", name="Zoe Quay")
        tx.connection.execute(text(damage))
        tx.connection.execute(text("DROP TRIGGER subscriber_search_update"))
        tx.connection.execute(text("UPDATE subscriber SET search_text = '  other'"))
    store.upgrade_schema()
    with store.begin() as tx:
        factories.add_subscriber(tx, "bo@example.org", name="Bo Quayside")
        check_index(tx)
    assert find_addresses(store, "uay") == ["bo@example.org"]
    assert find_addresses(store, "other") == ["zoe@example.org"]


# ---- erasure ----------------------------------------------------------------------------------


def clear_index(store: Store, pages: int) -> int:
    """Clear the index of deleted people, and return the number of steps."""
    for steps in range(1, 1000):
        with store.begin() as tx:
            if not sqlite.merge_deleted_rows(tx.connection, COLUMN, pages):
                return steps
    raise AssertionError("it does not end")


def holds(store: Store, word: str) -> bool:
    """Check whether the bytes of the index contain a word, if it is the beginning of the first
    term with its first letter: of other terms, the index stores where they differ from the term
    before."""
    with store.read() as tx:
        return any(word.encode() in block for block in read_index_blocks(tx))


def equals_new_index(store: Store) -> bool:
    """Check that the index holds the same bytes as a new index of the same people would."""
    with store.begin() as tx:
        blocks = read_index_blocks(tx)
        rebuild_index(tx)
        new_blocks = read_index_blocks(tx)
        tx.rollback()
    return blocks == new_blocks


RARE_LETTER = "ꙃ"


def add_many_people(store: Store) -> None:
    for start in range(0, 400, 100):
        with store.begin() as tx:
            import_people(tx, *make_readers(100, start))
            name = f"Zoe {RARE_LETTER * 4}"
            factories.add_subscriber(tx, f"zoe{start}@example.org", name=name)


@pytest.mark.parametrize("pages", [1, 250])
def test_cleared_index_holds_nothing_of_erased_people(store: Store, pages: int) -> None:
    add_many_people(store)
    with store.begin() as tx:
        for start in (0, 100, 300):
            assert erasure.erase_person(tx, STAFF, f"zoe{start}@example.org", NOW)
        assert tx.retention.has_deleted_search_terms()
    assert find_addresses(store, RARE_LETTER * 3) == ["zoe200@example.org"]
    with store.begin() as tx:
        assert sqlite.merge_deleted_rows(tx.connection, COLUMN, pages)
    with store.begin() as tx:  # between two steps
        assert erasure.erase_person(tx, STAFF, "zoe200@example.org", NOW)
    assert holds(store, RARE_LETTER)
    assert not equals_new_index(store), "SQLite only marks them as deleted"
    assert (clear_index(store, pages) > 3) == (pages == 1)
    assert not holds(store, RARE_LETTER)
    assert equals_new_index(store) == (pages == 250), "short steps leave pages that are not full"
    assert find_addresses(store, RARE_LETTER * 3) == []
    with store.begin() as tx:
        assert not tx.retention.has_deleted_search_terms()
        check_index(tx)


def test_index_without_deleted_people_needs_no_clearing(store: Store) -> None:
    with store.begin() as tx:
        import_people(tx, *make_readers(10))
        factories.add_subscriber(tx, "zoe@example.org")
        subscribers.edit_subscriber(tx, STAFF, "zoe@example.org", {"name": "Zoe"})
        assert not tx.retention.has_deleted_search_terms()
        assert not erasure.clear_search_index(tx, STAFF)


# ---- without FTS5 -----------------------------------------------------------------------------


def add_people(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana.quay@example.org", name="Ana Quay")
        import_people(tx, Person("li@example.org", "李小明"), Person("quay@example.org"))
        erasure.erase_person(tx, STAFF, "li@example.org", NOW)


def test_sqlite_without_fts5_finds_beginnings(url: str) -> None:
    store = open_without_fts5(url)
    store.upgrade_schema()
    store.upgrade_schema()
    store.check_schema()
    add_people(store)
    assert find_addresses(store, "quay") == ["quay@example.org"]
    assert find_addresses(store, "ANA") == ["ana.quay@example.org"]
    assert find_addresses(store, "ana qu") == ["ana.quay@example.org"]
    assert find_addresses(store, "quay ana") == []
    assert find_addresses(store, "uay") == []
    with store.begin() as tx:
        status = tx.subscribers.describe_search_index()
        assert not erasure.clear_search_index(tx, STAFF)
    assert (status.method, status.reason) == (
        SearchMethod.BEGINNINGS,
        "this Python's SQLite has no FTS5",
    )
    store.close()


def test_database_with_fts5_is_refused_without_it_until_upgraded(store: Store, url: str) -> None:
    with store.begin() as tx:
        factories.add_subscriber(tx, "zoe@example.org", name="Zoe Quay")
    store.close()
    bare_store = open_without_fts5(url)
    with pytest.raises(SchemaError, match="this Python's SQLite does not have") as caught:
        bare_store.check_schema()
    assert caught.value.next_steps == (NextStep("upgrade_database"),)
    bare_store.upgrade_schema()
    bare_store.check_schema()
    with bare_store.begin() as tx:
        factories.add_subscriber(tx, "bo@example.org", name="Bo Quayside")
    assert find_addresses(bare_store, "bo") == ["bo@example.org"]
    bare_store.close()
    assert find_addresses(store, "uay") == [], "its index is not up to date"
    with store.read() as tx:
        status = tx.subscribers.describe_search_index()
    assert status.reason == "its index has not been made yet"
    store.upgrade_schema()
    assert find_addresses(store, "uay") == ["zoe@example.org", "bo@example.org"]
    with store.begin() as tx:
        check_index(tx)
