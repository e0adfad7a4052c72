"""Embargoes, and what was done about them."""

from sqlalchemy import Column, String, Table, Text

from mailer.store.schema.base import Utc, identity, metadata, required

embargo = Table(
    "embargo",
    metadata,
    Column("slug", String(80), primary_key=True),
    required("wall", String(16)),
    required("zone", String(64)),
    required("until", Utc, index=True),
    Column("lifted_at", Utc),
    required("set_at", Utc),
    required("set_by", Text),
    required("reason", Text),
    comment="wall, zone: when until is, by the clock; until: when it ends or was lifted",
)

embargo_event = Table(
    "embargo_event",
    metadata,
    identity(),
    required("slug", String(80), index=True),
    required("at", Utc),
    required("what", String(20)),
    required("who", Text),
    required("detail", Text),
)
