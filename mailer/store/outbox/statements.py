"""The statements and conditions that deliveries are moved by; ``queue.py`` runs them.

What is in capitals runs thousands of times a minute, and so is prepared.
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

from mailer.audience.subscribers import MembershipState
from mailer.editions import TO_ANYONE, EditionState
from mailer.embargoes import RULES_MAY_MOVE
from mailer.outbox import HELD, Claim, DeliveryState
from mailer.store.prepared import Prepared, among, fields
from mailer.store.schema import (
    ERASED,
    database_now,
    delivery,
    edition,
    embargo,
    in_state,
    kill,
    membership,
    subscriber,
    suppression,
)

# Scalar subqueries by primary key: of EXISTS with a join PostgreSQL makes a hash of the whole list
# where it has no statistics, half a second each time.
_list = (
    select(edition.c.list_id)
    .where(edition.c.id == delivery.c.edition_id)
    .correlate(delivery)
    .scalar_subquery()
)
_state = (
    select(edition.c.state)
    .where(edition.c.id == delivery.c.edition_id)
    .correlate(delivery)
    .scalar_subquery()
)
# A subquery, so that SQLite works it out once a statement and not once a row.
_now = select(database_now()).scalar_subquery()
_membership = (
    select(case((func.coalesce(membership.c.paused_until <= _now, True), membership.c.state)))
    .where(membership.c.list_id == _list, membership.c.subscriber_id == delivery.c.subscriber_id)
    .correlate(delivery)
    .scalar_subquery()
)
_address = (
    select(subscriber.c.address_key)
    .where(subscriber.c.id == delivery.c.subscriber_id)
    .correlate(delivery)
    .scalar_subquery()
)
_suppression = (
    select(suppression.c.address_key)
    .where(suppression.c.address_key == delivery.c.address_key)
    .correlate(delivery)
    .scalar_subquery()
)
_TO_ANYONE = [literal_column(f"'{kind.value}'", String(10)) for kind in TO_ANYONE]
_kind = (
    select(edition.c.kind)
    .where(edition.c.id == delivery.c.edition_id)
    .correlate(delivery)
    .scalar_subquery()
)
wanted = and_(
    or_(
        and_(
            func.coalesce(_membership, "") == MembershipState.ACTIVE.value,
            func.coalesce(_address, "") == delivery.c.address_key,  # they may have changed it since
        ),
        _kind.in_(_TO_ANYONE),
    ),
    _suppression.is_(None),
    delivery.c.address.not_like(f"{ERASED}%"),  # nor is what was taken out long ago tried again
)

queued = in_state(DeliveryState.QUEUED.value)
claimed = in_state(DeliveryState.CLAIMED.value)
on_wire = in_state(DeliveryState.ON_WIRE.value)
held = in_state(*(state.value for state in HELD))

free: dict[str, Any] = {"sender_id": None, "updated_at": _now}
back_to_queue: dict[str, Any] = {
    **free,
    "state": DeliveryState.QUEUED.value,
    "attempt": delivery.c.attempt - 1,
}

_by = bindparam("by", type_=BigInteger)

_of = bindparam("of", type_=BigInteger)
_due = (
    select(delivery.c.id)
    .where(delivery.c.edition_id == _of, queued, delivery.c.next_attempt_at <= database_now())
    .order_by(delivery.c.next_attempt_at, delivery.c.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_take = update(delivery).values(
    state=DeliveryState.CLAIMED.value,
    attempt=delivery.c.attempt + 1,
    sender_id=_by,
)
_what = [delivery.c[name] for name in Claim._fields]

# PostgreSQL. As a CTE it runs once: it may run a subquery of IN once a row, and each time it skips
# what it has locked before, so that a claim takes more than its limit.
_cte = _due.cte("due")
CLAIM = Prepared(_take.where(delivery.c.id.in_(select(_cte.c.id)), queued).returning(*_what))

# SQLite, where nobody else writes meanwhile: three statements of one row each. Its driver lets go
# of the interpreter for each row that it fetches.
_listed = _due.subquery("due")
DUE = Prepared(select(func.json_group_array(_listed.c.id)))
TAKE = Prepared(_take.where(among(delivery.c.id, "ids")))
TAKEN = Prepared(
    select(func.json_group_array(func.json_array(*_what))).where(among(delivery.c.id, "ids"))
)

_let_out = (
    update(delivery)
    .where(
        among(delivery.c.id, "ids"),
        delivery.c.sender_id == _by,
        _state == EditionState.SENDING.value,
        wanted,
    )
    .values(state=DeliveryState.ON_WIRE.value)
)
GATE = Prepared(_let_out.where(held).returning(delivery.c.id))

# SQLite, for what is claimed and has not passed yet: two steps, however many there are.
OPEN = Prepared(_let_out.where(claimed))
PASSED = Prepared(
    select(func.json_group_array(delivery.c.id)).where(
        among(delivery.c.id, "ids"), delivery.c.sender_id == _by, on_wire
    )
)

KEEP_MEMBERS = Prepared(
    select(literal(1))
    .select_from(delivery)
    .join(edition, edition.c.id == delivery.c.edition_id)
    .join(
        membership,
        and_(
            membership.c.list_id == edition.c.list_id,
            membership.c.subscriber_id == delivery.c.subscriber_id,
        ),
    )
    .join(subscriber, subscriber.c.id == membership.c.subscriber_id)
    # Of a service mail `subscriber_id` may be the number of something else.
    .where(among(delivery.c.id, "ids"), edition.c.kind.not_in(_TO_ANYONE))
    .order_by(membership.c.subscriber_id, membership.c.list_id)
    .with_for_update(read=True, of=(membership, subscriber))
)
STATES = Prepared(
    select(edition.c.id, edition.c.state)
    .where(among(edition.c.id, "ids"))
    .order_by(edition.c.id)
    .with_for_update(read=True)
)
EMBARGOES = Prepared(
    select(literal(1)).where(
        select(embargo.c.slug)
        .where(embargo.c.until > database_now(-RULES_MAY_MOVE.total_seconds()))
        .exists()
    )
)
"""Whether there may be an embargo at all."""
KILLS = Prepared(select(literal(1)).where(select(kill.c.slug).exists()))
_number, _said = fields("news", BigInteger(), Text())
ACCEPTED = Prepared(
    update(delivery)
    .where(delivery.c.id == _number, delivery.c.state != DeliveryState.SENT.value)
    .values(**free, state=DeliveryState.SENT.value, reply=_said)
)
_number, _sender, _to, _said, _unspent, _delay = fields(
    "news", BigInteger(), BigInteger(), String(12), Text(), Integer(), Float()
)
SETTLED = Prepared(
    update(delivery)
    .where(delivery.c.id == _number, delivery.c.sender_id == _sender, on_wire)
    .values(
        **free,
        state=_to,
        reply=_said,
        attempt=delivery.c.attempt - _unspent,
        next_attempt_at=database_now(_delay),
    )
)
_number, _delay = fields("news", BigInteger(), Float())
PUT_OFF = Prepared(
    update(delivery)
    .where(delivery.c.id == _number, delivery.c.sender_id == _by, claimed)
    .values({**back_to_queue, "next_attempt_at": database_now(_delay)})
)
