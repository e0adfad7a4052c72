"""Occurrences, rules of approval, and the worker that keeps time

Revision: 0004, after 0003.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _word(name: str, length: int, default: str = "") -> "sa.Column[Any]":
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=False)


def upgrade() -> None:
    op.add_column("mailing_list", _word("time_zone", 64))
    op.create_index(op.f("ix_subscriber_time_zone"), "subscriber", ["time_zone"], unique=False)
    op.add_column(
        "article_revision", sa.Column("author", sa.Text(), server_default="", nullable=False)
    )
    for column in (
        _word("approval", 10, "anyone"),
        _word("when_late", 10, "wait"),
        _word("send_time", 10, "office"),
        sa.Column("grace_minutes", sa.Integer(), server_default=sa.text("360"), nullable=False),
        sa.Column("reminders", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("approvers", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("watchers", sa.JSON(), server_default="[]", nullable=False),
    ):
        op.add_column("digest", column)
    for column in (
        _word("kind", 10, "mailing"),
        _word("send_time", 10, "office"),
        _word("wall", 16),
        _word("zone", 64),
        *(
            sa.Column(name, _MOMENT, nullable=True)
            for name in ("send_at", "asked_at", "reminded_at")
        ),
        _word("told", 20),
        _word("told_hash", 64),
    ):
        op.add_column("edition", column)
    # What is past is not told again.
    op.execute("UPDATE edition SET told = state, told_hash = content_hash")
    op.create_table(
        "occurrence",
        sa.Column("id", _ID, nullable=False),
        sa.Column("digest_id", _ID, nullable=False),
        sa.Column("wall", sa.String(length=16), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("schedule_id", _ID, nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("moved_to", sa.String(length=16), nullable=True),
        sa.Column("edition_id", _ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["digest.id"],
            name=op.f("fk_occurrence_digest_id_digest"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name=op.f("fk_occurrence_edition_id_edition")
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedule.id"],
            name=op.f("fk_occurrence_schedule_id_schedule"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_occurrence")),
        sa.UniqueConstraint(
            "digest_id", "wall", "zone", name=op.f("uq_occurrence_digest_id_wall_zone")
        ),
        sqlite_autoincrement=True,
        comment="wall, zone: the clock time that the rule names; an edition is made by this row",
    )
    for column_name in ("schedule_id", "edition_id"):
        op.create_index(
            op.f(f"ix_occurrence_{column_name}"), "occurrence", [column_name], unique=False
        )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("beaten_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
        comment="which worker ticks; beaten_at is for people, no decision hangs on it",
    )
    comments = {
        "mailing_list": "time_zone: of members who gave none; empty: the office's",
        "digest": "reminders: minutes before it is sent; approvers, watchers: mail addresses",
        "edition": "wall, zone: when send_at is, by the clock; told: what staff last heard",
    }
    if op.get_bind().dialect.name == "postgresql":
        for table, comment in comments.items():
            op.create_table_comment(table, comment)
