"""One at a time: what staff do to stories, embargoes, releases and sources.

SQLite has one writer at a time. PostgreSQL lets two read the same and then decide, each by what the
other is about to change: an embargo that is being lifted would be moved, a kill that is being taken
back confirmed.
"""

from sqlalchemy import Connection, func, select

_RELEASES_LOCK = 0x6D61696C  # "mail": any number will do, if nobody else locks by it


def lock_releases(connection: Connection) -> None:
    """Wait until nobody else is at it, and keep others out until the transaction ends. What is read
    from now on is as the one before has left it (PostgreSQL 13.3.5, advisory locks)."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_RELEASES_LOCK)))
