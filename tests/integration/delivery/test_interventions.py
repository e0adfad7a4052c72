"""Somebody pauses, cancels, leaves or stops while an edition is being sent, and is obeyed."""

import threading
import time
from contextlib import suppress

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.config import DeliverySection
from mailer.editions import EditionState
from mailer.errors import RelayError
from mailer.outbox import DeliveryState
from tests.integration import office
from tests.integration.delivery.runs import (
    counted,
    deliver,
    one_by_one,
    resume,
    while_the_first_is_sent,
    with_settings,
)
from tests.integration.office import addresses, begun, deliveries, states
from tests.smtpd import Envelope, Relay, Step

READERS = addresses(7)
MANY = addresses(800)
CONNECTIONS, WINDOW = 8, 10


# ---- a pause ----------------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_a_pause_stops_at_the_gate(mailer: Mailer, relay: Relay, connections: int) -> None:
    edition = begun(mailer, *MANY)
    before: list[int] = []

    def pause() -> None:
        with mailer.store.begin() as tx:
            editions.pause(tx.editions, office.again(tx, edition), mailer.clock(), reason="stop")
        before.append(len(relay.received))

    while_the_first_is_sent(relay, pause)
    ours = one_by_one(mailer) if connections == 1 else mailer
    progress, report = deliver(ours, edition)
    most = 4 if connections == 1 else CONNECTIONS * WINDOW
    assert progress.sent == len(relay.accepted) <= before[0] + most
    assert report.edition.state is EditionState.PAUSED
    assert counted(report) == {"sent": progress.sent, "queued": len(MANY) - progress.sent}
    attempts = {(one.state, one.attempt) for one in deliveries(mailer.store, edition).values()}
    assert attempts == {(DeliveryState.SENT, 1), (DeliveryState.QUEUED, 0)}
    resume(mailer, edition)
    _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == MANY


# ---- a cancellation ---------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_a_cancellation_leaves_no_row_open(mailer: Mailer, relay: Relay, connections: int) -> None:
    edition = begun(mailer, *MANY)

    def cancel() -> None:
        with mailer.store.begin() as tx:
            mailer.cancel(tx, office.again(tx, edition), reason="wrong date", actor="Amina")

    while_the_first_is_sent(relay, cancel)
    ours = one_by_one(mailer) if connections == 1 else mailer
    progress, report = deliver(ours, edition)
    assert report.edition.state is EditionState.CANCELLED
    assert progress.sent == len(relay.accepted)
    assert counted(report) == {"sent": progress.sent, "cancelled": len(MANY) - progress.sent}


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT])
def test_what_is_deferred_after_a_cancellation_is_cancelled(
    mailer: Mailer, relay: Relay, step: Step
) -> None:
    edition = begun(mailer, *READERS)

    def cancel(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            mailer.cancel(tx, office.again(tx, edition), reason="", actor="Amina")
        return "451 4.3.0 later"

    relay.on(step, cancel)
    deliver(mailer, edition)
    left = set(states(mailer.store, edition).values())
    assert left <= {DeliveryState.SENT, DeliveryState.CANCELLED}


def test_a_relay_lost_after_a_cancellation_leaves_no_row_open(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *MANY)

    def cancel(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            mailer.cancel(tx, office.again(tx, edition), reason="", actor="Amina")
        relay.always(Step.CONNECT, "554 5.3.2 closed")
        return "421 4.3.2 going down"

    relay.on(Step.RCPT, cancel)
    with suppress(RelayError):  # the run may end before the relay is tried once more
        deliver(one_by_one(mailer), edition)
    assert set(states(mailer.store, edition).values()) == {DeliveryState.CANCELLED}


# ---- people who leave -------------------------------------------------------------------------


def test_one_who_leaves_meanwhile_gets_nothing(mailer: Mailer, relay: Relay) -> None:
    many = addresses(20)
    edition = begun(mailer, *many)
    gone: list[str] = []

    def leave(envelope: Envelope) -> str:
        with mailer.store.begin() as tx:
            waiting = [
                one.address
                for one in tx.outbox.deliveries(edition)
                if one.state is DeliveryState.CLAIMED
            ]
            gone.extend(waiting[-2:])
            office.leave(tx, waiting[-1])
            office.suppress(tx, waiting[-2])
        return "250 2.0.0 queued"

    relay.on(Step.DOT, leave)
    progress, report = deliver(one_by_one(mailer), edition)
    assert sorted(relay.accepted) == sorted(set(many) - set(gone))
    assert counted(report) == {"sent": 18, "suppressed": 2}
    assert progress.turned_away == 2
    assert report.edition.state is EditionState.SENT


@pytest.mark.parametrize("number", [1, 3])
def test_one_who_leaves_while_their_message_waits_for_the_wire_gets_nothing(
    mailer: Mailer, relay: Relay, number: int
) -> None:
    """It has passed the gate; but that was long ago, so there is a second look."""
    edition = begun(mailer, *READERS)

    def leave() -> None:
        time.sleep(1.2)  # well over a third of the lease
        with mailer.store.begin() as tx:
            office.leave(tx, READERS[number])

    while_the_first_is_sent(relay, leave)
    hasty = with_settings(one_by_one(mailer), delivery=DeliverySection(lease=1, patience=0))
    progress, report = deliver(hasty, edition)
    assert sorted(relay.accepted) == [*READERS[:number], *READERS[number + 1 :]]
    assert counted(report) == {"sent": 6, "suppressed": 1}
    assert progress.turned_away == 1
    assert report.edition.state is EditionState.SENT


# ---- stopping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_asked_to_stop_it_drains(mailer: Mailer, relay: Relay, connections: int) -> None:
    """What is on the wire is finished, the rest goes back."""
    edition = begun(mailer, *MANY)
    stop = threading.Event()

    def slowly(_: Envelope) -> str:
        stop.set()
        time.sleep(0.3)
        return "250 2.0.0 queued"

    relay.always(Step.DOT, slowly)
    ours = one_by_one(mailer) if connections == 1 else mailer
    progress, report = deliver(ours, edition, stop=stop)
    assert 0 < progress.sent == len(relay.accepted) <= connections
    assert progress.in_doubt == 0
    assert counted(report) == {"sent": progress.sent, "queued": len(MANY) - progress.sent}
    assert report.edition.state is EditionState.SENDING
    assert {
        one.attempt
        for one in deliveries(mailer.store, edition).values()
        if one.state is DeliveryState.QUEUED
    } == {0}
    relay.forget()
    deliver(mailer, edition)
    assert sorted(relay.accepted) == MANY


def test_an_error_on_the_way_ends_it_at_once_and_leaves_the_wire_in_doubt(
    mailer: Mailer, relay: Relay
) -> None:
    edition = begun(mailer, *MANY)
    reached = threading.Event()

    def wait(_: Envelope) -> str:
        reached.set()
        time.sleep(1)
        return "250 2.0.0 queued"

    relay.on(Step.DOT, wait)

    def interrupt(_: object) -> None:
        if reached.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one_by_one(mailer).deliver([edition], threading.Event(), interrupt)
    found = list(states(mailer.store, edition).values())
    assert found.count(DeliveryState.IN_DOUBT) == 1
    assert found.count(DeliveryState.QUEUED) == len(MANY) - 1
    with mailer.store.read() as tx:
        assert tx.senders.senders() == []
