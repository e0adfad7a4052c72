"""The temporary tables by which a plan joins people to small numbers.

On SQLite, an Integer key is the row's own number, which saves a second search in an index.
"""

from sqlalchemy import BigInteger, Column, Connection, Float, Integer, MetaData, String, Table

from mailer.store.schema.base import Utc

_temporary = MetaData()
_Number = BigInteger().with_variant(Integer, "sqlite")
set_mask = Table(
    "plan_set",
    _temporary,
    Column("topic_set_id", _Number, primary_key=True, autoincrement=False),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
language_mask = Table(
    "plan_language",
    _temporary,
    Column("language", String(35), primary_key=True),
    Column("body", String(35), nullable=False),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
zone_wait = Table(
    "plan_zone",
    _temporary,
    Column("time_zone", String(64), primary_key=True),
    Column("seconds", Float, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
suppressed = Table(
    "plan_stopped",
    _temporary,
    Column("subscriber_id", _Number, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
owed = Table(
    "plan_owed",
    _temporary,
    Column("subscriber_id", _Number, primary_key=True, autoincrement=False),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
received = Table(
    "plan_received",
    _temporary,
    Column("subscriber_id", _Number, primary_key=True, autoincrement=False),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
missed_story = Table(
    "plan_missed_story",
    _temporary,
    Column("frequency", String(10), nullable=False),
    Column("stories", BigInteger, nullable=False),
    Column("queued_at", Utc, nullable=False),
    prefixes=["TEMPORARY"],
)
shared_story = Table(
    "plan_shared_story",
    _temporary,
    Column("edition_id", _Number, nullable=False),
    Column("theirs", BigInteger, nullable=False),
    Column("ours", BigInteger, nullable=False),
    Column("to_everyone", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)


class TemporaryTables:
    """The temporary tables of a plan, which exist during its ``with`` block."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        _temporary.create_all(self._db, checkfirst=False)

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is None:
            _temporary.drop_all(self._db, checkfirst=False)
