"""Deliveries, and the workers that claim them."""

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
    and_,
    literal_column,
    or_,
    text,
)

from mailer.model.deliveries import UNDELIVERED_STATES
from mailer.store.schema.base import (
    Utc,
    build_id_column,
    build_reference_column,
    build_required_column,
    metadata,
)

worker = Table(
    "worker",
    metadata,
    build_id_column(),
    build_required_column("name", String(64)),
    build_required_column("beat", BigInteger, server_default=text("0")),
    build_required_column("started_at", Utc),
    Column("ended_at", Utc),
    sqlite_autoincrement=True,
    comment="processes that deliver; a worker whose beat stands still for a lease is dead; "
    "ended_at: when it signed off or was declared dead",
)

relay_outage = Table(
    "relay_outage",
    metadata,
    Column("relay", String(100), primary_key=True),
    build_required_column("since", Utc),
    build_required_column("reason", Text),
    Column("retry_at", Utc),
    comment="relays, by their names in the settings, that accept nothing; removed once they answer",
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
    build_required_column("fields", Text, server_default=""),
    build_required_column("language", String(35)),
    build_required_column("stories", BigInteger),
    build_required_column("state", String(12)),
    build_required_column("attempt", Integer, server_default=text("0")),
    build_required_column("doubts", Integer, server_default=text("0")),
    Column("worker_id", BigInteger),
    build_required_column("next_attempt_at", Utc),
    build_required_column("reply", Text, server_default=""),
    build_required_column("signature", Text, server_default=""),
    build_required_column("requeued_for", Text, server_default=""),
    build_required_column("updated_at", Utc),
    UniqueConstraint("edition_id", "address"),
    comment="fields: a JSON object of those of the reader's fields that the mail prints, or empty; "
    "doubts: attempts that ended in doubt; worker_id: the worker that has it, while it is "
    "claimed or on the wire; signature: replies alike have the same; requeued_for: the signature "
    "for which it was queued again",
)


delivery_count = Table(
    "delivery_count",
    metadata,
    build_reference_column("edition", primary_key=True, on_delete="CASCADE"),
    Column("language", String(35), primary_key=True),
    build_required_column("deliveries", BigInteger),
    comment="the number of an edition's deliveries in each language, kept as they are added",
)


ERASED = "erased:"
"""The prefix of an erased address in a delivery. Its keyed hash follows."""


UNDELIVERED = tuple(state.value for state in UNDELIVERED_STATES)
"""The states, other than sent, of deliveries that are finished."""


def is_in_state(*states: str) -> ColumnElement[bool]:
    """Return the condition that a delivery is in one of `states`. The states are literals in the
    statement, since a database uses a partial index only if the statement visibly contains the
    index's condition (SQLite, "Partial Indexes" §2.2).

    More than two states are compared one by one: SQLite would search an IN of so many in a
    temporary table, twice for each update of a delivery's state, which took 1 µs an update with
    four states."""
    state_literals = [literal_column(f"'{state}'", String(12)) for state in states]
    if len(state_literals) == 2:
        return delivery.c.state.in_(state_literals)
    return or_(*(delivery.c.state == state_literal for state_literal in state_literals))


def _create_partial_index(name: str, *columns: Column[Any], states: tuple[str, ...]) -> Index:
    condition = is_in_state(*states)
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


_create_partial_index(
    "ix_delivery_queued",
    delivery.c.edition_id,
    delivery.c.next_attempt_at,
    delivery.c.id,
    delivery.c.state,  # so that SQLite counts and claims without looking at the rows
    states=("queued",),
)
_create_partial_index("ix_delivery_in_flight", delivery.c.worker_id, states=("claimed", "on_wire"))
_create_partial_index("ix_delivery_in_doubt", delivery.c.edition_id, states=("in_doubt",))
_create_partial_index(
    "ix_delivery_undelivered",
    delivery.c.edition_id,
    delivery.c.state,
    states=UNDELIVERED,
)

has_unaccepted_reply = and_(
    delivery.c.reply != literal_column("''", Text()),
    delivery.c.state != literal_column("'sent'", String(12)),
)
"""The condition that a delivery has a reply and was not accepted: the condition of an index."""

Index(
    "ix_delivery_unaccepted_reply",
    delivery.c.edition_id,
    sqlite_where=has_unaccepted_reply,
    postgresql_where=has_unaccepted_reply,
)
