"""Articles and their revisions."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailer.store.schema.base import Utc, identity, metadata, required, to

article = Table(
    "article",
    metadata,
    identity(),
    required("slug", String(80)),
    required("language", String(35)),
    required("kind", String(20)),
    required("state", String(20)),
    required("revision", Integer),
    required("title", Text),
    required("summary", Text),
    required("body", Text),
    required("html", Text),
    required("published_at", Utc),
    Column("image", JSON(none_as_null=True)),
    required("canonical_url", Text),
    required("byline", Text),
    required("dateline", Text),
    required("lead", Boolean),
    Column("release", JSON(none_as_null=True)),
    required("created_at", Utc),
    required("updated_at", Utc),
    UniqueConstraint("slug", "language"),
)

article_topic = Table(
    "article_topic",
    metadata,
    to("article", primary_key=True, on_delete="CASCADE"),
    to("topic", primary_key=True, index=True),
    required("position", Integer),
)

article_revision = Table(
    "article_revision",
    metadata,
    to("article", primary_key=True, on_delete="CASCADE"),
    Column("revision", Integer, primary_key=True),
    required("content", JSON),
    required("note", Text),
    required("author", Text, server_default=""),
    required("created_at", Utc),
)
