"""A sender that died, that is somewhere else, or that was taken for dead and lives."""

import sys
import threading
import time

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.config import DeliverySection
from mailer.delivery.outcomes import DeliveryProgress
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState, Priority
from tests.actors import STAFF
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    deliver_edition,
    deliver_editions,
    with_settings,
    with_single_connection,
)
from tests.integration.factories import begin_edition, make_addresses, read_deliveries

READERS = make_addresses(7)
MANY = make_addresses(60)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@linux_only
def test_what_a_dead_sender_held(mailer: Mailer, relay: Relay) -> None:
    """It died with rows claimed, and with one on the wire."""
    edition = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        dead = factories.register_dead_worker(tx)
        claimed = tx.outbox.claim_deliveries(edition.id, dead, 3)
        tx.outbox.gate_deliveries(dead, [claimed[0].id])
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    attempts = {one.address: one.attempt for one in read_deliveries(mailer.store, edition).values()}
    assert attempts.pop(claimed[0].address) == 2
    assert set(attempts.values()) == {1}
    with mailer.store.read() as tx:
        assert any(event.what == "in doubt" for event in tx.editions.list_events(edition))
        assert tx.outbox.list_workers() == []


def test_a_sender_elsewhere_whose_beat_stands_still_is_taken_over(
    mailer: Mailer, relay: Relay
) -> None:
    edition = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        elsewhere = factories.register_worker(tx)
        tx.outbox.claim_deliveries(edition.id, elsewhere, 3)
    told: list[DeliveryProgress] = []
    hasty = with_settings(mailer, delivery=DeliverySection(lease=1, patience=0))
    began = time.monotonic()
    hasty.deliver_editions([edition], threading.Event(), told.append)
    assert sorted(relay.accepted) == READERS
    assert time.monotonic() - began >= 1, "not before its lease has ended"
    assert any("another sender" in one.waiting for one in told)


def test_a_sender_elsewhere_that_lives_is_waited_for(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        elsewhere = factories.register_worker(tx)
        theirs = [claim.address for claim in tx.outbox.claim_deliveries(edition.id, elsewhere, 3)]
    over = threading.Event()

    def beat() -> None:
        ends = time.monotonic() + 2.5
        while time.monotonic() < ends:
            with mailer.store.begin() as tx:
                assert tx.outbox.update_heartbeat(elsewhere)
            time.sleep(0.2)
        with mailer.store.begin() as tx:
            tx.outbox.remove_worker(elsewhere)
        over.set()

    hasty = with_settings(mailer, delivery=DeliverySection(lease=1, patience=0))
    other = threading.Thread(target=beat)
    other.start()

    def not_theirs(envelope: Envelope) -> str:
        assert over.is_set() or envelope.recipient not in theirs
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, not_theirs)
    _, report = deliver_edition(hasty, edition)
    other.join()
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_one_that_was_taken_for_dead_and_lives_begins_anew(mailer: Mailer, relay: Relay) -> None:
    """What it held is another's; it brings the news of what was accepted, and goes on."""
    edition = begin_edition(mailer, *MANY)

    def take_over(_: Envelope) -> str:
        taken = None
        while taken is None:  # it may beat between the look and the take-over
            with mailer.store.begin() as tx:
                (running,) = tx.outbox.list_workers()
                taken = tx.outbox.reclaim_deliveries(running)
        # The news of those three may not have been written down yet: it will be, and wins.
        assert len(MANY) - 3 <= sum(taken) <= len(MANY)
        return "250 2.0.0 queued"

    for reader in MANY[:3]:
        relay.answer_once(Step.DOT, "250 2.0.0 queued", to=reader)
    relay.answer_once(Step.DOT, take_over, to=MANY[3])
    _, report = deliver_edition(with_single_connection(mailer, window=3), edition)
    if report.edition.state is not EditionState.SENT:
        _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    rows = read_deliveries(mailer.store, edition)
    assert {one.state for one in rows.values()} == {DeliveryState.SENT}
    assert sorted(set(relay.accepted)) == MANY
    assert len(relay.accepted) == len(MANY), "what was not sent was known not to be"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_sender_that_ends_takes_editions_in_the_order_of_gates(
    mailer: Mailer, relay: Relay
) -> None:
    """Else it holds one that a gate elsewhere wants, and wants one that this gate holds."""
    one = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        factories.add_story(tx, "roads")
        two, _ = editions.start_edition(
            tx,
            STAFF,
            factories.approve_without_composing(
                mailer, tx, factories.create_edition(tx, "roads", priority=Priority.URGENT)
            ),
            mailer.renderer,
            mailer.clock(),
        )
    raised: list[Exception] = []
    stop = threading.Event()
    stop.set()

    def run() -> None:
        try:
            deliver_editions(mailer, two, one, stop=stop)
        except Exception as error:
            raised.append(error)

    other = threading.Thread(target=run)
    with mailer.store.begin() as tx:
        tx.outbox.lock_edition_states([one.id])
        other.start()
        time.sleep(1.5)  # it ends now, and waits; PostgreSQL looks for deadlocks after a second
        assert set(tx.outbox.lock_edition_states([one.id, two.id])) == {one.id, two.id}
    other.join(30)
    assert raised == []
