"""Numbers that are kept forever: of people who joined lists and left them, and of clicks."""

import sqlalchemy as sa
from alembic import op

from mailer.store.migrations.baseline.columns import ID, MOMENT, require_column


def create_count_tables() -> None:
    op.create_table(
        "membership_change",
        require_column("id", ID),
        require_column("list_id", ID),
        require_column("hour", MOMENT),
        require_column("kind", sa.String(length=12)),
        require_column("source", sa.String(length=100), server_default=""),
        require_column("edition_id", sa.BigInteger(), server_default=sa.text("0")),
        require_column("people", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["mailing_list.id"],
            name="fk_membership_change_list_id_mailing_list",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_membership_change"),
        comment="people who joined or left a list, until they are added to membership_count; "
        "transactions only add rows, so that none waits for another",
    )
    op.create_index("ix_membership_change_list_id_hour", "membership_change", ["list_id", "hour"])
    op.create_index("ix_membership_change_edition_id", "membership_change", ["edition_id"])
    op.create_table(
        "membership_count",
        require_column("list_id", ID),
        require_column("hour", MOMENT),
        require_column("kind", sa.String(length=12)),
        require_column("source", sa.String(length=100)),
        require_column("edition_id", sa.BigInteger()),
        require_column("people", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["mailing_list.id"],
            name="fk_membership_count_list_id_mailing_list",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "list_id", "hour", "kind", "source", "edition_id", name="pk_membership_count"
        ),
        comment="people who joined or left a list in an hour (UTC); edition_id: whose link was "
        "used to leave, or 0; kept forever",
    )
    op.create_index("ix_membership_count_edition_id", "membership_count", ["edition_id"])
    op.create_table(
        "click_count",
        require_column("edition_id", ID),
        require_column("story", sa.String(length=80)),
        require_column("hour", MOMENT),
        require_column("clicker", sa.String(length=10)),
        require_column("clicks", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name="fk_click_count_edition_id_edition",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "story", "hour", "clicker", name="pk_click_count"),
        comment="clicks on a story's links in an edition's mails, in an hour (UTC), by readers and "
        "by machines; kept forever, and never who clicked",
    )
