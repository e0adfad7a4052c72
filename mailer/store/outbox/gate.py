"""The gate: the last check before a message is written to a connection. It also settles the
messages that it refuses.

Each message of an edition, a release, a notice, a service mail or a test mail passes this gate, so
what it checks holds for all of them: the worker, the edition's state, the membership, the
suppression and safe mode. ``embargo_gate.py`` has the part about embargoes and kills.
"""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, case, not_, or_, update

from mailer.model.deliveries import DIVERTED_REPLY, DeliveryState, GateRefusals
from mailer.model.edition_states import EditionState
from mailer.store import schema
from mailer.store.outbox import statements
from mailer.store.outbox.embargo_gate import GateBlockQueries
from mailer.store.outbox.safe_mode import SafeModeQueries
from mailer.store.outbox.statements import (
    GateStatements,
    in_flight,
    may_be_delivered,
    requeued_values,
)
from mailer.store.prepared_statements import encode_numbers


class GateQueries(GateBlockQueries, SafeModeQueries):
    """The part of ``OutboxStore`` about the gate."""

    def gate_deliveries(self, worker_id: int, delivery_ids: Sequence[int]) -> set[int]:
        """Check claimed messages at the gate, just before they are sent, and return the ids of
        those that pass. The others are not sent; :meth:`settle_refused_deliveries` settles them.

        One statement checks the worker, the edition's state, the membership, the suppression and
        safe mode, so that every earlier commit is seen: a person who has unsubscribed or whose
        address was suppressed before the statement gets no message."""
        if not delivery_ids:
            return set()
        if self._db.dialect.name == "postgresql":
            return self.check_gate_again(worker_id, delivery_ids)
        encoded_ids = encode_numbers(self._db, delivery_ids)
        self._gate.open_gate.run(
            self._db, {"ids": encoded_ids, "by": worker_id, **self._safe_values}
        )
        ((passed_json,),) = statements.PASSED.fetch_rows(
            self._db, {"ids": encoded_ids, "by": worker_id}
        )
        return set(json.loads(passed_json))

    def check_gate_again(self, worker_id: int, delivery_ids: Sequence[int]) -> set[int]:
        """Check messages at the gate as :meth:`gate_deliveries` does, including messages that have
        passed the gate already. Returns the ids of those that may still be sent."""
        gate = self._gate
        is_postgresql = self._db.dialect.name == "postgresql"
        statement = gate.lock_and_pass if is_postgresql else gate.check_again
        rows = statement.fetch_rows(
            self._db,
            {
                "ids": encode_numbers(self._db, delivery_ids),
                "by": worker_id,
                **self._safe_values,
            },
        )
        return {number for (number,) in rows}

    @property
    def _gate(self) -> GateStatements:
        return statements.SAFE_GATE if self._safe_recipients else statements.GATE

    def settle_refused_deliveries(
        self, worker_id: int, delivery_ids: Sequence[int], states: Mapping[int, EditionState]
    ) -> GateRefusals:
        """Settle messages that the gate refused, and return how many of them will not be sent.
        Messages of a paused edition go back to the queue, and those of a cancelled edition are
        cancelled. In other cases, the delivery becomes suppressed, because the address is
        suppressed or has left the list, or diverted, because of safe mode."""
        claimed_by_worker = and_(
            schema.delivery.c.id.in_(delivery_ids),
            schema.delivery.c.worker_id == worker_id,
            in_flight,
        )
        cancelled_count = self._db.execute(
            update(schema.delivery)
            .where(
                claimed_by_worker,
                schema.delivery.c.edition_id.in_(_filter_by_state(states, EditionState.CANCELLED)),
            )
            .values({**requeued_values, "state": DeliveryState.CANCELLED.value})
        ).rowcount
        new_states = list(
            self._db.scalars(
                update(schema.delivery)
                .where(
                    claimed_by_worker,
                    schema.delivery.c.edition_id.in_(
                        _filter_by_state(states, EditionState.SENDING)
                    ),
                    or_(not_(may_be_delivered), not_(self._may_pass_safely)),
                )
                .values(
                    {
                        **requeued_values,
                        "state": case(
                            (may_be_delivered, DeliveryState.DIVERTED.value),
                            else_=DeliveryState.SUPPRESSED.value,
                        ),
                        "reply": case(
                            (may_be_delivered, DIVERTED_REPLY), else_=schema.delivery.c.reply
                        ),
                    }
                )
                .returning(schema.delivery.c.state),
                self._safe_values,
            )
        )
        self._db.execute(update(schema.delivery).where(claimed_by_worker).values(requeued_values))
        diverted_count = new_states.count(DeliveryState.DIVERTED.value)
        return GateRefusals(cancelled_count + len(new_states) - diverted_count, diverted_count)


def _filter_by_state(states: Mapping[int, EditionState], state: EditionState) -> list[int]:
    return [edition_id for edition_id, edition_state in states.items() if edition_state is state]
