"""Opening a database, its schema, and its transactions."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from mailer.app import get_utc_now
from mailer.errors import ConfigError, InputError, SchemaError
from mailer.store import Store, schema
from tests.conftest import KEY
from tests.integration import factories
from tests.integration.factories import NOW
from tests.postgresql import run_sql


def open_store(url: str) -> Store:
    return Store(url, KEY)


def test_upgrade_from_empty_gives_schema(empty_database: str) -> None:
    store = open_store(empty_database)
    try:
        assert store.read_revision() is None
        assert store.upgrade_schema() == (None, schema.REVISIONS[-1])
        store.check_schema()
        with store.read() as tx:
            options = {
                "compare_type": True,
                "compare_server_default": False,
                "include_object": _belongs_to_schema,
            }
            context = MigrationContext.configure(tx.connection, opts=options)
            assert compare_metadata(context, schema.metadata) == []
    finally:
        store.close()


def _belongs_to_schema(_object: object, name: str, *_: object) -> bool:
    """Check for objects of the schema: the indexes of searches depend on the database's
    software."""
    return "_search" not in name and name != "search_state"


def test_upgrade_twice_is_idempotent(empty_database: str) -> None:
    store = open_store(empty_database)
    try:
        store.upgrade_schema()
        assert store.upgrade_schema() == (schema.REVISIONS[-1], schema.REVISIONS[-1])
    finally:
        store.close()


def test_listed_revisions_match_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", "mailer.store:migrations")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [schema.REVISIONS[-1]]
    assert [revision.revision for revision in script.walk_revisions()][::-1] == list(
        schema.REVISIONS
    )


def test_failed_upgrade_is_rolled_back(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_midway(connection: Connection, url: str) -> None:
        schema.metadata.tables["topic"].create(connection)
        raise SQLAlchemyError("power cut")

    monkeypatch.setattr(
        "alembic.command.upgrade",
        lambda config, revision: fail_midway(config.attributes["connection"], revision),
    )
    store = open_store(empty_database)
    try:
        with pytest.raises(SQLAlchemyError, match="power cut"):
            store.upgrade_schema()
        assert store.read_revision() is None
        with store.read() as tx:
            assert inspect(tx.connection).get_table_names() == []
    finally:
        store.close()


def test_missing_database_is_refused(empty_database: str) -> None:
    store = open_store(empty_database)
    try:
        with pytest.raises(SchemaError, match=r"there is no such file|it is empty"):
            store.check_schema()
    finally:
        store.close()


def test_older_database_must_be_upgraded(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is but one revision: a program with one more stands in for the next release.
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    store = open_store(database_url)
    try:
        with pytest.raises(SchemaError, match="then upgrade it") as caught:
            store.check_schema()
        assert "needs 9999" in str(caught.value)
    finally:
        store.close()


@pytest.mark.parametrize("revision", ["9999", "elsewhere"])
def test_newer_database_is_left_unchanged(database_url: str, revision: str) -> None:
    run_sql(database_url, f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608
    store = open_store(database_url)
    try:
        with pytest.raises(SchemaError, match="install the newer version"):
            store.check_schema()
        with pytest.raises(SchemaError, match="install the newer version"):
            store.upgrade_schema()
        assert store.read_revision() == revision
    finally:
        store.close()


def test_schema_error_shows_no_password(tmp_path: Path) -> None:
    store = open_store(f"postgresql+psycopg://office:hush@/none?host={tmp_path}")
    try:
        with pytest.raises(ConfigError, match="check that the server runs") as caught:
            store.check_schema()
        assert "hush" not in str(caught.value)
    finally:
        store.close()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense", "sqlite+nodriver:///x"])
def test_invalid_database_url_is_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url"):
        open_store(url)


def test_missing_database_folder_is_config_error(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'none' / 'x.db'}")
    with pytest.raises(ConfigError, match="unable to open database file"), store.begin():
        pass
    store.close()


# ---- transactions -----------------------------------------------------------------------------


def list_topic_slugs(store: Store) -> set[str]:
    with store.read() as tx:
        return {topic.slug for topic in tx.lists.list_topics()}


def test_transaction_is_committed_at_its_end(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx, "health")
    assert list_topic_slugs(store) == {"health"}


def test_transaction_is_rolled_back_by_error(store: Store) -> None:
    with pytest.raises(InputError), store.begin() as tx:
        factories.add_topics(tx, "health", "no slug")
    assert list_topic_slugs(store) == set()


def test_transaction_is_rolled_back_by_dry_run(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx, "health")
        tx.rollback()
    assert list_topic_slugs(store) == set()


def test_second_writer_waits_for_first(store: Store) -> None:
    """Both change one row: neither fails, and the second sees what the first did."""
    with store.begin() as tx:
        factories.add_topics(tx, "health")
    has_lock, errors = threading.Event(), list[BaseException]()

    def append_plus(wait: float) -> None:
        try:
            with store.begin() as tx:
                row = schema.topic_name
                tx.connection.execute(update(row).values(name=row.c.name + "+"))
                has_lock.set()
                time.sleep(wait)
        except BaseException as error:
            errors.append(error)

    first = threading.Thread(target=append_plus, args=(0.3,))
    first.start()
    has_lock.wait(5)
    began = time.monotonic()
    append_plus(0)
    waiting_time = time.monotonic() - began
    first.join()
    assert not errors
    assert waiting_time > 0.1
    with store.read() as tx:
        assert tx.lists.list_topics()[0].names == {"en": "Health++"}


def test_reader_waits_for_no_writer(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx, "health")
        assert list_topic_slugs(store) == set(), (
            "read beside the open transaction, before its commit"
        )
    assert list_topic_slugs(store) == {"health"}


def test_moment_round_trip_keeps_zone(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx, "health")
        (row,) = tx.connection.execute(select(schema.topic)).all()
        assert row.created_at == NOW
        assert row.created_at.utcoffset() is not None
        with pytest.raises(Exception, match="a moment must be aware"):
            tx.connection.execute(
                insert(schema.topic).values(slug="x", created_at=NOW.replace(tzinfo=None))
            )


def test_database_clock_agrees_within_a_second(store: Store) -> None:
    with store.read() as tx:
        now, later = tx.connection.execute(
            select(schema.database_now(), schema.database_now(90.5))
        ).one()
    assert abs(now - get_utc_now()) < timedelta(seconds=1)
    assert abs(later - now - timedelta(seconds=90.5)) < timedelta(seconds=0.1)


def test_session_idle_in_transaction_is_ended_and_reported(
    postgresql_ready: str,
) -> None:
    """A frozen worker would otherwise keep its locks."""

    def wait_in_transaction(store: Store) -> None:
        with store.begin() as tx:
            tx.connection.execute(text("SELECT 1"))
            time.sleep(1.5)
            tx.connection.execute(text("SELECT 1"))

    store = Store(postgresql_ready, KEY, lease=1.0)
    try:
        with pytest.raises(ConfigError, match="nothing was saved: try again"):
            wait_in_transaction(store)
        with store.begin() as tx:
            assert tx.connection.scalar(text("SELECT 1")) == 1
    finally:
        store.close()
