"""Pause, cancel, unsubscribe and stop take effect while an edition is being sent."""

import threading
import time
from contextlib import suppress
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.config import DeliverySection
from mailer.errors import RelayError
from mailer.message import Recipient
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
def test_pause_during_send_blocks_gate(mailer: Mailer, relay: Relay, connections: int) -> None:
    edition = begin_edition(mailer, *MANY)
    counts_before: list[int] = []

    def pause_edition() -> None:
        with mailer.store.begin() as tx:
            editions.pause_edition(
                tx, STAFF, factories.reload_edition(tx, edition), mailer.clock(), reason="stop"
            )
        counts_before.append(len(relay.received))

    run_during_first_message(relay, pause_edition)
    changed_mailer = with_single_connection(mailer) if connections == 1 else mailer
    progress, report = deliver_edition(changed_mailer, edition)
    max_late = 4 if connections == 1 else CONNECTIONS * WINDOW
    assert progress.sent == len(relay.accepted) <= counts_before[0] + max_late
    assert report.edition.state is EditionState.PAUSED
    assert count_states(report) == {"sent": progress.sent, "queued": len(MANY) - progress.sent}
    attempts = {
        (delivery.state, delivery.attempt)
        for delivery in read_deliveries(mailer.store, edition).values()
    }
    assert attempts == {(DeliveryState.SENT, 1), (DeliveryState.QUEUED, 0)}
    resume_edition(mailer, edition)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == MANY


def test_mails_resumed_on_another_day_have_that_day(mailer: Mailer) -> None:
    edition = begin_edition(mailer, "ana@example.org", template="digest")
    assert edition.planned_at
    reader = Recipient(1, 1, "ana@example.org", "", 1)
    begun_day = edition.planned_at.astimezone(ZoneInfo("Europe/London")).date()
    assert mailer.settings.defaults.time_zone == "Europe/London"
    for days_later in (0, 1, 3):
        with mailer.store.begin() as tx:
            now = edition.planned_at + timedelta(days=days_later)
            if days_later:
                paused = editions.pause_edition(
                    tx, AMINA, factories.reload_edition(tx, edition), now
                )
                editions.resume_edition(tx, AMINA, paused, now)
            templates = mailer.build_message_templates(tx, factories.reload_edition(tx, edition))
        day = f"{begun_day + timedelta(days=days_later):%A %-d %B %Y}"
        assert day in templates["en"].render_text(reader)
        assert day in templates["en"].render_html(reader)


