"""A worker that died, that runs on another machine, or that was declared dead although it lives."""

import sys
import threading
import time
from datetime import UTC, datetime, timedelta

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
def test_dead_workers_deliveries_are_reclaimed_and_sent(mailer: Mailer, relay: Relay) -> None:
    """The worker died with deliveries claimed, and with one on the wire."""
    edition = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        dead_worker = factories.register_dead_worker(tx)
        claims = tx.outbox.claim_deliveries(edition.id, dead_worker, 3)
        tx.outbox.gate_deliveries(dead_worker, [claims[0].id])
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    attempts = {
        delivery.address: delivery.attempt
        for delivery in read_deliveries(mailer.store, edition).values()
    }
    assert attempts.pop(claims[0].address) == 2
    assert set(attempts.values()) == {1}
    with mailer.store.read() as tx:
        assert any(event.event_type == "in doubt" for event in tx.editions.list_events(edition))
        assert tx.outbox.list_workers() == []


def test_process_with_a_wrong_clock_keeps_rows_of_ended_workers(mailer: Mailer) -> None:
    """A worker whose row is gone believes that the database has lost history, and pauses."""
    with mailer.store.begin() as tx:
        ended_worker = factories.register_worker(tx)
        tx.outbox.remove_worker(ended_worker)
        tx.outbox.register_worker("a month ahead", datetime.now(UTC) + timedelta(days=30))
        worker = tx.outbox.find_worker(ended_worker)
    assert worker is not None
    assert worker.has_ended


def test_remote_worker_without_heartbeat_is_reclaimed_after_lease(
    mailer: Mailer, relay: Relay
) -> None:
    edition = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        remote_worker = factories.register_worker(tx)
        tx.outbox.claim_deliveries(edition.id, remote_worker, 3)
    progress_reports: list[DeliveryProgress] = []
    short_lease_mailer = with_settings(mailer, delivery=DeliverySection(lease=1, patience=0))
    started_at = time.monotonic()
    short_lease_mailer.deliver_editions([edition], threading.Event(), progress_reports.append)
    assert sorted(relay.accepted) == READERS
    assert time.monotonic() - started_at >= 1, "the lease must end first"
    assert any("another worker" in progress.waiting for progress in progress_reports)


def test_remote_worker_with_heartbeat_is_waited_for(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        remote_worker = factories.register_worker(tx)
        remote_addresses = [
            claim.address for claim in tx.outbox.claim_deliveries(edition.id, remote_worker, 3)
        ]
    ended_event = threading.Event()

    def keep_heartbeat() -> None:
        ends_at = time.monotonic() + 2.5
        while time.monotonic() < ends_at:
            with mailer.store.begin() as tx:
                assert tx.outbox.update_heartbeat(remote_worker)
            time.sleep(0.2)
        with mailer.store.begin() as tx:
            tx.outbox.remove_worker(remote_worker)
        ended_event.set()

    short_lease_mailer = with_settings(mailer, delivery=DeliverySection(lease=1, patience=0))
    heartbeat_thread = threading.Thread(target=keep_heartbeat)
    heartbeat_thread.start()

    def check_recipient(envelope: Envelope) -> str:
        assert ended_event.is_set() or envelope.recipient not in remote_addresses
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, check_recipient)
    _, report = deliver_edition(short_lease_mailer, edition)
    heartbeat_thread.join()
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_worker_taken_for_dead_registers_again_and_goes_on(mailer: Mailer, relay: Relay) -> None:
    """Its deliveries were reclaimed; it still records accepted messages, and goes on."""
    edition = begin_edition(mailer, *MANY)

    def take_over(_: Envelope) -> str:
        reclaimed = None
        while reclaimed is None:  # its heartbeat may change before the reclaim
            with mailer.store.begin() as tx:
                (running_worker,) = tx.outbox.list_workers()
                reclaimed = tx.outbox.reclaim_deliveries(running_worker)
        # The replies to those three may not be written yet; they will be, and take precedence.
        assert len(MANY) - 3 <= sum(reclaimed) <= len(MANY)
        return "250 2.0.0 queued"

    for reader in MANY[:3]:
        relay.answer_once(Step.DOT, "250 2.0.0 queued", to=reader)
    relay.answer_once(Step.DOT, take_over, to=MANY[3])
    _, report = deliver_edition(with_single_connection(mailer, window=3), edition)
    if report.edition.state is not EditionState.SENT:
        _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    rows = read_deliveries(mailer.store, edition)
    assert {delivery.state for delivery in rows.values()} == {DeliveryState.SENT}
    assert sorted(set(relay.accepted)) == MANY
    assert len(relay.accepted) == len(MANY), "an unsent message must not count as in doubt"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_ending_worker_locks_editions_in_gate_order(mailer: Mailer, relay: Relay) -> None:
    """Otherwise the two workers would wait for each other's edition: a deadlock."""
    edition = begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        factories.add_story(tx, "roads")
        urgent_edition, _ = editions.start_edition(
            tx,
            STAFF,
            factories.approve_without_composing(
                mailer, tx, factories.create_edition(tx, "roads", priority=Priority.URGENT)
            ),
            mailer.renderer,
            mailer.clock(),
        )
    errors: list[Exception] = []
    stop = threading.Event()
    stop.set()

    def run_delivery() -> None:
        try:
            deliver_editions(mailer, urgent_edition, edition, stop=stop)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run_delivery)
    with mailer.store.begin() as tx:
        tx.outbox.lock_edition_states([edition.id])
        thread.start()
        time.sleep(1.5)  # the run ends and waits; PostgreSQL checks for deadlocks after a second
        assert set(tx.outbox.lock_edition_states([edition.id, urgent_edition.id])) == {
            edition.id,
            urgent_edition.id,
        }
    thread.join(30)
    assert errors == []
