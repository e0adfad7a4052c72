"""Databases of each kind that a search meets."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from mailer.store import Store
from tests.conftest import KEY
from tests.database_cluster import ClusterServer
from tests.postgresql import run_sql

KINDS = ("sqlite", "postgresql", "pg_trgm")
"""SQLite with FTS5; PostgreSQL without pg_trgm, which finds only beginnings; and with it."""

_numbers = count(1)


def make_debian_database(server: ClusterServer, options: str = "") -> str:
    """Make an empty database on Debian's server, and return its URL. It ends with the server."""
    name = f"search{next(_numbers)}"
    run_sql(server.make_url(), f"CREATE DATABASE {name} {options}")
    return server.make_url(name)


@contextmanager
def open_empty_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Give the URL of a database without a schema."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'search.db'}"
    elif kind == "pg_trgm":
        yield make_debian_database(request.getfixturevalue("debian_postgresql"))
    else:
        server = request.getfixturevalue("postgresql")
        name = f"search{next(_numbers)}"
        run_sql(server.make_url("postgres"), f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        yield server.make_url(name)
        run_sql(server.make_url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def open_store(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Store]:
    """Open a new database with the newest schema."""
    with open_empty_database(kind, request, folder) as url:
        store = Store(url, KEY)
        store.upgrade_schema()
        yield store
        store.close()


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def search_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with open_store(kind, request, tmp_path) as store:
        yield store
