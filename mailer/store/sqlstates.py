"""Classify errors of the database by two tables, one of PostgreSQL's SQLSTATEs and one of SQLite's
result codes.

Every place that handles a database error asks :func:`judge_error`. Sources: PostgreSQL 18, appendix
A, "PostgreSQL Error Codes"; SQLite, "Result and Error Codes".
"""

import sqlite3
from collections.abc import Mapping
from enum import StrEnum


class Trouble(StrEnum):
    """The kind of a database error. Kinds differ in what can be done about the error."""

    AWAY = "away"
    """The database, or the link to it, cannot be used at the moment: waiting may help."""
    SILENT = "silent"
    """The database does not answer: waiting may help."""
    READ_ONLY = "read_only"
    """The database answers and cannot be written to: a standby before its promotion, or a
    provider's read-only mode. Waiting may help."""
    BUSY = "busy"
    """A lock or a time limit stopped the transaction: trying again may help."""
    CONFLICT = "conflict"
    """Another transaction changed the same rows first: trying again may help."""
    DENIED = "denied"
    """The server refuses this user, or has no such database: a person must act. The program waits
    as it does in an outage, because some providers withdraw the right to write while an office is
    over its quota."""
    DAMAGED = "damaged"
    """The files of the database are damaged: a person must act."""
    OURS = "ours"
    """The statement is wrong: a defect of this program."""


_T = Trouble

MOVED_SQLSTATE = "MV001"
MOVED_MESSAGE = "this database was moved, or is being moved"
"""The SQLSTATE and the message with which a database refuses changes once it was moved
(`fence.py`). SQLite has only the message."""

SQLSTATE_CLASSES: Mapping[str, Trouble] = {
    "08": _T.AWAY,  # connection exceptions; poolers answer 08P01 when their server is gone
    "28": _T.DENIED,  # invalid authorization
    "3D": _T.DENIED,  # no such database
    "40": _T.CONFLICT,  # transaction rollback: serialisation, deadlock, a standby's replay
    "53": _T.AWAY,  # insufficient resources: disk full, out of memory, too many connections
    "57": _T.AWAY,  # operator intervention: shutdown, crash, starting up, idle session ended
    "58": _T.AWAY,  # system error: I/O
    "F0": _T.AWAY,  # configuration file error
    "XX": _T.AWAY,  # internal error: what poolers and servers in failover answer
}
"""Trouble by the first two characters of a SQLSTATE. All other classes are bugs of this program."""

SQLSTATES: Mapping[str, Trouble] = {
    "23505": _T.CONFLICT,  # the other transaction added the row first
    "25006": _T.READ_ONLY,
    "25P03": _T.AWAY,  # idle_in_transaction_session_timeout ended the session
    "25P04": _T.AWAY,  # transaction_timeout ended the session
    "40002": _T.OURS,  # an integrity constraint that is checked at the commit
    "40003": _T.AWAY,  # statement completion unknown
    "42501": _T.DENIED,  # insufficient privilege
    # A standby refuses LOCK TABLE … IN SHARE MODE with this one, not with 25006 (lock.c).
    "55000": _T.READ_ONLY,
    "55006": _T.BUSY,  # object in use
    "55P03": _T.BUSY,  # lock_timeout
    "57014": _T.BUSY,  # statement_timeout, or canceled by an administrator
    "58P01": _T.DAMAGED,  # a file of the database is missing
    "58P02": _T.DAMAGED,
    MOVED_SQLSTATE: _T.READ_ONLY,
    "XX001": _T.DAMAGED,  # data corrupted
    "XX002": _T.DAMAGED,  # index corrupted
}
"""Trouble by a whole SQLSTATE. It takes precedence over the SQLSTATE's class."""

SQLITE_CODES: Mapping[int, Trouble] = {
    sqlite3.SQLITE_PERM: _T.DENIED,
    sqlite3.SQLITE_BUSY: _T.BUSY,
    sqlite3.SQLITE_LOCKED: _T.BUSY,
    sqlite3.SQLITE_NOMEM: _T.AWAY,
    sqlite3.SQLITE_READONLY: _T.READ_ONLY,
    sqlite3.SQLITE_INTERRUPT: _T.BUSY,
    sqlite3.SQLITE_IOERR: _T.AWAY,
    sqlite3.SQLITE_CORRUPT: _T.DAMAGED,
    sqlite3.SQLITE_FULL: _T.AWAY,
    sqlite3.SQLITE_CANTOPEN: _T.AWAY,
    sqlite3.SQLITE_PROTOCOL: _T.BUSY,  # the lock protocol of the WAL failed
    sqlite3.SQLITE_NOLFS: _T.AWAY,
    sqlite3.SQLITE_AUTH: _T.DENIED,
    sqlite3.SQLITE_NOTADB: _T.DAMAGED,
}
"""Trouble by SQLite's primary result code. All other codes are bugs of this program."""


def judge_sqlstate(sqlstate: str) -> Trouble:
    """Return what a SQLSTATE of PostgreSQL means."""
    return SQLSTATES.get(sqlstate) or SQLSTATE_CLASSES.get(sqlstate[:2], Trouble.OURS)


def judge_sqlite_code(code: int) -> Trouble:
    """Return what a result code of SQLite means; extended codes count as their primary code."""
    return SQLITE_CODES.get(code & 0xFF, Trouble.OURS)


def find_sqlstate(error: BaseException | None) -> str:
    """Return the SQLSTATE of an error, or an empty string. SQLite's errors have none, except that
    of a database that was moved."""
    if isinstance(error, sqlite3.IntegrityError) and str(error) == MOVED_MESSAGE:
        return MOVED_SQLSTATE
    return getattr(error, "sqlstate", None) or ""


def judge_error(error: BaseException | None, *, link_was_lost: bool = False) -> Trouble:
    """Return what an error of a database driver means. `link_was_lost`: its connection was closed
    or broken by the error."""
    code = getattr(error, "sqlite_errorcode", None)
    sqlstate = find_sqlstate(error)
    if isinstance(code, int) and not sqlstate:
        return judge_sqlite_code(code)
    if getattr(error, "is_silence", False):
        return Trouble.SILENT
    if sqlstate:
        trouble = judge_sqlstate(sqlstate)
        return Trouble.AWAY if link_was_lost and trouble is Trouble.OURS else trouble
    # libpq and psycopg give no code to what they found out themselves: a link that was cut, a
    # server that refused the connection.
    is_link_error = type(error).__name__ in {"OperationalError", "ConnectionTimeout"}
    return Trouble.AWAY if link_was_lost or is_link_error else Trouble.OURS
