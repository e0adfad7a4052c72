"""Schedules, occurrences, blackouts, and who keeps time."""

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailer.store.schema.base import Utc, identity, metadata, required, to

schedule = Table(
    "schedule",
    metadata,
    identity(),
    to("digest", index=True, on_delete="CASCADE"),
    required("rule", Text),
    required("start", String(10)),
    required("at", String(5)),
    required("zone", String(64)),
    required("on_free_day", String(10)),
    required("place", String(16)),
    required("cutoff_minutes", Integer),
    required("created_at", Utc),
    sqlite_autoincrement=True,
    comment="rule: as staff write it; start: the day from which a recurrence counts",
)

blackout = Table(
    "blackout",
    metadata,
    identity(),
    required("first_day", String(10)),
    required("last_day", String(10)),
    required("reason", Text),
    required("created_at", Utc),
    sqlite_autoincrement=True,
)

occurrence = Table(
    "occurrence",
    metadata,
    identity(),
    to("digest", on_delete="CASCADE"),
    required("wall", String(16)),
    required("zone", String(64)),
    to("schedule", nullable=True, index=True, on_delete="SET NULL"),
    required("state", String(10)),
    Column("moved_to", String(16)),
    to("edition", nullable=True, index=True),
    required("reason", Text),
    required("actor", Text),
    required("created_at", Utc),
    required("updated_at", Utc),
    UniqueConstraint("digest_id", "wall", "zone"),
    sqlite_autoincrement=True,
    comment="wall, zone: the clock time that the rule names; an edition is made by this row",
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(20), primary_key=True),
    required("epoch", BigInteger),
    required("holder", String(64)),
    required("beat", BigInteger),
    required("beaten_at", Utc),
    comment="which worker ticks; beaten_at is for people, no decision hangs on it",
)
