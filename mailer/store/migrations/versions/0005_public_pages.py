"""Consent, sign-ups, frequencies, the archive

Revision: 0005, after 0004.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from mailer.store.schema.consent import GUARDS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _word(name: str, length: int, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=False)


def _text(name: str, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def upgrade() -> None:
    op.add_column(
        "mailing_list",
        sa.Column("welcome", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("membership", _word("frequency", 10, "every"))
    op.add_column("membership", sa.Column("paused_until", _MOMENT, nullable=True))
    op.add_column("edition", sa.Column("cleared_at", _MOMENT, nullable=True))
    for table in ("digest", "edition"):
        op.add_column(table, _word("frequency", 10, "every"))
        op.add_column(table, _word("archive", 10, "public"))
    op.add_column("edition_body", _text("words", ""))
    op.create_table(
        "wording",
        sa.Column("id", _ID, nullable=False),
        _word("key", 64),
        _word("language", 35),
        _text("text"),
        sa.Column("first_used_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wording")),
        sa.UniqueConstraint("key", name=op.f("uq_wording_key")),
        comment="what people were shown when they agreed; key: SHA-256 of language and text",
    )
    op.create_table(
        "consent",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        _word("act", 20),
        _word("list", 60, ""),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        _word("address_key", 32),
        sa.Column("address", sa.Text(), nullable=True),
        _text("source"),
        _word("basis", 24, ""),
        sa.Column("wording_id", _ID, nullable=True),
        _text("detail", ""),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wording.id"], name=op.f("fk_consent_wording_id_wording")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sqlite_autoincrement=True,
        comment="append-only; address is null once it was erased",
    )
    op.create_table(
        "confirmation",
        sa.Column("id", _ID, nullable=False),
        _word("kind", 12),
        _word("state", 12),
        _text("address"),
        _word("address_key", 32),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        _word("language", 35),
        sa.Column("wishes", sa.JSON(), nullable=False),
        sa.Column("wording_id", _ID, nullable=True),
        _text("source"),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wording.id"], name=op.f("fk_confirmation_wording_id_wording")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmation")),
        sqlite_autoincrement=True,
        comment="sign-ups and new addresses, until their owner has answered a mail; "
        "ids stand in links",
    )
    op.create_table(
        "allowance",
        _word("key", 80),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_allowance")),
        comment="how often something was done in a window; key: what, and a keyed hash of by whom",
    )
    op.create_table(
        "subscriber_alias",
        sa.Column("old_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_subscriber_alias_subscriber_id_subscriber"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("old_id", name=op.f("pk_subscriber_alias")),
        comment="who was merged into whom: links in old mails carry the old number",
    )
    for table, column in (
        ("consent", "subscriber_id"),
        ("consent", "address_key"),
        ("confirmation", "state"),
        ("confirmation", "address_key"),
        ("confirmation", "asked_at"),
        ("allowance", "since"),
        ("subscriber_alias", "subscriber_id"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    for table, column, name, where in (
        ("membership", "left_at", "ix_membership_left", "left_at IS NOT NULL"),
        ("consent", "at", "ix_consent_erased", "address IS NULL"),
    ):
        condition = sa.text(where)
        op.create_index(
            name, table, [column], unique=False, sqlite_where=condition, postgresql_where=condition
        )
    dialect = op.get_bind().dialect.name
    for statement in GUARDS[dialect]:
        op.execute(statement)
    if dialect == "postgresql":
        op.create_table_comment("edition_body", "words: what the archive's search looks in, folded")
        op.create_table_comment(
            "edition",
            "wall, zone: when send_at is, by the clock; told: what staff last heard; cleared_at: "
            "when addresses were taken out of its deliveries",
        )
