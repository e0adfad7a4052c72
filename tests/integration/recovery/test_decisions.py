"""Accepting a restored database stops what may have been sent, and a worker waits for it."""

import io
import json
import threading
import time

import pytest

from mailer import digests, editions, outbox, recovery
from mailer.app import Mailer
from mailer.errors import Refused
from mailer.log import create_logger
from mailer.model.deliveries import DeliveryState
from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.model.recovery import RecoveryReport
from mailer.model.schedules import OccurrenceState
from mailer.model.signup import ConfirmationState
from mailer.store import Store
from mailer.worker import Worker
from mailer.worker.status import read_status
from tests.actors import STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.recovery.conftest import begin_edition, deliver_due
from tests.integration.worker.conftest import (
    HOUR,
    NINE,
    WorkerHarness,
    harness,
    office_with_notices,
)
from tests.integration.worker.sign_ups import find_state, request_sign_up, run_worker

__all__ = ["harness", "office_with_notices"]


def suspend(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        recovery.suspend_deliveries(tx, STAFF, "it was restored from a backup", mailer.clock())


def accept(mailer: Mailer) -> RecoveryReport:
    with mailer.store.begin() as tx:
        calendars = mailer.build_calendars(tx)
        report = recovery.accept_database(tx, STAFF, calendars, mailer.clock())
    mailer.guard.save_accepted_marker()
    return report


def test_accepting_pauses_editions_and_keeps_deliveries_in_doubt(
    mailer: Mailer, relay: Relay
) -> None:
    edition = begin_edition(mailer, 4)
    with mailer.store.begin() as tx:
        worker_id = factories.register_dead_worker(tx)
        claims = tx.outbox.claim_deliveries(edition.id, worker_id, 2)
        tx.outbox.gate_deliveries(worker_id, [claims[0].id])
    assert accept(mailer).in_doubt == {edition.id: 4}
    assert accept(mailer).in_doubt == {edition.id: 4}, "accepting again changes nothing"
    deliver_due(mailer)
    assert relay.accepted == []
    with mailer.store.read() as tx:
        paused = editions.get_edition(tx, edition.id)
        assert tx.outbox.list_workers() == []
    assert paused.state is EditionState.PAUSED
    assert paused.in_doubt is InDoubtPolicy.KEEP_IN_DOUBT
    assert "unsent deliveries are in doubt" in paused.reason
    with mailer.store.begin() as tx:
        status = read_status(mailer, tx)
        assert status.doubts == {edition.id: 4}
        assert any(problem.endswith("; 4 in doubt") for problem in status.problems)
        with pytest.raises(Refused, match="only deliveries in doubt") as caught:
            editions.resume_edition(tx, STAFF, paused, mailer.clock())
        assert "resend_in_doubt" in {step.action for step in caught.value.next_steps}
        (first_id, _), *_ = tx.outbox.find_states_by_address(
            paused, factories.make_addresses(4)
        ).values()
        outbox.send_in_doubt_again(tx, STAFF, paused, mailer.clock(), chosen_ids=[first_id])
        resumed = editions.resume_edition(tx, STAFF, paused, mailer.clock())
    assert resumed.state is EditionState.SENDING
    assert deliver_due(mailer) == 1
    with mailer.store.read() as tx:
        assert tx.outbox.build_report(editions.get_edition(tx, edition.id)).undecided == 3


def test_accepting_puts_due_occurrence_and_scheduled_edition_on_hold(
    harness: WorkerHarness,
) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("daily")
    harness.run_tick(NINE - HOUR / 2)
    assert harness.get_edition().state is EditionState.SCHEDULED
    harness.now = NINE + 24 * HOUR - HOUR / 2
    report = accept(harness.mailer)
    assert report.editions_on_hold == (harness.get_edition().id,)
    assert report.occurrences_on_hold == 1
    assert not harness.scheduler.run_tick(), "its lease is from before the restoration"
    harness.run_tick(NINE + 24 * HOUR)
    harness.deliver_editions()
    assert harness.list_readers_reached() == []
    with harness.mailer.store.read() as tx:
        states = [saved.state for saved in tx.schedules.list_occurrences("weekly", 9)]
        assert tx.digests.list_digests() == [digests.get_digest(tx, "weekly")]
    assert OccurrenceState.ON_HOLD in states


def test_accepting_answers_no_sign_up_twice(harness: WorkerHarness, relay: Relay) -> None:
    sign_up = request_sign_up(harness)
    assert sign_up is not None
    assert accept(harness.mailer).sign_ups == 1
    run_worker(harness)
    assert relay.accepted == []
    assert find_state(harness, sign_up.id) is ConfirmationState.MAILED


def test_accepting_skips_ids_that_links_may_carry(store: Store, mailer: Mailer) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        last_id = factories.add_subscriber(tx, "first@example.org").id
    accept(mailer)
    with store.begin() as tx:
        next_id = factories.add_subscriber(tx, "second@example.org").id
    assert next_id > last_id + 999_999


def test_status_names_an_unrecognised_database(mailer: Mailer) -> None:
    mailer.guard.confirm_database()
    suspend(mailer)
    with mailer.store.read() as tx:
        status = read_status(mailer, tx)
    assert status.refusal is not None
    assert "restored from a backup" in status.refusal.reason
    assert next(status.problems).startswith("nothing is sent from this database")


def wait_until(condition: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_running_worker_stops_and_goes_on_after_the_decision(
    mailer: Mailer, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.worker.process.IDLE_INTERVAL", 0.2)
    mailer.guard.confirm_database()
    suspend(mailer)
    log_stream = io.StringIO()
    stop = threading.Event()
    worker = Worker(mailer, create_logger(log_stream))
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        edition = begin_edition(mailer, 2)
        wait_until(lambda: "database unrecognised" in log_stream.getvalue())
        time.sleep(1.5)
        assert relay.accepted == []
        accept(Mailer(mailer.settings, mailer.store))
        with mailer.store.begin() as tx:
            paused = editions.get_edition(tx, edition.id)
            tx.outbox.return_to_queue(edition.id, [DeliveryState.IN_DOUBT])
            editions.resume_edition(tx, STAFF, paused, mailer.clock())
        wait_until(lambda: len(relay.accepted) == 2)
    finally:
        stop.set()
        thread.join()
    events = [json.loads(line)["event"] for line in log_stream.getvalue().splitlines()]
    assert events.count("database unrecognised") == 1, "said once, not each second"
    assert "database recognised" in events
