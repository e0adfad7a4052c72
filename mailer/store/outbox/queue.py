"""Claim, gate, settle, recover: the moves of a delivery, as ``outbox.TRANSITIONS`` has them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from mailer.audience.subscribers import MembershipState
from mailer.editions import Edition, EditionState, InDoubt
from mailer.outbox import UNDONE, Delivery, DeliveryState, Settlement
from mailer.store.outbox.reports import delivery_record
from mailer.store.schema import (
    database_now,
    delivery,
    edition,
    edition_event,
    membership,
    subscriber,
    suppression,
)

_on_list = (
    select(literal(1))
    .select_from(edition)
    .join(membership, membership.c.list_id == edition.c.list_id)
    .join(subscriber, subscriber.c.id == membership.c.subscriber_id)
    .where(
        edition.c.id == delivery.c.edition_id,
        subscriber.c.address_key == delivery.c.address_key,  # they may have changed it since
        membership.c.subscriber_id == delivery.c.subscriber_id,
        membership.c.state == MembershipState.ACTIVE.value,
    )
)
_suppressed = select(literal(1)).where(suppression.c.address_key == delivery.c.address_key)


_held = delivery.c.state.in_((DeliveryState.CLAIMED.value, DeliveryState.ON_WIRE.value))


class Queue:
    """What the ledger does with an edition's deliveries."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def make_due(self, known: Edition) -> int:
        """Let deferred deliveries be tried at once, as whoever sends by hand expects."""
        done = self._db.execute(
            update(delivery)
            .where(
                delivery.c.edition_id == known.id,
                delivery.c.state == DeliveryState.QUEUED.value,
                delivery.c.next_attempt_at > database_now(),
            )
            .values(next_attempt_at=database_now())
        )
        return done.rowcount

    def claim(self, known: Edition, owner: str, limit: int, lease: float) -> list[Delivery]:
        """Take up to `limit` due deliveries for `lease` seconds, the longest due first. Each
        counts as an attempt from now on."""
        due = (
            select(delivery.c.id)
            .where(
                delivery.c.edition_id == known.id,
                delivery.c.state == DeliveryState.QUEUED.value,
                delivery.c.next_attempt_at <= database_now(),
            )
            .order_by(delivery.c.next_attempt_at, delivery.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            # As a CTE it runs once: PostgreSQL may run a subquery of IN once a row, and each time
            # it skips what it has locked before, so that a claim takes more than its limit.
            .cte("due")
        )
        rows = self._db.execute(
            update(delivery)
            .where(
                delivery.c.id.in_(select(due.c.id)), delivery.c.state == DeliveryState.QUEUED.value
            )
            .values(
                state=DeliveryState.CLAIMED.value,
                attempt=delivery.c.attempt + 1,
                owner=owner,
                lease_until=database_now(lease),
                updated_at=database_now(),
            )
            .returning(delivery)
        ).all()
        return [delivery_record(row) for row in sorted(rows, key=lambda row: row.id)]

    def gate(self, known: Edition, owner: str, ids: Sequence[int], lease: float) -> set[int]:
        """Let messages out, just before they go: those of `ids` that may. What is not among them
        was never sent; :meth:`turn_away` says what became of it.

        One statement asks for the owner and its lease, the edition's state, the membership and the
        suppression, so that nothing that is committed before can be overtaken."""
        passed = self._db.execute(
            update(delivery)
            .where(
                delivery.c.id.in_(ids),
                delivery.c.state == DeliveryState.CLAIMED.value,
                delivery.c.owner == owner,
                delivery.c.lease_until > database_now(),
                exists(_on_list.where(edition.c.state == EditionState.SENDING.value)),
                not_(exists(_suppressed)),
            )
            .values(
                state=DeliveryState.ON_WIRE.value,
                lease_until=database_now(lease),
                updated_at=database_now(),
            )
            .returning(delivery.c.id)
        )
        return set(passed.scalars())

    def turn_away(self, known: Edition, owner: str, ids: Sequence[int]) -> EditionState:
        """Settle what the gate refused, and return the edition's state. Paused: back to the queue;
        cancelled: cancelled; else the address is suppressed or off the list."""
        state = EditionState(
            self._db.execute(select(edition.c.state).where(edition.c.id == known.id)).scalar_one()
        )
        here = and_(
            delivery.c.id.in_(ids),
            delivery.c.owner == owner,
            delivery.c.state == DeliveryState.CLAIMED.value,
        )
        values: dict[str, Any] = {"owner": None, "lease_until": None, "updated_at": database_now()}
        if state is EditionState.SENDING:
            values["state"] = DeliveryState.SUPPRESSED.value
            values["attempt"] = delivery.c.attempt - 1
            self._db.execute(
                update(delivery)
                .where(here, or_(not_(exists(_on_list)), exists(_suppressed)))
                .values(**values)
            )
            # The lease had ended, or the edition was paused when the gate looked and goes on now.
            self._give_back(here)
        elif state is EditionState.CANCELLED:
            values["state"] = DeliveryState.CANCELLED.value
            self._db.execute(update(delivery).where(here).values(**values))
        else:
            self._give_back(here)
        return state

    def settle(self, owner: str, settlements: Sequence[Settlement]) -> int:
        """Write down what became of messages on the wire; how many were still `owner`'s. A late
        report of an owner who lost the row changes nothing."""
        if not settlements:
            return 0
        written = 0
        for one in settlements:
            values: dict[str, Any] = {
                "state": one.state.value,
                "reply": one.reply,
                "owner": None,
                "lease_until": None,
                "updated_at": database_now(),
            }
            if one.retry_after is not None:
                values["next_attempt_at"] = database_now(one.retry_after.total_seconds())
            if not one.spend:
                values["attempt"] = delivery.c.attempt - 1
            done = self._db.execute(
                update(delivery)
                .where(
                    delivery.c.id == one.delivery_id,
                    delivery.c.owner == owner,
                    delivery.c.state == DeliveryState.ON_WIRE.value,
                )
                .values(**values)
            )
            written += done.rowcount
        return written

    def give_back(self, known: Edition, owner: str) -> int:
        """Return what `owner` claimed and did not gate; nobody's attempt is spent."""
        return self._give_back(
            and_(
                delivery.c.edition_id == known.id,
                delivery.c.owner == owner,
                delivery.c.state == DeliveryState.CLAIMED.value,
            )
        )

    def _give_back(self, which: ColumnElement[bool]) -> int:
        done = self._db.execute(
            update(delivery)
            .where(which)
            .values(
                state=DeliveryState.QUEUED.value,
                attempt=delivery.c.attempt - 1,
                owner=None,
                lease_until=None,
                updated_at=database_now(),
            )
        )
        return done.rowcount

    def requeue_failed(self, ids: Sequence[int]) -> int:
        """Queue failed deliveries again, their attempt unspent; how many."""
        done = self._db.execute(
            update(delivery)
            .where(delivery.c.id.in_(ids), delivery.c.state == DeliveryState.FAILED.value)
            .values(
                state=DeliveryState.QUEUED.value,
                attempt=delivery.c.attempt - 1,
                next_attempt_at=database_now(),
                updated_at=database_now(),
            )
        )
        return done.rowcount

    def owners(self, known: Edition) -> Sequence[str]:
        """Who holds deliveries of the edition."""
        return self._db.scalars(
            select(delivery.c.owner).where(delivery.c.edition_id == known.id, _held).distinct()
        ).all()

    def recover(self, known: Edition, dead: Sequence[str] = ()) -> tuple[int, int]:
        """Take back what `dead` owners held, and what is held past its lease: claimed rows to the
        queue, rows on the wire in doubt. How many of each."""
        ended = and_(
            delivery.c.edition_id == known.id,
            or_(delivery.c.lease_until <= database_now(), delivery.c.owner.in_(dead)),
        )
        back = self._give_back(and_(ended, delivery.c.state == DeliveryState.CLAIMED.value))
        doubted = self._db.execute(
            update(delivery)
            .where(ended, delivery.c.state == DeliveryState.ON_WIRE.value)
            .values(
                state=DeliveryState.IN_DOUBT.value,
                reply="the sender died after the message was let out",
                owner=None,
                lease_until=None,
                updated_at=database_now(),
            )
        )
        return back, doubted.rowcount

    def apply_in_doubt_rule(self, known: Edition, now: datetime) -> int:
        """Queue rows in doubt again, where the edition's rule is to resend; how many."""
        if known.in_doubt is not InDoubt.RESEND:
            return 0
        done = self._db.execute(
            update(delivery)
            .where(
                delivery.c.edition_id == known.id,
                delivery.c.state == DeliveryState.IN_DOUBT.value,
            )
            .values(
                state=DeliveryState.QUEUED.value,
                next_attempt_at=database_now(),
                updated_at=database_now(),
            )
        )
        if done.rowcount:
            self._db.execute(
                insert(edition_event).values(
                    edition_id=known.id,
                    at=now,
                    what="in doubt",
                    actor="",
                    detail=f"{done.rowcount} queued again: the rule is to resend",
                )
            )
        return done.rowcount

    def seconds_held(self, known: Edition) -> float:
        """How long until the last lease of somebody ends; 0 when nobody holds a row."""
        last = self._db.scalar(
            select(func.max(delivery.c.lease_until)).where(
                delivery.c.edition_id == known.id,
                delivery.c.state.in_((DeliveryState.CLAIMED.value, DeliveryState.ON_WIRE.value)),
            )
        )
        if last is None:
            return 0.0
        now = self._db.scalar(select(database_now()))
        assert now is not None
        return max(float((last - now).total_seconds()), 0.001)

    def cancel_waiting(self, known: Edition) -> int:
        """Cancel what has not passed the gate, whoever has claimed it."""
        done = self._db.execute(
            update(delivery)
            .where(
                delivery.c.edition_id == known.id,
                delivery.c.state.in_((DeliveryState.QUEUED.value, DeliveryState.CLAIMED.value)),
            )
            .values(
                state=DeliveryState.CANCELLED.value,
                owner=None,
                lease_until=None,
                updated_at=database_now(),
            )
        )
        return done.rowcount

    def undone(self, known: Edition) -> int:
        """How many deliveries the edition still waits for: rows in doubt too, where the rule is to
        resend them."""
        waited_for = [*UNDONE]
        if known.in_doubt is InDoubt.RESEND:
            waited_for.append(DeliveryState.IN_DOUBT)
        wanted = select(func.count()).where(
            delivery.c.edition_id == known.id,
            delivery.c.state.in_([state.value for state in waited_for]),
        )
        return int(self._db.scalar(wanted) or 0)
