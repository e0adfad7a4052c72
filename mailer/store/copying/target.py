"""The target of a copy: what it holds before, its schema, and its removal if the copy is
cancelled."""

import os
from enum import Enum, auto
from pathlib import Path

from sqlalchemy import text

from mailer.errors import Refused
from mailer.model.recovery import DatabaseIdentity
from mailer.store import Store, schema
from mailer.store.copying.contents import quote_name
from mailer.store.copying.progress import CopyProgress, create_progress, load_progress
from mailer.store.engine import begin_transaction, set_wal
from mailer.store.schema_revision import COPY_TABLE, is_empty, list_tables, run_migrations
from mailer.store.search.indexes import prepare_indexes

_FUNCTIONS = ("consent_stays",)
"""PostgreSQL's functions that the migrations create."""


class TargetContent(Enum):
    """The content of a target."""

    NOTHING = auto()
    EMPTY_TABLES = auto()
    """The tables of this program, without a row."""
    UNFINISHED_COPY = auto()
    DATABASE = auto()


def judge_target(target: Store) -> TargetContent:
    """Return what a target holds. Raises DatabaseUnavailable if it can't be reached."""
    if is_empty(target.engine):
        return TargetContent.NOTHING
    tables = list_tables(target.engine)
    if COPY_TABLE in tables:
        return TargetContent.UNFINISHED_COPY
    if target.read_revision() == schema.REVISIONS[-1] and _has_no_row(target):
        return TargetContent.EMPTY_TABLES
    return TargetContent.DATABASE


def _has_no_row(target: Store) -> bool:
    with begin_transaction(target.engine, reading=True) as connection:
        return all(
            connection.scalar(text(f"SELECT 1 FROM {quote_name(name)} LIMIT 1")) is None  # noqa: S608
            for name in schema.metadata.tables
        )


def check_encoding(target: Store) -> None:
    """Check that a PostgreSQL database can store every text. Raises Refused."""
    if target.engine.dialect.name != "postgresql":
        return
    with begin_transaction(target.engine, reading=True) as connection:
        encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise Refused(
            f"its encoding is {encoding}, which can't store every text",
            where=target.display_url,
            hint="create the database with ENCODING 'UTF8' TEMPLATE template0",
        )


def check_writable(target: Store, *, may_create: bool) -> None:
    """Check that tables can be made in a target, before the source is closed to changes for it.
    Nothing is changed; with `may_create`, the empty file of a new SQLite database may stay. Raises
    Refused and DatabaseUnavailable."""
    if target.engine.dialect.name == "sqlite":
        file = Path(target.engine.url.database or "")
        if not file.exists() and not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
            raise Refused(
                f"no file can be made in the folder {file.parent}",
                where=target.display_url,
                hint="make the folder, or name another file",
            )
        if not file.exists() and not may_create:
            return
    with begin_transaction(target.engine) as connection:
        connection.execute(text(f"CREATE TABLE {COPY_TABLE} (name INTEGER)"))
        connection.rollback()


def load_target_progress(target: Store) -> CopyProgress:
    with begin_transaction(target.engine, reading=True) as connection:
        return load_progress(connection)


def prepare_target(target: Store, identity: DatabaseIdentity, place: str) -> None:
    """Create the tables of a target, and the table of the copy's progress, in one transaction. The
    indexes of searches follow when the rows are there, as this takes a fraction of the time."""
    names = [table.name for table in schema.metadata.sorted_tables]
    with begin_transaction(target.engine) as connection:
        run_migrations(connection)
        create_progress(connection, identity, place, names)
    if target.engine.dialect.name == "sqlite":
        set_wal(target.engine)


def index_target(target: Store) -> None:
    """Create the indexes of searches, and let PostgreSQL count the new rows."""
    with begin_transaction(target.engine) as connection:
        prepare_indexes(connection)
        if target.engine.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))


def remove_copy(target: Store) -> None:
    """Remove an unfinished copy, so that the target is empty again."""
    if target.engine.dialect.name == "sqlite":
        target.engine.dispose()
        file = Path(target.engine.url.database or "")
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        return
    names = [*schema.metadata.tables, "alembic_version", COPY_TABLE]
    with begin_transaction(target.engine) as connection:
        connection.execute(text("SET LOCAL client_min_messages = warning"))
        connection.execute(
            text(f"DROP TABLE IF EXISTS {', '.join(map(quote_name, names))} CASCADE")
        )
        for function in _FUNCTIONS:
            connection.execute(text(f"DROP FUNCTION IF EXISTS {function}() CASCADE"))
