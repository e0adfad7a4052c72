"""Two owners do as they like with an edition's deliveries, and the table of transitions holds.

The database itself writes each move down (see ``conftest``). What it can't see is asked after each
step: nothing final ever moves, nobody holds what another holds, no message is let out to one who
left, or of an edition that stands.
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
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

from mailer import editions
from mailer.app import utc_now
from mailer.editions import Body, EditionState, InDoubt
from mailer.outbox import DeliveryState, Settlement
from mailer.store import Store
from mailer.store.schema import delivery
from mailer.store.schema import edition as edition_table
from tests.conftest import KEY, check_moves
from tests.integration import office
from tests.integration.office import DAY, addresses, end_leases

READERS = addresses(4)
FINAL = {
    DeliveryState.SENT,
    DeliveryState.EXPIRED,
    DeliveryState.SUPPRESSED,
    DeliveryState.CANCELLED,
}

owners = st.sampled_from(["one", "two"])
readers = st.sampled_from(READERS)
some = st.sets(st.integers(0, len(READERS) - 1), min_size=1)
leases = st.sampled_from([0.0, 600.0])
outcomes = st.sampled_from(
    [
        DeliveryState.SENT,
        DeliveryState.FAILED,
        DeliveryState.QUEUED,
        DeliveryState.IN_DOUBT,
        DeliveryState.EXPIRED,
    ]
)


class Queue(RuleBasedStateMachine):
    """`make_store` gives a database with nothing in it."""

    make_store: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).make_store()
        with self.store.begin() as tx:
            office.mailing_list(tx)
            for reader in READERS:
                office.person(tx, reader)
            office.story(tx, "boats")
            made = office.edition(tx, "boats")
            body = Body("en", "Subject", "Text", "<p>HTML</p>", "zmarker", 1)
            made = tx.editions.freeze(made, [body], ["boats"], "0" * 64)
            made = tx.editions.set_state(made, EditionState.APPROVED, utc_now())
            assert tx.plans.plan(made, utc_now() - DAY).planned == len(READERS)
            self.edition = tx.editions.set_state(made, EditionState.SENDING, utc_now())
            self.ids = [one.id for one in tx.outbox.deliveries(self.edition)]
            self.address = {one.id: one.address for one in tx.outbox.deliveries(self.edition)}
        self.gone: set[str] = set()
        self.final: dict[int, tuple[DeliveryState, str]] = {}

    def chosen(self, which: set[int]) -> list[int]:
        return [self.ids[one] for one in sorted(which)]

    def rows(self) -> list[Any]:
        with self.store.read() as tx:
            return list(tx.connection.execute(select(delivery).order_by(delivery.c.id)))

    @rule(owner=owners, limit=st.integers(1, 4), lease=leases)
    def claim(self, owner: str, limit: int, lease: float) -> None:
        with self.store.begin() as tx:
            assert len(tx.queue.claim(self.edition, owner, limit, lease)) <= limit

    @rule(owner=owners, which=some, lease=leases)
    def gate(self, owner: str, which: set[int], lease: float) -> None:
        before = {row.id: row for row in self.rows()}
        with self.store.begin() as tx:
            passed = tx.queue.gate(self.edition, owner, self.chosen(which), lease)
        for number in passed:
            assert before[number].state == DeliveryState.CLAIMED
            assert before[number].owner == owner
            assert self.address[number] not in self.gone
        assert not passed or self.edition.state is EditionState.SENDING

    @rule(owner=owners, which=some)
    def turn_away(self, owner: str, which: set[int]) -> None:
        before = {row.id: row.state for row in self.rows()}
        with self.store.begin() as tx:
            assert tx.queue.turn_away(self.edition, owner, self.chosen(which)) is self.edition.state
        for row in self.rows():
            if row.state == DeliveryState.SUPPRESSED and before[row.id] != row.state:
                assert row.address in self.gone

    @rule(owner=owners, which=some, outcome=outcomes, spend=st.booleans())
    def settle(self, owner: str, which: set[int], outcome: DeliveryState, spend: bool) -> None:
        before = {row.id: row for row in self.rows()}
        retry = timedelta() if outcome is DeliveryState.QUEUED else None
        with self.store.begin() as tx:
            written = tx.queue.settle(
                owner,
                [
                    Settlement(one, outcome, f"{owner} said", retry, spend)
                    for one in self.chosen(which)
                ],
            )
        theirs = [
            one
            for one in self.chosen(which)
            if (before[one].state, before[one].owner) == (DeliveryState.ON_WIRE, owner)
        ]
        assert written == len(theirs)

    @rule(owner=owners)
    def give_back(self, owner: str) -> None:
        with self.store.begin() as tx:
            tx.queue.give_back(self.edition, owner)
        assert not [
            row for row in self.rows() if (row.state, row.owner) == (DeliveryState.CLAIMED, owner)
        ]

    @rule(owner=owners)
    def die(self, owner: str) -> None:
        """An owner dies, and its leases end."""
        with self.store.begin() as tx:
            end_leases(tx, owner)

    @rule()
    def recover(self) -> None:
        with self.store.begin() as tx:
            tx.queue.recover(self.edition)

    @rule()
    def apply_the_rule(self) -> None:
        with self.store.begin() as tx:
            queued = tx.queue.apply_in_doubt_rule(self.edition, utc_now())
        assert not queued or self.edition.in_doubt is InDoubt.RESEND

    @rule(rule_=st.sampled_from(InDoubt))
    def change_the_rule(self, rule_: InDoubt) -> None:
        with self.store.begin() as tx:
            tx.connection.execute(update(edition_table).values(in_doubt=rule_.value))
            self.edition = office.again(tx, self.edition)

    @rule(which=some)
    def requeue_failed(self, which: set[int]) -> None:
        with self.store.begin() as tx:
            tx.queue.requeue_failed(self.chosen(which))

    @rule()
    def make_due(self) -> None:
        with self.store.begin() as tx:
            tx.queue.make_due(self.edition)

    @rule(reader=readers)
    def leave(self, reader: str) -> None:
        with self.store.begin() as tx:
            office.leave(tx, reader)
        self.gone.add(reader)

    @rule(reader=readers)
    def suppress(self, reader: str) -> None:
        with self.store.begin() as tx:
            office.suppress(tx, reader)
        self.gone.add(reader)

    @precondition(lambda self: self.edition.state is EditionState.SENDING)
    @rule()
    def pause(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.pause(tx.editions, self.edition, utc_now())

    @precondition(lambda self: self.edition.state is EditionState.PAUSED)
    @rule()
    def resume(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.resume(tx.editions, self.edition, utc_now())

    @precondition(lambda self: len(self.final) > 2)
    @rule()
    def cancel(self) -> None:
        if self.edition.state is EditionState.CANCELLED:
            return
        with self.store.begin() as tx:
            self.edition = editions.cancel(tx.editions, self.edition, utc_now())
            tx.queue.cancel_waiting(self.edition)

    @invariant()
    def what_is_final_stays(self) -> None:
        for row in self.rows():
            now = (DeliveryState(row.state), row.reply)
            if now[0] in FINAL:
                assert self.final.setdefault(row.id, now) == now
            else:
                assert row.id not in self.final

    @invariant()
    def no_row_is_lost(self) -> None:
        assert [row.id for row in self.rows()] == self.ids

    @invariant()
    def who_holds_a_row_has_a_lease(self) -> None:
        for row in self.rows():
            held = row.state in {DeliveryState.CLAIMED, DeliveryState.ON_WIRE}
            assert held == (row.owner is not None) == (row.lease_until is not None)
            assert row.attempt >= 0

    def teardown(self) -> None:
        try:
            check_moves(self.store)
        finally:
            self.store.close()


def test_only_the_moves_of_the_table_ever_happen(sqlite_template: Path, tmp_path: Path) -> None:
    def make() -> Store:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        shutil.copy(sqlite_template, folder / "subscribers.db")
        return Store(f"sqlite:///{folder / 'subscribers.db'}", KEY)

    Queue.make_store = staticmethod(make)
    run_state_machine_as_test(
        Queue, settings=settings(max_examples=12, stateful_step_count=30, deadline=None)
    )
