"""The engine of a database, and its transactions.

SQLite uses WAL, ``synchronous=FULL`` (an acknowledged commit survives a power cut), foreign keys,
and ``BEGIN IMMEDIATE`` for writers. A deferred transaction that begins to write later would fail at
once if another process is writing, whatever the busy timeout is. PostgreSQL keeps its own settings.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
)

from mailer.errors import ConcurrencyError, ConfigError

BUSY_TIMEOUT_MS = 5000
_CONFLICT_SQLSTATES = {"40001", "40P01", "23505"}
"""PostgreSQL's SQLSTATE codes for two transactions that change the same rows: a serialisation
failure, a deadlock, and a row that another transaction added first."""

LOCK_RETRY_DELAY = (0.0005, 0.003)
"""The shortest and the longest wait between two attempts to get the write lock, in seconds."""


def build_engine(url: str, lease: float = 60.0) -> Engine:
    """Build an engine for `url` without opening the database. `lease`: see ``Store``. Raises
    ConfigError for an unusable URL."""
    try:
        parsed_url = make_url(url)
        backend = parsed_url.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ConfigError(
                f"{backend} is not a supported database",
                where="database.url",
                hint="use sqlite:///FILE or postgresql://USER@HOST/NAME",
            )
        # A process that freezes within a transaction would keep its locks forever.
        timeout_option = f"-c idle_in_transaction_session_timeout={round(lease * 1000)}"
        engine_options = (
            {"connect_args": {"options": timeout_option}} if backend == "postgresql" else {}
        )
        if "options" in parsed_url.query:  # the URL brings its own options
            engine_options = {}
        engine = create_engine(url, **engine_options)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"the database can't be used ({error})",
            where="database.url",
            hint="use sqlite:///FILE, or `pip install 'pressmail[postgresql]'` for PostgreSQL",
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # _begin_sqlite sends BEGIN
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    if _needs_wal(cursor):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _needs_wal(cursor: Any) -> bool:
    """Check whether this is a database of the mailer without WAL, such as a copy. The journal mode
    is stored in the file, and a file of another program must stay as it is."""
    cursor.execute(
        "SELECT count(*) FROM sqlite_master WHERE name IN ('alembic_version', 'edition')"
    )
    return int(cursor.fetchone()[0]) == 2 and not _uses_wal(cursor)


def _uses_wal(cursor: Any) -> bool:
    cursor.execute("PRAGMA journal_mode")
    return str(cursor.fetchone()[0]) == "wal"


def set_wal(engine: Engine) -> None:
    """Set the journal mode of a new SQLite database, outside of a transaction."""
    with engine.connect() as connection:
        driver_connection: Any = connection.connection.driver_connection
        driver_connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction. A writer tries to get the write lock every few milliseconds.

    SQLite's own busy handler is not used, since it sleeps longer each time, up to 100 ms. While a
    worker sent at full speed and locked again and again, one in a hundred writes of a page took 900
    ms with it."""
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver_connection: Any = connection.connection.driver_connection
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    try:
        driver_connection.execute("PRAGMA busy_timeout = 0")
        while time.monotonic() < deadline:
            try:
                driver_connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(random.uniform(*LOCK_RETRY_DELAY))  # noqa: S311  (spreads processes)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises SQLite's own error
    finally:
        driver_connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


@contextmanager
def begin_transaction(engine: Engine, *, reading: bool = False) -> Iterator[Connection]:
    """Open a transaction, which commits at the end of the block and rolls back on an error.

    Raises ConfigError if the database can't be reached, is not a database, or stays locked, and
    ConcurrencyError if another process changed the same rows."""
    try:
        with engine.connect().execution_options(reading=reading) as connection:
            try:
                with connection.begin():
                    yield connection
            except engine.dialect.loaded_dbapi.Error as error:  # a prepared statement's
                connection.invalidate()
                raise DBAPIError.instance(
                    "", {}, error, engine.dialect.loaded_dbapi.Error
                ) from error
    except DatabaseError as error:
        if getattr(error.orig, "sqlstate", "") in _CONFLICT_SQLSTATES:
            raise ConcurrencyError(
                f"another process was changing the same records ({_split_error_lines(error)[0]})",
                hint="nothing was saved: look at the records, and try again",
            ) from error
        if isinstance(error, OperationalError):
            raise build_unreachable_error(engine, error) from error
        if error.connection_invalidated:  # PostgreSQL ended a silent session
            raise build_unreachable_error(engine, error) from error
        # SQLite raises the base class for a file that is damaged or not a database.
        if type(error) is not DatabaseError:
            raise
        raise build_unreachable_error(engine, error) from error


def _split_error_lines(error: Exception) -> list[str]:
    return str(getattr(error, "orig", None) or error).strip().splitlines() or [""]


def build_unreachable_error(engine: Engine, error: Exception) -> ConfigError:
    """Build the error for a database that can't be reached. The error hides the password in the
    URL."""
    error_lines = _split_error_lines(error)
    hint = "check the path and its permissions"
    if "locked" in error_lines[0]:
        hint = "another process is writing to it: try again when it has finished"
    elif "idle-in-transaction" in error_lines[0]:
        hint = "this program stood still for too long, and nothing was saved: try again"
    elif engine.dialect.name == "postgresql":
        hint = "check that the server runs and that the URL is right"
    return ConfigError(
        f"the database can't be used ({error_lines[0] or error})",
        where=engine.url.render_as_string(hide_password=True),
        hint=hint,
    )
