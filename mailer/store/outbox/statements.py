"""The statements and conditions for changing the states of deliveries. ``queue.py`` runs them.

Statements with names in capitals run thousands of times a minute, so they are prepared.
"""

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
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
    not_,
    or_,
    select,
    true,
    update,
)

from mailer.embargoes import MAX_RULE_SHIFT
from mailer.model.deliveries import IN_FLIGHT_STATES, MAX_DOUBTS, Claim, DeliveryState
from mailer.model.edition_states import KINDS_TO_ANYONE, EditionState
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.outbox.safe_mode import is_no_clone, is_safe_recipient
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
_is_not_suppressed = and_(
    _suppression.is_(None),
    schema.delivery.c.address.not_like(f"{schema.ERASED}%"),  # an erased address is not tried again
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
    _is_not_suppressed,
)

queued = schema.is_in_state(DeliveryState.QUEUED.value)
claimed = schema.is_in_state(DeliveryState.CLAIMED.value)
on_wire = schema.is_in_state(DeliveryState.ON_WIRE.value)
in_doubt = schema.is_in_state(DeliveryState.IN_DOUBT.value)
may_be_resent = and_(in_doubt, schema.delivery.c.doubts < MAX_DOUBTS)
in_flight = schema.is_in_state(*(state.value for state in IN_FLIGHT_STATES))


def is_in_flight_of(*edition_ids: int) -> ColumnElement[bool]:
    """Return the condition that a delivery of one of these editions is in flight. It fits only the
    small index on deliveries in flight: SQLite would rather look through all deliveries of the
    editions."""
    return and_(in_flight, (schema.delivery.c.edition_id + 0).in_(edition_ids))


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

# PostgreSQL finds the locked rows again by their place in the table (`ctid`), which can't change
# while they are locked. An array is computed once. A subquery of IN may run once for each row, each
# time skipping the rows locked before, so that a claim would exceed its limit.
_place: ColumnElement[Any] = literal_column("delivery.ctid")
CLAIM = PreparedStatement(
    _claim_update.where(
        _place == func.any(func.array(_due_deliveries.with_only_columns(_place).scalar_subquery()))
    ).returning(*_claim_columns)
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


class GateStatements(NamedTuple):
    """The statements of the gate. On SQLite, `open_gate` and PASSED are two statements of one row
    each for claimed deliveries, and `check_again` is one for deliveries that have passed. On
    PostgreSQL, `lock_and_pass` looks at each row once, in both cases."""

    open_gate: PreparedStatement
    check_again: PreparedStatement
    lock_and_pass: PreparedStatement


# The index on deliveries in flight would list the versions of all that the worker has sent. This
# condition does not fit that index, so that only the primary key is left.
_is_in_flight_of_worker = case((in_flight, schema.delivery.c.worker_id)) == _worker_id


def _build_gate(may_pass_safely: ColumnElement[bool]) -> GateStatements:
    """Build the statements of the gate with the condition of safe mode."""
    gate_update = (
        update(schema.delivery)
        .where(
            among(schema.delivery.c.id, "ids"),
            schema.delivery.c.worker_id == _worker_id,
            _edition_state == EditionState.SENDING.value,
            may_be_delivered,
            may_pass_safely,
        )
        .values(state=DeliveryState.ON_WIRE.value)
    )
    return GateStatements(
        PreparedStatement(gate_update.where(claimed)),
        PreparedStatement(gate_update.where(in_flight).returning(schema.delivery.c.id)),
        _build_locking_gate(may_pass_safely),
    )


def _build_locking_gate(may_pass_safely: ColumnElement[bool]) -> PreparedStatement:
    """Build the gate of PostgreSQL. FOR SHARE locks a member's rows until the commit, and checks
    the conditions again if another transaction has changed the rows since the statement began."""
    candidates = (
        select(
            schema.delivery.c.id,
            schema.delivery.c.subscriber_id,
            schema.delivery.c.address_key,
            schema.edition.c.list_id,
            schema.edition.c.kind.in_(_TO_ANYONE).label("goes_to_anyone"),
        )
        .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
        .where(
            among(schema.delivery.c.id, "ids"),
            _is_in_flight_of_worker,
            schema.edition.c.state == EditionState.SENDING.value,
            _is_not_suppressed,
            may_pass_safely,
        )
        .order_by(schema.delivery.c.subscriber_id, schema.edition.c.list_id)
        .subquery("candidate")
    )
    locked_member = (
        select(schema.membership.c.subscriber_id)
        .join(schema.subscriber, schema.subscriber.c.id == schema.membership.c.subscriber_id)
        .where(
            # In a service mail `subscriber_id` may be the id of another kind of record.
            not_(candidates.c.goes_to_anyone),
            schema.membership.c.list_id == candidates.c.list_id,
            schema.membership.c.subscriber_id == candidates.c.subscriber_id,
            schema.membership.c.state == MembershipState.ACTIVE.value,
            func.coalesce(schema.membership.c.paused_until <= schema.database_now(), True),
            # Written so that it fits no index: the subscriber is found by number, which is cheaper.
            schema.subscriber.c.address_key.is_not_distinct_from(candidates.c.address_key),
        )
        .with_for_update(read=True, of=(schema.membership, schema.subscriber))
        .lateral("member")
    )
    passed = (
        select(candidates.c.id)
        .outerjoin(locked_member, true())
        .where(or_(candidates.c.goes_to_anyone, locked_member.c.subscriber_id.is_not(None)))
    )
    return PreparedStatement(
        update(schema.delivery)
        .where(
            schema.delivery.c.id == func.any(func.array(passed.scalar_subquery())),
            _is_in_flight_of_worker,
        )
        .values(state=DeliveryState.ON_WIRE.value)
        .returning(schema.delivery.c.id)
    )


GATE = _build_gate(is_no_clone)
SAFE_GATE = _build_gate(is_safe_recipient)
"""The gate if the settings name the recipients of safe mode, in the parameter ``safe``."""
PASSED = PreparedStatement(
    select(func.json_group_array(schema.delivery.c.id)).where(
        among(schema.delivery.c.id, "ids"), schema.delivery.c.worker_id == _worker_id, on_wire
    )
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
