"""Opening a database: SQLite as we need it, PostgreSQL as it comes; the transaction; the schema.

SQLite: WAL, ``synchronous=FULL`` (a commit that was answered survives a power cut), foreign keys
on, and ``BEGIN IMMEDIATE`` for writers: a deferred transaction that upgrades fails at once when
another writes, whatever the busy timeout says.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
)

from mailer.errors import ConcurrencyError, ConfigError, SchemaError
from mailer.store import schema

BUSY_TIMEOUT_MS = 5000
_CONFLICT_SQLSTATES = {"40001", "40P01", "23505"}
"""What PostgreSQL says where two transactions were at the same (SQLSTATE): no serialisation, a
deadlock, or a row that the other had added first."""

LOCK_RETRY_DELAY = (0.0005, 0.003)
"""Seconds between two times of asking for the write lock, from and to."""


def build_engine(url: str, lease: float = 60.0) -> Engine:
    """An engine for `url`. Nothing is opened yet. `lease`: see ``Store``. Raises ConfigError for
    a URL we can't use."""
    try:
        parsed_url = make_url(url)
        backend = parsed_url.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ConfigError(
                f"{backend} is not a database that we know",
                where="database.url",
                hint="use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME",
            )
        # A frozen process in the midst of a transaction would keep its locks for ever.
        timeout_option = f"-c idle_in_transaction_session_timeout={round(lease * 1000)}"
        engine_options = (
            {"connect_args": {"options": timeout_option}} if backend == "postgresql" else {}
        )
        if "options" in parsed_url.query:  # they have their own
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
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Ask for the write lock every few milliseconds.

    SQLite's own busy handler sleeps longer and longer, 100 ms in the end: beside a sender at full
    speed, which is soon back each time, one in a hundred writes of a page took 900 ms here."""
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
                time.sleep(random.uniform(*LOCK_RETRY_DELAY))  # noqa: S311  (two don't keep step)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # which says what is wrong
    finally:
        driver_connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


@contextmanager
def begin_transaction(engine: Engine, *, reading: bool = False) -> Iterator[Connection]:
    """A transaction: committed at the end, rolled back when anything is raised.

    Raises ConfigError when the database can't be reached, is none, or stays locked, and ConcurrencyError
    where somebody else was changing the same."""
    try:
        with engine.connect().execution_options(reading=reading) as connection:
            try:
                with connection.begin():
                    yield connection
            except engine.dialect.loaded_dbapi.Error as error:  # of a prepared statement
                connection.invalidate()
                raise DBAPIError.instance(
                    "", {}, error, engine.dialect.loaded_dbapi.Error
                ) from error
    except DatabaseError as error:
        if getattr(error.orig, "sqlstate", "") in _CONFLICT_SQLSTATES:
            raise ConcurrencyError(
                f"somebody else was changing the same ({_split_error_lines(error)[0]})",
                hint="nothing of this is kept: look at what they did, and try again",
            ) from error
        if isinstance(error, OperationalError):
            raise build_unreachable_error(engine, error) from error
        if error.connection_invalidated:  # PostgreSQL has ended a session that was silent
            raise build_unreachable_error(engine, error) from error
        # Not one of its subclasses: SQLite says so of a file that is no database, or a torn one.
        if type(error) is not DatabaseError:
            raise
        raise build_unreachable_error(engine, error) from error


def _split_error_lines(error: Exception) -> list[str]:
    return str(getattr(error, "orig", None) or error).strip().splitlines() or [""]


def build_unreachable_error(engine: Engine, error: Exception) -> ConfigError:
    """What to tell when `engine` can't be reached. The password in a URL is not shown."""
    error_lines = _split_error_lines(error)
    hint = "see that the path and its rights are as they should be"
    if "locked" in error_lines[0]:
        hint = "another process is writing to it: try again when it has finished"
    elif "idle-in-transaction" in error_lines[0]:
        hint = "this program stood still for too long, and nothing of its change is kept: try again"
    elif engine.dialect.name == "postgresql":
        hint = "see that the server runs and that the URL is right"
    return ConfigError(
        f"the database can't be used ({error_lines[0] or error})",
        where=engine.url.render_as_string(hide_password=True),
        hint=hint,
    )


def read_revision(engine: Engine) -> str | None:
    """The schema's revision, None for a database without ours."""
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file and not Path(file).exists():
        return None
    with begin_transaction(engine, reading=True) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        result = connection.execute(
            select(text("version_num")).select_from(text("alembic_version"))
        )
        return str(result.scalar_one_or_none() or "")


def check_schema(engine: Engine) -> None:
    """Raises SchemaError unless the database is of this program's schema, naming the way out."""
    where = engine.url.render_as_string(hide_password=True)
    current_revision = read_revision(engine)
    if current_revision is None:
        raise SchemaError("there is no mailer's database", where=where, hint="run `mailer init`")
    if current_revision == schema.REVISIONS[-1]:
        return
    if current_revision in schema.REVISIONS:
        raise SchemaError(
            f"its schema is {current_revision}, and this program needs {schema.REVISIONS[-1]}",
            where=where,
            hint="make a copy of it, then run `mailer database upgrade`",
        )
    raise SchemaError(
        f"its schema is {current_revision or 'unknown'}, which is newer than this program",
        where=where,
        hint="install the newer mailer with `pip install --upgrade mailer`",
    )


def upgrade_schema(engine: Engine) -> tuple[str | None, str]:
    """Bring the database to this program's schema, all in one transaction. Returns its revision
    before and after. Raises SchemaError when the database is newer than the program."""
    previous_revision = read_revision(engine)
    if previous_revision is not None and previous_revision not in schema.REVISIONS:
        check_schema(engine)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "mailer.store:migrations")
    with begin_transaction(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return previous_revision, schema.REVISIONS[-1]
