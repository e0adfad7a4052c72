"""Backups of PostgreSQL by its own tools, pg_dump and pg_restore, in their custom format.

The tools must be of the server's major version or newer. The password goes through the environment
(``PGPASSWORD``), as other users can see the arguments of a process.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from mailer.errors import ConfigError, InputError
from mailer.store import Store, schema
from mailer.store.backup import COUNTED_TABLES
from mailer.store.backup.files import build_not_empty_error
from mailer.store.engine import begin_transaction
from mailer.store.schema_revision import list_tables

_TABLE_DATA = re.compile(r"^\d+; \d+ \d+ TABLE DATA \S+ (\S+)", re.MULTILINE)
_SEARCH_INDEX = re.compile(
    r"^\d+; \d+ \d+ (?:INDEX \S+ ix_\w+_search_|EXTENSION - pg_trgm|COMMENT - EXTENSION pg_trgm)"
)
"""An index of searches, or the extension that it may need, in the list of a dump's contents."""
_ASIDE = "mailer_before_restoration"
"""The PostgreSQL schema of tables that a restoration is about to replace."""

_NO_EXTENSION = "NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = o.oid AND deptype = 'e')"
_LIST_TABLES = f"""
SELECT CAST(CAST(o.oid AS regclass) AS text) FROM pg_class o JOIN pg_namespace n
ON n.oid = relnamespace WHERE nspname = :schema AND relkind IN ('r', 'p') AND {_NO_EXTENSION}
"""  # noqa: S608  (constants)
_LIST_FUNCTIONS = f"""
SELECT CAST(CAST(o.oid AS regprocedure) AS text) FROM pg_proc o JOIN pg_namespace n
ON n.oid = pronamespace WHERE nspname = :schema AND {_NO_EXTENSION}
"""  # noqa: S608
_MAGIC = b"PGDMP"
"""The beginning of a dump in the custom format."""


def dump_database(store: Store, target: Path) -> dict[str, int]:
    """Dump the database as it is at one moment, and verify that the dump holds every table. Returns
    the number of rows of each counted table at the same moment."""
    tables = list_tables(store.engine)
    with begin_transaction(store.engine) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        # The server would end this session while pg_dump works.
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        snapshot = str(connection.scalar(text("SELECT pg_export_snapshot()")))
        rows = _count_rows(connection)
        _run_tool(
            store,
            "pg_dump",
            ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"],
            output=target,
        )
    _check_contents(target, tables & schema.metadata.tables.keys())
    return rows


def restore_database(store: Store, source: Path, *, replaces: bool) -> dict[str, int]:
    """Restore a dump in one transaction. The caller then marks the database as restored. A process
    that delivers before that sees that the database's generation went back."""
    _check_contents(source, schema.metadata.tables.keys())
    with begin_transaction(store.engine, reading=True) as connection:
        has_content = bool(inspect(connection).get_table_names())
    if has_content and not replaces:
        raise build_not_empty_error(store, source)
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    if has_content:
        options += ["--clean", "--if-exists"]
    with (
        _set_newer_tables_aside(store, source),
        tempfile.NamedTemporaryFile("w", encoding="utf-8") as contents_file,
    ):
        contents_file.write(_list_restored_contents(source))
        contents_file.flush()
        options += ["--use-list", contents_file.name]
        _run_tool(store, "pg_restore", [*options, str(source)])
    with begin_transaction(store.engine, reading=True) as connection:
        return _count_rows(connection)


