"""Deliveries, and who carries them."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

sender = Table(
    "sender",
    metadata,
    build_id_column(),
    build_required_column("name", String(64)),
    build_required_column("beat", BigInteger, server_default=text("0")),
    build_required_column("started_at", Utc),
    sqlite_autoincrement=True,
    comment="processes that deliver; a row whose beat stands still for a lease is a dead one's",
)

delivery = Table(
    "delivery",
    metadata,
    build_id_column(),
    build_reference_column("edition"),
    build_required_column("address", Text),
    build_required_column("address_key", String(32)),
    build_required_column("subscriber_id", BigInteger),
    build_required_column("name", Text),
    build_required_column("language", String(35)),
    build_required_column("stories", BigInteger),
    build_required_column("state", String(12)),
    build_required_column("attempt", Integer, server_default=text("0")),
    Column("sender_id", BigInteger),
    build_required_column("next_attempt_at", Utc),
    build_required_column("reply", Text, server_default=""),
    build_required_column("updated_at", Utc),
    UniqueConstraint("edition_id", "address"),
    comment="sender_id: who holds it, while it is claimed or on the wire",
)


ERASED = "erased:"
"""What an address becomes that is taken out of a delivery: this, and its keyed hash."""


def is_in_state(*states: str) -> ColumnElement[bool]:
    """`delivery` is in one of `states`, written into the statement as words: a partial index is
    used only where its condition can be read there (SQLite §2.2 of partial indexes)."""
    state_literals = [literal_column(f"'{state}'", String(12)) for state in states]
    return (
        delivery.c.state == state_literals[0]
        if len(state_literals) == 1
        else delivery.c.state.in_(state_literals)
    )


def _create_partial_index(name: str, *columns: Column[Any], states: tuple[str, ...]) -> Index:
    condition = is_in_state(*states)
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


_create_partial_index(
    "ix_delivery_queued",
    delivery.c.edition_id,
    delivery.c.next_attempt_at,
    delivery.c.id,
    states=("queued",),
)
_create_partial_index("ix_delivery_held", delivery.c.sender_id, states=("claimed", "on_wire"))
_create_partial_index("ix_delivery_doubted", delivery.c.edition_id, states=("in_doubt",))
