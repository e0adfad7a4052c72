"""Sources of articles, and what they have brought."""

from sqlalchemy import JSON, Column, Integer, String, Table, Text

from mailer.store.schema.base import Utc, identity, metadata, required, to

source = Table(
    "source",
    metadata,
    identity(),
    required("name", String(60), unique=True),
    required("kind", String(12)),
    required("place", Text),
    required("every_minutes", Integer),
    required("arrival", String(10)),
    required("article_kind", String(20)),
    required("language", String(35)),
    required("topics", JSON),
    required("state", String(10)),
    required("etag", Text),
    required("last_modified", Text),
    required("failures", Integer),
    required("said", Text),
    required("next_at", Utc),
    Column("looked_at", Utc),
    required("created_at", Utc),
    comment="place: an address or a folder; said: what came of the last look",
)

source_item = Table(
    "source_item",
    metadata,
    to("source", primary_key=True, on_delete="CASCADE"),
    Column("key", String(64), primary_key=True),
    required("fingerprint", String(64)),
    required("slug", String(80)),
    required("language", String(35)),
    required("seen_at", Utc),
    comment="key: the SHA-256 of what names the entry in its source",
)