@contextmanager
def _set_newer_tables_aside(store: Store, dump: Path) -> Iterator[None]:
    """Make room for a dump, if the database was upgraded by a newer program since. pg_restore
    leaves tables that the dump does not have, and can't replace the tables that they refer to. So
    all tables go to a PostgreSQL schema of their own, come back if the block fails, and are dropped
    if it succeeds."""
    tables = set(_TABLE_DATA.findall(_run_tool(None, "pg_restore", ["--list", str(dump)])))
    is_newer = store.read_revision() not in {None, *schema.REVISIONS}
    if not is_newer or list_tables(store.engine) <= tables:
        yield
        return
    with begin_transaction(store.engine) as connection:
        home = str(connection.scalar(text("SELECT current_schema()")))
        connection.execute(text(f"CREATE SCHEMA {_ASIDE}"))
        _move_objects(connection, home, _ASIDE)
    try:
        yield
    except BaseException:
        with begin_transaction(store.engine) as connection:
            _move_objects(connection, _ASIDE, home)
            connection.execute(text(f"DROP SCHEMA {_ASIDE}"))
        raise
    with begin_transaction(store.engine) as connection:
        connection.execute(text("SET LOCAL client_min_messages = warning"))
        connection.execute(text(f"DROP SCHEMA {_ASIDE} CASCADE"))


def _move_objects(connection: Connection, origin: str, target: str) -> None:
    """Move the tables and functions of a PostgreSQL schema to another one, except those of
    extensions. Their indexes, sequences and triggers go with them."""
    for kind, names in (("TABLE", _LIST_TABLES), ("FUNCTION", _LIST_FUNCTIONS)):
        for name in list(connection.scalars(text(names), {"schema": origin})):
            connection.execute(text(f"ALTER {kind} {name} SET SCHEMA {target}"))


def _list_restored_contents(dump: Path) -> str:
    """List the contents of a dump, without the indexes of searches and the extension that they may
    need, since this server may not have it. The caller makes the indexes that this server can
    have."""
    contents = _run_tool(None, "pg_restore", ["--list", str(dump)])
    return "".join(f"{line}\n" for line in contents.splitlines() if not _SEARCH_INDEX.search(line))


def _count_rows(connection: Connection) -> dict[str, int]:
    return {
        table: int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608
        for table in COUNTED_TABLES
    }


def _check_contents(dump: Path, wanted_tables: AbstractSet[str]) -> None:
    """Check that a dump can be read to its end and holds all these tables. Raises InputError."""
    with dump.open("rb") as dump_file:
        if dump_file.read(len(_MAGIC)) != _MAGIC:
            raise InputError("this is not a backup that pg_dump wrote", where=str(dump))
    contents = _run_tool(None, "pg_restore", ["--list", str(dump)])
    tables = set(_TABLE_DATA.findall(contents))
    if missing := wanted_tables - tables:
        raise InputError(
            f"this is not a backup of the mailer's database: {', '.join(sorted(missing))} "
            "is missing",
            where=str(dump),
        )
    _run_tool(None, "pg_restore", ["--file", os.devnull, str(dump)])  # reads all rows


def _run_tool(
    store: Store | None, name: str, arguments: list[str], output: Path | None = None
) -> str:
    """Run one of PostgreSQL's tools, and return its output. Raises ConfigError if the tool is not
    installed or the server refuses it, and InputError for a file that the tool can't read."""
    program = shutil.which(name)
    if program is None:
        raise ConfigError(
            f"the program {name} is not installed",
            hint="install PostgreSQL's client tools, of the server's version or newer "
            "(Debian: postgresql-client)",
        )
    environment = {**os.environ, "LC_ALL": "C"}
    command = [program, *arguments]
    if store is not None:
        url = store.engine.url
        if url.password:
            environment["PGPASSWORD"] = str(url.password)
        plain_url = url.set(drivername="postgresql", password=None)
        command += ["--no-password", "--dbname", plain_url.render_as_string()]
    if output is not None:
        command += ["--file", str(output)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode == 0:
        return result.stdout
    message = "; ".join(result.stderr.strip().splitlines()[:3])
    if store is None:
        raise InputError(f"the backup is damaged ({message})", where=arguments[-1])
    hint = "check that the server runs and that the URL is right"
    if "version mismatch" in message:
        hint = "install PostgreSQL's client tools of the server's version"
    raise ConfigError(f"{name} failed ({message})", where=store.display_url, hint=hint)
