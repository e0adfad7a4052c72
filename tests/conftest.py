"""Databases, both of them real, and a relay that does as it is told.

Whatever a test does to a ``store``, every change of a delivery's, an edition's and an occurrence's
state is written down by a trigger of the database, and is held against the nouns' tables of
transitions when the test ends.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import text

from mailer.app import Mailer
from mailer.config import (
    DeliverySection,
    Organisation,
    Paths,
    Secret,
    SenderSection,
    Settings,
    Tls,
    Web,
)
from mailer.config import Relay as RelaySettings
from mailer.model.deliveries import DELIVERY_TRANSITIONS, DeliveryState
from mailer.model.edition_states import EDITION_TRANSITIONS, EditionState
from mailer.model.schedules import OCCURRENCE_TRANSITIONS, OccurrenceState
from mailer.store import Store, schema
from tests.fake_relay import Relay
from tests.postgresql import Postgresql, run_server, run_sql

hypothesis.settings.register_profile("mailer", deadline=None, print_blob=True)
hypothesis.settings.load_profile("mailer")

ROOT = Path(__file__).parent.parent
KEY = bytes(range(32))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Commands that tests run keep their compiled modules: to make them anew takes as long again as all
else that a command does to start."""

BACKENDS = ("sqlite", "postgresql")

_SQLITE_WATCH = """
CREATE TABLE watched_{table} (id INTEGER PRIMARY KEY, was TEXT NOT NULL, became TEXT NOT NULL);
CREATE TRIGGER watch_{table} AFTER UPDATE OF state ON {table} WHEN OLD.state <> NEW.state
BEGIN INSERT INTO watched_{table} (was, became) VALUES (OLD.state, NEW.state); END
"""

_WATCHED_TABLES = ("delivery", "edition", "occurrence")

_POSTGRESQL_WATCH = """
CREATE TABLE watched_{table} (id SERIAL PRIMARY KEY, was TEXT NOT NULL, became TEXT NOT NULL);
CREATE FUNCTION watch_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO watched_{table} (was, became) VALUES (OLD.state, NEW.state); RETURN NULL; END $$;
CREATE TRIGGER watch_{table} AFTER UPDATE OF state ON {table}
FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION watch_{table}()
"""


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MAILER_")]:
        monkeypatch.delenv(name)


# ---- databases --------------------------------------------------------------------------------


def _install_triggers(url: str) -> None:
    template = _SQLITE_WATCH if url.startswith("sqlite") else _POSTGRESQL_WATCH
    for table in _WATCHED_TABLES:
        statements = template.format(table=table)
        if url.startswith("sqlite"):
            create, _, trigger = statements.partition(";\n")
            run_sql(url, create, trigger)
        else:
            run_sql(url, statements)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    with run_server() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_ready(postgresql: Postgresql) -> str:
    """The URL of a database of the newest schema, for one test after the other: emptying it takes
    2 ms, making another 300."""
    url = postgresql.make_url("ready")
    run_sql(postgresql.make_url("postgres"), "CREATE DATABASE ready")
    store = Store(url, KEY)
    store.upgrade_schema()
    store.close()
    _install_triggers(url)
    return url


def _empty_database(url: str) -> None:
    """Take everything out of a PostgreSQL database but its schema."""
    tables = [table.name for table in reversed(schema.metadata.sorted_tables)]
    tables += [f"watched_{table}" for table in _WATCHED_TABLES]
    run_sql(
        url,
        # A test that failed may have left a lock.
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "SET session_replication_role = replica",  # the log of consent is append-only
        "; ".join(f"DELETE FROM {table}" for table in tables),  # noqa: S608
        f"UPDATE alembic_version SET version_num = '{schema.REVISIONS[-1]}'",  # noqa: S608
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "ready.db"
    store = Store(f"sqlite:///{file}", KEY)
    store.upgrade_schema()
    store.close()
    _install_triggers(f"sqlite:///{file}")
    return file


_numbers = count(1)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    name = f"empty{next(_numbers)}"
    run_sql(server.make_url("postgres"), f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    yield server.make_url(name)
    run_sql(server.make_url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of the newest schema."""
    if backend == "sqlite":
        file = tmp_path / "subscribers.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    url: str = request.getfixturevalue("postgresql_ready")
    _empty_database(url)
    return url


def list_state_changes(store: Store, table: str) -> list[tuple[str, str]]:
    """Each change of state in `table`, in order: what it was, and what it became."""
    with store.read() as tx:
        rows = tx.connection.execute(text(f"SELECT was, became FROM watched_{table} ORDER BY id"))  # noqa: S608
        return [(row.was, row.became) for row in rows]


def check_state_changes(store: Store) -> None:
    """Fails unless every change of state stands in the tables of transitions."""
    for was, became in list_state_changes(store, "delivery"):
        assert DeliveryState(became) in DELIVERY_TRANSITIONS[DeliveryState(was)], (was, became)
    for was, became in list_state_changes(store, "edition"):
        assert EditionState(became) in EDITION_TRANSITIONS[EditionState(was)], (was, became)
    for was, became in list_state_changes(store, "occurrence"):
        next_states = OCCURRENCE_TRANSITIONS[OccurrenceState(was)]
        assert OccurrenceState(became) in next_states, (was, became)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url, KEY)
    try:
        yield store
        check_state_changes(store)
    finally:
        store.close()


# ---- an office, and its relay -----------------------------------------------------------------


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running:
        yield running


def make_office_settings(home: Path) -> Settings:
    """An office's settings; its templates are the real ones, its relay is nowhere. A run waits for
    no relay longer than it takes to see that it fails again and again."""
    return Settings(
        home=home,
        organisation=Organisation(
            name="Example Office",
            postal_address="1 Harbour Street\nLondon E1 1AA",
            website="https://www.example.org/",
        ),
        sender=SenderSection(
            name="Example Office",
            address="news@example.org",
            reply_to="press@example.org",
            envelope_from="bounces@example.org",
        ),
        relay=RelaySettings(host="127.0.0.1", port=1, tls=Tls.NONE, timeout=5.0),
        delivery=DeliverySection(patience=0),
        web=Web(base_url="https://mail.example.org"),
        secret=Secret(key=KEY.hex()),
        paths=Paths(templates=ROOT / "templates"),
    )


@pytest.fixture
def office(tmp_path: Path) -> Settings:
    return make_office_settings(tmp_path)


@pytest.fixture
def mailer(office: Settings, store: Store, relay: Relay) -> Mailer:
    """An office whose relay is `relay`."""
    settings = office.model_copy(
        update={"relay": office.relay.model_copy(update={"port": relay.port})}
    )
    return Mailer(settings, store)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate_file = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate_file, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate_file, key
