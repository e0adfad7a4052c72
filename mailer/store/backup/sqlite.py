"""Backups of SQLite by its backup API (https://www.sqlite.org/backup.html).

A backup is a whole database in one file, without a write-ahead log. Copying the database's file
alone would lose the changes that are only in the log. The copy is marked as restored when it is
made, so nothing is sent from it until a person has accepted it, even if it was put in place without
this program.
"""

import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mailer.errors import ConfigError, InputError, NextStep, SchemaError
from mailer.store import Store, schema
from mailer.store.backup import COUNTED_TABLES
from mailer.store.backup.files import build_not_empty_error
from mailer.store.engine import BUSY_TIMEOUT_MS, make_file_private

_MARK = """
INSERT INTO database_identity (id, identity, generation, state, reason, since)
VALUES (1, :identity, 0, 'restored', :reason, :since)
ON CONFLICT (id) DO UPDATE SET state = 'restored', reason = :reason, since = :since
WHERE state <> 'clone'
"""


def copy_database(store: Store, target: Path, now: datetime) -> dict[str, int]:
    """Copy the database as it is now to the empty file `target`, and verify the copy. Other
    processes can write in the meantime. Returns the number of rows of each counted table."""
    source_file = store.engine.url.database or ""
    with (
        _wrap_errors(source_file),
        closing(_open_file(Path(source_file))) as source,
        closing(_open_file(target)) as copy,
    ):
        source.execute("BEGIN")
        rows = _count_rows(source)  # takes the snapshot that is copied
        source.backup(copy)
        source.rollback()
        _mark_restored(copy, f"it was restored from a backup of {now:%Y-%m-%d %H:%M} UTC", now)
        copy.execute("PRAGMA journal_mode = DELETE")
        _verify_copy(copy, target, rows)
    return rows


def restore_database(
    store: Store, source: Path, now: datetime, *, replaces: bool
) -> dict[str, int]:
    """Restore a backup over the database in one transaction, so that running processes see the
    change."""
    target_file = Path(store.engine.url.database or "")
    has_content = target_file.exists() and target_file.stat().st_size > 0
    if has_content and not replaces and _has_tables(target_file):
        raise build_not_empty_error(store, source)
    with (
        _wrap_errors(str(source)),
        _create_work_file(target_file.resolve().parent) as work_file,
        closing(_open_file(work_file)) as marked,
    ):
        with closing(_open_reading(source)) as backup:
            backup.backup(marked)
        _check_backup(marked, source)
        _mark_restored(marked, f"it was restored from {source.name}", now)
        rows = _count_rows(marked)
        with _wrap_errors(str(target_file)):
            make_file_private(target_file)
            with closing(_open_file(target_file)) as target:
                target.execute("PRAGMA synchronous = FULL")
                marked.backup(target)
                target.execute("PRAGMA journal_mode = WAL")
                _verify_copy(target, target_file, rows)
    return rows


@contextmanager
def _create_work_file(folder: Path) -> Iterator[Path]:
    """Yield the path of a private file in the folder of the database."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".restoring-") as work_file:
            yield Path(work_file.name)
    except OSError as error:
        raise ConfigError(
            f"the backup can't be unpacked ({error.strerror or error})", where=str(folder)
        ) from error


def _open_file(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)


def _open_reading(file: Path) -> sqlite3.Connection:
    """Open a backup for reading only, since its folder may be read-only."""
    uri = f"{file.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def _has_tables(file: Path) -> bool:
    with _wrap_errors(str(file)), closing(_open_file(file)) as connection:
        return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    return {
        table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
        for table in COUNTED_TABLES
    }


def _mark_restored(connection: sqlite3.Connection, reason: str, now: datetime) -> None:
    since = f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    connection.execute(_MARK, {"identity": secrets.token_hex(16), "reason": reason, "since": since})


def _check_backup(backup: sqlite3.Connection, source: Path) -> None:
    """Check that a file is an undamaged database of the mailer, with a known schema."""
    if (result := backup.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
        raise InputError(f"the backup is damaged ({result})", where=str(source))
    has_schema = backup.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    ).fetchone()
    revision = (
        backup.execute("SELECT version_num FROM alembic_version").fetchone() if has_schema else None
    )
    if revision is None:
        raise InputError("this is not a backup of the mailer's database", where=str(source))
    if revision[0] not in schema.REVISIONS:
        raise SchemaError(
            f"its schema is {revision[0]}, and this program needs {schema.REVISIONS[-1]}",
            where=str(source),
            hint="restore it with the program that wrote it",
            next_steps=[NextStep("upgrade_program")],
        )


def _verify_copy(copy: sqlite3.Connection, file: Path, rows: dict[str, int]) -> None:
    if (result := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
        raise ConfigError(f"the copy is damaged ({result})", where=str(file))
    if (copied_rows := _count_rows(copy)) != rows:
        raise ConfigError(
            f"the copy has {copied_rows}, and the database had {rows}", where=str(file)
        )


@contextmanager
def _wrap_errors(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        hint = "see whether the disk is full" if "full" in str(error) else ""
        if "locked" in str(error) or "busy" in str(error):
            hint = "another process is writing to it: stop the worker, and try again"
        if "not a database" in str(error) or "malformed" in str(error):
            raise InputError(f"this is not a SQLite database ({error})", where=where) from error
        raise ConfigError(f"the database can't be copied ({error})", where=where, hint=hint) from (
            error
        )
