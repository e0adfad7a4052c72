"""Fixtures for all tests: real databases of both kinds, and a relay that replies as told by a test.

Triggers log every change of state of a delivery, an edition or an occurrence in a ``store``. When
the test ends, the changes are compared with the transition tables of the nouns.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

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
from tests.certificate import create_certificate
from tests.fake_relay import Relay
from tests.postgresql import Postgresql, run_server, run_sql

for profile, max_examples in {"unit": 10, "suite": 30, "thorough": 500}.items():
    hypothesis.settings.register_profile(
        profile, deadline=None, print_blob=True, max_examples=max_examples
    )
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

ROOT = Path(__file__).parent.parent
KEY = bytes(range(32))
os.environ["XDG_STATE_HOME"] = str(Path(tempfile.gettempdir()) / "mailer-tests-state")
"""Fixtures of the session keep no marker in the home of the person who runs the tests."""
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Commands that tests run keep their compiled modules: compiling them again would double the time
that a command takes to start."""

BACKENDS = ("sqlite", "postgresql")


def skip_without(program: str) -> NoReturn:
    """Skip a test whose program is not installed; in CI, which installs everything, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"needs {program}")
    pytest.skip(f"needs {program}")


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


EVERY_BACKEND = bool(os.environ.get("EVERY_BACKEND"))
"""Run every test on both databases, as `make proofs` does for the public pages."""

_PAGES = "tests/integration/web/public/test_"
ONE_BACKEND = tuple(
    f"{_PAGES}{name}.py"
    for name in (
        "archive_pages",
        "client_addresses",
        "enumeration",
        "invalid_requests",
        "languages",
        "markup",
        "one_click",
        "page_rules",
        "form_snippet",
        "link_scanners",
        "tokens",
    )
)
"""Files about pages, whose stores are tested on both databases elsewhere: in the suite their tests
run on one database each, turn by turn."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop second databases from page tests."""
    if not EVERY_BACKEND:
        _drop_second_backends(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Make the scheduler that keeps shared fixtures in one process; None for another `--dist`."""
    from tests.scheduling import FixtureScheduling

    return FixtureScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def _drop_second_backends(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave one database to each test of :data:`ONE_BACKEND` that has both: the tests of a file
    have them turn by turn."""
    backends: dict[str, set[str]] = {}
    for item in items:
        if item.nodeid.startswith(ONE_BACKEND) and (backend := _get_backend(item)):
            backends.setdefault(item.nodeid.partition("[")[0], set()).add(backend)
    chosen = {
        name: BACKENDS[position % len(BACKENDS)]
        for position, name in enumerate(
            name for name, present in backends.items() if present == {*BACKENDS}
        )
    }
    dropped = [
        item
        for item in items
        if chosen.get(item.nodeid.partition("[")[0], _get_backend(item)) != _get_backend(item)
    ]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in set(dropped)]


def _get_backend(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("backend", "")) if callspec else ""


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from modules and from pytest's items: walking them again and
    again took a fifth of the tests' CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


_state_numbers = count(1)


@pytest.fixture(autouse=True)
def _clear_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in [name for name in os.environ if name.startswith("MAILER_")]:
        monkeypatch.delenv(name)
    # Each test is a host of its own: it has no marker of a database.
    state_home = tmp_path_factory.getbasetemp() / f"state{next(_state_numbers)}"
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))


# ---- databases --------------------------------------------------------------------------------


def _share_compiled_statements() -> None:
    """Let all engines of a session share compiled SQL: each test has an engine of its own, which
    would compile every statement again. Dialects of one kind are alike here."""
    compiled_statements: LRUCache[Any, Any] = LRUCache(5000)
    create_plain_engine = Engine.__init__

    def create_sharing_engine(engine: Engine, *args: Any, **options: Any) -> None:
        create_plain_engine(engine, *args, **options)
        engine._compiled_cache = compiled_statements

    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = lambda dialect, other: type(dialect) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda dialect: hash(type(dialect))  # type: ignore[assignment,method-assign]
    Engine.__init__ = create_sharing_engine  # type: ignore[assignment,method-assign]


_share_compiled_statements()


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
    """The URL of a database with the newest schema, which tests use one after the other: emptying
    it takes 2 ms, making another takes 300 ms."""
    url = postgresql.make_url("ready")
    run_sql(postgresql.make_url("postgres"), "CREATE DATABASE ready")
    store = Store(url, KEY)
    store.upgrade_schema()
    store.close()
    _install_triggers(url)
    return url


def _empty_database(url: str) -> None:
    """Delete all rows of a PostgreSQL database, and keep its schema."""
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
    """The URL of a database without a schema."""
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
    """The URL of a database with the newest schema and no rows."""
    if backend == "sqlite":
        file = tmp_path / "subscribers.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    url: str = request.getfixturevalue("postgresql_ready")
    _empty_database(url)
    return url


def list_state_changes(store: Store, table: str) -> list[tuple[str, str]]:
    """List the changes of state in `table`, in order, as (old state, new state)."""
    with store.read() as tx:
        rows = tx.connection.execute(text(f"SELECT was, became FROM watched_{table} ORDER BY id"))  # noqa: S608
        return [(row.was, row.became) for row in rows]


def check_state_changes(store: Store) -> None:
    """Check that the transition tables allow every change of state."""
    for was, became in list_state_changes(store, "delivery"):
        assert DeliveryState(became) in DELIVERY_TRANSITIONS[DeliveryState(was)], (was, became)
    for was, became in list_state_changes(store, "edition"):
        assert EditionState(became) in EDITION_TRANSITIONS[EditionState(was)], (was, became)
    for was, became in list_state_changes(store, "occurrence"):
        next_states = OCCURRENCE_TRANSITIONS[OccurrenceState(was)]
        assert OccurrenceState(became) in next_states, (was, became)


def check_delivery_counts(store: Store) -> None:
    """Check that the stored counts, and the reports of the last editions, agree with the rows of
    the deliveries."""
    with store.read() as tx:
        count_rows = "SELECT edition_id, {0}, count(*) FROM delivery GROUP BY edition_id, {0}"
        by_language, by_state = (
            {(edition_id, key): count for edition_id, key, count in tx.connection.execute(query)}
            for query in (text(count_rows.format("language")), text(count_rows.format("state")))
        )
        stored = tx.connection.execute(text("SELECT * FROM delivery_count"))
        assert {(row.edition_id, row.language): row.deliveries for row in stored} == by_language
        for edition_id in sorted({edition_id for edition_id, _ in by_state})[-5:]:
            edition = tx.editions.find_edition(edition_id)
            assert edition is not None
            states = tx.outbox.build_report(edition).states
            assert {state.value: count for state, count in states.items() if count} == {
                state: count for (one, state), count in by_state.items() if one == edition_id
            }


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url, KEY)
    try:
        yield store
        check_state_changes(store)
        check_delivery_counts(store)
    finally:
        store.close()


# ---- an office, and its relay -----------------------------------------------------------------


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running:
        yield running


def make_office_settings(home: Path) -> Settings:
    """Make the settings of an office with the real templates, and a relay that does not exist.

    A delivery run gives up a relay as soon as it fails repeatedly (`patience=0`)."""
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
            return_path="bounces@example.org",
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
    """A self-signed certificate for 127.0.0.1, and its key."""
    return create_certificate(tmp_path_factory.mktemp("tls"))
