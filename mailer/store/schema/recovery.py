"""The identity of the database and its generation, the events of the database (such as a
restoration), and the keys of links."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text, text

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_required_column,
    metadata,
)

database_identity = Table(
    "database_identity",
    metadata,
    build_id_column(),
    build_required_column("identity", String(32)),
    build_required_column("generation", BigInteger, server_default=text("0")),
    build_required_column("state", String(12)),
    build_required_column("reason", Text, server_default=""),
    build_required_column("since", Utc),
    build_required_column("former_location", Text, server_default=""),
    comment="one row, from the first delivery on; generation: grows while a process delivers, and "
    "is compared with the marker outside the database; former_location: before it was moved",
)

database_event = Table(
    "database_event",
    metadata,
    build_id_column(),
    build_required_column("at", Utc),
    build_required_column("event_type", String(40)),
    build_required_column("actor", Text),
    build_required_column("actor_key", Text, server_default=""),
    build_required_column("detail", Text, server_default=""),
    comment="backups, restorations, clones, moves and rotations of the signing key",
)

signing_key = Table(
    "signing_key",
    metadata,
    build_id_column(),
    build_required_column("salt", LargeBinary),
    build_required_column("created_at", Utc),
    build_required_column("actor", Text, server_default=""),
    Column("expires_at", Utc),
    sqlite_autoincrement=True,
    comment="a key of links is derived from the secret key and the salt; the newest one signs, and "
    "the others verify until they expire; an empty salt is the secret key itself",
)
