"""Embargoes, and the log of their events."""

from sqlalchemy import Column, String, Table, Text

from mailer.store.schema.base import Utc, build_id_column, build_required_column, metadata

embargo = Table(
    "embargo",
    metadata,
    Column("slug", String(80), primary_key=True),
    build_required_column("wall", String(16)),
    build_required_column("zone", String(64)),
    build_required_column("until", Utc, index=True),
    Column("lifted_at", Utc),
    build_required_column("set_at", Utc),
    build_required_column("set_by", Text),
    build_required_column("set_by_key", Text, server_default=""),
    build_required_column("reason", Text),
    comment="wall, zone: when until is, by the clock; until: when it ends or was lifted",
)

embargo_event = Table(
    "embargo_event",
    metadata,
    build_id_column(),
    build_required_column("slug", String(80), index=True),
    build_required_column("at", Utc),
    build_required_column("event_type", String(20)),
    build_required_column("actor", Text, index=True),
    build_required_column("actor_key", Text, server_default=""),
    build_required_column("detail", Text),
)
