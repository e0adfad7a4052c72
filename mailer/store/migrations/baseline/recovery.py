"""The identity of the database, its events, the keys of links, and relays that fail."""

import sqlalchemy as sa
from alembic import op

from mailer.store.migrations.baseline.columns import ID, MOMENT, require_column


def create_recovery_tables() -> None:
    op.create_table(
        "database_identity",
        require_column("id", ID),
        require_column("identity", sa.String(length=32)),
        require_column("generation", sa.BigInteger(), server_default=sa.text("0")),
        require_column("state", sa.String(length=12)),
        require_column("reason", sa.Text(), server_default=""),
        require_column("since", MOMENT),
        require_column("former_location", sa.Text(), server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_database_identity"),
        comment="one row, from the first delivery on; generation: grows while a process delivers, "
        "and is compared with the marker outside the database; former_location: before it was "
        "moved",
    )
    op.create_table(
        "database_event",
        require_column("id", ID),
        require_column("at", MOMENT),
        require_column("event_type", sa.String(length=40)),
        require_column("actor", sa.Text()),
        require_column("actor_key", sa.Text(), server_default=""),
        require_column("detail", sa.Text(), server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_database_event"),
        comment="backups, restorations, clones, moves and rotations of the signing key",
    )
    op.create_table(
        "signing_key",
        require_column("id", ID),
        require_column("salt", sa.LargeBinary()),
        require_column("created_at", MOMENT),
        require_column("actor", sa.Text(), server_default=""),
        sa.Column("expires_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_signing_key"),
        comment="a key of links is derived from the secret key and the salt; the newest one signs, "
        "and the others verify until they expire; an empty salt is the secret key itself",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "relay_outage",
        require_column("relay", sa.String(length=100)),
        require_column("since", MOMENT),
        require_column("reason", sa.Text()),
        sa.Column("retry_at", MOMENT),
        sa.PrimaryKeyConstraint("relay", name="pk_relay_outage"),
        comment="relays, by their names in the settings, that accept nothing; removed once they "
        "answer",
    )
