"""Schedules, occurrences, blackouts, and the lease of the worker that ticks."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

schedule = Table(
    "schedule",
    metadata,
    build_id_column(),
    build_reference_column("digest", index=True, on_delete="CASCADE"),
    build_required_column("rule", Text),
    build_required_column("start", String(10)),
    build_required_column("at", String(5)),
    build_required_column("zone", String(64)),
    build_required_column("on_free_day", String(10)),
    build_required_column("region", String(16)),
    build_required_column("cutoff_minutes", Integer),
    build_required_column("spread", Boolean, server_default=true()),
    build_required_column("created_at", Utc),
    sqlite_autoincrement=True,
    comment="rule: as staff write it; start: the first day of the recurrence; region: the country "
    "whose public holidays count; spread: the editions of a run-up share their stories",
)

blackout = Table(
    "blackout",
    metadata,
    build_id_column(),
    build_required_column("first_day", String(10)),
    build_required_column("last_day", String(10)),
    build_required_column("reason", Text),
    build_required_column("created_at", Utc),
    sqlite_autoincrement=True,
)

occurrence = Table(
    "occurrence",
    metadata,
    build_id_column(),
    build_reference_column("digest", on_delete="CASCADE"),
    build_required_column("rule_time", String(16)),
    build_required_column("zone", String(64)),
    build_reference_column("schedule", nullable=True, index=True, on_delete="SET NULL"),
    build_required_column("state", String(10)),
    Column("moved_to", String(16)),
    build_reference_column("edition", nullable=True, index=True),
    build_required_column("reason", Text),
    build_required_column("actor", Text),
    build_required_column("created_at", Utc),
    build_required_column("updated_at", Utc),
    UniqueConstraint("digest_id", "rule_time", "zone"),
    Index("ix_occurrence_rule_time", "rule_time"),
    Index("ix_occurrence_state", "state"),
    sqlite_autoincrement=True,
    comment="rule_time, zone: the wall-clock time that the rule gives",
)

occurrence_text = Table(
    "occurrence_text",
    metadata,
    build_id_column(),
    build_reference_column("digest", on_delete="CASCADE"),
    build_required_column("rule_time", String(16)),
    build_required_column("zone", String(64)),
    build_required_column("language", String(35)),
    build_required_column("subject", Text),
    build_required_column("preheader", Text),
    build_required_column("opening", Text),
    build_required_column("authors", JSON),
    build_required_column("updated_at", Utc),
    UniqueConstraint("digest_id", "rule_time", "zone", "language"),
    sqlite_autoincrement=True,
    comment="texts written ahead for the edition of an occurrence, which need have no row yet; "
    "authors: the names of the actors who wrote it, by their keys",
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(20), primary_key=True),
    build_required_column("epoch", BigInteger),
    build_required_column("holder", String(64)),
    build_required_column("beat", BigInteger),
    build_required_column("heartbeat_at", Utc),
    comment="which worker ticks; heartbeat_at is for people only: no decision depends on it",
)
