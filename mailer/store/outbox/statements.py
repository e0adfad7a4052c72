"""The statements and conditions for changing the states of deliveries. ``queue.py`` runs them.

Statements with names in capitals run thousands of times a minute, so they are prepared.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Float,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from mailer.embargoes import MAX_RULE_SHIFT
from mailer.model.deliveries import IN_FLIGHT_STATES, MAX_DOUBTS, Claim, DeliveryState
from mailer.model.edition_states import KINDS_TO_ANYONE, EditionState
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.prepared_statements import PreparedStatement, among, build_json_columns

# Scalar subqueries by primary key are used because for EXISTS with a join, PostgreSQL without
# statistics hashes the whole list, which takes half a second each time.
_list_id = (
    select(schema.edition.c.list_id)
    .where(schema.edition.c.id == schema.delivery.c.edition_id)
    .correlate(schema.delivery)
    .scalar_subquery()
)
_edition_state = (
    select(schema.edition.c.state)
    .where(schema.edition.c.id == schema.delivery.c.edition_id)
    .correlate(schema.delivery)
    .scalar_subquery()
)
# A subquery, so that SQLite computes it once for the statement and not for each row.
_now = select(schema.database_now()).scalar_subquery()
_membership = (
    select(
        case(
            (
                func.coalesce(schema.membership.c.paused_until <= _now, True),
                schema.membership.c.state,
            )
        )
    )
    .where(
        schema.membership.c.list_id == _list_id,
        schema.membership.c.subscriber_id == schema.delivery.c.subscriber_id,
    )
    .correlate(schema.delivery)
    .scalar_subquery()
)
_address = (
    select(schema.subscriber.c.address_key)
    .where(schema.subscriber.c.id == schema.delivery.c.subscriber_id)
    .correlate(schema.delivery)
    .scalar_subquery()
)
_suppression = (
    select(schema.suppression.c.address_key)
    .where(schema.suppression.c.address_key == schema.delivery.c.address_key)
    .correlate(schema.delivery)
    .scalar_subquery()
)
_TO_ANYONE = [literal_column(f"'{kind.value}'", String(10)) for kind in KINDS_TO_ANYONE]
_edition_kind = (
    select(schema.edition.c.kind)
    .where(schema.edition.c.id == schema.delivery.c.edition_id)
    .correlate(schema.delivery)
    .scalar_subquery()
)
may_be_delivered = and_(
    or_(
        and_(
            func.coalesce(_membership, "") == MembershipState.ACTIVE.value,
            func.coalesce(_address, "")
            == schema.delivery.c.address_key,  # the subscriber may have changed their address since
        ),
        _edition_kind.in_(_TO_ANYONE),
    ),
    _suppression.is_(None),
    schema.delivery.c.address.not_like(f"{schema.ERASED}%"),  # an erased address is not tried again
)

queued = schema.is_in_state(DeliveryState.QUEUED.value)
claimed = schema.is_in_state(DeliveryState.CLAIMED.value)
on_wire = schema.is_in_state(DeliveryState.ON_WIRE.value)
in_doubt = schema.is_in_state(DeliveryState.IN_DOUBT.value)
may_be_resent = and_(in_doubt, schema.delivery.c.doubts < MAX_DOUBTS)
in_flight = schema.is_in_state(*(state.value for state in IN_FLIGHT_STATES))

released_values: dict[str, Any] = {"worker_id": None, "updated_at": _now}
requeued_values: dict[str, Any] = {
    **released_values,
    "state": DeliveryState.QUEUED.value,
    "attempt": schema.delivery.c.attempt - 1,
}

_worker_id = bindparam("by", type_=BigInteger)

_edition_id = bindparam("of", type_=BigInteger)
_due_deliveries = (
    select(schema.delivery.c.id)
    .where(
        schema.delivery.c.edition_id == _edition_id,
        queued,
        schema.delivery.c.next_attempt_at <= schema.database_now(),
    )
    .order_by(schema.delivery.c.next_attempt_at, schema.delivery.c.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_claim_update = update(schema.delivery).values(
    state=DeliveryState.CLAIMED.value,
    attempt=schema.delivery.c.attempt + 1,
    worker_id=_worker_id,
)
_claim_columns = [schema.delivery.c[name] for name in Claim._fields]

# PostgreSQL. A CTE runs once. A subquery of IN may run once for each row, each time skipping the
# rows locked before, so that a claim would exceed its limit.
_due_cte = _due_deliveries.cte("due")
CLAIM = PreparedStatement(
    _claim_update.where(schema.delivery.c.id.in_(select(_due_cte.c.id)), queued).returning(
        *_claim_columns
    )
)

# SQLite, which has one writer at a time: three statements of one row each, since its driver
# releases the interpreter lock for each row that it fetches.
_due_subquery = _due_deliveries.subquery("due")
DUE = PreparedStatement(select(func.json_group_array(_due_subquery.c.id)))
CLAIM_DUE = PreparedStatement(_claim_update.where(among(schema.delivery.c.id, "ids")))
CLAIMED = PreparedStatement(
    select(func.json_group_array(func.json_array(*_claim_columns))).where(
        among(schema.delivery.c.id, "ids")
    )
)

_gate_update = (
    update(schema.delivery)
    .where(
        among(schema.delivery.c.id, "ids"),
        schema.delivery.c.worker_id == _worker_id,
        _edition_state == EditionState.SENDING.value,
        may_be_delivered,
    )
    .values(state=DeliveryState.ON_WIRE.value)
)
GATE = PreparedStatement(_gate_update.where(in_flight).returning(schema.delivery.c.id))

# SQLite, for claimed deliveries that have not passed: two statements for any number of rows.
OPEN_GATE = PreparedStatement(_gate_update.where(claimed))
PASSED = PreparedStatement(
    select(func.json_group_array(schema.delivery.c.id)).where(
        among(schema.delivery.c.id, "ids"), schema.delivery.c.worker_id == _worker_id, on_wire
    )
)

LOCK_MEMBERS = PreparedStatement(
    select(literal(1))
    .select_from(schema.delivery)
    .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
    .join(
        schema.membership,
        and_(
            schema.membership.c.list_id == schema.edition.c.list_id,
            schema.membership.c.subscriber_id == schema.delivery.c.subscriber_id,
        ),
    )
    .join(schema.subscriber, schema.subscriber.c.id == schema.membership.c.subscriber_id)
    # In a service mail `subscriber_id` may be the id of another kind of record.
    .where(among(schema.delivery.c.id, "ids"), schema.edition.c.kind.not_in(_TO_ANYONE))
    .order_by(schema.membership.c.subscriber_id, schema.membership.c.list_id)
    .with_for_update(read=True, of=(schema.membership, schema.subscriber))
)
STATES = PreparedStatement(
    select(schema.edition.c.id, schema.edition.c.state)
    .where(among(schema.edition.c.id, "ids"))
    .order_by(schema.edition.c.id)
    .with_for_update(read=True)
)
ANY_EMBARGO = PreparedStatement(
    select(literal(1)).where(
        select(schema.embargo.c.slug)
        .where(schema.embargo.c.until > schema.database_now(-MAX_RULE_SHIFT.total_seconds()))
        .exists()
    )
)
"""Selects a row if any embargo is stored that may still be active."""
ANY_KILL = PreparedStatement(select(literal(1)).where(select(schema.kill.c.slug).exists()))
_delivery_id, _reply = build_json_columns("news", BigInteger(), Text())
ACCEPTED = PreparedStatement(
    update(schema.delivery)
    .where(
        schema.delivery.c.id == _delivery_id, schema.delivery.c.state != DeliveryState.SENT.value
    )
    .values(**released_values, state=DeliveryState.SENT.value, reply=_reply)
)
(
    _delivery_id,
    _settling_worker_id,
    _new_state,
    _reply,
    _unspent,
    _delay,
    _signature,
) = build_json_columns(
    "news", BigInteger(), BigInteger(), String(12), Text(), Integer(), Float(), Text()
)
SETTLED = PreparedStatement(
    update(schema.delivery)
    .where(
        schema.delivery.c.id == _delivery_id,
        schema.delivery.c.worker_id == _settling_worker_id,
        on_wire,
    )
    .values(
        **released_values,
        state=_new_state,
        reply=_reply,
        signature=case((_signature != "", _signature), else_=schema.delivery.c.signature),
        attempt=schema.delivery.c.attempt - _unspent,
        doubts=schema.delivery.c.doubts
        + case((_new_state == DeliveryState.IN_DOUBT.value, 1), else_=0),
        next_attempt_at=schema.database_now(_delay),
    )
)
_delivery_id, _delay = build_json_columns("news", BigInteger(), Float())
PUT_OFF = PreparedStatement(
    update(schema.delivery)
    .where(schema.delivery.c.id == _delivery_id, schema.delivery.c.worker_id == _worker_id, claimed)
    .values({**requeued_values, "next_attempt_at": schema.database_now(_delay)})
)
