"""Senders that beat instead of leases on a clock, and an edition's priority

Nobody may be sending meanwhile: what was claimed goes back to the queue, and what was on the wire
is in doubt, as after a crash.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.execute(
        "UPDATE delivery SET state = 'queued', attempt = attempt - 1 WHERE state = 'claimed'"
    )
    op.execute(
        "UPDATE delivery SET state = 'in_doubt', "
        "reply = 'the sender died after the message was let out' WHERE state = 'on_wire'"
    )
    op.create_table(
        "sender",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("beat", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender")),
        sqlite_autoincrement=True,
        comment="processes that deliver; a row whose beat stands still for a lease is a dead one's",
    )
    op.add_column(
        "edition",
        sa.Column("priority", sa.String(length=20), server_default="normal", nullable=False),
    )
    op.execute("UPDATE edition SET priority = 'urgent' WHERE template = 'press-release'")
    op.drop_index("ix_delivery_leased", table_name="delivery")
    op.drop_column("delivery", "owner")
    op.drop_column("delivery", "lease_until")
    op.add_column("delivery", sa.Column("sender_id", sa.BigInteger(), nullable=True))
    for name, columns, states in (
        ("ix_delivery_held", ["sender_id"], "state IN ('claimed', 'on_wire')"),
        ("ix_delivery_doubted", ["edition_id"], "state = 'in_doubt'"),
    ):
        where = sa.text(states)
        op.create_index(
            name, "delivery", columns, unique=False, sqlite_where=where, postgresql_where=where
        )
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "delivery", "sender_id: who holds it, while it is claimed or on the wire"
        )
