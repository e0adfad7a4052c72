"""The engine of a database, and its transactions.

SQLite uses WAL, ``synchronous=FULL`` (an acknowledged commit survives a power cut), foreign keys,
and ``BEGIN IMMEDIATE`` for writers. A deferred transaction that begins to write later would fail at
once if another process is writing, whatever the busy timeout is. PostgreSQL keeps its own settings;
``database_link.py`` bounds the waits on its links.
"""

import os
import random
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    NoSuchModuleError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeoutError,
)

from mailer.errors import ConcurrencyError, ConfigError, DatabaseUnavailable
from mailer.store.database_link import POOL_SECONDS, LinkGuard, build_connect_options
from mailer.store.sqlstates import MOVED_SQLSTATE, Trouble, find_sqlstate, judge_error
from mailer.store.write_queue import QUEUE_SUFFIX, WriteQueue

BUSY_TIMEOUT_MS = 30_000
"""Maximum milliseconds for which a transaction waits for SQLite's write lock. Under load a writer
was seen to wait for more than five seconds."""

LOCK_RETRY_DELAYS = ((0.0003, 0.001), (0.0005, 0.003))
"""The shortest and the longest wait between two attempts to get the write lock, in seconds: while
the lock was asked for less than :data:`SHORT_WAIT_SECONDS` ago, and later."""

SHORT_WAIT_SECONDS = 0.1
"""Seconds in which most transactions end."""

_HINTS = {
    Trouble.READ_ONLY: "it is a standby, or was made read-only: make it writable, or name the "
    "server that is",
    Trouble.BUSY: "nothing was saved: try again when the other transaction has finished",
    Trouble.DENIED: "check the user, its rights and the name of the database",
    Trouble.DAMAGED: "restore it from a backup",
}
_POSTGRESQL_HINT = "check that the server runs and that the URL is right"
_SQLSTATE_HINTS = {
    "53100": "the server's disk is full: free some space",
    "53300": "the server has no connection left: raise its max_connections, or end other sessions",
    MOVED_SQLSTATE: "nothing was saved: set database.url to the database that it was moved to",
    "25P03": "this program stood still for too long, and nothing was saved: try again",
}


def build_engine(url: str, lease: float = 60.0) -> tuple[Engine, LinkGuard]:
    """Build an engine for `url`, and the guard of its links, without opening the database. `lease`:
    see ``Store``. Raises ConfigError for an unusable URL."""
    try:
        parsed_url = make_url(url)
        backend = parsed_url.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ConfigError(
                f"{backend} is not a supported database",
                where="database.url",
                hint="use sqlite:///FILE or postgresql://USER@HOST/NAME",
            )
        engine_options: dict[str, Any] = {}
        if backend == "postgresql":
            connect_options = build_connect_options(parsed_url.query, lease)
            engine_options = {"connect_args": connect_options, "pool_timeout": POOL_SECONDS}
        engine = create_engine(url, **engine_options)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise ConfigError(
            f"the database can't be used ({error})",
            where="database.url",
            hint="use sqlite:///FILE, or `pip install 'pressmail[postgresql]'` for PostgreSQL",
        ) from error
    guard = LinkGuard(engine)
    if backend == "sqlite":
        event.listen(engine, "do_connect", _make_private)
        event.listen(engine, "connect", _configure_sqlite)
        queue = WriteQueue(parsed_url.database)
        event.listen(
            engine, "begin", lambda connection: _begin_sqlite(connection, queue, guard.stop_event)
        )
    return engine, guard


def _make_private(_dialect: Any, _record: Any, arguments: Any, _options: Any) -> None:
    """Keep the database's files from other users, whatever the umask. SQLite gives the files beside
    the database (``-wal``, ``-shm``) the permissions of the database itself."""
    file = Path(str(arguments[0])) if arguments else Path()
    if str(file) not in {"", ".", ":memory:"} and not str(file).startswith("file:"):
        make_file_private(file)


_databases: set[tuple[int, int]] = set()
"""Device and inode of each database that this process has opened: it must not read these files."""


def make_file_private(file: Path) -> None:
    """Create a SQLite database's file with mode 0600 if it is missing, and remove the rights of
    other users. A group that may write keeps its rights, as they were given on purpose.

    A file that does not hold a SQLite database stays as it is: its path was misspelt. So does a
    file of another user, which ``mailer database status`` reports."""
    with suppress(OSError):  # opening the database raises the error, with its own words
        if not file.exists():
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if not file.is_file():
            return
        status = file.stat()
        file_id = (status.st_dev, status.st_ino)
        is_public = _find_private_mode(file) is not None
        if is_public and file_id not in _databases and not _begins_like_database(file):
            return
        _databases.add(file_id)
        for suffix in ("", "-wal", "-shm", "-journal", QUEUE_SUFFIX):
            path = file.with_name(file.name + suffix)
            with suppress(FileNotFoundError):
                private_mode = _find_private_mode(path)
                if private_mode is not None:
                    path.chmod(private_mode)


def _find_private_mode(path: Path) -> int | None:
    """Return the mode that a file should have, or None if it has it or this user can't set it."""
    status = path.stat()
    if os.geteuid() not in {0, status.st_uid}:
        return None
    mode = stat.S_IMODE(status.st_mode)
    forbidden_bits = 0o007 if mode & 0o020 else 0o077
    return mode & ~forbidden_bits if mode & forbidden_bits else None


def _begins_like_database(file: Path) -> bool:
    """Check for a file that is empty or begins like a database of SQLite (file format, 1.3).

    Only a file that this process has not opened as a database may be checked: closing a file ends
    all POSIX locks that the process has on it, and with them those of its connections (SQLite, "How
    To Corrupt An SQLite Database File", 2.2)."""
    with file.open("rb") as opened_file:
        return opened_file.read(16) in {b"", b"SQLite format 3\0"}


