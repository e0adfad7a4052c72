"""Claim, settle, queue again: the changes of a delivery's state, as ``DELIVERY_TRANSITIONS`` allows
them. The gate is in ``gate.py``, taking over from dead workers in ``workers.py``.

The ledger puts several of these into one transaction, always in this order: the worker's heartbeat
(``workers.py``), :meth:`QueueQueries.lock_edition_states`, settlements, the gate, claims.

`lock_edition_states` locks the editions' rows until the commit, and the gate locks the members'
rows and the list of suppressions. A PostgreSQL statement sees only what was committed before it
began. Without these locks, an unsubscribe could be committed a moment later: the member would see
it confirmed, and the message would still be sent. SQLite has one writer at a time.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    and_,
    func,
    literal,
    or_,
    select,
    text,
    update,
)

from mailer.errors import BadTransition
from mailer.model.deliveries import DELIVERY_TRANSITIONS, Claim, DeliveryState, Settlement
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.model.editions import Edition
from mailer.store import schema
from mailer.store.outbox import statements
from mailer.store.outbox.doubts import DoubtQueries
from mailer.store.outbox.gate import GateQueries
from mailer.store.outbox.refused import RefusedQueries
from mailer.store.outbox.statements import (
    claimed,
    is_in_flight_of,
    may_be_resent,
    queued,
    released_values,
    requeued_values,
)
from mailer.store.prepared_statements import encode_numbers, encode_rows


class QueueQueries(DoubtQueries, GateQueries, RefusedQueries):
    """The changes of state that the ledger makes to deliveries."""

    # ---- a ledger batch -------------------------------------------------------------------------

    def lock_edition_states(self, edition_ids: Sequence[int]) -> dict[int, EditionState]:
        """Return the states of these editions, and lock them until the transaction ends."""
        if self._db.dialect.name == "postgresql":
            # Only a lock on the whole table covers a suppression that does not exist yet.
            self._db.execute(text("LOCK TABLE suppression IN SHARE MODE"))
        rows = statements.STATES.fetch_rows(
            self._db, {"ids": encode_numbers(self._db, edition_ids)}
        )
        return {number: EditionState(state) for number, state in rows}

    def claim_deliveries(self, edition_id: int, worker_id: int, limit: int) -> list[Claim]:
        """Claim up to `limit` due deliveries of an edition, the longest due first. The claim counts
        as an attempt."""
        if self._db.dialect.name == "postgresql":
            rows = statements.CLAIM.fetch_rows(
                self._db, {"of": edition_id, "by": worker_id, "most": limit}
            )
            return sorted(map(Claim._make, rows))
        ((ids,),) = statements.DUE.fetch_rows(self._db, {"of": edition_id, "most": limit})
        if ids == "[]":
            return []
        statements.CLAIM_DUE.run(self._db, {"ids": ids, "by": worker_id})
        ((claimed_json,),) = statements.CLAIMED.fetch_rows(self._db, {"ids": ids})
        return sorted(map(Claim._make, json.loads(claimed_json)))

    def settle_deliveries(self, settlements: Sequence[Settlement]) -> None:
        """Write the outcomes of messages. If the worker has lost a delivery in the meantime, only
        an acceptance by the relay is written for it, whatever its state is now."""
        accepted: list[tuple[int, str]] = []
        others: list[tuple[int, int, str, str, int, float, str]] = []
        for delivery_id, worker_id, state, reply, delay, spend, signature in settlements:
            if state is DeliveryState.SENT:
                accepted.append((delivery_id, reply))
            else:
                unspent = 0 if spend else 1
                others.append(
                    (delivery_id, worker_id, state.value, reply, unspent, delay, signature)
                )
        if accepted:
            statements.ACCEPTED.run(self._db, {"news": encode_rows(accepted)})
        if others:
            statements.SETTLED.run(self._db, {"news": encode_rows(others)})

    # ---- back to the queue ----------------------------------------------------------------------

    def return_claims(self, edition_id: int, worker_id: int, keep_ids: Sequence[int] = ()) -> int:
        """Return to the queue a worker's claimed deliveries of an edition that have not passed the
        gate, except `keep_ids`. These claims do not count as attempts."""
        claimed_by_worker = and_(
            is_in_flight_of(edition_id), schema.delivery.c.worker_id == worker_id, claimed
        )
        condition = (
            and_(claimed_by_worker, schema.delivery.c.id.not_in(keep_ids))
            if keep_ids
            else claimed_by_worker
        )
        return self._db.execute(
            update(schema.delivery).where(condition).values(requeued_values)
        ).rowcount

    def postpone_deliveries(self, worker_id: int, delays: Sequence[tuple[int, float]]) -> None:
        """Return claimed deliveries to the queue. `delays` are pairs of a delivery's id and the
        seconds until it is due."""
        if delays:
            statements.PUT_OFF.run(self._db, {"news": encode_rows(delays), "by": worker_id})

    def return_to_queue(
        self,
        edition_id: int,
        states: Sequence[DeliveryState],
        delivery_ids: Sequence[int] | None = None,
    ) -> int:
        """Queue an edition's deliveries in these states again (only `delivery_ids`, if given), and
        return their number. The last attempt of a failed delivery no longer counts. Raises
        BadTransition for a state that cannot become queued.

        If a failed delivery is refused again with the same signature, it fails at once
        (`requeued_for`)."""
        for state in states:
            if DeliveryState.QUEUED not in DELIVERY_TRANSITIONS[state]:
                raise BadTransition(f"a delivery that is {state} can't be queued again")
        spent_states = [state for state in states if state is not DeliveryState.FAILED]
        total = 0
        for group_states, attempt, requeued_for in (
            (spent_states, schema.delivery.c.attempt, schema.delivery.c.requeued_for),
            (
                [state for state in states if state not in spent_states],
                schema.delivery.c.attempt - 1,
                schema.delivery.c.signature,
            ),
        ):
            if not group_states:
                continue
            statement = update(schema.delivery).where(
                schema.delivery.c.edition_id == edition_id,
                schema.is_in_state(*(state.value for state in group_states)),
            )
            if delivery_ids is not None:
                statement = statement.where(schema.delivery.c.id.in_(delivery_ids))
            total += self._db.execute(
                statement.values(
                    **released_values,
                    state=DeliveryState.QUEUED.value,
                    attempt=attempt,
                    requeued_for=requeued_for,
                    next_attempt_at=schema.database_now(),
                )
            ).rowcount
        return total

    def make_deliveries_due(self, edition: Edition) -> int:
        """Make deferred deliveries due at once, and those in doubt that are to be sent again, and
        return their number. People who send by hand expect this."""
        result = self._db.execute(
            update(schema.delivery)
            .where(
                schema.delivery.c.edition_id == edition.id,
                or_(queued, may_be_resent),
                schema.delivery.c.next_attempt_at > schema.database_now(),
            )
            .values(next_attempt_at=schema.database_now())
        )
        return result.rowcount

    def cancel_unsent_deliveries(self, edition_id: int) -> int:
        """Cancel deliveries that have not passed the gate, whichever worker has claimed them."""
        total = 0
        for condition, attempt in (
            (and_(schema.delivery.c.edition_id == edition_id, queued), schema.delivery.c.attempt),
            (and_(is_in_flight_of(edition_id), claimed), schema.delivery.c.attempt - 1),
        ):
            total += self._db.execute(
                update(schema.delivery)
                .where(condition)
                .values(**released_values, state=DeliveryState.CANCELLED.value, attempt=attempt)
            ).rowcount
        return total

    # ---- what is left to do ---------------------------------------------------------------------

    def has_work(self) -> bool:
        """Check whether a delivery run has something to do. It has, if an edition that is being
        sent has a due delivery, has a delivery in flight (its worker may be dead), or has no
        delivery left to wait for. Deliveries in doubt count if they are to be sent again."""
        sending_editions = select(schema.edition.c.id, schema.edition.c.in_doubt).where(
            schema.edition.c.state == EditionState.SENDING.value
        )
        for edition_id, in_doubt_rule in self._db.execute(sending_editions).all():
            in_edition = schema.delivery.c.edition_id == edition_id
            is_due = schema.delivery.c.next_attempt_at <= schema.database_now()
            if self._has_delivery(in_edition, queued, is_due) or self._has_delivery(
                is_in_flight_of(edition_id)
            ):
                return True
            is_waiting = self._has_delivery(in_edition, queued)
            if in_doubt_rule == InDoubtPolicy.RESEND.value:
                if self._has_delivery(in_edition, may_be_resent, is_due):
                    return True
                is_waiting = is_waiting or self._has_delivery(in_edition, may_be_resent)
            if not is_waiting:
                return True
        return False

    def find_next_due(self, edition_id: int) -> datetime | None:
        """Return when the next queued delivery of an edition is due, by the database's clock."""
        statement = select(func.min(schema.delivery.c.next_attempt_at)).where(
            schema.delivery.c.edition_id == edition_id, queued
        )
        due_at: datetime | None = self._db.scalar(statement)
        return due_at

    def count_due_deliveries(self, edition_id: int) -> int:
        """Return how many deliveries of an edition are due."""
        statement = (
            select(func.count())
            .select_from(schema.delivery)
            .where(
                schema.delivery.c.edition_id == edition_id,
                queued,
                schema.delivery.c.next_attempt_at <= schema.database_now(),
            )
        )
        return int(self._db.scalar(statement) or 0)

    def list_unsent_addresses(
        self, edition_id: int, after_id: int, limit: int
    ) -> list[tuple[int, str]]:
        """Return (id, address) of up to `limit` deliveries of an edition that are not sent, in the
        order of their ids."""
        rows = self._db.execute(
            select(schema.delivery.c.id, schema.delivery.c.address)
            .where(
                schema.delivery.c.edition_id == edition_id,
                schema.delivery.c.id > after_id,
                schema.delivery.c.state != DeliveryState.SENT.value,
            )
            .order_by(schema.delivery.c.id)
            .limit(limit)
        )
        return [(row.id, row.address) for row in rows]

    def is_claimed_by_others(self, edition_ids: Sequence[int], worker_id: int) -> bool:
        """Check whether another worker has deliveries of these editions in flight."""
        match = self._db.scalar(
            select(literal(1))
            .where(is_in_flight_of(*edition_ids), schema.delivery.c.worker_id != worker_id)
            .limit(1)
        )
        return match is not None

    def has_unfinished_deliveries(self, edition: Edition) -> bool:
        """Check whether some of the edition's deliveries are unfinished. Deliveries in doubt count
        as unfinished if they are to be sent again."""
        in_edition = schema.delivery.c.edition_id == edition.id
        return (
            self._has_delivery(in_edition, queued)
            or self._has_delivery(is_in_flight_of(edition.id))
            or (self.has_resend_rule(edition) and self._has_delivery(in_edition, may_be_resent))
        )

    def _has_delivery(self, *conditions: ColumnElement[bool]) -> bool:
        return self._db.scalar(select(literal(1)).where(*conditions).limit(1)) is not None
