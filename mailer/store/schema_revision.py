"""The revision of a database's schema: read, checked and upgraded, with the indexes of searches.

A database that holds tables of another program is never changed: reading its revision leaves its
file as it is, and its upgrade is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from mailer.errors import NextStep, SchemaError
from mailer.store import schema
from mailer.store.engine import begin_transaction, set_wal
from mailer.store.search import sqlite
from mailer.store.search.indexes import SEARCHED_COLUMNS, prepare_indexes

if TYPE_CHECKING:
    from alembic.config import Config

_REVISION_TABLE = "alembic_version"

COPY_TABLE = "database_copy"
"""The table of a database to which another one is being copied (`copying/progress.py`). It is gone
when the copy is complete."""

_OWN_TABLE = "edition"
"""A table that a database of the mailer has in each revision. Alembic's table alone says nothing:
other programs use Alembic, too."""

_LISTED_TABLES = 3
"""Maximum number of names of tables in an error."""

_POSTGRESQL_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind IN ('r', 'p')
AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
"""
"""Selects the tables of the current PostgreSQL schema, except those of extensions such as
PostGIS."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """The contents of a database: whether its file exists, its tables and its revisions."""

    exists: bool
    tables: frozenset[str] = frozenset()
    revisions: tuple[str, ...] = ()
    needs_missing_module: bool = False
    """Its triggers write to FTS5 tables, and this process's SQLite has no FTS5."""

    @property
    def is_empty(self) -> bool:
        """Check whether there are no tables. Alembic's own table does not count if it has no
        revision."""
        return not self.revisions and self.tables <= {_REVISION_TABLE}

    @property
    def is_own(self) -> bool:
        """Check whether this is a database of the mailer, of whatever revision."""
        return {_REVISION_TABLE, _OWN_TABLE} <= self.tables


def _read_contents(engine: Engine) -> _Contents:
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file and not Path(file).exists():
        return _Contents(exists=False)
    with begin_transaction(engine, reading=True) as connection:
        tables = frozenset(_list_tables(connection))
        revisions: tuple[str, ...] = ()
        if _REVISION_TABLE in tables:
            columns = {row["name"] for row in inspect(connection).get_columns(_REVISION_TABLE)}
            if "version_num" in columns:
                statement = text(f"SELECT version_num FROM {_REVISION_TABLE}")  # noqa: S608
                revisions = tuple(map(str, connection.execute(statement).scalars()))
        needs_missing_module = (
            connection.dialect.name == "sqlite"
            and not sqlite.has_module(connection)
            and any(sqlite.has_part_index(connection, column) for column in SEARCHED_COLUMNS)
        )
    return _Contents(True, tables, revisions, needs_missing_module)


