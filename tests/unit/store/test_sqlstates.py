"""Every error of a database has one meaning."""

import sqlite3

import psycopg.errors
import pytest

from mailer.store.sqlstates import Trouble, judge_error, judge_sqlite_code, judge_sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "trouble"),
    [
        ("08006", Trouble.AWAY),
        ("08P01", Trouble.AWAY),
        ("57P01", Trouble.AWAY),
        ("57P02", Trouble.AWAY),
        ("57P03", Trouble.AWAY),
        ("57P05", Trouble.AWAY),
        ("25P03", Trouble.AWAY),
        ("25P04", Trouble.AWAY),
        ("53100", Trouble.AWAY),
        ("53300", Trouble.AWAY),
        ("58030", Trouble.AWAY),
        ("XX000", Trouble.AWAY),
        ("25006", Trouble.READ_ONLY),
        ("55000", Trouble.READ_ONLY),
        ("40001", Trouble.CONFLICT),
        ("40P01", Trouble.CONFLICT),
        ("23505", Trouble.CONFLICT),
        ("55P03", Trouble.BUSY),
        ("55006", Trouble.BUSY),
        ("57014", Trouble.BUSY),
        ("28P01", Trouble.DENIED),
        ("3D000", Trouble.DENIED),
        ("42501", Trouble.DENIED),
        ("XX001", Trouble.DAMAGED),
        ("58P01", Trouble.DAMAGED),
        ("23503", Trouble.OURS),
        ("22001", Trouble.OURS),
        ("42601", Trouble.OURS),
        ("42P01", Trouble.OURS),
        ("25P02", Trouble.OURS),
        ("0A000", Trouble.OURS),
    ],
)
def test_sqlstate_has_one_meaning(sqlstate: str, trouble: Trouble) -> None:
    assert judge_sqlstate(sqlstate) is trouble


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (sqlite3.SQLITE_BUSY, Trouble.BUSY),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Trouble.BUSY),
        (sqlite3.SQLITE_LOCKED, Trouble.BUSY),
        (sqlite3.SQLITE_FULL, Trouble.AWAY),
        (sqlite3.SQLITE_IOERR_FSYNC, Trouble.AWAY),
        (sqlite3.SQLITE_CANTOPEN, Trouble.AWAY),
        (sqlite3.SQLITE_READONLY_DBMOVED, Trouble.READ_ONLY),
        (sqlite3.SQLITE_CORRUPT, Trouble.DAMAGED),
        (sqlite3.SQLITE_NOTADB, Trouble.DAMAGED),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, Trouble.OURS),
        (sqlite3.SQLITE_ERROR, Trouble.OURS),
    ],
)
def test_sqlite_code_counts_as_its_primary_code(code: int, trouble: Trouble) -> None:
    assert judge_sqlite_code(code) is trouble


def test_every_sqlstate_of_driver_is_judged() -> None:
    """psycopg has a class for each SQLSTATE of PostgreSQL."""
    sqlstates = {
        error.sqlstate
        for error in vars(psycopg.errors).values()
        if isinstance(error, type) and issubclass(error, psycopg.Error) and error.sqlstate
    }
    assert len(sqlstates) > 200
    for sqlstate in sqlstates:
        trouble = judge_sqlstate(sqlstate)
        if sqlstate[:2] in {"08", "53", "57", "58"}:
            assert trouble is not Trouble.OURS, sqlstate
        if sqlstate[:2] in {"21", "22", "26", "34", "P0"}:
            assert trouble is Trouble.OURS, sqlstate


def test_error_without_code_is_judged_by_link() -> None:
    assert judge_error(psycopg.OperationalError("the connection is closed")) is Trouble.AWAY
    assert judge_error(psycopg.ProgrammingError("no such placeholder")) is Trouble.OURS
    lost = judge_error(psycopg.errors.SyntaxError("half a statement"), link_was_lost=True)
    assert lost is Trouble.AWAY
