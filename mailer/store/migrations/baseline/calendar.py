"""The calendar: schedules, their occurrences, blackouts, and the lease of the worker that ticks."""

import sqlalchemy as sa
from alembic import op

from mailer.store.migrations.baseline.columns import ID, MOMENT, require_column


def create_calendar_tables() -> None:
    op.create_table(
        "blackout",
        require_column("id", ID),
        require_column("first_day", sa.String(length=10)),
        require_column("last_day", sa.String(length=10)),
        require_column("reason", sa.Text()),
        require_column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_blackout"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "lease",
        require_column("name", sa.String(length=20)),
        require_column("epoch", sa.BigInteger()),
        require_column("holder", sa.String(length=64)),
        require_column("beat", sa.BigInteger()),
        require_column("heartbeat_at", MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
        comment="which worker ticks; heartbeat_at is for people only: no decision depends on it",
    )
    op.create_table(
        "schedule",
        require_column("id", ID),
        require_column("digest_id", ID),
        require_column("rule", sa.Text()),
        require_column("start", sa.String(length=10)),
        require_column("at", sa.String(length=5)),
        require_column("zone", sa.String(length=64)),
        require_column("on_free_day", sa.String(length=10)),
        require_column("region", sa.String(length=16)),
        require_column("cutoff_minutes", sa.Integer()),
        require_column("spread", sa.Boolean(), server_default=sa.true()),
        require_column("created_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name="fk_schedule_digest_id_digest", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
        comment="rule: as staff write it; start: the first day of the recurrence; region: the "
        "country whose public holidays count; spread: the editions of a run-up share their "
        "stories",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedule_digest_id", "schedule", ["digest_id"])
    op.create_table(
        "occurrence",
        require_column("id", ID),
        require_column("digest_id", ID),
        require_column("rule_time", sa.String(length=16)),
        require_column("zone", sa.String(length=64)),
        sa.Column("schedule_id", ID),
        require_column("state", sa.String(length=10)),
        sa.Column("moved_to", sa.String(length=16)),
        sa.Column("edition_id", ID),
        require_column("reason", sa.Text()),
        require_column("actor", sa.Text()),
        require_column("created_at", MOMENT),
        require_column("updated_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digest.id"], name="fk_occurrence_digest_id_digest", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_occurrence_edition_id_edition"
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedule.id"],
            name="fk_occurrence_schedule_id_schedule",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_occurrence"),
        sa.UniqueConstraint(
            "digest_id", "rule_time", "zone", name="uq_occurrence_digest_id_rule_time_zone"
        ),
        comment="rule_time, zone: the wall-clock time that the rule gives",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_occurrence_edition_id", "occurrence", ["edition_id"])
    op.create_index("ix_occurrence_rule_time", "occurrence", ["rule_time"])
    op.create_index("ix_occurrence_state", "occurrence", ["state"])
    op.create_index("ix_occurrence_schedule_id", "occurrence", ["schedule_id"])
    op.create_table(
        "occurrence_text",
        require_column("id", ID),
        require_column("digest_id", ID),
        require_column("rule_time", sa.String(length=16)),
        require_column("zone", sa.String(length=64)),
        require_column("language", sa.String(length=35)),
        require_column("subject", sa.Text()),
        require_column("preheader", sa.Text()),
        require_column("opening", sa.Text()),
        require_column("authors", sa.JSON()),
        require_column("updated_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["digest.id"],
            name="fk_occurrence_text_digest_id_digest",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_occurrence_text"),
        sa.UniqueConstraint(
            "digest_id",
            "rule_time",
            "zone",
            "language",
            name="uq_occurrence_text_digest_id_rule_time_zone_language",
        ),
        comment="texts written ahead for the edition of an occurrence, which need have no row yet; "
        "authors: the names of the actors who wrote it, by their keys",
        sqlite_autoincrement=True,
    )
