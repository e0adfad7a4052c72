"""SQLite without FTS5, and what an FTS5 index holds."""

import ctypes
import ctypes.util
import sqlite3
from typing import Any

import pytest
from sqlalchemy import event, text

from mailer.store import SqlTransaction, Store
from tests.conftest import KEY


class _ConnectionStart(ctypes.Structure):
    """The start of CPython's ``pysqlite_Connection``: an object's head, and SQLite's handle."""

    _fields_ = (
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("db", ctypes.c_void_p),
    )


def drop_fts5(connection: sqlite3.Connection, _record: Any = None) -> None:
    """Take FTS5 from a connection, as if SQLite had been built without it. Skip the test if this
    Python has a SQLite of its own."""
    query = "SELECT name FROM pragma_module_list WHERE name <> 'fts5'"
    others = [str(name).encode() for (name,) in connection.execute(query)]
    library = ctypes.CDLL(ctypes.util.find_library("sqlite3") or "libsqlite3.so.0")
    handle = ctypes.c_void_p(_ConnectionStart.from_address(id(connection)).db)
    library.sqlite3_drop_modules(handle, (ctypes.c_char_p * (len(others) + 1))(*others, None))
    query = "SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'"
    if connection.execute(query).fetchone() != (0,):
        pytest.skip("this Python's sqlite3 does not use the system's SQLite")


def open_without_fts5(url: str) -> Store:
    store = Store(url, KEY)
    event.listen(store.engine, "connect", drop_fts5)
    return store


def read_index_blocks(tx: SqlTransaction) -> list[bytes]:
    """Return the terms that the index of people holds, in its own format, without the numbers of
    the segments."""
    statement = "SELECT block FROM subscriber_search_data WHERE id > 10 ORDER BY id"
    return list(tx.connection.scalars(text(statement)))


def check_index(tx: SqlTransaction) -> None:
    """Compare the indexes with the tables (FTS5, §6.4, "The 'integrity-check' Command"). Raises
    DatabaseError."""
    command = "INSERT INTO {0}_search ({0}_search, rank) VALUES ('integrity-check', 1)"
    for table in ("subscriber", "article", "edition_words"):
        tx.connection.execute(text(command.format(table)))


def rebuild_index(tx: SqlTransaction) -> None:
    command = "INSERT INTO subscriber_search (subscriber_search) VALUES ('rebuild')"
    tx.connection.execute(text(command))
    with tx.open_savepoint():  # makes FTS5 write what it has in memory
        pass
