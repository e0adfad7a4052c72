"""Sources of articles, and the entries that were imported from them."""

from sqlalchemy import JSON, Column, Integer, String, Table, Text

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

source = Table(
    "source",
    metadata,
    build_id_column(),
    build_required_column("name", String(60), unique=True),
    build_required_column("kind", String(12)),
    build_required_column("place", Text),
    build_required_column("every_minutes", Integer),
    build_required_column("on_import", String(10)),
    build_required_column("article_kind", String(20)),
    build_required_column("language", String(35)),
    build_required_column("topics", JSON),
    build_required_column("state", String(10)),
    build_required_column("etag", Text),
    build_required_column("last_modified", Text),
    build_required_column("failures", Integer),
    build_required_column("last_result", Text),
    build_required_column("next_at", Utc),
    Column("last_read_at", Utc),
    build_required_column("created_at", Utc),
    build_required_column("added_by", Text, server_default=""),
    comment="place: an address or a folder; last_result: the result of the last import",
)

source_item = Table(
    "source_item",
    metadata,
    build_reference_column("source", primary_key=True, on_delete="CASCADE"),
    Column("key", String(64), primary_key=True),
    build_required_column("fingerprint", String(64)),
    build_required_column("slug", String(80)),
    build_required_column("language", String(35)),
    build_required_column("seen_at", Utc),
    comment="key: the SHA-256 of the entry's key in its source",
)
