"""SQLite as we need it: what PostgreSQL does by itself."""

from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from mailer.audience import erasure
from mailer.errors import ConfigError
from mailer.store import Store, engine, schema
from tests.actors import STAFF
from tests.conftest import KEY
from tests.integration import factories
from tests.integration.factories import NOW


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)],
)
def test_sqlite_connection_has_its_pragmas(store: Store, pragma: str, value: object) -> None:
    with store.begin() as writing, store.read() as reading:
        for tx in (writing, reading):
            assert tx.connection.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


def test_sqlite_reference_to_missing_row_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.connection.execute(
            insert(schema.topic_name).values(topic_id=99, language="en", name="Nothing")
        )


def test_sqlite_lock_timeout_names_other_process(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    other = Store(database_url, KEY)
    try:
        with (
            store.begin(),
            pytest.raises(ConfigError, match="another process is writing to it"),
            other.begin(),
        ):
            pass
    finally:
        other.close()


def test_sqlite_file_without_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "subscribers.db"
    file.write_bytes(b"this is a letter, not a database" * 200)
    store = Store(f"sqlite:///{file}", KEY)
    try:
        with pytest.raises(ConfigError, match="not a database"):
            store.check_schema()
    finally:
        store.close()


def test_subscriber_id_is_never_reused(store: Store) -> None:
    """Links in old mails carry it."""
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        first = factories.add_subscriber(tx, "ana@example.org")
        erasure.erase_person(tx, STAFF, "ana@example.org", NOW)
        assert factories.add_subscriber(tx, "bo@example.org").id > first.id
