"""A relay that takes each message and closes the link before its reply: the delivery is tried again
later and later, and after three attempts a person decides."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from mailer import outbox
from mailer.app import Mailer
from mailer.delivery.reply_report import count_open_failures, list_advice
from mailer.log import create_logger
from mailer.model.deliveries import MAX_DOUBTS, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.worker.process import Worker
from mailer.worker.status import read_status
from tests.actors import STAFF
from tests.fake_relay import CLOSE, Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import deliver_edition, get_edition_state
from tests.integration.factories import begin_edition, make_addresses, read_deliveries

READER = "ana@example.org"


@pytest.fixture(params=["pipelining"])
def relay() -> Iterator[Relay]:
    with Relay() as fake_relay:
        fake_relay.answer_always(Step.DOT, CLOSE, to=READER)
        yield fake_relay


def count_tries(relay: Relay) -> int:
    return sum(message.recipient == READER for message in relay.received)


def test_doubtful_delivery_waits_longer_each_time_then_for_a_person(
    mailer: Mailer, relay: Relay
) -> None:
    edition = begin_edition(mailer, READER, *make_addresses(3))
    for tries in range(1, MAX_DOUBTS + 1):
        _, report = deliver_edition(mailer, edition)
        row = read_deliveries(mailer.store, edition)[READER]
        assert (row.state, row.doubts, row.attempt) == (DeliveryState.IN_DOUBT, tries, tries)
        delay = row.next_attempt_at - row.updated_at
        assert abs(delay - outbox.get_retry_delay(tries)) < timedelta(seconds=5)
        if tries == MAX_DOUBTS:
            break
        assert report.edition.state is EditionState.SENDING
        assert report.undecided == 0
        assert report.next_resend_at == row.next_attempt_at
        assert count_open_failures(report) == {}, "no person has to act yet"
        deliver_edition(mailer, edition, at_once=False)
        assert read_deliveries(mailer.store, edition)[READER].attempt == tries, "it is not due"
        with mailer.store.read() as tx:
            assert not tx.outbox.has_work(), "the worker waits, too"
    assert get_edition_state(mailer.store, edition) is EditionState.SENT
    assert report.undecided == 1
    steps = [step.action for advice in list_advice(report) for step in advice.steps]
    assert steps == ["list_in_doubt", "resend_in_doubt", "mark_in_doubt_as_sent"]
    with mailer.store.read() as tx:
        problems = list(read_status(mailer, tx).problems)
    assert f"edition {edition.id}: 1 in doubt" in problems
    deliver_edition(mailer, edition)
    assert read_deliveries(mailer.store, edition)[READER].attempt == MAX_DOUBTS

    relay.reset_script()
    with mailer.store.begin() as tx:
        sent_edition = factories.reload_edition(tx, edition)
        assert outbox.send_in_doubt_again(tx, STAFF, sent_edition, mailer.clock()) == 1
    deliver_edition(mailer, edition)
    assert READER in relay.accepted


def test_running_worker_does_not_repeat_a_doubtful_delivery(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, READER)
    stop = threading.Event()
    worker = Worker(mailer, create_logger())
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        deadline = threading.Event()
        while read_deliveries(mailer.store, edition)[READER].doubts == 0:
            assert not deadline.wait(0.1)
        deadline.wait(5)  # before, the worker tried every half second
    finally:
        stop.set()
        thread.join()
    assert read_deliveries(mailer.store, edition)[READER].attempt == 1


def test_first_doubt_after_a_death_is_resent_at_once_and_the_second_later(
    mailer: Mailer, relay: Relay
) -> None:
    readers = make_addresses(4)
    edition = begin_edition(mailer, *readers)
    for round_number in (1, 2):
        with mailer.store.begin() as tx:
            worker_id = factories.register_dead_worker(tx)
            claims = tx.outbox.claim_deliveries(edition.id, worker_id, 9)
            tx.outbox.gate_deliveries(worker_id, [claim.id for claim in claims])
            (dead_worker,) = [
                worker for worker in tx.outbox.list_workers() if worker.id == worker_id
            ]
            assert tx.outbox.reclaim_deliveries(dead_worker) == (0, 4)
            requeued = tx.outbox.apply_in_doubt_rule(edition, mailer.clock())
        assert requeued == (4 if round_number == 1 else 0)
    rows = read_deliveries(mailer.store, edition).values()
    assert {row.doubts for row in rows} == {2}
    with mailer.store.begin() as tx:
        tx.connection.execute(text("UPDATE delivery SET doubts = 3"))
        assert tx.outbox.make_deliveries_due(edition) == 0
        assert not tx.outbox.has_unfinished_deliveries(edition)
