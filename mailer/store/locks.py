"""The lock for changes of staff to stories, embargoes, releases and sources.

SQLite has one writer at a time. On PostgreSQL two transactions could read the same records and
decide by what the other is about to change: one would move an embargo that the other is lifting, or
confirm a kill that the other is withdrawing.
"""

from sqlalchemy import Connection, func, select

_RELEASES_LOCK = 0x6D61696C  # "mail" in ASCII; the number is arbitrary, but unique to this lock


def lock_releases(connection: Connection) -> None:
    """Wait for other holders of the lock, and hold it until the transaction ends. Records that are
    read from now on include the changes of the holder before (PostgreSQL 13.3.5, advisory
    locks)."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_RELEASES_LOCK)))
