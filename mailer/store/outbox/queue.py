"""Claim, gate, settle, take over: the moves of a delivery, as ``outbox.TRANSITIONS`` has them.

The ledger puts several of these into one transaction, always in this order: the sender's beat
(``senders.py``), :meth:`Queue.states`, settlements, the gate, claims.

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
    insert,
    literal,
    not_,
    select,
    text,
    update,
)

from mailer.editions import Edition, EditionState, InDoubt
from mailer.outbox import Claim, DeliveryState, Settlement
from mailer.store.outbox import statements
from mailer.store.outbox.holds import Holds
from mailer.store.outbox.statements import (
    back_to_queue,
    claimed,
    free,
    held,
    queued,
    wanted,
)
from mailer.store.prepared import numbers, table
from mailer.store.schema import (
    database_now,
    delivery,
    edition,
    edition_event,
    in_state,
)


class Queue(Holds):
    """What the ledger does with editions' deliveries."""

    # ---- a turn ---------------------------------------------------------------------------------

    def states(self, known: Sequence[int]) -> dict[int, EditionState]:
        """The editions' states, which nobody can change before this transaction has ended."""
        if self._db.dialect.name == "postgresql":
            # Nothing can lock a suppression that isn't there yet, but for the whole table.
            self._db.execute(text("LOCK TABLE suppression IN SHARE MODE"))
        rows = statements.STATES.rows(self._db, {"ids": numbers(self._db, known)})
        return {number: EditionState(state) for number, state in rows}

    def claim(self, of: int, by: int, limit: int) -> list[Claim]:
        """Take up to `limit` due deliveries of an edition, the longest due first. Each counts as
        an attempt from now on."""
        if self._db.dialect.name == "postgresql":
            rows = statements.CLAIM.rows(self._db, {"of": of, "by": by, "most": limit})
            return sorted(map(Claim._make, rows))
        ((ids,),) = statements.DUE.rows(self._db, {"of": of, "most": limit})
        if ids == "[]":
            return []
        statements.TAKE.run(self._db, {"ids": ids, "by": by})
        ((taken,),) = statements.TAKEN.rows(self._db, {"ids": ids})
        return sorted(map(Claim._make, json.loads(taken)))

    def gate(self, by: int, ids: Sequence[int]) -> set[int]:
        """Let messages out, just before they go: those of `ids` that may. What is not among them
        was never sent; :meth:`turn_away` says what becomes of it.

        One statement asks for the sender, the edition's state, the membership and the suppression,
        so that nothing that is committed before can be overtaken."""
        if not ids:
            return set()
        asked = numbers(self._db, ids)
        if self._db.dialect.name == "postgresql":
            return self.look_again(by, ids)
        statements.OPEN.run(self._db, {"ids": asked, "by": by})
        ((passed,),) = statements.PASSED.rows(self._db, {"ids": asked, "by": by})
        return set(json.loads(passed))

    def look_again(self, by: int, ids: Sequence[int]) -> set[int]:
        """As :meth:`gate`, also for what has passed it already: those of `ids` that still may."""
        asked = numbers(self._db, ids)
        if self._db.dialect.name == "postgresql":
            statements.KEEP_MEMBERS.rows(self._db, {"ids": asked})
        return {number for (number,) in statements.GATE.rows(self._db, {"ids": asked, "by": by})}

    def turn_away(self, by: int, ids: Sequence[int], states: Mapping[int, EditionState]) -> int:
        """Settle what the gate refused, and was not sent; how many of them won't be. Of a paused
        edition they go back to the queue, of a cancelled one they are cancelled; else the address
        is suppressed or off the list."""
        here = and_(delivery.c.id.in_(ids), delivery.c.sender_id == by, held)
        gone = self._db.execute(
            update(delivery)
            .where(here, delivery.c.edition_id.in_(_those(states, EditionState.CANCELLED)))
            .values({**back_to_queue, "state": DeliveryState.CANCELLED.value})
        ).rowcount
        gone += self._db.execute(
            update(delivery)
            .where(
                here,
                delivery.c.edition_id.in_(_those(states, EditionState.SENDING)),
                not_(wanted),
            )
            .values({**back_to_queue, "state": DeliveryState.SUPPRESSED.value})
        ).rowcount
        self._db.execute(update(delivery).where(here).values(back_to_queue))
        return gone

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write down what became of messages. Of a sender that lost the row meanwhile only news of
        an acceptance counts, whatever the row has become."""
        accepted: list[tuple[int, str]] = []
        others: list[tuple[int, int, str, str, int, float]] = []
        for number, sender, state, reply, delay, spend in settlements:
            if state is DeliveryState.SENT:
                accepted.append((number, reply))
            else:
                others.append((number, sender, state.value, reply, 0 if spend else 1, delay))
        if accepted:
            statements.ACCEPTED.run(self._db, {"news": table(accepted)})
        if others:
            statements.SETTLED.run(self._db, {"news": table(others)})

    # ---- back to the queue ----------------------------------------------------------------------

    def give_back(self, of: int, by: int, keep: Sequence[int] = ()) -> int:
        """Return what a sender claimed of an edition and did not let out, but for `keep`. Nobody's
        attempt is spent."""
        mine = and_(delivery.c.edition_id == of, delivery.c.sender_id == by, claimed)
        which = and_(mine, delivery.c.id.not_in(keep)) if keep else mine
        return self._db.execute(update(delivery).where(which).values(back_to_queue)).rowcount

    def put_off(self, by: int, ids: Sequence[tuple[int, float]]) -> None:
        """Return claimed rows until that many seconds from now."""
        if ids:
            statements.PUT_OFF.run(self._db, {"news": table(ids), "by": by})

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
                    **free,
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
                queued,
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
            .values(**free, state=DeliveryState.SENT.value, reply=reply)
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
                .values(**free, state=DeliveryState.CANCELLED.value, attempt=attempt)
            ).rowcount
        return total

    # ---- is there more to do? -------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether a run would have something to do: of an edition that is being sent a delivery is
        due, or held by somebody who may be dead, or none is left to wait for. Rows in doubt count
        where the rule is to resend them."""
        going = select(edition.c.id, edition.c.in_doubt).where(
            edition.c.state == EditionState.SENDING.value
        )
        for number, rule in self._db.execute(going).all():
            mine = delivery.c.edition_id == number

            def some(*which: ColumnElement[bool], mine: ColumnElement[bool] = mine) -> bool:
                found = select(literal(1)).where(mine, *which).limit(1)
                return self._db.scalar(found) is not None

            due = delivery.c.next_attempt_at <= database_now()
            if some(queued, due) or some(held) or not some(queued):
                return True
            doubted = in_state(DeliveryState.IN_DOUBT.value)
            if rule == InDoubt.RESEND.value and some(doubted):
                return True
        return False

    def next_due(self, of: int) -> datetime | None:
        """When the next queued delivery of an edition is due, by the database's clock."""
        found = select(func.min(delivery.c.next_attempt_at)).where(
            delivery.c.edition_id == of, queued
        )
        due: datetime | None = self._db.scalar(found)
        return due

    def waiting(self, of: int) -> int:
        """How many deliveries are due."""
        wanted = (
            select(func.count())
            .select_from(delivery)
            .where(
                delivery.c.edition_id == of,
                queued,
                delivery.c.next_attempt_at <= database_now(),
            )
        )
        return int(self._db.scalar(wanted) or 0)

    def held_by_others(self, known: Sequence[int], by: int) -> bool:
        """Whether another sender holds deliveries of these editions."""
        found = self._db.scalar(
            select(literal(1))
            .where(delivery.c.edition_id.in_(known), held, delivery.c.sender_id != by)
            .limit(1)
        )
        return found is not None

    def undone(self, known: Edition) -> bool:
        """Whether the edition still waits for deliveries: for rows in doubt too, where the rule is
        to resend them."""
        waited_for = [queued, held]
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
