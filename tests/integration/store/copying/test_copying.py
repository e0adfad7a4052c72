"""A copied database has every row of every table, of exactly the same type."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import insert, select, text, update

from mailer.errors import ConfigError, InputError, Refused, SchemaError
from mailer.store import Store, schema
from mailer.store.copying import DatabaseMove
from mailer.store.copying.contents import FIRST_BATCH, TableReader, hash_rows
from mailer.store.schema_revision import COPY_TABLE, list_tables
from tests.actors import STAFF
from tests.conftest import BACKENDS, KEY
from tests.integration.factories import NOW
from tests.integration.store.copying.conftest import (
    ROWS,
    fill_tables,
    move_database,
    read_rows,
)
from tests.postgresql import run_sql


def make_move(source: Store, target: Store) -> DatabaseMove:
    return DatabaseMove(source, target, STAFF, lambda: NOW)


@pytest.mark.parametrize(
    "databases", list(product(BACKENDS, repeat=2)), ids="→".join, indirect=True
)
def test_copy_has_all_rows_of_all_tables(databases: tuple[Store, Store]) -> None:
    source, target = databases
    summary = move_database(source, target)
    assert summary.tables.keys() == schema.metadata.tables.keys()
    unchanged = schema.metadata.tables.keys() - {"database_identity", "database_event"}
    with source.read() as tx, target.read() as target_tx:
        for name in unchanged:
            table = schema.metadata.tables[name]
            rows = read_rows(tx.connection, table)
            assert len(rows) == ROWS == summary.tables[name].rows, name
            assert read_rows(target_tx.connection, table) == rows
        events = [event.event_type for event in target_tx.recovery.list_events()]
    assert events[-2:] == ["moving", "moved here"]
    target.check_schema()
    assert COPY_TABLE not in list_tables(target.engine)


def test_copy_there_and_back_is_the_same(
    databases: tuple[Store, Store], make_database: Callable[[str], str]
) -> None:
    source, target = databases
    first = move_database(source, target)
    with closing(Store(make_database(source.engine.dialect.name), KEY)) as last:
        second = move_database(target, last)
        changed = {"database_identity", "database_event"}
        assert {name: table for name, table in first.tables.items() if name not in changed} == {
            name: table for name, table in second.tables.items() if name not in changed
        }


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_copy_does_not_depend_on_the_time_zone_and_the_dates_of_the_server(
    databases: tuple[Store, Store], zone: str
) -> None:
    """Moments are part of keys, by which a table is read in batches."""
    source, target = databases
    for store in databases:
        if store.engine.dialect.name == "postgresql":
            name = store.engine.url.database
            url = store.engine.url.render_as_string(hide_password=False)
            run_sql(url, f"ALTER DATABASE {name} SET timezone TO '{zone}'")
            run_sql(url, f"ALTER DATABASE {name} SET datestyle TO 'German'")
            store.engine.dispose()
    hours = 2 * FIRST_BATCH + 1
    with source.begin() as tx:
        tx.connection.execute(
            insert(schema.click_count),
            [
                {
                    "edition_id": 1,
                    "story": "boats",
                    "hour": NOW + timedelta(hours=number),
                    "clicker": "reader",
                    "clicks": number,
                }
                for number in range(hours)
            ],
        )
    summary = move_database(source, target)
    assert summary.tables["click_count"].rows == hours + ROWS


def test_copy_gives_no_number_again(databases: tuple[Store, Store]) -> None:
    source, target = databases
    with source.begin() as tx:
        tx.recovery.skip_ids()
    move_database(source, target)
    person = {
        "address": "new@example.org",
        "address_key": "k",
        "created_at": NOW,
    }
    with target.begin() as tx:
        number = tx.connection.scalar(
            insert(schema.subscriber).values(person).returning(schema.subscriber.c.id)
        )
        event = tx.connection.scalar(select(schema.database_event.c.id).limit(1))
    assert number > 1_000_000
    assert event


def test_copied_people_are_searched_by_parts(databases: tuple[Store, Store]) -> None:
    source, target = databases
    move_database(source, target)
    with source.read() as tx, target.read() as target_tx:
        if target.engine.dialect.name == source.engine.dialect.name:
            assert (
                target_tx.subscribers.describe_search_index().method
                is tx.subscribers.describe_search_index().method
            )


def test_unfinished_copy_is_no_database(databases: tuple[Store, Store]) -> None:
    source, target = databases
    make_move(source, target).begin_move()
    for check in (target.check_schema, target.upgrade_schema, target.check_upgradable):
        with pytest.raises(SchemaError, match="the copy is not complete") as caught:
            check()
        assert caught.value.code == "unfinished_copy"


def test_old_database_refuses_changes_and_can_be_read(databases: tuple[Store, Store]) -> None:
    source, target = databases
    move = make_move(source, target)
    identity = move.begin_move()
    for moment in ("during the copy", "after the copy"):
        for statement in (
            update(schema.subscriber).values(name=moment),
            schema.delivery.delete(),
            insert(schema.lease).values(name=moment, epoch=1, holder="", beat=1, heartbeat_at=NOW),
        ):
            with pytest.raises(ConfigError) as caught, source.begin() as tx:
                tx.connection.execute(statement)
            assert caught.value.code == "database_read_only", statement
            assert "this database was moved" in caught.value.message
            assert "set database.url" in caught.value.hint
        with source.read() as tx:
            assert len(read_rows(tx.connection, schema.subscriber)) == ROWS
        if moment == "during the copy":
            move.copy_rows(lambda _: None)
            move.complete_move(identity)


def test_target_with_rows_is_refused(databases: tuple[Store, Store]) -> None:
    source, target = databases
    target.upgrade_schema()
    fill_tables(target)
    with pytest.raises(Refused, match="is not empty") as caught:
        make_move(source, target).begin_move()
    assert caught.value.code == "target_not_empty"
    with source.begin() as tx:  # nothing was changed
        tx.connection.execute(update(schema.subscriber).values(name="new"))


def test_target_of_another_program_is_refused(databases: tuple[Store, Store]) -> None:
    source, target = databases
    url = target.engine.url.render_as_string(hide_password=False)
    run_sql(url, "CREATE TABLE song (title TEXT)")
    with pytest.raises(Refused, match="is not empty"):
        make_move(source, target).begin_move()
    assert list_tables(target.engine) == {"song"}


def test_target_with_empty_tables_is_filled(databases: tuple[Store, Store]) -> None:
    source, target = databases
    target.upgrade_schema()
    assert move_database(source, target).tables["delivery"].rows == ROWS


def test_database_is_not_copied_to_itself(databases: tuple[Store, Store]) -> None:
    source, _ = databases
    url = source.engine.url.render_as_string(hide_password=False)
    with (
        closing(Store(url, KEY)) as same,
        pytest.raises(InputError, match="this is the database itself"),
    ):
        make_move(source, same).begin_move()


def test_unfinished_copy_of_an_earlier_state_is_refused(databases: tuple[Store, Store]) -> None:
    source, target = databases
    move = make_move(source, target)
    move.begin_move()
    move.cancel_move(is_target_lost=True)
    with pytest.raises(Refused, match="of an earlier state"):
        move.begin_move()
    with source.begin() as tx:
        tx.connection.execute(update(schema.subscriber).values(name="new"))


def test_cancelled_copy_leaves_the_target_empty(databases: tuple[Store, Store]) -> None:
    source, target = databases
    move = make_move(source, target)
    move.begin_move()
    move.copy_rows(lambda _: None)
    move.cancel_move(is_target_lost=False)
    assert list_tables(target.engine) == frozenset()
    with source.begin() as tx:
        tx.connection.execute(update(schema.subscriber).values(name="new"))
    summary = move_database(source, target)
    with target.read() as tx:
        assert set(tx.connection.scalars(select(schema.subscriber.c.name))) == {"new"}
    assert summary.tables["subscriber"].rows == ROWS


def test_complete_copy_is_not_cancelled(databases: tuple[Store, Store]) -> None:
    source, target = databases
    move_database(source, target)
    move = make_move(source, target)
    assert not move.record_move()
    with pytest.raises(Refused, match="has taken over"):
        move.cancel_move(is_target_lost=False)
    with source.begin() as tx:  # as if the last commit in the old database had been lost
        tx.connection.execute(update(schema.database_identity).values(state="moving"))
    for is_target_lost in (False, True):  # also if a person is wrong about its loss
        with pytest.raises(Refused, match="has taken over"):
            move.cancel_move(is_target_lost=is_target_lost)
    assert move.has_taken_over()
    assert move.record_move()
    with source.read() as tx:
        identity = tx.recovery.find_identity()
    assert identity is not None
    assert identity.state == "moved"


def test_copy_that_differs_does_not_take_over(databases: tuple[Store, Store]) -> None:
    source, target = databases
    move = make_move(source, target)
    move.begin_move()

    def change_row(step: object) -> None:
        with target.begin() as tx:
            tx.connection.execute(update(schema.delivery).values(reply="another"))

    with pytest.raises(ConfigError, match="differs from the database in the table delivery"):
        move.copy_rows(change_row)
    with pytest.raises(SchemaError):
        target.check_schema()


def test_two_copies_at_once_do_not_mix(databases: tuple[Store, Store]) -> None:
    source, target = databases
    move = make_move(source, target)
    identity = move.begin_move()
    other_is_running = True

    def run_other(step: object) -> None:
        nonlocal other_is_running
        if other_is_running:
            other_is_running = False
            make_move(source, target).copy_rows(lambda _: None)

    with pytest.raises(Refused, match="another process is copying"):
        move.copy_rows(run_other)
    move.copy_rows(lambda _: None)
    move.complete_move(identity)
    with target.read() as tx:
        assert len(read_rows(tx.connection, schema.delivery)) == ROWS


def test_moment_without_microseconds_counts_as_the_same(
    make_database: Callable[[str], str],
) -> None:
    with closing(Store(make_database("sqlite"), KEY)) as source:
        source.upgrade_schema()
        fill_tables(source)
        (before,) = TableReader(source.engine, schema.lease).read_batches(None)
        with source.begin() as tx:
            statement = "UPDATE lease SET heartbeat_at = '1970-01-01 12:00:00' WHERE name LIKE '1%'"
            tx.connection.execute(text(statement))
        (after,) = TableReader(source.engine, schema.lease).read_batches(None)
    assert before.rows == after.rows
    assert hash_rows(after.rows)[0] == before.checksum


def test_checksum_does_not_depend_on_the_order_of_rows() -> None:
    rows: list[tuple[int | str | bytes | None, ...]] = [(1, "a", None), (2, "b", b"\x00")]
    assert hash_rows(rows) == hash_rows(rows[::-1])
    assert hash_rows(rows) != hash_rows([(1, "b", None), (2, "a", b"\x00")])
    assert hash_rows([(1, "a")]) != hash_rows([("1", "a")])


UNSTORABLE = (
    ("UPDATE delivery SET reply = 'a' || char(0) WHERE id = 2", "delivery (id 2): reply has a NUL"),
    ("UPDATE subscriber SET country = 'GBR' WHERE id = 1", "country is longer than 2 characters"),
    ("UPDATE file SET size = 3000000000", "size has more than 32 bits"),
    ("UPDATE article SET lead = 7 WHERE id = 3", "article (id 3): lead is neither 0 nor 1"),
    ("UPDATE digest SET names = '{bad' WHERE id = 1", "names is not JSON"),
    ("UPDATE edition SET created_at = 'soon' WHERE id = 1", "created_at is not a moment"),
    ("UPDATE kill SET asked_by = x'ff'", "asked_by is not a text"),
)


@pytest.mark.parametrize(("statement", "words"), UNSTORABLE)
def test_value_that_postgresql_refuses_is_named_before_anything_is_changed(
    statement: str, words: str, make_database: Callable[[str], str]
) -> None:
    with (
        closing(Store(make_database("sqlite"), KEY)) as source,
        closing(Store(make_database("postgresql"), KEY)) as target,
    ):
        source.upgrade_schema()
        fill_tables(source)
        with source.begin() as tx:
            tx.connection.execute(text(statement.replace(":", r"\:")))
        for action in (make_move(source, target).check_move, make_move(source, target).begin_move):
            with pytest.raises(InputError) as caught:
                action()
            assert words in caught.value.message
        assert list_tables(target.engine) == frozenset()
        with source.begin() as tx:  # nothing was changed
            tx.connection.execute(update(schema.worker).values(name="new"))
