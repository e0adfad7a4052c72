"""Claim, gate, settle, take over: the moves of a delivery, as ``outbox.TRANSITIONS`` has them.

The ledger puts several of these into one transaction, always in this order: the sender's beat
(``senders.py``), :meth:`QueueQueries.lock_edition_states`, settlements, the gate, claims.

`states` keeps the editions' rows from being changed, and the gate keeps those of the members and
the list of suppressions, until the commit. On PostgreSQL a statement sees what was committed when
it began; without these locks an unsubscribe committed a moment later would be answered, and the
message still go. SQLite has one writer at a time.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    and_,
    func,
    literal,
    not_,
    select,
    text,
    update,
)

from mailer.actor import WORKER
from mailer.errors import BadTransition
from mailer.model.deliveries import DELIVERY_TRANSITIONS, Claim, DeliveryState, Settlement
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.model.editions import Edition
from mailer.store import schema
from mailer.store.editions import revert
from mailer.store.outbox import statements
from mailer.store.outbox.embargo_gate import GateBlockQueries
from mailer.store.outbox.statements import (
    claimed,
    in_flight,
    may_be_delivered,
    queued,
    released_values,
    requeued_values,
)
from mailer.store.prepared_statements import encode_numbers, encode_rows


class QueueQueries(GateBlockQueries):
    """What the ledger does with editions' deliveries."""

    # ---- a turn ---------------------------------------------------------------------------------

    def lock_edition_states(self, edition_ids: Sequence[int]) -> dict[int, EditionState]:
        """The editions' states, which nobody can change before this transaction has ended."""
        if self._db.dialect.name == "postgresql":
            # Nothing can lock a suppression that isn't there yet, but for the whole table.
            self._db.execute(text("LOCK TABLE suppression IN SHARE MODE"))
        rows = statements.STATES.fetch_rows(
            self._db, {"ids": encode_numbers(self._db, edition_ids)}
        )
        return {number: EditionState(state) for number, state in rows}

    def claim_deliveries(self, edition_id: int, worker_id: int, limit: int) -> list[Claim]:
        """Take up to `limit` due deliveries of an edition, the longest due first. Each counts as
        an attempt from now on."""
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

    def gate_deliveries(self, worker_id: int, delivery_ids: Sequence[int]) -> set[int]:
        """Let messages out, just before they go: those of `ids` that may. What is not among them
        was never sent; :meth:`settle_refused_deliveries` says what becomes of it.

        One statement asks for the sender, the edition's state, the membership and the suppression,
        so that nothing that is committed before can be overtaken."""
        if not delivery_ids:
            return set()
        encoded_ids = encode_numbers(self._db, delivery_ids)
        if self._db.dialect.name == "postgresql":
            return self.check_gate_again(worker_id, delivery_ids)
        statements.OPEN_GATE.run(self._db, {"ids": encoded_ids, "by": worker_id})
        ((passed_json,),) = statements.PASSED.fetch_rows(
            self._db, {"ids": encoded_ids, "by": worker_id}
        )
        return set(json.loads(passed_json))

    def check_gate_again(self, worker_id: int, delivery_ids: Sequence[int]) -> set[int]:
        """As :meth:`gate_deliveries`, also for what has passed it already: those of `ids` that still may."""
        encoded_ids = encode_numbers(self._db, delivery_ids)
        if self._db.dialect.name == "postgresql":
            statements.LOCK_MEMBERS.fetch_rows(self._db, {"ids": encoded_ids})
        return {
            number
            for (number,) in statements.GATE.fetch_rows(
                self._db, {"ids": encoded_ids, "by": worker_id}
            )
        }

    def settle_refused_deliveries(
        self, worker_id: int, delivery_ids: Sequence[int], states: Mapping[int, EditionState]
    ) -> int:
        """Settle what the gate refused, and was not sent; how many of them won't be. Of a paused
        edition they go back to the queue, of a cancelled one they are cancelled; else the address
        is suppressed or off the list."""
        claimed_by_worker = and_(
            schema.delivery.c.id.in_(delivery_ids),
            schema.delivery.c.sender_id == worker_id,
            in_flight,
        )
        settled_count = self._db.execute(
            update(schema.delivery)
            .where(
                claimed_by_worker,
                schema.delivery.c.edition_id.in_(_filter_by_state(states, EditionState.CANCELLED)),
            )
            .values({**requeued_values, "state": DeliveryState.CANCELLED.value})
        ).rowcount
        settled_count += self._db.execute(
            update(schema.delivery)
            .where(
                claimed_by_worker,
                schema.delivery.c.edition_id.in_(_filter_by_state(states, EditionState.SENDING)),
                not_(may_be_delivered),
            )
            .values({**requeued_values, "state": DeliveryState.SUPPRESSED.value})
        ).rowcount
        self._db.execute(update(schema.delivery).where(claimed_by_worker).values(requeued_values))
        return settled_count

    def settle_deliveries(self, settlements: Sequence[Settlement]) -> None:
        """Write down what became of messages. Of a sender that lost the row meanwhile only news of
        an acceptance counts, whatever the row has become."""
        accepted: list[tuple[int, str]] = []
        others: list[tuple[int, int, str, str, int, float]] = []
        for delivery_id, worker_id, state, reply, delay, spend in settlements:
            if state is DeliveryState.SENT:
                accepted.append((delivery_id, reply))
            else:
                others.append(
                    (delivery_id, worker_id, state.value, reply, 0 if spend else 1, delay)
                )
        if accepted:
            statements.ACCEPTED.run(self._db, {"news": encode_rows(accepted)})
        if others:
            statements.SETTLED.run(self._db, {"news": encode_rows(others)})

    # ---- back to the queue ----------------------------------------------------------------------

    def return_claims(self, edition_id: int, worker_id: int, keep_ids: Sequence[int] = ()) -> int:
        """Return what a sender claimed of an edition and did not let out, but for `keep`. Nobody's
        attempt is spent."""
        claimed_by_worker = and_(
            schema.delivery.c.edition_id == edition_id,
            schema.delivery.c.sender_id == worker_id,
            claimed,
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
        """Return claimed rows until that many seconds from now."""
        if delays:
            statements.PUT_OFF.run(self._db, {"news": encode_rows(delays), "by": worker_id})

    def return_to_queue(
        self,
        edition_id: int,
        states: Sequence[DeliveryState],
        delivery_ids: Sequence[int] | None = None,
    ) -> int:
        """Queue an edition's deliveries in these states again (only `delivery_ids`, if given), and
        return their number. A failed delivery gets its attempt back. Raises BadTransition for a
        state that does not lead back to the queue."""
        for state in states:
            if DeliveryState.QUEUED not in DELIVERY_TRANSITIONS[state]:
                raise BadTransition(f"a delivery that is {state} can't be queued again")
        spent_states = [state for state in states if state is not DeliveryState.FAILED]
        total = 0
        for group_states, attempt in (
            (spent_states, schema.delivery.c.attempt),
            ([one for one in states if one not in spent_states], schema.delivery.c.attempt - 1),
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
                    next_attempt_at=schema.database_now(),
                )
            ).rowcount
        return total

    def make_deliveries_due(self, edition: Edition) -> int:
        """Let deferred deliveries be tried at once, as whoever sends by hand expects."""
        result = self._db.execute(
            update(schema.delivery)
            .where(
                schema.delivery.c.edition_id == edition.id,
                queued,
                schema.delivery.c.next_attempt_at > schema.database_now(),
            )
            .values(next_attempt_at=schema.database_now())
        )
        return result.rowcount

    def apply_in_doubt_rule(self, edition: Edition, now: datetime) -> int:
        """Queue rows in doubt again, where the edition's rule is to resend; how many."""
        if edition.in_doubt is not InDoubtPolicy.RESEND:
            return 0
        count = self.return_to_queue(edition.id, [DeliveryState.IN_DOUBT])
        if count:
            detail = f"{count} queued again: the rule is to resend"
            revert.insert_event(self._db, edition.id, "in doubt", detail, now, WORKER)
        return count

    def mark_in_doubt_sent(self, edition: Edition, reply: str) -> int:
        """Take what is in doubt for accepted; how many."""
        result = self._db.execute(
            update(schema.delivery)
            .where(
                schema.delivery.c.edition_id == edition.id,
                schema.is_in_state(DeliveryState.IN_DOUBT.value),
            )
            .values(**released_values, state=DeliveryState.SENT.value, reply=reply)
        )
        return result.rowcount

    def cancel_unsent_deliveries(self, edition_id: int) -> int:
        """Cancel what has not passed the gate, whoever has claimed it."""
        total = 0
        for states, attempt in (
            ([DeliveryState.QUEUED], schema.delivery.c.attempt),
            ([DeliveryState.CLAIMED], schema.delivery.c.attempt - 1),
        ):
            total += self._db.execute(
                update(schema.delivery)
                .where(
                    schema.delivery.c.edition_id == edition_id,
                    schema.is_in_state(*(state.value for state in states)),
                )
                .values(**released_values, state=DeliveryState.CANCELLED.value, attempt=attempt)
            ).rowcount
        return total

    # ---- is there more to do? -------------------------------------------------------------------

    def has_work(self) -> bool:
        """Whether a run would have something to do: of an edition that is being sent a delivery is
        due, or held by somebody who may be dead, or none is left to wait for. Rows in doubt count
        where the rule is to resend them."""
        sending_editions = select(schema.edition.c.id, schema.edition.c.in_doubt).where(
            schema.edition.c.state == EditionState.SENDING.value
        )
        for edition_id, in_doubt_rule in self._db.execute(sending_editions).all():
            in_edition = schema.delivery.c.edition_id == edition_id

            def has_delivery(
                *conditions: ColumnElement[bool], in_edition: ColumnElement[bool] = in_edition
            ) -> bool:
                statement = select(literal(1)).where(in_edition, *conditions).limit(1)
                return self._db.scalar(statement) is not None

            is_due = schema.delivery.c.next_attempt_at <= schema.database_now()
            if has_delivery(queued, is_due) or has_delivery(in_flight) or not has_delivery(queued):
                return True
            is_in_doubt = schema.is_in_state(DeliveryState.IN_DOUBT.value)
            if in_doubt_rule == InDoubtPolicy.RESEND.value and has_delivery(is_in_doubt):
                return True
        return False

    def find_next_due(self, edition_id: int) -> datetime | None:
        """When the next queued delivery of an edition is due, by the database's clock."""
        statement = select(func.min(schema.delivery.c.next_attempt_at)).where(
            schema.delivery.c.edition_id == edition_id, queued
        )
        due_at: datetime | None = self._db.scalar(statement)
        return due_at

    def count_due_deliveries(self, edition_id: int) -> int:
        """How many deliveries are due."""
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

    def is_claimed_by_others(self, edition_ids: Sequence[int], worker_id: int) -> bool:
        """Whether another sender holds deliveries of these editions."""
        match = self._db.scalar(
            select(literal(1))
            .where(
                schema.delivery.c.edition_id.in_(edition_ids),
                in_flight,
                schema.delivery.c.sender_id != worker_id,
            )
            .limit(1)
        )
        return match is not None

    def has_unfinished_deliveries(self, edition: Edition) -> bool:
        """Whether the edition still waits for deliveries: for rows in doubt too, where the rule is
        to resend them."""
        conditions = [queued, in_flight]
        if edition.in_doubt is InDoubtPolicy.RESEND:
            conditions.append(schema.is_in_state(DeliveryState.IN_DOUBT.value))
        return any(self._has_delivery(edition, which) for which in conditions)

    def _has_delivery(self, edition: Edition, condition: ColumnElement[bool]) -> bool:
        statement = select(func.count()).select_from(
            select(literal(1))
            .where(schema.delivery.c.edition_id == edition.id, condition)
            .limit(1)
            .subquery()
        )
        return bool(self._db.scalar(statement))


def _filter_by_state(states: Mapping[int, EditionState], state: EditionState) -> list[int]:
    return [edition_id for edition_id, edition_state in states.items() if edition_state is state]