def _list_tables(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql":
        return [str(name) for name in connection.execute(text(_POSTGRESQL_TABLES)).scalars()]
    return inspect(connection).get_table_names()


def read_revision(engine: Engine) -> str | None:
    """Return the schema's revision, or None if the database has no schema of the mailer."""
    contents = _read_contents(engine)
    return ", ".join(contents.revisions) if contents.is_own else None


def check_schema(engine: Engine) -> None:
    """Check that the database has this program's schema. Raises SchemaError with the next step."""
    where = engine.url.render_as_string(hide_password=True)
    contents = _read_contents(engine)
    if not contents.exists:
        raise _create_missing_error(where)
    if contents.is_empty:
        raise SchemaError(
            "this is not a database of the mailer: it is empty",
            where=where,
            next_steps=[NextStep("create_database")],
        )
    _check_own_schema(contents, where)
    _check_complete(contents, where)
    (revision,) = contents.revisions
    if revision == schema.REVISIONS[-1]:
        _check_tables(contents, where)
        _check_module(contents, where)
        return
    raise SchemaError(
        f"its schema is {revision}, and this program needs {schema.REVISIONS[-1]}",
        where=where,
        hint="make a copy of the database, then upgrade it",
        next_steps=[NextStep("upgrade_database")],
    )


def _create_missing_error(where: str) -> SchemaError:
    return SchemaError(
        "there is no such file",
        where=where,
        hint="check its path, or create a new database",
        code="database_missing",
        next_steps=[NextStep("create_database")],
    )


def _check_own_schema(contents: _Contents, where: str) -> None:
    """Raise SchemaError unless this is a database of the mailer, of a revision that this program
    can read or upgrade."""
    if not contents.is_own:
        tables = sorted(contents.tables - {_REVISION_TABLE}) or [_REVISION_TABLE]
        names = ", ".join(tables[:_LISTED_TABLES]) + (" …" if tables[_LISTED_TABLES:] else "")
        raise SchemaError(
            f"this is not a database of the mailer: it holds tables of another program ({names})",
            where=where,
            hint="set another database.url, for a database of its own; this one stays as it is",
            code="foreign_database",
        )
    if len(contents.revisions) != 1:
        count = len(contents.revisions) or "no"
        raise SchemaError(
            f"the database is damaged: its table {_REVISION_TABLE} holds {count} "
            f"revision{'s' if contents.revisions else ''}, and must hold one",
            where=where,
            hint="restore the database from a backup",
            code="damaged_database",
        )
    (revision,) = contents.revisions
    if revision in schema.REVISIONS:
        return
    if revision in schema.UNRELEASED_REVISIONS:
        raise SchemaError(
            f"its schema {revision} is from before the first release and can't be upgraded",
            where=where,
            hint="export subscribers and articles with the program that made it; then move the "
            "database away or set another database.url, create a new one, and import them",
            next_steps=[NextStep("create_database")],
        )
    raise SchemaError(
        f"its schema is {revision or 'unknown'}, which this program does not know",
        where=where,
        hint="install the newer version of the mailer that made it, or restore the backup that its "
        "upgrade made",
        next_steps=[NextStep("upgrade_program")],
    )


def _check_complete(contents: _Contents, where: str) -> None:
    """Raise SchemaError if another database is still being copied to this one."""
    if COPY_TABLE in contents.tables:
        raise SchemaError(
            "another database is being copied to this one, and the copy is not complete",
            where=where,
            hint="with the settings of the old database, finish the copy or cancel it",
            code="unfinished_copy",
            next_steps=[NextStep("copy_database", url=where), NextStep("cancel_copy", url=where)],
        )


def _check_tables(contents: _Contents, where: str) -> None:
    """Raise SchemaError if tables of the newest revision are missing."""
    missing = sorted(schema.metadata.tables.keys() - contents.tables)
    if missing:
        names = ", ".join(missing[:_LISTED_TABLES]) + (" …" if missing[_LISTED_TABLES:] else "")
        raise SchemaError(
            f"the database is damaged: tables are missing ({names})",
            where=where,
            hint="restore the database from a backup",
            code="damaged_database",
        )


def _check_module(contents: _Contents, where: str) -> None:
    """Raise SchemaError if this process's SQLite can't keep the indexes of searches."""
    if contents.needs_missing_module:
        raise SchemaError(
            "the search for people was made with FTS5, which this Python's SQLite does not have",
            where=where,
            hint="use a Python whose SQLite has it, or upgrade the database, which turns the index "
            "off: searches then find only beginnings",
            code="missing_module",
            next_steps=[NextStep("upgrade_database")],
        )


def check_upgradable(engine: Engine, *, may_create: bool = True) -> str | None:
    """Check that an upgrade may change the database, and return its revision, or None for an empty
    or new database. Raises SchemaError for a database that belongs to another program, is damaged,
    is newer than this program, or is from before the first release. Without `may_create`, a missing
    file also raises SchemaError, since its path may be misspelt."""
    contents = _read_contents(engine)
    where = engine.url.render_as_string(hide_password=True)
    if not contents.exists and not may_create:
        raise _create_missing_error(where)
    if contents.is_empty:
        return None
    _check_own_schema(contents, where)
    _check_complete(contents, where)
    if contents.revisions[0] == schema.REVISIONS[-1]:
        _check_tables(contents, where)
    return contents.revisions[0]


def upgrade_schema(engine: Engine, *, may_create: bool = True) -> tuple[str | None, str]:
    """Upgrade the database to this program's schema in one transaction.

    Returns (revision before, revision after). Raises SchemaError in the same cases as
    ``check_upgradable``."""
    previous_revision = check_upgradable(engine, may_create=may_create)
    with begin_transaction(engine) as connection:
        run_migrations(connection)
        prepare_indexes(connection)
    if engine.dialect.name == "sqlite":
        set_wal(engine)
    return previous_revision, schema.REVISIONS[-1]


def run_migrations(connection: Connection) -> None:
    """Bring the schema to this program's revision, without the indexes of searches."""
    from alembic import command

    command.upgrade(build_migration_config(connection), "head")


def build_migration_config(connection: Connection) -> "Config":
    """Build Alembic's configuration for migrations on a connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "mailer.store:migrations")
    config.attributes["connection"] = connection
    return config


def list_tables(engine: Engine) -> frozenset[str]:
    """Return the names of the database's tables: none if it does not exist. The database of another
    program stays as it is."""
    return _read_contents(engine).tables


def is_empty(engine: Engine) -> bool:
    """Check whether the database does not exist, or has no tables."""
    return _read_contents(engine).is_empty
