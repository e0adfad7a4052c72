"""Topics, lists, subscribers, suppressions and segments."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    String,
    Table,
    Text,
    and_,
    false,
    literal_column,
)

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

topic = Table(
    "topic",
    metadata,
    build_id_column(),
    build_required_column("slug", String(60), unique=True),
    build_required_column("visibility", String(20), server_default="offered"),
    build_required_column("created_at", Utc),
)

topic_name = Table(
    "topic_name",
    metadata,
    build_reference_column("topic", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    build_required_column("name", Text),
)

topic_description = Table(
    "topic_description",
    metadata,
    build_reference_column("topic", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    build_required_column("text", Text),
)

topic_set = Table(
    "topic_set",
    metadata,
    build_id_column(),
    build_required_column("key", Text, unique=True),
    comment="a combination of topics that members chose; key: their sorted ids",
)

topic_set_topic = Table(
    "topic_set_topic",
    metadata,
    build_reference_column("topic_set", primary_key=True, on_delete="CASCADE"),
    build_reference_column("topic", primary_key=True),
)

mailing_list = Table(
    "mailing_list",
    metadata,
    build_id_column(),
    build_required_column("slug", String(60), unique=True),
    build_required_column("name", Text),
    build_required_column("description", Text, server_default=""),
    build_required_column("language", String(35)),
    build_required_column("visibility", String(20)),
    build_required_column("time_zone", String(64), server_default=""),
    build_required_column("welcome", Boolean, server_default=false()),
    build_required_column("welcome_edition", Boolean, server_default=false()),
    build_required_column("sender", String(60), server_default=""),
    build_required_column("counts_clicks", Boolean, server_default=false()),
    build_required_column("created_at", Utc),
    Column("closed_at", Utc),
    build_required_column("closing_reasons", JSON, server_default="{}"),
    Column("closing_edition_id", BigInteger),
    comment="time_zone: of members who gave none; empty: the office's; sender: a sender of the "
    "settings; empty: the default one; closing_reasons: by language; closing_edition_id: the last "
    "mail of a closed list",
)

subscriber = Table(
    "subscriber",
    metadata,
    build_id_column(),
    build_required_column("address", Text, unique=True),
    build_required_column("address_key", String(32), index=True),
    build_required_column("name", Text, server_default=""),
    build_required_column("language", String(35), server_default=""),
    build_required_column("country", String(2), server_default=""),
    build_required_column("time_zone", String(64), server_default="", index=True),
    build_required_column("fields", Text, server_default=""),
    build_required_column("search_text", Text, server_default=""),
    build_required_column("source", Text, server_default=""),
    build_required_column("created_at", Utc),
    sqlite_autoincrement=True,
    comment="ids are never used again: links in old mails carry them; fields: a JSON object of the "
    "office's own fields, or empty; search_text: name and address, folded for searches",
)

subscriber_tag = Table(
    "subscriber_tag",
    metadata,
    build_reference_column("subscriber", primary_key=True, on_delete="CASCADE"),
    Column("tag", String(100), primary_key=True, index=True),
)

membership = Table(
    "membership",
    metadata,
    build_reference_column("mailing_list", "list_id", primary_key=True),
    build_reference_column("subscriber", primary_key=True, on_delete="CASCADE", index=True),
    build_required_column("state", String(20)),
    build_reference_column("topic_set", nullable=True, index=True),
    build_required_column("language", String(35), server_default=""),
    build_required_column("frequency", String(10), server_default="every"),
    Column("paused_until", Utc),
    build_required_column("joined_at", Utc),
    Column("left_at", Utc),
    comment="topic_set_id null: all topics",
)
_left = membership.c.left_at.is_not(None)
Index("ix_membership_left", membership.c.left_at, sqlite_where=_left, postgresql_where=_left)

has_left_unknown_day = and_(
    membership.c.state == literal_column("'unsubscribed'", String(20)),
    membership.c.left_at.is_(None),
)
"""The condition that a person has left on a day that is not known: the condition of an index."""

Index(
    "ix_membership_left_unknown_day",
    membership.c.joined_at,
    sqlite_where=has_left_unknown_day,
    postgresql_where=has_left_unknown_day,
)

past_frequency = Table(
    "past_frequency",
    metadata,
    build_reference_column("subscriber", primary_key=True, on_delete="CASCADE"),
    build_reference_column("mailing_list", "list_id", primary_key=True, on_delete="CASCADE"),
    Column("frequency", String(10), primary_key=True),
    build_required_column("until", Utc),
    Index("ix_past_frequency_list_id_frequency_until", "list_id", "frequency", "until"),
    comment="frequencies that members chose earlier; until: when they last chose another one",
)

suppression = Table(
    "suppression",
    metadata,
    Column("address_key", String(32), primary_key=True),
    Column("address", Text),
    build_required_column("reason", String(20)),
    build_required_column("detail", Text, server_default=""),
    build_required_column("created_at", Utc),
    Index("ix_suppression_created_at", "created_at"),
    Index("ix_suppression_reason_created_at", "reason", "created_at"),
    comment="address is null when only its keyed hash was kept",
)

segment = Table(
    "segment",
    metadata,
    build_id_column(),
    build_required_column("slug", String(60), unique=True),
    build_required_column("name", Text),
    build_required_column("tree", JSON),
    build_required_column("created_at", Utc),
)
