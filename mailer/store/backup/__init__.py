"""Backups: written while processes run, verified, and restored.

files.py       whole files or none, with mode 0600
sqlite.py      by SQLite's backup API
postgresql.py  by pg_dump and pg_restore
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mailer.actor import Actor
from mailer.recovery import suspend_deliveries
from mailer.store import Store
from mailer.store.search.indexes import prepare_indexes

COUNTED_TABLES = ("subscriber", "suppression", "consent", "article", "edition", "delivery")
"""Tables whose rows a backup counts, for people to compare."""


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """A backup that was verified: its size, and the number of rows of each counted table."""

    bytes: int
    rows: dict[str, int]


def write_backup(
    store: Store, target: Path, now: datetime, *, replaces: bool = False
) -> BackupSummary:
    """Write a backup of the database to a new file, and verify the backup before the file gets its
    name. With `replaces`, an existing file is replaced. Raises ConfigError and InputError."""
    from mailer.store.backup import files

    files.check_target(store, target, replaces=replaces)
    with files.create_whole_file(target) as new_file:
        if store.engine.dialect.name == "sqlite":
            from mailer.store.backup.sqlite import copy_database

            rows = copy_database(store, new_file, now)
        else:
            from mailer.store.backup.postgresql import dump_database

            rows = dump_database(store, new_file)
        return BackupSummary(new_file.stat().st_size, rows)


def restore_backup(
    store: Store, source: Path, actor: Actor, now: datetime, *, replaces: bool = False
) -> BackupSummary:
    """Restore a backup into an empty database. With `replaces`, the content of any database is
    replaced. The database is marked as restored: nothing is sent from it until a person has
    accepted it.

    Raises InputError for a file that is not a backup for this kind of database, Refused if the
    database holds tables and `replaces` is not set, and ConfigError."""
    from mailer.store.backup import files

    files.check_source(source)
    if store.engine.dialect.name == "sqlite":
        from mailer.store.backup import sqlite

        rows = sqlite.restore_database(store, source, now, replaces=replaces)
    else:
        from mailer.store.backup import postgresql

        rows = postgresql.restore_database(store, source, replaces=replaces)
    store.engine.dispose()  # open sessions remember the tables that were replaced
    with store.begin() as tx:
        prepare_indexes(tx.connection)
        suspend_deliveries(tx, actor, f"it was restored from {source.name}", now)
    return BackupSummary(source.stat().st_size, rows)
