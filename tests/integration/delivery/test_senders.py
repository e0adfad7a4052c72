"""A sender that died, that is somewhere else, or that was taken for dead and lives."""

import sys
import threading
import time

import pytest

from mailer.app import Mailer
from mailer.config import DeliverySection
from mailer.delivery.outcomes import Progress
from mailer.editions import EditionState, Priority
from mailer.outbox import DeliveryState
from tests.integration import office
from tests.integration.delivery.runs import deliver, deliver_all, one_by_one, with_settings
from tests.integration.office import addresses, begun, deliveries
from tests.smtpd import Envelope, Relay, Step

READERS = addresses(7)
MANY = addresses(60)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@linux_only
def test_what_a_dead_sender_held(mailer: Mailer, relay: Relay) -> None:
    """It died with rows claimed, and with one on the wire."""
    edition = begun(mailer, *READERS)
    with mailer.store.begin() as tx:
        dead = office.dead_sender(tx)
        claimed = tx.queue.claim(edition.id, dead, 3)
        tx.queue.gate(dead, [claimed[0].id])
    _, report = deliver(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    attempts = {one.address: one.attempt for one in deliveries(mailer.store, edition).values()}
    assert attempts.pop(claimed[0].address) == 2
    assert set(attempts.values()) == {1}
    with mailer.store.read() as tx:
        assert any(event.what == "in doubt" for event in tx.editions.events(edition))
        assert tx.senders.senders() == []


def test_a_sender_elsewhere_whose_beat_stands_still_is_taken_over(
    mailer: Mailer, relay: Relay
) -> None:
    edition = begun(mailer, *READERS)
    with mailer.store.begin() as tx:
        elsewhere = office.sender(tx)
        tx.queue.claim(edition.id, elsewhere, 3)
    told: list[Progress] = []
    hasty = with_settings(mailer, delivery=DeliverySection(lease=1, patience=0))
    began = time.monotonic()
    hasty.deliver([edition], threading.Event(), told.append)
    assert sorted(relay.accepted) == READERS
    assert time.monotonic() - began >= 1, "not before its lease has ended"
    assert any("another sender" in one.waiting for one in told)


def test_a_sender_elsewhere_that_lives_is_waited_for(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *READERS)
    with mailer.store.begin() as tx:
        elsewhere = office.sender(tx)
        theirs = [claim.address for claim in tx.queue.claim(edition.id, elsewhere, 3)]
    over = threading.Event()

    def beat() -> None:
        ends = time.monotonic() + 2.5
        while time.monotonic() < ends:
            with mailer.store.begin() as tx:
                assert tx.senders.beat(elsewhere)
            time.sleep(0.2)
        with mailer.store.begin() as tx:
            tx.senders.sign_off(elsewhere)
        over.set()

    hasty = with_settings(mailer, delivery=DeliverySection(lease=1, patience=0))
    other = threading.Thread(target=beat)
    other.start()

    def not_theirs(envelope: Envelope) -> str:
        assert over.is_set() or envelope.recipient not in theirs
        return "250 2.0.0 queued"

    relay.always(Step.DOT, not_theirs)
    _, report = deliver(hasty, edition)
    other.join()
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_one_that_was_taken_for_dead_and_lives_begins_anew(mailer: Mailer, relay: Relay) -> None:
    """What it held is another's; it brings the news of what was accepted, and goes on."""
    edition = begun(mailer, *MANY)

    def take_over(_: Envelope) -> str:
        taken = None
        while taken is None:  # it may beat between the look and the take-over
            with mailer.store.begin() as tx:
                (running,) = tx.senders.senders()
                taken = tx.senders.take_over(running)
        # The news of those three may not have been written down yet: it will be, and wins.
        assert len(MANY) - 3 <= sum(taken) <= len(MANY)
        return "250 2.0.0 queued"

    for reader in MANY[:3]:
        relay.on(Step.DOT, "250 2.0.0 queued", to=reader)
    relay.on(Step.DOT, take_over, to=MANY[3])
    _, report = deliver(one_by_one(mailer, window=3), edition)
    if report.edition.state is not EditionState.SENT:
        _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENT
    rows = deliveries(mailer.store, edition)
    assert {one.state for one in rows.values()} == {DeliveryState.SENT}
    assert sorted(set(relay.accepted)) == MANY
    assert len(relay.accepted) == len(MANY), "what was not sent was known not to be"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_sender_that_ends_takes_editions_in_the_order_of_gates(
    mailer: Mailer, relay: Relay
) -> None:
    """Else it holds one that a gate elsewhere wants, and wants one that this gate holds."""
    one = begun(mailer, *READERS)
    with mailer.store.begin() as tx:
        office.story(tx, "roads")
        two, _ = mailer.start(
            tx,
            office.approved_by_hand(
                mailer, tx, office.edition(tx, "roads", priority=Priority.URGENT)
            ),
        )
    raised: list[Exception] = []
    stop = threading.Event()
    stop.set()

    def run() -> None:
        try:
            deliver_all(mailer, two, one, stop=stop)
        except Exception as error:
            raised.append(error)

    other = threading.Thread(target=run)
    with mailer.store.begin() as tx:
        tx.queue.states([one.id])
        other.start()
        time.sleep(1.5)  # it ends now, and waits; PostgreSQL looks for deadlocks after a second
        assert set(tx.queue.states([one.id, two.id])) == {one.id, two.id}
    other.join(30)
    assert raised == []
