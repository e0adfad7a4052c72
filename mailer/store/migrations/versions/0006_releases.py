"""Embargoes, releases, media contacts and sources

Revision: 0006, after 0005.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _word(name: str, length: int, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=False)


def _text(name: str) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), nullable=False)


def _of_subscriber(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["subscriber_id"],
        ["subscriber.id"],
        name=op.f(f"fk_{table}_subscriber_id_subscriber"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    op.add_column("edition", _word("role", 12, "plain"))
    op.add_column("edition", sa.Column("embargo_until", _MOMENT, nullable=True))
    op.add_column("edition", sa.Column("change", sa.JSON(), nullable=True))
    # What has gone out as a press release can be corrected and killed.
    op.execute(
        "UPDATE edition SET role = 'release' WHERE template = 'press-release' "
        "AND planned_at IS NOT NULL AND 1 = (SELECT count(*) FROM edition_story "
        "WHERE edition_story.edition_id = edition.id)"
    )
    op.create_table(
        "source",
        sa.Column("id", _ID, nullable=False),
        _word("name", 60),
        _word("kind", 12),
        _text("place"),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        _word("arrival", 10),
        _word("article_kind", 20),
        _word("language", 35),
        sa.Column("topics", sa.JSON(), nullable=False),
        _word("state", 10),
        _text("etag"),
        _text("last_modified"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _text("said"),
        sa.Column("next_at", _MOMENT, nullable=False),
        sa.Column("looked_at", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
        comment="place: an address or a folder; said: what came of the last look",
    )
    op.create_table(
        "source_item",
        sa.Column("source_id", _ID, nullable=False),
        _word("key", 64),
        _word("fingerprint", 64),
        _word("slug", 80),
        _word("language", 35),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["source.id"],
            name=op.f("fk_source_item_source_id_source"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_id", "key", name=op.f("pk_source_item")),
        comment="key: the SHA-256 of what names the entry in its source",
    )
    op.create_table(
        "kill",
        _word("slug", 80),
        sa.Column("why", sa.JSON(), nullable=False),
        _text("asked_by"),
        sa.Column("asked_at", _MOMENT, nullable=False),
        _text("confirmed_by"),
        sa.Column("confirmed_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_kill")),
        comment="releases that one person wants taken back, and another has to confirm",
    )
    op.add_column("article", sa.Column("release", sa.JSON(), nullable=True))
    op.add_column(
        "edition_body", sa.Column("attachments", sa.JSON(), server_default="[]", nullable=False)
    )
    op.add_column("edition_body", sa.Column("page", sa.JSON(), nullable=True))
    op.create_table(
        "boilerplate",
        _word("organisation", 60),
        _word("language", 35),
        _text("name"),
        _text("text"),
        _text("html"),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("organisation", "language", name=op.f("pk_boilerplate")),
    )
    op.create_table(
        "file",
        _word("sha256", 64),
        _word("media_type", 100),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_file")),
        comment="never changed: what releases carry is named by its hash",
    )
    op.create_table(
        "embargo",
        _word("slug", 80),
        _word("wall", 16),
        _word("zone", 64),
        sa.Column("until", _MOMENT, nullable=False),
        sa.Column("lifted_at", _MOMENT, nullable=True),
        sa.Column("set_at", _MOMENT, nullable=False),
        _text("set_by"),
        _text("reason"),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_embargo")),
        comment="wall, zone: when until is, by the clock; until: when it ends or was lifted",
    )
    op.create_table(
        "embargo_event",
        sa.Column("id", _ID, nullable=False),
        _word("slug", 80),
        sa.Column("at", _MOMENT, nullable=False),
        _word("what", 20),
        _text("who"),
        _text("detail"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embargo_event")),
    )
    op.create_table(
        "contact",
        sa.Column("subscriber_id", _ID, nullable=False),
        _text("outlet"),
        _text("outlet_key"),
        _word("trust", 10),
        _word("follow_up", 10),
        _text("note"),
        sa.Column("updated_at", _MOMENT, nullable=False),
        _of_subscriber("contact"),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_contact")),
        comment="outlet_key: as outlets are compared, in small letters",
    )
    op.create_table(
        "contact_beat",
        sa.Column("subscriber_id", _ID, nullable=False),
        _word("beat", 60),
        _of_subscriber("contact_beat"),
        sa.PrimaryKeyConstraint("subscriber_id", "beat", name=op.f("pk_contact_beat")),
    )
    for table, column in (
        ("embargo", "until"),
        ("embargo_event", "slug"),
        ("contact", "outlet_key"),
        ("contact_beat", "beat"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "edition_body",
            "titles, summary: for lists of editions; attachments: files, by their hashes; "
            "page: a release's press page",
        )
        op.create_table_comment(
            "edition",
            "wall, zone: when send_at is, by the clock; told: what staff last heard; cleared_at: "
            "when addresses were taken out of its deliveries; embargo_until: what its mails state",
        )
