"""The lock for changes by staff to stories, embargoes, releases and sources, the lock of test
mails, and the lock of a digest's calendar.

SQLite has one writer at a time. On PostgreSQL, two transactions could read the same records and
make contradictory decisions: one would move an embargo that the other is lifting, or confirm a kill
that the other is withdrawing, both would send the last test mail of an hour, or one would write a
text for an edition that the other is assembling, and the text would be lost.
"""

from sqlalchemy import Connection, func, select

_RELEASES_LOCK = 0x6D61696C  # "mail" in ASCII; the number is arbitrary, but unique to this lock
_TEST_MAILS_LOCK = 0x74657374  # "test"
_CALENDAR_LOCK = 0x63616C65  # "cale"


def lock_releases(connection: Connection) -> None:
    """Take the lock, and hold it until the transaction ends. Records that are read afterwards
    include the changes by the previous holder (PostgreSQL manual, 13.3.5, advisory locks)."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_RELEASES_LOCK)))


def lock_test_mails(connection: Connection) -> None:
    """Take the lock of test mails, and hold it until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_TEST_MAILS_LOCK)))


def lock_calendar(connection: Connection, digest_id: int) -> None:
    """Take the lock of one digest's calendar, and hold it until the transaction ends."""
    if connection.dialect.name == "postgresql":
        key = digest_id % 2**31  # the function with two keys takes integers of 32 bits
        connection.execute(select(func.pg_advisory_xact_lock(_CALENDAR_LOCK, key)))
