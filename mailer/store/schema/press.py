"""Media contacts, boilerplates, the files of releases, and kills."""

from sqlalchemy import JSON, Column, Integer, LargeBinary, String, Table, Text

from mailer.store.schema.base import Utc, build_reference_column, build_required_column, metadata

contact = Table(
    "contact",
    metadata,
    build_reference_column("subscriber", primary_key=True, on_delete="CASCADE"),
    build_required_column("outlet", Text),
    build_required_column("outlet_key", Text, index=True),
    build_required_column("trust", String(10)),
    build_required_column("follow_up", String(10)),
    build_required_column("note", Text),
    build_required_column("updated_at", Utc),
    comment="outlet_key: the outlet in small letters, for comparisons",
)

contact_beat = Table(
    "contact_beat",
    metadata,
    build_reference_column("subscriber", primary_key=True, on_delete="CASCADE"),
    Column("beat", String(60), primary_key=True, index=True),
)

boilerplate = Table(
    "boilerplate",
    metadata,
    Column("organisation", String(60), primary_key=True),
    Column("language", String(35), primary_key=True),
    build_required_column("name", Text),
    build_required_column("text", Text),
    build_required_column("html", Text),
    build_required_column("updated_at", Utc),
)

file = Table(
    "file",
    metadata,
    Column("sha256", String(64), primary_key=True),
    build_required_column("media_type", String(100)),
    build_required_column("size", Integer),
    build_required_column("content", LargeBinary),
    build_required_column("created_at", Utc),
    comment="never changed: releases and assets name their files by hash",
)

kill = Table(
    "kill",
    metadata,
    Column("slug", String(80), primary_key=True),
    build_required_column("reasons", JSON),
    build_required_column("asked_by", Text),
    build_required_column("asked_by_key", Text, server_default=""),
    build_required_column("asked_at", Utc),
    build_required_column("confirmed_by", Text),
    build_required_column("confirmed_by_key", Text, server_default=""),
    Column("confirmed_at", Utc),
    Column("notified_at", Utc),
    build_required_column("notified_digest", String(64), server_default=""),
    comment="releases that one person asked to kill, and another has to confirm",
)
