"""Who acted, by key: approvals, events of editions, embargoes and kills."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = (
    ("approval", "approver_key"),
    ("article_revision", "author_key"),
    ("edition_event", "actor_key"),
    ("embargo", "set_by_key"),
    ("embargo_event", "who_key"),
    ("kill", "asked_by_key"),
    ("kill", "confirmed_by_key"),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for table, column in COLUMNS:
        op.drop_column(table, column)
