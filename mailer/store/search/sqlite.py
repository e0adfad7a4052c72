"""Indexes of trigrams on SQLite: FTS5 tables (https://www.sqlite.org/fts5.html).

The FTS5 table `subscriber_search` indexes a column of the table `subscriber`, and stores no copy of
it (§4.4.3, "External Content Tables"). Triggers keep the two alike, whatever program writes. With
``detail=none``, the index holds only which rows have a trigram, and a search then reads these rows.

FTS5 writes its pending terms to the disk whenever a statement with a savepoint begins, so for each
row that fires a trigger: 25 µs a row, against 3 µs if one INSERT has all rows. Therefore
:func:`index_in_bulk` turns the trigger off for an import, and indexes its rows together.

Deleting a row adds a note to an FTS5 index that the row is gone; the row's trigrams stay until the
segments of the index happen to be merged. (The option ``secure-delete`` needs SQLite 3.42, and
makes the index unreadable for older ones.) So a trigger notes that people were deleted, and
:func:`merge_deleted_rows` then merges all segments, some pages at a time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, Select, column, func, select, table, text

MERGED_PAGES = 250
"""Number of pages of an index that one step merges."""

_CREATE_STATE = (
    "CREATE TABLE IF NOT EXISTS search_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
)
"""The state of the indexes. A row `bulk` means that rows are being inserted in bulk. A row
`deleted` means that trigrams of deleted people may still be in the index: its value is 0, or 1 once
merging has begun."""

_CREATE_INDEX = (
    "CREATE VIRTUAL TABLE {table}_search USING fts5({column}, content='{table}', "
    "content_rowid='id', tokenize='trigram case_sensitive 1', detail=none, columnsize=0)"
)

_REMOVAL = "INSERT INTO {table}_search ({table}_search, rowid, {column}) "
_REMOVAL += "VALUES ('delete', OLD.id, OLD.{column});"
_ADDITION = "INSERT INTO {table}_search (rowid, {column}) VALUES (NEW.id, NEW.{column});"
_IS_NOT_BULK = "NOT EXISTS (SELECT 1 FROM search_state WHERE name = 'bulk')"
_CREATE_TRIGGERS = {
    "{table}_search_insert": "CREATE TRIGGER {table}_search_insert AFTER INSERT ON {table} "
    f"WHEN {_IS_NOT_BULK} BEGIN {_ADDITION} END",
    "{table}_search_update": "CREATE TRIGGER {table}_search_update "
    "AFTER UPDATE OF {column} ON {table} WHEN OLD.{column} <> NEW.{column} "
    f"BEGIN {_REMOVAL} {_ADDITION} END",
    "{table}_search_delete": "CREATE TRIGGER {table}_search_delete AFTER DELETE ON {table} "
    f"BEGIN {_REMOVAL} END",
}
_ERASED_TABLE = "subscriber"
_CREATE_ERASURE_TRIGGER = {
    "{table}_search_erase": "CREATE TRIGGER {table}_search_erase AFTER DELETE ON {table} "
    "BEGIN INSERT INTO search_state VALUES ('deleted', 0) "
    "ON CONFLICT (name) DO UPDATE SET value = 0; END",
}
"""Only people are erased."""

_CREATE_BEGINNINGS_INDEX = (
    "CREATE INDEX IF NOT EXISTS ix_subscriber_search_text ON subscriber (search_text)"
)
_DROP_BEGINNINGS_INDEX = "DROP INDEX IF EXISTS ix_subscriber_search_text"

_REBUILD = "INSERT INTO {table}_search ({table}_search) VALUES ('rebuild')"
_MERGE = "INSERT INTO {table}_search ({table}_search, rank) VALUES ('merge', :pages)"
_ADD_AFTER = "INSERT INTO {table}_search (rowid, {column}) "
_ADD_AFTER += "SELECT id, {column} FROM {table} WHERE id > :last_id"

_HAS_OBJECT = text("SELECT count(*) FROM sqlite_master WHERE name = :name")
_HAS_MODULE = text("SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'")


def has_module(db: Connection) -> bool:
    """Check whether this process's SQLite has FTS5."""
    return bool(db.scalar(_HAS_MODULE))


def has_part_index(db: Connection, searched_column: Column[Any]) -> bool:
    """Check whether a column has an index of trigrams. Without its triggers, an FTS5 table is not
    up to date, and does not count."""
    return bool(db.scalar(_HAS_OBJECT, {"name": f"{searched_column.table.name}_search_delete"}))


def explain_missing_index(db: Connection) -> str:
    if has_module(db):
        return "its index has not been made yet"
    return "this Python's SQLite has no FTS5"


