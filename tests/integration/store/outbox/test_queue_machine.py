"""Senders do as they like with an edition's deliveries, and the table of transitions holds.

The database itself writes each move down (see ``conftest``). What it can't see is asked after each
step: what is known to be accepted never moves, nobody holds what another holds, who was taken for
dead holds nothing, no message is let out to one who left, or of an edition that stands.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from mailer import editions, outbox
from mailer.app import get_utc_now
from mailer.model.deliveries import IN_FLIGHT_STATES, DeliveryState, DeliveryWorker, Settlement
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.model.editions import EditionBody
from mailer.store import SqlTransaction, Store
from mailer.store.schema import delivery
from mailer.store.schema import edition as edition_table
from tests.actors import STAFF
from tests.conftest import KEY, check_state_changes
from tests.integration import factories
from tests.integration.factories import DAY, NOW, make_addresses

READERS = make_addresses(4)

roles = st.sampled_from(["one", "two"])
readers = st.sampled_from(READERS)
some = st.sets(st.integers(0, len(READERS) - 1), min_size=1)
outcomes = st.sampled_from(
    [DeliveryState.FAILED, DeliveryState.QUEUED, DeliveryState.IN_DOUBT, DeliveryState.EXPIRED]
)


class Queue(RuleBasedStateMachine):
    """`make_store` gives a database with nothing in it. Of the two roles, each is played by one
    sender after the other."""

    make_store: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).make_store()
        with self.store.begin() as tx:
            factories.add_mailing_list(tx)
            for reader in READERS:
                factories.add_subscriber(tx, reader)
            factories.add_story(tx, "boats")
            made = factories.create_edition(tx, "boats")
            body = EditionBody("en", "Subject", "Text", "<p>HTML</p>", "zmarker", 1)
            made = tx.editions.freeze_edition(made, [body], ["boats"], "0" * 64)
            made = tx.editions.set_state(made, EditionState.APPROVED, get_utc_now(), STAFF)
            assert tx.outbox.plan_deliveries(made, get_utc_now() - DAY).planned == len(READERS)
            self.edition = tx.editions.set_state(made, EditionState.SENDING, get_utc_now(), STAFF)
            self.ids = [one.id for one in tx.outbox.list_deliveries(self.edition)]
            self.address = {one.id: one.address for one in tx.outbox.list_deliveries(self.edition)}
            self.number = {role: factories.register_worker(tx, role) for role in ("one", "two")}
        self.alive = set(self.number.values())
        self.seen: list[DeliveryWorker] = []
        self.out: set[tuple[int, int]] = set()
        """What each sender ever let out, and has not withdrawn: of that it may bring news."""
        self.gone: set[str] = set()
        self.accepted: dict[int, str] = {}

    def chosen(self, which: set[int]) -> list[int]:
        return [self.ids[one] for one in sorted(which)]

    def rows(self) -> dict[int, Any]:
        with self.store.read() as tx:
            found = tx.connection.execute(select(delivery).order_by(delivery.c.id))
            return {row.id: row for row in found}

    def beats(self, tx: SqlTransaction, number: int) -> bool:
        """As each transaction of a sender begins."""
        lives = tx.outbox.update_heartbeat(number)
        assert lives == (number in self.alive)
        return lives

    # ---- senders --------------------------------------------------------------------------------

    @rule(role=roles)
    def sign_on(self, role: str) -> None:
        with self.store.begin() as tx:
            if self.beats(tx, self.number[role]):
                return
            number = factories.register_worker(tx, role)
        assert number > max(self.number.values())
        self.number[role] = number
        self.alive.add(number)

    @rule(role=roles)
    def sign_off(self, role: str) -> None:
        with self.store.begin() as tx:
            tx.outbox.remove_worker(self.number[role])
        self.alive.discard(self.number[role])

    @rule(role=roles)
    def beat(self, role: str) -> None:
        with self.store.begin() as tx:
            self.beats(tx, self.number[role])

    @rule()
    def look_around(self) -> None:
        with self.store.read() as tx:
            self.seen = tx.outbox.list_workers()
        assert {one.id for one in self.seen} == self.alive

    @precondition(lambda self: self.seen)
    @rule(which=st.integers(0, 1))
    def take_over(self, which: int) -> None:
        """What was seen may be old: whoever has moved since lives."""
        dead = self.seen[which % len(self.seen)]
        before = self.rows()
        with self.store.begin() as tx:
            moved = dead not in tx.outbox.list_workers()
            taken = tx.outbox.reclaim_deliveries(dead)
        if moved:
            assert taken is None
            return
        held = [row.state for row in before.values() if row.sender_id == dead.id]
        assert taken == (
            held.count(DeliveryState.CLAIMED.value),
            held.count(DeliveryState.ON_WIRE.value),
        )
        self.alive.discard(dead.id)

    # ---- a sender's turn ------------------------------------------------------------------------

    @rule(role=roles, limit=st.integers(1, 4))
    def claim(self, role: str, limit: int) -> None:
        number = self.number[role]
        with self.store.begin() as tx:
            if self.beats(tx, number):
                assert len(tx.outbox.claim_deliveries(self.edition.id, number, limit)) <= limit

    @rule(role=roles, which=some)
    def gate(self, role: str, which: set[int]) -> None:
        """The first time: whoever claimed it knows whether it has passed already."""
        number, before = self.number[role], self.rows()
        fresh = [one for one in self.chosen(which) if before[one].state != DeliveryState.ON_WIRE]
        with self.store.begin() as tx:
            passed = tx.outbox.gate_deliveries(number, fresh)
        self.may_go(number, passed, before)
        assert all(before[one].state == DeliveryState.CLAIMED for one in passed)

    @rule(role=roles, which=some)
    def look_again(self, role: str, which: set[int]) -> None:
        number, before = self.number[role], self.rows()
        with self.store.begin() as tx:
            passed = tx.outbox.check_gate_again(number, self.chosen(which))
        self.may_go(number, passed, before)

    def may_go(self, number: int, passed: set[int], before: dict[int, Any]) -> None:
        """What passed was theirs, and to nobody who left, of an edition that is being sent."""
        after = self.rows()
        for one in passed:
            assert before[one].state in IN_FLIGHT_STATES
            assert before[one].sender_id == after[one].sender_id == number
            assert after[one].state == DeliveryState.ON_WIRE
            assert self.address[one] not in self.gone
            self.out.add((number, one))
        assert not passed or self.edition.state is EditionState.SENDING

    @rule(role=roles, which=some)
    def turn_away(self, role: str, which: set[int]) -> None:
        """What the gate refused, the first time or the second."""
        number, before = self.number[role], self.rows()
        with self.store.begin() as tx:
            states = tx.outbox.lock_edition_states([self.edition.id])
            passed = tx.outbox.check_gate_again(number, self.chosen(which))
            refused = [one for one in self.chosen(which) if one not in passed]
            gone = tx.outbox.settle_refused_deliveries(number, refused, states)
        self.may_go(number, passed, before)
        self.out -= {(number, one) for one in refused if before[one].sender_id == number}
        after = self.rows()
        changed = [one for one in refused if after[one].state != before[one].state]
        assert all(before[one].sender_id == number for one in changed)
        assert gone == sum(after[one].state != DeliveryState.QUEUED for one in changed)
        for one in changed:
            if after[one].state == DeliveryState.SUPPRESSED:
                assert self.address[one] in self.gone

    @rule(role=roles, which=some, outcome=outcomes, spend=st.booleans())
    def settle(self, role: str, which: set[int], outcome: DeliveryState, spend: bool) -> None:
        number, before = self.number[role], self.rows()
        spend = spend or outcome is not DeliveryState.QUEUED
        with self.store.begin() as tx:
            tx.outbox.settle_deliveries(
                [
                    Settlement(one, number, outcome, f"{role} said", counts_as_attempt=spend)
                    for one in self.chosen(which)
                ]
            )
        after = self.rows()
        for one in self.ids:
            theirs = (before[one].state, before[one].sender_id) == (DeliveryState.ON_WIRE, number)
            if theirs and one in self.chosen(which):
                assert after[one].state == outcome
                self.out.discard((number, one))
            else:
                assert after[one] == before[one]

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 30))
    def accept(self, which: int) -> None:
        """News that the relay took a message, from whomever, however late."""
        number, one = sorted(self.out)[which % len(self.out)]
        self.out.discard((number, one))
        with self.store.begin() as tx:
            tx.outbox.settle_deliveries(
                [Settlement(one, number, DeliveryState.SENT, f"250 to {number}")]
            )
        row = self.rows()[one]
        assert row.state == DeliveryState.SENT
        assert row.reply == self.accepted.setdefault(one, f"250 to {number}")

    @rule(role=roles)
    def give_back(self, role: str) -> None:
        number = self.number[role]
        with self.store.begin() as tx:
            tx.outbox.return_claims(self.edition.id, number)
        held = [row.state for row in self.rows().values() if row.sender_id == number]
        assert DeliveryState.CLAIMED not in held

    @rule(role=roles, which=some, delay=st.sampled_from([0.0, 600.0]))
    def put_off(self, role: str, which: set[int], delay: float) -> None:
        number = self.number[role]
        with self.store.begin() as tx:
            tx.outbox.postpone_deliveries(number, [(one, delay) for one in self.chosen(which)])

    # ---- trying again ---------------------------------------------------------------------------

    @rule()
    def apply_the_rule(self) -> None:
        with self.store.begin() as tx:
            queued = tx.outbox.apply_in_doubt_rule(self.edition, get_utc_now())
        assert not queued or self.edition.in_doubt is InDoubtPolicy.RESEND

    @rule(rule_=st.sampled_from(InDoubtPolicy))
    def change_the_rule(self, rule_: InDoubtPolicy) -> None:
        with self.store.begin() as tx:
            tx.connection.execute(update(edition_table).values(in_doubt=rule_.value))
            self.edition = factories.reload_edition(tx, self.edition)

    @precondition(lambda self: self.edition.state is not EditionState.CANCELLED)
    @rule(verb=st.sampled_from([outbox.retry_failed_deliveries, outbox.send_in_doubt_again]))
    def try_again(self, verb: Callable[..., int]) -> None:
        with self.store.begin() as tx:
            verb(tx, STAFF, self.edition, NOW)
            self.edition = factories.reload_edition(tx, self.edition)

    @rule(which=some)
    def requeue_what_was_refused_alike(self, which: set[int]) -> None:
        with self.store.begin() as tx:
            tx.outbox.return_to_queue(self.edition.id, [DeliveryState.FAILED], self.chosen(which))

    @rule()
    def make_due(self) -> None:
        with self.store.begin() as tx:
            tx.outbox.make_deliveries_due(self.edition)

    # ---- people and the edition -----------------------------------------------------------------

    @rule(reader=readers)
    def leave(self, reader: str) -> None:
        with self.store.begin() as tx:
            factories.unsubscribe_address(tx, reader)
        self.gone.add(reader)

    @rule(reader=readers)
    def suppress(self, reader: str) -> None:
        with self.store.begin() as tx:
            factories.suppress_address(tx, reader)
        self.gone.add(reader)

    @precondition(lambda self: self.edition.state is EditionState.SENDING)
    @rule()
    def pause(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.pause_edition(tx, STAFF, self.edition, get_utc_now())

    @precondition(lambda self: self.edition.state is EditionState.PAUSED)
    @rule()
    def resume(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.resume_edition(tx, STAFF, self.edition, get_utc_now())

    @precondition(lambda self: self.edition.state is EditionState.SENDING)
    @rule()
    def finish(self) -> None:
        with self.store.begin() as tx:
            if tx.outbox.has_unfinished_deliveries(self.edition):
                return
            self.edition = tx.editions.set_state(
                self.edition, EditionState.SENT, get_utc_now(), STAFF
            )

    @precondition(lambda self: len(self.accepted) > 2)
    @precondition(lambda self: self.edition.state in {EditionState.SENDING, EditionState.PAUSED})
    @rule()
    def cancel(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.cancel_edition(tx, STAFF, self.edition, get_utc_now())
            tx.outbox.cancel_unsent_deliveries(self.edition.id)

    # ---- what always holds ----------------------------------------------------------------------

    @invariant()
    def what_was_accepted_stays_so(self) -> None:
        rows = self.rows()
        assert {one: row.reply for one, row in rows.items() if row.state == DeliveryState.SENT} == (
            self.accepted
        )

    @invariant()
    def no_row_is_lost(self) -> None:
        assert list(self.rows()) == self.ids

    @invariant()
    def what_is_held_is_held_by_one_who_lives(self) -> None:
        for row in self.rows().values():
            assert (row.state in IN_FLIGHT_STATES) == (row.sender_id is not None)
            assert row.sender_id is None or row.sender_id in self.alive
            assert row.attempt >= 0

    def teardown(self) -> None:
        try:
            check_state_changes(self.store)
        finally:
            self.store.close()


def test_only_the_moves_of_the_table_ever_happen(sqlite_template: Path, tmp_path: Path) -> None:
    def make() -> Store:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        shutil.copy(sqlite_template, folder / "subscribers.db")
        return Store(f"sqlite:///{folder / 'subscribers.db'}", KEY)

    Queue.make_store = staticmethod(make)
    run_state_machine_as_test(
        Queue, settings=settings(max_examples=20, stateful_step_count=40, deadline=None)
    )
