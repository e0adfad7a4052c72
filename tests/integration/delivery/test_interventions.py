"""Somebody pauses, cancels, leaves or stops while an edition is being sent, and is obeyed."""

import threading
import time
from contextlib import suppress

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.config import DeliverySection
from mailer.errors import RelayError
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from tests.actors import AMINA, STAFF
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    count_states,
    deliver_edition,
    resume_edition,
    run_during_first_message,
    with_settings,
    with_single_connection,
)
from tests.integration.factories import (
    begin_edition,
    make_addresses,
    read_deliveries,
    read_delivery_states,
)

READERS = make_addresses(7)
MANY = make_addresses(800)
CONNECTIONS, WINDOW = 8, 10


# ---- a pause ----------------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_a_pause_stops_at_the_gate(mailer: Mailer, relay: Relay, connections: int) -> None:
    edition = begin_edition(mailer, *MANY)
    before: list[int] = []

    def pause() -> None:
        with mailer.store.begin() as tx:
            editions.pause_edition(
                tx, STAFF, factories.reload_edition(tx, edition), mailer.clock(), reason="stop"
            )
        before.append(len(relay.received))

    run_during_first_message(relay, pause)
    ours = with_single_connection(mailer) if connections == 1 else mailer
    progress, report = deliver_edition(ours, edition)
    most = 4 if connections == 1 else CONNECTIONS * WINDOW
    assert progress.sent == len(relay.accepted) <= before[0] + most
    assert report.edition.state is EditionState.PAUSED
    assert count_states(report) == {"sent": progress.sent, "queued": len(MANY) - progress.sent}
    attempts = {(one.state, one.attempt) for one in read_deliveries(mailer.store, edition).values()}
    assert attempts == {(DeliveryState.SENT, 1), (DeliveryState.QUEUED, 0)}
    resume_edition(mailer, edition)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == MANY


# ---- a cancellation ---------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_a_cancellation_leaves_no_row_open(mailer: Mailer, relay: Relay, connections: int) -> None:
    edition = begin_edition(mailer, *MANY)

    def cancel() -> None:
        with mailer.store.begin() as tx:
            editions.cancel_edition(
                tx,
                AMINA,
                factories.reload_edition(tx, edition),
                mailer.clock(),
                reason="wrong date",
            )

    run_during_first_message(relay, cancel)
    ours = with_single_connection(mailer) if connections == 1 else mailer
    progress, report = deliver_edition(ours, edition)
    assert report.edition.state is EditionState.CANCELLED
    assert progress.sent == len(relay.accepted)
    assert count_states(report) == {"sent": progress.sent, "cancelled": len(MANY) - progress.sent}


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT])
def test_what_is_deferred_after_a_cancellation_is_cancelled(
    mailer: Mailer, relay: Relay, step: Step
) -> None:
    edition = begin_edition(mailer, *READERS)

    def cancel(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            editions.cancel_edition(
                tx, AMINA, factories.reload_edition(tx, edition), mailer.clock(), reason=""
            )
        return "451 4.3.0 later"

    relay.answer_once(step, cancel)
    deliver_edition(mailer, edition)
    left = set(read_delivery_states(mailer.store, edition).values())
    assert left <= {DeliveryState.SENT, DeliveryState.CANCELLED}


def test_a_relay_lost_after_a_cancellation_leaves_no_row_open(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *MANY)

    def cancel(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            editions.cancel_edition(
                tx, AMINA, factories.reload_edition(tx, edition), mailer.clock(), reason=""
            )
        relay.answer_always(Step.CONNECT, "554 5.3.2 closed")
        return "421 4.3.2 going down"

    relay.answer_once(Step.RCPT, cancel)
    with suppress(RelayError):  # the run may end before the relay is tried once more
        deliver_edition(with_single_connection(mailer), edition)
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.CANCELLED}


# ---- people who leave -------------------------------------------------------------------------


def test_one_who_leaves_meanwhile_gets_nothing(mailer: Mailer, relay: Relay) -> None:
    many = make_addresses(20)
    edition = begin_edition(mailer, *many)
    gone: list[str] = []

    def leave(envelope: Envelope) -> str:
        with mailer.store.begin() as tx:
            waiting = [
                one.address
                for one in tx.outbox.list_deliveries(edition)
                if one.state is DeliveryState.CLAIMED
            ]
            gone.extend(waiting[-2:])
            factories.unsubscribe_address(tx, waiting[-1])
            factories.suppress_address(tx, waiting[-2])
        return "250 2.0.0 queued"

    relay.answer_once(Step.DOT, leave)
    progress, report = deliver_edition(with_single_connection(mailer), edition)
    assert sorted(relay.accepted) == sorted(set(many) - set(gone))
    assert count_states(report) == {"sent": 18, "suppressed": 2}
    assert progress.turned_away == 2
    assert report.edition.state is EditionState.SENT


@pytest.mark.parametrize("number", [1, 3])
def test_one_who_leaves_while_their_message_waits_for_the_wire_gets_nothing(
    mailer: Mailer, relay: Relay, number: int
) -> None:
    """It has passed the gate; but that was long ago, so there is a second look."""
    edition = begin_edition(mailer, *READERS)

    def leave() -> None:
        time.sleep(1.2)  # well over a third of the lease
        with mailer.store.begin() as tx:
            factories.unsubscribe_address(tx, READERS[number])

    run_during_first_message(relay, leave)
    hasty = with_settings(
        with_single_connection(mailer), delivery=DeliverySection(lease=1, patience=0)
    )
    progress, report = deliver_edition(hasty, edition)
    assert sorted(relay.accepted) == [*READERS[:number], *READERS[number + 1 :]]
    assert count_states(report) == {"sent": 6, "suppressed": 1}
    assert progress.turned_away == 1
    assert report.edition.state is EditionState.SENT


# ---- stopping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_asked_to_stop_it_drains(mailer: Mailer, relay: Relay, connections: int) -> None:
    """What is on the wire is finished, the rest goes back."""
    edition = begin_edition(mailer, *MANY)
    stop = threading.Event()

    def slowly(_: Envelope) -> str:
        stop.set()
        time.sleep(0.3)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, slowly)
    ours = with_single_connection(mailer) if connections == 1 else mailer
    progress, report = deliver_edition(ours, edition, stop=stop)
    assert 0 < progress.sent == len(relay.accepted) <= connections
    assert progress.in_doubt == 0
    assert count_states(report) == {"sent": progress.sent, "queued": len(MANY) - progress.sent}
    assert report.edition.state is EditionState.SENDING
    assert {
        one.attempt
        for one in read_deliveries(mailer.store, edition).values()
        if one.state is DeliveryState.QUEUED
    } == {0}
    relay.reset_script()
    deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == MANY


def test_an_error_on_the_way_ends_it_at_once_and_leaves_the_wire_in_doubt(
    mailer: Mailer, relay: Relay
) -> None:
    edition = begin_edition(mailer, *MANY)
    reached = threading.Event()

    def wait(_: Envelope) -> str:
        reached.set()
        time.sleep(1)
        return "250 2.0.0 queued"

    relay.answer_once(Step.DOT, wait)

    def interrupt(_: object) -> None:
        if reached.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_single_connection(mailer).deliver_editions([edition], threading.Event(), interrupt)
    found = list(read_delivery_states(mailer.store, edition).values())
    assert found.count(DeliveryState.IN_DOUBT) == 1
    assert found.count(DeliveryState.QUEUED) == len(MANY) - 1
    with mailer.store.read() as tx:
        assert tx.outbox.list_workers() == []
