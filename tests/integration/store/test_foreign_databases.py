"""Databases of other programs and damaged ones: refused, and left as they are."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.errors import NextStep, SchemaError
from mailer.store import Store, schema
from tests.conftest import KEY
from tests.postgresql import run_sql


@pytest.fixture
def store(empty_database: str) -> Iterator[Store]:
    opened_store = Store(empty_database, KEY)
    yield opened_store
    opened_store.close()


def make_foreign_file(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY)")
    connection.commit()
    connection.close()
    return path


def test_foreign_tables_are_refused_by_check_and_upgrade(store: Store, empty_database: str) -> None:
    run_sql(empty_database, "CREATE TABLE customer (id INTEGER PRIMARY KEY)")
    for check in (store.check_schema, store.check_upgradable, store.upgrade_schema):
        with pytest.raises(SchemaError, match=r"another program \(customer\)") as caught:
            check()
        assert caught.value.next_steps == ()
        assert "of its own" in caught.value.hint
    assert store.read_revision() is None


def test_alembic_revision_of_another_program_is_refused(store: Store, empty_database: str) -> None:
    run_sql(
        empty_database,
        "CREATE TABLE invoice (id INTEGER PRIMARY KEY)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        f"INSERT INTO alembic_version VALUES ('{schema.REVISIONS[-1]}')",  # noqa: S608
    )
    for check in (store.check_schema, store.upgrade_schema):
        with pytest.raises(SchemaError, match="tables of another program"):
            check()


def test_missing_tables_are_reported_as_damage(store: Store, empty_database: str) -> None:
    store.upgrade_schema()
    run_sql(empty_database, "DROP TABLE blackout")
    for check in (store.check_schema, store.upgrade_schema):
        with pytest.raises(SchemaError, match=r"tables are missing \(blackout\)"):
            check()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM alembic_version", "holds no revision,"),
        ("INSERT INTO alembic_version VALUES ('2')", "holds 2 revisions,"),
    ],
)
def test_wrong_number_of_revisions_is_damage(
    store: Store, empty_database: str, statement: str, words: str
) -> None:
    store.upgrade_schema()
    run_sql(empty_database, statement)
    for check in (store.check_schema, store.upgrade_schema):
        with pytest.raises(SchemaError, match=words) as caught:
            check()
        assert "restore the database" in caught.value.hint


def test_empty_revision_table_alone_is_upgraded(store: Store, empty_database: str) -> None:
    run_sql(empty_database, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    assert store.upgrade_schema() == (None, schema.REVISIONS[-1])


@pytest.mark.parametrize("empty", [True, False])
def test_reading_leaves_foreign_file_unchanged(tmp_path: Path, empty: bool) -> None:
    path = tmp_path / "office.db"
    if empty:
        path.touch()
    else:
        make_foreign_file(path)
    before = path.read_bytes()
    opened_store = Store(f"sqlite:///{path}", KEY)
    with pytest.raises(SchemaError, match="not a database of the mailer"):
        opened_store.check_schema()
    assert opened_store.read_revision() is None
    opened_store.close()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["office.db"]


def test_missing_file_is_not_created(tmp_path: Path) -> None:
    opened_store = Store(f"sqlite:///{tmp_path / 'typo.db'}", KEY)
    with pytest.raises(SchemaError, match="there is no such file") as caught:
        opened_store.check_schema()
    assert caught.value.next_steps == (NextStep("create_database"),)
    opened_store.close()
    assert not list(tmp_path.iterdir())


def test_copy_without_wal_is_set_to_wal(tmp_path: Path) -> None:
    path = tmp_path / "office.db"
    for mode in ("delete", "wal"):
        opened_store = Store(f"sqlite:///{path}", KEY)
        opened_store.upgrade_schema()
        opened_store.close()
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.close()
