"""Articles and their revisions."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

article = Table(
    "article",
    metadata,
    build_id_column(),
    build_required_column("slug", String(80)),
    build_required_column("language", String(35)),
    build_required_column("kind", String(20)),
    build_required_column("state", String(20)),
    build_required_column("revision", Integer),
    build_required_column("title", Text),
    build_required_column("summary", Text),
    build_required_column("body", Text),
    build_required_column("html", Text),
    build_required_column("published_at", Utc),
    Column("image", JSON(none_as_null=True)),
    build_required_column("canonical_url", Text),
    build_required_column("byline", Text),
    build_required_column("dateline", Text),
    build_required_column("lead", Boolean),
    Column("release", JSON(none_as_null=True)),
    Column("event", JSON(none_as_null=True)),
    build_required_column("pictures", JSON, server_default="[]"),
    build_required_column("created_at", Utc),
    build_required_column("updated_at", Utc),
    build_required_column("search_text", Text, server_default=""),
    Column("first_queued_at", Utc),
    Column("queued_at", Utc),
    UniqueConstraint("slug", "language"),
    Index("ix_article_published_at", "published_at"),
    Index("ix_article_state_published_at", "state", "published_at"),
    Index("ix_article_state_queued_at", "state", "queued_at"),
    comment="search_text: title and slug, folded for searches; first_queued_at, queued_at: when "
    "it was queued for the first and for the last time",
)

article_topic = Table(
    "article_topic",
    metadata,
    build_reference_column("article", primary_key=True, on_delete="CASCADE"),
    build_reference_column("topic", primary_key=True, index=True),
    build_required_column("position", Integer),
)

article_revision = Table(
    "article_revision",
    metadata,
    build_reference_column("article", primary_key=True, on_delete="CASCADE"),
    Column("revision", Integer, primary_key=True),
    build_required_column("content", JSON),
    build_required_column("note", Text),
    build_required_column("author", Text, server_default=""),
    build_required_column("author_key", Text, server_default=""),
    build_required_column("created_at", Utc),
)
