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

from mailer.store.schema.base import Utc, identity, metadata, required, to

sender = Table(
    "sender",
    metadata,
    identity(),
    required("name", String(64)),
    required("beat", BigInteger, server_default=text("0")),
    required("started_at", Utc),
    sqlite_autoincrement=True,
    comment="processes that deliver; a row whose beat stands still for a lease is a dead one's",
)

delivery = Table(
    "delivery",
    metadata,
    identity(),
    to("edition"),
    required("address", Text),
    required("address_key", String(32)),
    required("subscriber_id", BigInteger),
    required("name", Text),
    required("language", String(35)),
    required("stories", BigInteger),
    required("state", String(12)),
    required("attempt", Integer, server_default=text("0")),
    Column("sender_id", BigInteger),
    required("next_attempt_at", Utc),
    required("reply", Text, server_default=""),
    required("updated_at", Utc),
    UniqueConstraint("edition_id", "address"),
    comment="sender_id: who holds it, while it is claimed or on the wire",
)


ERASED = "erased:"
"""What an address becomes that is taken out of a delivery: this, and its keyed hash."""


def in_state(*states: str) -> ColumnElement[bool]:
    """`delivery` is in one of `states`, written into the statement as words: a partial index is
    used only where its condition can be read there (SQLite §2.2 of partial indexes)."""
    words = [literal_column(f"'{state}'", String(12)) for state in states]
    return delivery.c.state == words[0] if len(words) == 1 else delivery.c.state.in_(words)


def _partial(name: str, *columns: Column[Any], states: tuple[str, ...]) -> Index:
    where = in_state(*states)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


_partial(
    "ix_delivery_queued",
    delivery.c.edition_id,
    delivery.c.next_attempt_at,
    delivery.c.id,
    states=("queued",),
)
_partial("ix_delivery_held", delivery.c.sender_id, states=("claimed", "on_wire"))
_partial("ix_delivery_doubted", delivery.c.edition_id, states=("in_doubt",))
