"""The migrations build this program's schema, and refuse databases that they can't upgrade."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from mailer.errors import NextStep, SchemaError
from mailer.store import Store, schema
from tests.conftest import KEY

_POSTGRESQL_CATALOG = (
    (
        "SELECT 'column', table_name || ' ' || column_name, coalesce(column_default, '') || ' ' "
        "|| is_nullable || ' ' || data_type || ' ' || coalesce(character_maximum_length, 0) "
        "FROM information_schema.columns WHERE table_schema = :schema"
    ),
    "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = :schema",
    (
        "SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = CAST(:schema AS regnamespace)"
    ),
    (
        "SELECT 'comment', relname, obj_description(oid) FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = CAST(:schema AS regnamespace)"
    ),
)


@pytest.fixture
def store(empty_database: str) -> Iterator[Store]:
    opened_store = Store(empty_database, KEY)
    yield opened_store
    opened_store.close()


def read_sqlite_catalog(connection: Connection) -> dict[str, list[str]]:
    """Return the lines of each table's and index's definition; their order makes no difference.
    The indexes of searches depend on the database's software and are left out."""
    rows = connection.execute(
        text(
            "SELECT name, sql FROM sqlite_master WHERE sql <> '' AND type <> 'trigger' "
            "AND NOT (name = 'search_state' OR name GLOB '*_search' OR name GLOB '*_search_*')"
        )
    )
    return {
        row.name: sorted(line.strip().rstrip(",") for line in row.sql.splitlines()) for row in rows
    }


def read_postgresql_catalog(connection: Connection, name: str) -> set[tuple[str, ...]]:
    """Return columns, indexes, constraints and comments of a schema, without the schema's name and
    without the indexes of searches."""
    return {
        tuple(str(value).replace(f"{name}.", "") for value in row)
        for statement in _POSTGRESQL_CATALOG
        for row in connection.execute(text(statement), {"schema": name})
        if "alembic_version" not in " ".join(map(str, row)) and "_search_" not in row[1]
    }


def test_upgrade_from_empty_equals_schema_in_every_definition(store: Store) -> None:
    assert store.upgrade_schema() == (None, schema.REVISIONS[-1])
    if store.engine.name == "sqlite":
        with store.read() as tx:
            migrated_catalog = read_sqlite_catalog(tx.connection)
        del migrated_catalog["alembic_version"]
        expected_store = Store("sqlite://", KEY)
        with expected_store.begin() as tx:
            schema.metadata.create_all(tx.connection)
            assert read_sqlite_catalog(tx.connection) == migrated_catalog
        expected_store.close()
        return
    with store.begin() as tx:
        tx.connection.execute(text("CREATE SCHEMA expected"))
        expected_connection = tx.connection.execution_options(
            schema_translate_map={None: "expected"}
        )
        schema.metadata.create_all(expected_connection)
        assert read_postgresql_catalog(tx.connection, "public") == read_postgresql_catalog(
            tx.connection, "expected"
        )
        tx.rollback()


@pytest.mark.parametrize("revision", schema.UNRELEASED_REVISIONS)
def test_database_from_before_first_release_is_refused(store: Store, revision: str) -> None:
    store.upgrade_schema()
    with store.begin() as tx:
        tx.connection.execute(
            text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
    for check in (store.check_schema, store.upgrade_schema):
        with pytest.raises(SchemaError, match="from before the first release") as caught:
            check()
        assert "move the database away" in caught.value.hint
        assert caught.value.next_steps == (NextStep("create_database"),)
    assert store.read_revision() == revision


@pytest.mark.parametrize("revision", ["2", "elsewhere", ""])
def test_newer_or_foreign_database_is_refused(store: Store, revision: str) -> None:
    store.upgrade_schema()
    with store.begin() as tx:
        tx.connection.execute(
            text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
    for check in (store.check_schema, store.upgrade_schema):
        with pytest.raises(SchemaError, match="which this program does not know") as caught:
            check()
        assert caught.value.next_steps == (NextStep("upgrade_program"),)
    assert store.read_revision() == revision
