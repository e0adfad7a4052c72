"""Claim, gate, settle, take over: the moves of a delivery, as ``outbox.TRANSITIONS`` has them.

The ledger puts several of these into one transaction, always in this order: the sender's beat
(``senders.py``), :meth:`Queue.states`, settlements, the gate, claims.

`states` keeps the editions' rows from being changed, and the gate keeps those of the members and
the list of suppressions, until the commit. On PostgreSQL a statement sees what was committed when
it began; without these locks an unsubscribe committed a moment later would be answered, and the
message still go. SQLite has one writer at a time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)

from mailer.audience.subscribers import MembershipState
from mailer.editions import Edition, EditionState, InDoubt
from mailer.outbox import HELD, Claim, DeliveryState, Settlement
from mailer.store.prepared import Prepared, among, numbers
from mailer.store.schema import (
    database_now,
    delivery,
    edition,
    edition_event,
    in_state,
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
_membership = (
    select(membership.c.state)
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
_wanted = and_(
    func.coalesce(_membership, "") == MembershipState.ACTIVE.value,
    func.coalesce(_address, "") == delivery.c.address_key,  # they may have changed it since
    _suppression.is_(None),
)

_queued = in_state(DeliveryState.QUEUED.value)
_claimed = in_state(DeliveryState.CLAIMED.value)
_on_wire = in_state(DeliveryState.ON_WIRE.value)
_held = in_state(*(state.value for state in HELD))

_free: dict[str, Any] = {"sender_id": None, "updated_at": database_now()}
_back_to_queue: dict[str, Any] = {
    **_free,
    "state": DeliveryState.QUEUED.value,
    "attempt": delivery.c.attempt - 1,
}

_by = bindparam("by", type_=BigInteger)
_one = bindparam("one", type_=BigInteger)

_due = (
    select(delivery.c.id)
    .where(
        delivery.c.edition_id == bindparam("of", type_=BigInteger),
        _queued,
        delivery.c.next_attempt_at <= database_now(),
    )
    .order_by(delivery.c.next_attempt_at, delivery.c.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
    # As a CTE it runs once: PostgreSQL may run a subquery of IN once a row, and each time it skips
    # what it has locked before, so that a claim takes more than its limit.
    .cte("due")
)
_CLAIM = Prepared(
    update(delivery)
    .where(delivery.c.id.in_(select(_due.c.id)), _queued)
    .values(
        state=DeliveryState.CLAIMED.value,
        attempt=delivery.c.attempt + 1,
        sender_id=_by,
        updated_at=database_now(),
    )
    .returning(*(delivery.c[name] for name in Claim._fields))
)
_GATE = Prepared(
    update(delivery)
    .where(
        among(delivery.c.id, "ids"),
        delivery.c.sender_id == _by,
        _held,
        _state == EditionState.SENDING.value,
        _wanted,
    )
    .values(state=DeliveryState.ON_WIRE.value, updated_at=database_now())
    .returning(delivery.c.id)
)
_KEEP_MEMBERS = Prepared(
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
    .where(among(delivery.c.id, "ids"))
    .order_by(membership.c.subscriber_id)
    .with_for_update(read=True, of=(membership, subscriber))
)
_STATES = Prepared(
    select(edition.c.id, edition.c.state)
    .where(among(edition.c.id, "ids"))
    .order_by(edition.c.id)
    .with_for_update(read=True)
)
_ACCEPTED = Prepared(
    update(delivery)
    .where(delivery.c.id == _one, delivery.c.state != DeliveryState.SENT.value)
    .values(**_free, state=DeliveryState.SENT.value, reply=bindparam("said", type_=Text))
)
_SETTLED = Prepared(
    update(delivery)
    .where(delivery.c.id == _one, delivery.c.sender_id == _by, _on_wire)
    .values(
        **_free,
        state=bindparam("to", type_=String(12)),
        reply=bindparam("said", type_=Text),
        attempt=delivery.c.attempt - bindparam("unspent", type_=Integer),
        next_attempt_at=database_now(bindparam("delay", type_=Float)),
    )
)
_PUT_OFF = Prepared(
    update(delivery)
    .where(delivery.c.id == _one, delivery.c.sender_id == _by, _claimed)
    .values(**_back_to_queue, next_attempt_at=database_now(bindparam("delay", type_=Float)))
)


class Queue:
    """What the ledger does with editions' deliveries."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    # ---- a turn ---------------------------------------------------------------------------------

    def states(self, known: Sequence[int]) -> dict[int, EditionState]:
        """The editions' states, which nobody can change before this transaction has ended."""
        if self._db.dialect.name == "postgresql":
            # Nothing can lock a suppression that isn't there yet, but for the whole table.
            self._db.execute(text("LOCK TABLE suppression IN SHARE MODE"))
        rows = _STATES.rows(self._db, {"ids": numbers(self._db, known)})
        return {number: EditionState(state) for number, state in rows}

    def claim(self, of: int, by: int, limit: int) -> list[Claim]:
        """Take up to `limit` due deliveries of an edition, the longest due first. Each counts as
        an attempt from now on."""
        rows = _CLAIM.rows(self._db, {"of": of, "by": by, "most": limit})
        return sorted(map(Claim._make, rows))

    def gate(self, by: int, ids: Sequence[int]) -> set[int]:
        """Let messages out, just before they go: those of `ids` that may. What is not among them
        was never sent; :meth:`turn_away` says what becomes of it. Asking again for what has passed
        is a second look.

        One statement asks for the sender, the edition's state, the membership and the suppression,
        so that nothing that is committed before can be overtaken."""
        if not ids:
            return set()
        asked = numbers(self._db, ids)
        if self._db.dialect.name == "postgresql":
            _KEEP_MEMBERS.rows(self._db, {"ids": asked})
        return {number for (number,) in _GATE.rows(self._db, {"ids": asked, "by": by})}

    def turn_away(self, by: int, ids: Sequence[int], states: Mapping[int, EditionState]) -> int:
        """Settle what the gate refused, and was not sent; how many of them won't be. Of a paused
        edition they go back to the queue, of a cancelled one they are cancelled; else the address
        is suppressed or off the list."""
        here = and_(delivery.c.id.in_(ids), delivery.c.sender_id == by, _held)
        gone = self._db.execute(
            update(delivery)
            .where(here, delivery.c.edition_id.in_(_those(states, EditionState.CANCELLED)))
            .values({**_back_to_queue, "state": DeliveryState.CANCELLED.value})
        ).rowcount
        gone += self._db.execute(
            update(delivery)
            .where(
                here,
                delivery.c.edition_id.in_(_those(states, EditionState.SENDING)),
                not_(_wanted),
            )
            .values({**_back_to_queue, "state": DeliveryState.SUPPRESSED.value})
        ).rowcount
        self._db.execute(update(delivery).where(here).values(_back_to_queue))
        return gone

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write down what became of messages. Of a sender that lost the row meanwhile only news of
        an acceptance counts, whatever the row has become."""
        accepted, others = [], []
        for one in settlements:
            if one.state is DeliveryState.SENT:
                accepted.append({"one": one.delivery_id, "said": one.reply})
            else:
                others.append(
                    {
                        "one": one.delivery_id,
                        "by": one.sender,
                        "to": one.state.value,
                        "said": one.reply,
                        "unspent": 0 if one.spend else 1,
                        "delay": one.retry_after,
                    }
                )
        if accepted:
            _ACCEPTED.many(self._db, accepted)
        if others:
            _SETTLED.many(self._db, others)

    # ---- back to the queue ----------------------------------------------------------------------

    def give_back(
        self, of: int, by: int, keep: Sequence[int] = (), unsure: Sequence[int] = ()
    ) -> int:
        """Return what a sender claimed of an edition and did not send, but for `keep`; of `unsure`
        also what has passed the gate. Nobody's attempt is spent."""
        mine = and_(delivery.c.edition_id == of, delivery.c.sender_id == by)
        which = and_(_claimed, delivery.c.id.not_in(keep)) if keep else _claimed
        if unsure:
            which = or_(which, and_(_on_wire, delivery.c.id.in_(unsure)))
        return self._db.execute(update(delivery).where(mine, which).values(_back_to_queue)).rowcount

    def put_off(self, by: int, ids: Sequence[tuple[int, float]]) -> None:
        """Return claimed rows until that many seconds from now."""
        if ids:
            rows = [{"one": number, "by": by, "delay": delay} for number, delay in ids]
            _PUT_OFF.many(self._db, rows)

    def requeue(
        self, of: int, states: Sequence[DeliveryState], ids: Sequence[int] | None = None
    ) -> int:
        """Queue an edition's deliveries in these states again (those of `ids`, when given); how
        many. What had failed has its attempt back."""
        spent = [state for state in states if state is not DeliveryState.FAILED]
        total = 0
        for some, attempt in (
            (spent, delivery.c.attempt),
            ([one for one in states if one not in spent], delivery.c.attempt - 1),
        ):
            if not some:
                continue
            which = update(delivery).where(
                delivery.c.edition_id == of, in_state(*(state.value for state in some))
            )
            if ids is not None:
                which = which.where(delivery.c.id.in_(ids))
            total += self._db.execute(
                which.values(
                    **_free,
                    state=DeliveryState.QUEUED.value,
                    attempt=attempt,
                    next_attempt_at=database_now(),
                )
            ).rowcount
        return total

    def make_due(self, known: Edition) -> int:
        """Let deferred deliveries be tried at once, as whoever sends by hand expects."""
        done = self._db.execute(
            update(delivery)
            .where(
                delivery.c.edition_id == known.id,
                _queued,
                delivery.c.next_attempt_at > database_now(),
            )
            .values(next_attempt_at=database_now())
        )
        return done.rowcount

    def apply_in_doubt_rule(self, known: Edition, now: datetime) -> int:
        """Queue rows in doubt again, where the edition's rule is to resend; how many."""
        if known.in_doubt is not InDoubt.RESEND:
            return 0
        count = self.requeue(known.id, [DeliveryState.IN_DOUBT])
        if count:
            self._db.execute(
                insert(edition_event).values(
                    edition_id=known.id,
                    at=now,
                    what="in doubt",
                    actor="",
                    detail=f"{count} queued again: the rule is to resend",
                )
            )
        return count

    def assume_sent(self, known: Edition, reply: str) -> int:
        """Take what is in doubt for accepted; how many."""
        done = self._db.execute(
            update(delivery)
            .where(delivery.c.edition_id == known.id, in_state(DeliveryState.IN_DOUBT.value))
            .values(**_free, state=DeliveryState.SENT.value, reply=reply)
        )
        return done.rowcount

    def cancel_waiting(self, of: int) -> int:
        """Cancel what has not passed the gate, whoever has claimed it."""
        total = 0
        for states, attempt in (
            ([DeliveryState.QUEUED], delivery.c.attempt),
            ([DeliveryState.CLAIMED], delivery.c.attempt - 1),
        ):
            total += self._db.execute(
                update(delivery)
                .where(delivery.c.edition_id == of, in_state(*(state.value for state in states)))
                .values(**_free, state=DeliveryState.CANCELLED.value, attempt=attempt)
            ).rowcount
        return total

    # ---- is there more to do? -------------------------------------------------------------------

    def waiting(self, known: Edition) -> int:
        """How many deliveries are due."""
        wanted = (
            select(func.count())
            .select_from(delivery)
            .where(
                delivery.c.edition_id == known.id,
                _queued,
                delivery.c.next_attempt_at <= database_now(),
            )
        )
        return int(self._db.scalar(wanted) or 0)

    def held_by_others(self, known: Sequence[int], by: int) -> bool:
        """Whether another sender holds deliveries of these editions."""
        found = self._db.scalar(
            select(literal(1))
            .where(delivery.c.edition_id.in_(known), _held, delivery.c.sender_id != by)
            .limit(1)
        )
        return found is not None

    def undone(self, known: Edition) -> bool:
        """Whether the edition still waits for deliveries: for rows in doubt too, where the rule is
        to resend them."""
        waited_for = [_queued, _held]
        if known.in_doubt is InDoubt.RESEND:
            waited_for.append(in_state(DeliveryState.IN_DOUBT.value))
        return any(self._any(known, which) for which in waited_for)

    def _any(self, known: Edition, which: ColumnElement[bool]) -> bool:
        wanted = select(func.count()).select_from(
            select(literal(1)).where(delivery.c.edition_id == known.id, which).limit(1).subquery()
        )
        return bool(self._db.scalar(wanted))


def _those(states: Mapping[int, EditionState], wanted: EditionState) -> list[int]:
    return [number for number, state in states.items() if state is wanted]