def list_open_files(url: URL) -> list[str]:
    """Return the files of a SQLite database that users outside the owner's group can read or
    write."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return []
    file = Path(url.database)
    paths = [file.with_name(file.name + suffix) for suffix in ("", "-wal", "-shm", QUEUE_SUFFIX)]
    return [str(path) for path in paths if path.exists() and path.stat().st_mode & 0o007]


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
    """Check whether this is a database of the mailer that does not use WAL, such as a copy. Setting
    the journal mode changes the file, and the file of another program must stay as it is."""
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


def _begin_sqlite(connection: Connection, queue: WriteQueue, stop_event: threading.Event) -> None:
    """Begin a transaction. A writer waits for its turn in the queue, and then tries to get the
    write lock every few milliseconds.

    SQLite's own busy handler is not used, since it sleeps longer each time, up to 100 ms. With that
    handler, while a worker sent at full speed and took the lock again and again, one in a hundred
    writes by a web page took 900 ms."""
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver_connection: Any = connection.connection.driver_connection
    started_at = time.monotonic()
    with queue.open_place() as place:
        try:
            driver_connection.execute("PRAGMA busy_timeout = 0")
            while (
                waited_seconds := time.monotonic() - started_at
            ) < BUSY_TIMEOUT_MS / 1000 and not stop_event.is_set():
                if place.may_ask(waited_seconds):
                    try:
                        driver_connection.execute("BEGIN IMMEDIATE")
                    except sqlite3.OperationalError as error:
                        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                            break
                    else:
                        place.note_start()
                        return
                delays = LOCK_RETRY_DELAYS[waited_seconds >= SHORT_WAIT_SECONDS]
                time.sleep(random.uniform(*delays))  # noqa: S311  (spreads processes)
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises SQLite's own error
        finally:
            driver_connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


@contextmanager
def begin_transaction(engine: Engine, *, reading: bool = False) -> Iterator[Connection]:
    """Open a transaction, which commits at the end of the block and rolls back on an error.

    Raises DatabaseUnavailable if the database can't be reached, is not a database, stays locked or
    is read-only, and ConcurrencyError if another process changed the same rows."""
    is_committing = False
    try:
        with engine.connect().execution_options(reading=reading) as connection:
            try:
                with connection.begin():
                    yield connection
                    is_committing = not reading
            except engine.dialect.loaded_dbapi.Error as error:  # a prepared statement's
                connection.invalidate()
                raise DBAPIError.instance(
                    "", {}, error, engine.dialect.loaded_dbapi.Error
                ) from error
    except (DatabaseError, PoolTimeoutError) as error:
        translated_error = translate_error(engine, error, is_committing=is_committing)
        if translated_error is error:
            raise
        raise translated_error from error


def translate_error(engine: Engine, error: Exception, *, is_committing: bool = False) -> Exception:
    """Return the program's own error for an error of the database. An error that shows a bug of
    this program is returned unchanged. `is_committing`: the transaction was being committed."""
    if isinstance(error, PoolTimeoutError):
        return build_unreachable_error(engine, "all its connections are in use", Trouble.BUSY)
    driver_error_class = engine.dialect.loaded_dbapi.Error
    if isinstance(error, driver_error_class):  # a prepared statement's
        error = DBAPIError.instance("", {}, error, driver_error_class)
    if not isinstance(error, DBAPIError):
        return error
    trouble = judge_error(error.orig, link_was_lost=error.connection_invalidated)
    if trouble is Trouble.OURS:
        return error
    reason = (str(error.orig).strip().splitlines() or [""])[0]
    if trouble is Trouble.CONFLICT:
        return ConcurrencyError(
            f"another process was changing the same records ({reason})",
            hint="nothing was saved: look at the records, and try again",
        )
    is_lost = trouble in {Trouble.AWAY, Trouble.SILENT} and engine.dialect.name == "postgresql"
    return build_unreachable_error(
        engine,
        reason,
        trouble,
        sqlstate=find_sqlstate(error.orig),
        outcome_unknown=is_committing and is_lost,
    )


def build_unreachable_error(
    engine: Engine,
    reason: str,
    trouble: Trouble,
    *,
    sqlstate: str = "",
    outcome_unknown: bool = False,
) -> DatabaseUnavailable:
    """Build the error for a database that can't be used. It hides the password of the URL."""
    is_sqlite = engine.dialect.name == "sqlite"
    usual_hint = "check the path and its permissions" if is_sqlite else _POSTGRESQL_HINT
    hint = _SQLSTATE_HINTS.get(sqlstate) or _HINTS.get(trouble, usual_hint)
    message = f"the database can't be used ({reason})"
    if trouble is Trouble.SILENT:
        message = f"the database does not answer ({reason})"
    elif trouble is Trouble.READ_ONLY:
        message = f"the database can't be written to ({reason})"
    elif trouble is Trouble.BUSY and is_sqlite:
        seconds = BUSY_TIMEOUT_MS / 1000
        message = f"the database stayed locked for {seconds:g} s ({reason})"
        hint = "another process is writing to it: nothing was saved, try again when it has finished"
    if outcome_unknown:
        hint = f"the link was lost during the commit, so it may be saved: look first; {hint}"
    return DatabaseUnavailable(
        message,
        where=engine.url.render_as_string(hide_password=True),
        hint=hint,
        code=f"database_{trouble.value}",
        outcome_unknown=outcome_unknown,
    )