def prepare_indexes(db: Connection, searched_columns: Sequence[Column[Any]]) -> None:
    can_index = has_module(db)
    db.exec_driver_sql(_DROP_BEGINNINGS_INDEX if can_index else _CREATE_BEGINNINGS_INDEX)
    if can_index:
        db.exec_driver_sql(_CREATE_STATE)
    rows = db.execute(text("SELECT name, sql FROM sqlite_master"))
    existing: dict[str, str] = {row.name: row.sql for row in rows}
    for searched_column in searched_columns:
        objects = _list_objects(searched_column)
        if can_index and objects.items() <= existing.items():
            continue
        index, *triggers = objects
        for trigger in triggers:
            db.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
        if can_index:  # dropping the FTS5 table would need FTS5, too
            db.exec_driver_sql(f"DROP TABLE IF EXISTS {index}")
            for statement in objects.values():
                db.exec_driver_sql(statement)
            _run(db, _REBUILD, searched_column)


def _list_objects(searched_column: Column[Any]) -> dict[str, str]:
    """List the FTS5 table of a column and then its triggers: their definitions, by name."""
    templates = {"{table}_search": _CREATE_INDEX, **_CREATE_TRIGGERS}
    if searched_column.table.name == _ERASED_TABLE:
        templates |= _CREATE_ERASURE_TRIGGER
    return {
        _fill_in(name, searched_column): _fill_in(definition, searched_column)
        for name, definition in templates.items()
    }


def _fill_in(template: str, searched_column: Column[Any]) -> str:
    return template.format(table=searched_column.table.name, column=searched_column.name)


def _run(db: Connection, template: str, searched_column: Column[Any], **parameters: int) -> None:
    db.execute(text(_fill_in(template, searched_column)), parameters)


@contextmanager
def index_in_bulk(db: Connection, searched_column: Column[Any]) -> Iterator[None]:
    """Index the rows that the block inserts into the column's table together, which takes a ninth
    of the time. The block must insert no other searched rows."""
    if db.dialect.name != "sqlite" or not has_part_index(db, searched_column):
        yield
        return
    last_id = db.scalar(select(func.max(searched_column.table.c.id))) or 0
    db.execute(text("INSERT INTO search_state VALUES ('bulk', 0)"))
    yield
    _run(db, _ADD_AFTER, searched_column, last_id=last_id)
    db.execute(text("DELETE FROM search_state WHERE name = 'bulk'"))


def has_deleted_rows(db: Connection, searched_column: Column[Any]) -> bool:
    """Check whether the index may still hold trigrams of people who were deleted."""
    return has_part_index(db, searched_column) and _read_deletion_state(db) is not None


def merge_deleted_rows(
    db: Connection, searched_column: Column[Any], pages: int = MERGED_PAGES
) -> bool:
    """Take the next step of merging the whole index, so that nothing of deleted people is left in
    it (FTS5, §6.8, "The 'merge' Command"). If a person is deleted between two steps, the next step
    begins again. Returns whether there is more to do."""
    state = _read_deletion_state(db) if has_part_index(db, searched_column) else None
    if state is None:
        return False
    driver_connection: Any = db.connection.driver_connection
    changes_before = driver_connection.total_changes
    # The first step takes all segments together, the others go on with them.
    _run(db, _MERGE, searched_column, pages=pages if state else -pages)
    is_done = driver_connection.total_changes - changes_before < 2
    if is_done:
        db.execute(text("DELETE FROM search_state WHERE name = 'deleted'"))
    elif not state:
        db.execute(text("UPDATE search_state SET value = 1 WHERE name = 'deleted'"))
    return not is_done


def _read_deletion_state(db: Connection) -> int | None:
    state: int | None = db.scalar(text("SELECT value FROM search_state WHERE name = 'deleted'"))
    return state


def select_candidates(searched_column: Column[Any], needles: Sequence[str]) -> Select[int]:
    """Select the ids of rows with the trigrams of all needles, in ascending order. The rows that
    contain the needles are among them."""
    name = f"{searched_column.table.name}_search"
    index = table(name, column("rowid"), column(name))
    return (
        select(index.c.rowid)
        .where(index.c[name].bool_op("MATCH")(_build_match(needles)))
        .order_by(index.c.rowid)
    )


def _build_match(needles: Sequence[str]) -> str:
    """Build the FTS5 expression of rows with the trigrams of all needles, each of which has at
    least three characters. Every third trigram suffices, and the last."""
    trigrams = {
        needle[start : start + 3]
        for needle in needles
        for start in (*range(0, len(needle) - 2, 3), len(needle) - 3)
    }
    return " AND ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in sorted(trigrams))