# ---- a cancellation ---------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_cancel_during_send_leaves_no_delivery_open(
    mailer: Mailer, relay: Relay, connections: int
) -> None:
    edition = begin_edition(mailer, *MANY)

    def cancel_edition() -> None:
        with mailer.store.begin() as tx:
            editions.cancel_edition(
                tx,
                AMINA,
                factories.reload_edition(tx, edition),
                mailer.clock(),
                reason="wrong date",
            )

    run_during_first_message(relay, cancel_edition)
    changed_mailer = with_single_connection(mailer) if connections == 1 else mailer
    progress, report = deliver_edition(changed_mailer, edition)
    assert report.edition.state is EditionState.CANCELLED
    assert progress.sent == len(relay.accepted)
    assert count_states(report) == {"sent": progress.sent, "cancelled": len(MANY) - progress.sent}


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT])
def test_451_after_cancel_is_cancelled(mailer: Mailer, relay: Relay, step: Step) -> None:
    edition = begin_edition(mailer, *READERS)

    def cancel_and_defer(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            editions.cancel_edition(
                tx, AMINA, factories.reload_edition(tx, edition), mailer.clock(), reason=""
            )
        return "451 4.3.0 later"

    relay.answer_once(step, cancel_and_defer)
    deliver_edition(mailer, edition)
    states = set(read_delivery_states(mailer.store, edition).values())
    assert states <= {DeliveryState.SENT, DeliveryState.CANCELLED}


def test_cancel_before_relay_failure_leaves_no_delivery_open(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *MANY)

    def cancel_and_close(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            editions.cancel_edition(
                tx, AMINA, factories.reload_edition(tx, edition), mailer.clock(), reason=""
            )
        relay.answer_always(Step.CONNECT, "554 5.3.2 closed")
        return "421 4.3.2 going down"

    relay.answer_once(Step.RCPT, cancel_and_close)
    with suppress(RelayError):  # the run may end before the relay is tried once more
        deliver_edition(with_single_connection(mailer), edition)
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.CANCELLED}


# ---- unsubscribing ----------------------------------------------------------------------------


def test_unsubscribe_during_send_blocks_gate(mailer: Mailer, relay: Relay) -> None:
    addresses = make_addresses(20)
    edition = begin_edition(mailer, *addresses)
    stopped_addresses: list[str] = []

    def unsubscribe_two(envelope: Envelope) -> str:
        with mailer.store.begin() as tx:
            claimed_addresses = [
                delivery.address
                for delivery in tx.outbox.list_deliveries(edition)
                if delivery.state is DeliveryState.CLAIMED
            ]
            stopped_addresses.extend(claimed_addresses[-2:])
            factories.unsubscribe_address(tx, claimed_addresses[-1])
            factories.suppress_address(tx, claimed_addresses[-2])
        return "250 2.0.0 queued"

    relay.answer_once(Step.DOT, unsubscribe_two)
    progress, report = deliver_edition(with_single_connection(mailer), edition)
    assert sorted(relay.accepted) == sorted(set(addresses) - set(stopped_addresses))
    assert count_states(report) == {"sent": 18, "suppressed": 2}
    assert progress.turned_away == 2
    assert report.edition.state is EditionState.SENT


@pytest.mark.parametrize("number", [1, 3])
def test_unsubscribe_after_gate_blocks_waiting_message(
    mailer: Mailer, relay: Relay, number: int
) -> None:
    """The message passed the gate long ago, so it must pass again before it is sent."""
    edition = begin_edition(mailer, *READERS)

    def unsubscribe_late() -> None:
        time.sleep(1.2)  # well over a third of the lease
        with mailer.store.begin() as tx:
            factories.unsubscribe_address(tx, READERS[number])

    run_during_first_message(relay, unsubscribe_late)
    short_lease_mailer = with_settings(
        with_single_connection(mailer), delivery=DeliverySection(lease=1, patience=0)
    )
    progress, report = deliver_edition(short_lease_mailer, edition)
    assert sorted(relay.accepted) == [*READERS[:number], *READERS[number + 1 :]]
    assert count_states(report) == {"sent": 6, "suppressed": 1}
    assert progress.turned_away == 1
    assert report.edition.state is EditionState.SENT


# ---- stopping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("connections", [1, CONNECTIONS])
def test_stop_drains_connections_and_requeues_rest(
    mailer: Mailer, relay: Relay, connections: int
) -> None:
    """Messages on the wire are finished, the rest go back to the queue."""
    edition = begin_edition(mailer, *MANY)
    stop = threading.Event()

    def answer_slowly(_: Envelope) -> str:
        stop.set()
        time.sleep(0.3)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, answer_slowly)
    changed_mailer = with_single_connection(mailer) if connections == 1 else mailer
    progress, report = deliver_edition(changed_mailer, edition, stop=stop)
    assert 0 < progress.sent == len(relay.accepted) <= connections
    assert progress.in_doubt == 0
    assert count_states(report) == {"sent": progress.sent, "queued": len(MANY) - progress.sent}
    assert report.edition.state is EditionState.SENDING
    assert {
        delivery.attempt
        for delivery in read_deliveries(mailer.store, edition).values()
        if delivery.state is DeliveryState.QUEUED
    } == {0}
    relay.reset_script()
    deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == MANY


def test_interrupt_ends_run_at_once_with_one_in_doubt(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *MANY)
    reached_event = threading.Event()

    def answer_late(_: Envelope) -> str:
        reached_event.set()
        time.sleep(1)
        return "250 2.0.0 queued"

    relay.answer_once(Step.DOT, answer_late)

    def interrupt(_: object) -> None:
        if reached_event.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_single_connection(mailer).deliver_editions([edition], threading.Event(), interrupt)
    states = list(read_delivery_states(mailer.store, edition).values())
    assert states.count(DeliveryState.IN_DOUBT) == 1
    assert states.count(DeliveryState.QUEUED) == len(MANY) - 1
    with mailer.store.read() as tx:
        assert tx.outbox.list_workers() == []
