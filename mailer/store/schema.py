"""The schema, and the two types that differ between databases.

Times are UTC, and aware on this side of the border. States and kinds are kept as their words. A
new state needs no migration, so no CHECK lists them: the nouns' transition tables are the law.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal,
    literal_column,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

REVISIONS = ("0001", "0002", "0003", "0004")
"""Alembic's revisions, the first first: the last is the schema below."""


class Utc(TypeDecorator[datetime]):
    """An aware moment: ``timestamptz`` on PostgreSQL; on SQLite text in UTC that sorts as time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment must be aware: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class database_now(FunctionElement[datetime]):  # noqa: N801  (reads as SQL does)
    """The database's own clock, `seconds` from now: leases hang on no process's clock."""

    type = Utc()
    inherit_cache = True

    def __init__(self, seconds: float | ColumnElement[float] = 0) -> None:
        super().__init__(literal(float(seconds)) if isinstance(seconds, int | float) else seconds)


@compiles(database_now, "sqlite")
def _sqlite_now(element: database_now, compiler: Any, **how: Any) -> str:
    seconds = compiler.process(element.clauses, **how)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"


@compiles(database_now, "postgresql")
def _postgresql_now(element: database_now, compiler: Any, **how: Any) -> str:
    return (
        f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **how)}))"
    )


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True)


def _to(table: str, name: str = "", **how: Any) -> Column[int]:
    key = how.pop("key", "id")
    delete = how.pop("on_delete", None)
    how.setdefault("nullable", False)
    reference = ForeignKey(f"{table}.{key}", ondelete=delete)
    return Column(name or f"{table}_id", _Id, reference, **how)


_required: Callable[..., Column[Any]] = lambda name, kind, **how: Column(  # noqa: E731
    name, kind, nullable=False, **how
)

# ---- topics, lists, people --------------------------------------------------------------------

topic = Table(
    "topic",
    metadata,
    _id(),
    _required("slug", String(60), unique=True),
    _required("created_at", Utc),
)

topic_name = Table(
    "topic_name",
    metadata,
    _to("topic", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    _required("name", Text),
)

topic_set = Table(
    "topic_set",
    metadata,
    _id(),
    _required("key", Text, unique=True),
    comment="a combination of topics that somebody chose; key: their ids, ascending",
)

topic_set_topic = Table(
    "topic_set_topic",
    metadata,
    _to("topic_set", primary_key=True, on_delete="CASCADE"),
    _to("topic", primary_key=True),
)

mailing_list = Table(
    "mailing_list",
    metadata,
    _id(),
    _required("slug", String(60), unique=True),
    _required("name", Text),
    _required("description", Text, server_default=""),
    _required("language", String(35)),
    _required("visibility", String(20)),
    _required("time_zone", String(64), server_default=""),
    _required("created_at", Utc),
    comment="time_zone: of members who gave none; empty: the office's",
)

subscriber = Table(
    "subscriber",
    metadata,
    _id(),
    _required("address", Text, unique=True),
    _required("address_key", String(32), index=True),
    _required("name", Text, server_default=""),
    _required("language", String(35), server_default=""),
    _required("country", String(2), server_default=""),
    _required("time_zone", String(64), server_default="", index=True),
    _required("source", Text, server_default=""),
    _required("created_at", Utc),
    sqlite_autoincrement=True,
    comment="ids are never used again: links in old mails carry them",
)

subscriber_tag = Table(
    "subscriber_tag",
    metadata,
    _to("subscriber", primary_key=True, on_delete="CASCADE"),
    Column("tag", String(100), primary_key=True, index=True),
)

membership = Table(
    "membership",
    metadata,
    _to("mailing_list", "list_id", primary_key=True),
    _to("subscriber", primary_key=True, on_delete="CASCADE", index=True),
    _required("state", String(20)),
    _to("topic_set", nullable=True, index=True),
    _required("language", String(35), server_default=""),
    _required("joined_at", Utc),
    Column("left_at", Utc),
    comment="topic_set_id null: all topics",
)

suppression = Table(
    "suppression",
    metadata,
    Column("address_key", String(32), primary_key=True),
    Column("address", Text),
    _required("reason", String(20)),
    _required("detail", Text, server_default=""),
    _required("created_at", Utc),
    comment="address is null when only its keyed hash was kept",
)

segment = Table(
    "segment",
    metadata,
    _id(),
    _required("slug", String(60), unique=True),
    _required("name", Text),
    _required("tree", JSON),
    _required("created_at", Utc),
)

# ---- articles ---------------------------------------------------------------------------------

article = Table(
    "article",
    metadata,
    _id(),
    _required("slug", String(80)),
    _required("language", String(35)),
    _required("kind", String(20)),
    _required("state", String(20)),
    _required("revision", Integer),
    _required("title", Text),
    _required("summary", Text),
    _required("body", Text),
    _required("html", Text),
    _required("published_at", Utc),
    Column("image", JSON(none_as_null=True)),
    _required("canonical_url", Text),
    _required("byline", Text),
    _required("dateline", Text),
    _required("lead", Boolean),
    _required("created_at", Utc),
    _required("updated_at", Utc),
    UniqueConstraint("slug", "language"),
)

article_topic = Table(
    "article_topic",
    metadata,
    _to("article", primary_key=True, on_delete="CASCADE"),
    _to("topic", primary_key=True, index=True),
    _required("position", Integer),
)

article_revision = Table(
    "article_revision",
    metadata,
    _to("article", primary_key=True, on_delete="CASCADE"),
    Column("revision", Integer, primary_key=True),
    _required("content", JSON),
    _required("note", Text),
    _required("author", Text, server_default=""),
    _required("created_at", Utc),
)

# ---- digests and editions ---------------------------------------------------------------------

digest = Table(
    "digest",
    metadata,
    _id(),
    _required("slug", String(60), unique=True),
    _required("name", Text),
    _to("mailing_list", "list_id"),
    _to("segment", nullable=True),
    _required("template", String(60)),
    _required("subject", Text),
    _required("language", String(35)),
    _required("fewest", Integer),
    _required("most", Integer),
    _required("when_empty", String(20)),
    _required("approval", String(10), server_default="anyone"),
    _required("when_late", String(10), server_default="wait"),
    _required("send_time", String(10), server_default="office"),
    _required("grace_minutes", Integer, server_default=text("360")),
    _required("reminders", JSON, server_default="[]"),
    _required("approvers", JSON, server_default="[]"),
    _required("watchers", JSON, server_default="[]"),
    _required("created_at", Utc),
    _required("updated_at", Utc),
    comment="reminders: minutes before it is sent; approvers, watchers: mail addresses",
)

digest_topic = Table(
    "digest_topic",
    metadata,
    _to("digest", primary_key=True, on_delete="CASCADE"),
    _to("topic", primary_key=True),
    _required("position", Integer),
)

edition = Table(
    "edition",
    metadata,
    _id(),
    _required("uid", String(32), unique=True),
    _required("name", Text),
    _to("digest", nullable=True, index=True),
    _to("mailing_list", "list_id"),
    _to("segment", nullable=True),
    _required("template", String(60)),
    _required("subject", Text),
    _required("language", String(35)),
    _required("opening", JSON),
    _required("state", String(20), index=True),
    _required("reason", Text),
    _required("in_doubt", String(20)),
    _required("priority", String(20), server_default="normal"),
    _required("content_hash", String(64)),
    _required("kind", String(10), server_default="mailing"),
    _required("send_time", String(10), server_default="office"),
    _required("wall", String(16), server_default=""),
    _required("zone", String(64), server_default=""),
    Column("send_at", Utc),
    Column("asked_at", Utc),
    Column("reminded_at", Utc),
    _required("told", String(20), server_default=""),
    _required("told_hash", String(64), server_default=""),
    _required("created_at", Utc),
    Column("planned_at", Utc),
    Column("finished_at", Utc),
    comment="wall, zone: when send_at is, by the clock; told: what staff last heard",
)

edition_story = Table(
    "edition_story",
    metadata,
    _to("edition", primary_key=True, on_delete="CASCADE"),
    Column("slug", String(80), primary_key=True),
    _required("position", Integer),
    Column("bit", Integer),
    Index("ix_edition_story_slug", "slug"),
    comment="bit: the story's place in delivery.stories, given when the edition is composed",
)

digest_story = Table(
    "digest_story",
    metadata,
    _to("digest", primary_key=True),
    Column("slug", String(80), primary_key=True),
    _to("edition", index=True),
    comment="the ledger: what a digest has run, or reserved for an edition that is still open",
)

edition_body = Table(
    "edition_body",
    metadata,
    _to("edition", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    _required("subject", Text),
    _required("text", Text),
    _required("html", Text),
    _required("marker", String(32)),
    _required("stories", BigInteger),
)

approval = Table(
    "approval",
    metadata,
    _id(),
    _to("edition", index=True, on_delete="CASCADE"),
    _required("approver", Text),
    _required("at", Utc),
    _required("content_hash", String(64)),
    _required("comment", Text),
    Column("voided_at", Utc),
    Column("void_reason", Text),
)

edition_event = Table(
    "edition_event",
    metadata,
    _id(),
    _to("edition", index=True, on_delete="CASCADE"),
    _required("at", Utc),
    _required("what", String(40)),
    _required("actor", Text),
    _required("detail", Text),
)

exclusion = Table(
    "exclusion",
    metadata,
    _to("edition", primary_key=True, on_delete="CASCADE"),
    Column("reason", String(40), primary_key=True),
    _required("members", Integer),
)

# ---- the calendar -----------------------------------------------------------------------------

schedule = Table(
    "schedule",
    metadata,
    _id(),
    _to("digest", index=True, on_delete="CASCADE"),
    _required("rule", Text),
    _required("start", String(10)),
    _required("at", String(5)),
    _required("zone", String(64)),
    _required("on_free_day", String(10)),
    _required("place", String(16)),
    _required("cutoff_minutes", Integer),
    _required("created_at", Utc),
    sqlite_autoincrement=True,
    comment="rule: as staff write it; start: the day from which a recurrence counts",
)

blackout = Table(
    "blackout",
    metadata,
    _id(),
    _required("first_day", String(10)),
    _required("last_day", String(10)),
    _required("reason", Text),
    _required("created_at", Utc),
    sqlite_autoincrement=True,
)

occurrence = Table(
    "occurrence",
    metadata,
    _id(),
    _to("digest", on_delete="CASCADE"),
    _required("wall", String(16)),
    _required("zone", String(64)),
    _to("schedule", nullable=True, index=True, on_delete="SET NULL"),
    _required("state", String(10)),
    Column("moved_to", String(16)),
    _to("edition", nullable=True, index=True),
    _required("reason", Text),
    _required("actor", Text),
    _required("created_at", Utc),
    _required("updated_at", Utc),
    UniqueConstraint("digest_id", "wall", "zone"),
    sqlite_autoincrement=True,
    comment="wall, zone: the clock time that the rule names; an edition is made by this row",
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(20), primary_key=True),
    _required("epoch", BigInteger),
    _required("holder", String(64)),
    _required("beat", BigInteger),
    _required("beaten_at", Utc),
    comment="which worker ticks; beaten_at is for people, no decision hangs on it",
)

# ---- deliveries -------------------------------------------------------------------------------

sender = Table(
    "sender",
    metadata,
    _id(),
    _required("name", String(64)),
    _required("beat", BigInteger, server_default=text("0")),
    _required("started_at", Utc),
    sqlite_autoincrement=True,
    comment="processes that deliver; a row whose beat stands still for a lease is a dead one's",
)

delivery = Table(
    "delivery",
    metadata,
    _id(),
    _to("edition"),
    _required("address", Text),
    _required("address_key", String(32)),
    _required("subscriber_id", BigInteger),
    _required("name", Text),
    _required("language", String(35)),
    _required("stories", BigInteger),
    _required("state", String(12)),
    _required("attempt", Integer, server_default=text("0")),
    Column("sender_id", BigInteger),
    _required("next_attempt_at", Utc),
    _required("reply", Text, server_default=""),
    _required("updated_at", Utc),
    UniqueConstraint("edition_id", "address"),
    comment="sender_id: who holds it, while it is claimed or on the wire",
)


def in_state(*states: str) -> ColumnElement[bool]:
    """`delivery` is in one of `states`, written into the statement as words: a partial index is
    used only where its condition can be read there (SQLite §2.2 of partial indexes)."""
    words = [literal_column(f"'{state}'", String(12)) for state in states]
    return delivery.c.state == words[0] if len(words) == 1 else delivery.c.state.in_(words)


def _partial(name: str, *columns: Column[Any], states: tuple[str, ...]) -> Index:
    where = in_state(*states)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


_partial(
    "ix_delivery_queued",
    delivery.c.edition_id,
    delivery.c.next_attempt_at,
    delivery.c.id,
    states=("queued",),
)
_partial("ix_delivery_held", delivery.c.sender_id, states=("claimed", "on_wire"))
_partial("ix_delivery_doubted", delivery.c.edition_id, states=("in_doubt",))
