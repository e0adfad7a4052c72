"""Topics, lists, people, segments."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    String,
    Table,
    Text,
    false,
)

from mailer.store.schema.base import Utc, identity, metadata, required, to

topic = Table(
    "topic",
    metadata,
    identity(),
    required("slug", String(60), unique=True),
    required("created_at", Utc),
)

topic_name = Table(
    "topic_name",
    metadata,
    to("topic", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    required("name", Text),
)

topic_set = Table(
    "topic_set",
    metadata,
    identity(),
    required("key", Text, unique=True),
    comment="a combination of topics that somebody chose; key: their ids, ascending",
)

topic_set_topic = Table(
    "topic_set_topic",
    metadata,
    to("topic_set", primary_key=True, on_delete="CASCADE"),
    to("topic", primary_key=True),
)

mailing_list = Table(
    "mailing_list",
    metadata,
    identity(),
    required("slug", String(60), unique=True),
    required("name", Text),
    required("description", Text, server_default=""),
    required("language", String(35)),
    required("visibility", String(20)),
    required("time_zone", String(64), server_default=""),
    required("welcome", Boolean, server_default=false()),
    required("created_at", Utc),
    comment="time_zone: of members who gave none; empty: the office's",
)

subscriber = Table(
    "subscriber",
    metadata,
    identity(),
    required("address", Text, unique=True),
    required("address_key", String(32), index=True),
    required("name", Text, server_default=""),
    required("language", String(35), server_default=""),
    required("country", String(2), server_default=""),
    required("time_zone", String(64), server_default="", index=True),
    required("source", Text, server_default=""),
    required("created_at", Utc),
    sqlite_autoincrement=True,
    comment="ids are never used again: links in old mails carry them",
)

subscriber_tag = Table(
    "subscriber_tag",
    metadata,
    to("subscriber", primary_key=True, on_delete="CASCADE"),
    Column("tag", String(100), primary_key=True, index=True),
)

membership = Table(
    "membership",
    metadata,
    to("mailing_list", "list_id", primary_key=True),
    to("subscriber", primary_key=True, on_delete="CASCADE", index=True),
    required("state", String(20)),
    to("topic_set", nullable=True, index=True),
    required("language", String(35), server_default=""),
    required("frequency", String(10), server_default="every"),
    Column("paused_until", Utc),
    required("joined_at", Utc),
    Column("left_at", Utc),
    comment="topic_set_id null: all topics",
)
_gone = membership.c.left_at.is_not(None)
Index("ix_membership_left", membership.c.left_at, sqlite_where=_gone, postgresql_where=_gone)

suppression = Table(
    "suppression",
    metadata,
    Column("address_key", String(32), primary_key=True),
    Column("address", Text),
    required("reason", String(20)),
    required("detail", Text, server_default=""),
    required("created_at", Utc),
    comment="address is null when only its keyed hash was kept",
)

segment = Table(
    "segment",
    metadata,
    identity(),
    required("slug", String(60), unique=True),
    required("name", Text),
    required("tree", JSON),
    required("created_at", Utc),
)
