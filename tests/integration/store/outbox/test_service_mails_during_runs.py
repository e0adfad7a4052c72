"""Service mails that are queued while workers run are sent soon, and none is stranded in an edition
that is marked as sent."""

import threading
import time
from dataclasses import replace

from mailer import editions
from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import Store
from tests.actors import STAFF
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.outbox.service_mail_factories import (
    CONFIRM,
    deliver_all,
    find_stranded_addresses,
    list_all_editions,
    queue_mail,
)
from tests.integration.store.outbox.transitions import (
    claim_deliveries,
    gate_deliveries,
)

S = EditionState


def test_running_worker_sends_service_mail_within_two_seconds(
    ready_mailer: Mailer, relay: Relay
) -> None:
    """Beside a newsletter, and after the mails' edition has been marked as sent."""
    may_hurry, stop_event = threading.Event(), threading.Event()

    def answer_slowly(envelope: Envelope) -> str:
        if envelope.recipient.startswith("reader") and not may_hurry.is_set():
            time.sleep(0.05)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, answer_slowly)
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, *factories.make_addresses(900), key=replace(CONFIRM, seed="long"))
    run = threading.Thread(
        target=lambda: ready_mailer.deliver_editions([], stop_event, follow_new=True)
    )
    run.start()
    waits: list[float] = []
    try:
        for number in range(3):
            address = f"new{number}@example.net"
            with ready_mailer.store.begin() as tx:
                queue_mail(tx, address)
            started_at = time.monotonic()
            while address not in relay.accepted and time.monotonic() - started_at < 10:
                time.sleep(0.02)
            waits.append(time.monotonic() - started_at)
    finally:
        may_hurry.set()
        run.join(30)
        stop_event.set()
        run.join()
    assert max(waits) < 2.5, waits
    assert len(relay.accepted) == 903
    assert find_stranded_addresses(ready_mailer.store) == []


def test_marking_edition_sent_strands_no_service_mail(ready_mailer: Mailer, relay: Relay) -> None:
    """Workers end all the time, when nothing is left to do, and mails are queued in between."""
    stop_event = threading.Event()
    count = 60
    failures: list[BaseException] = []

    def run_worker() -> None:
        try:
            while not stop_event.is_set():
                deliver_all(ready_mailer)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run_worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(count):
            with ready_mailer.store.begin() as tx:
                queue_mail(tx, f"new{number}@example.net")
            time.sleep(0.005 * (number % 7))
    finally:
        stop_event.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert find_stranded_addresses(ready_mailer.store) == []
    deliver_all(ready_mailer)
    assert sorted(relay.accepted) == sorted(f"new{number}@example.net" for number in range(count))
    (edition,) = list_all_editions(ready_mailer.store)
    assert edition.state is S.SENT


def test_marking_sent_and_queueing_wait_for_each_other(ready_mailer: Mailer) -> None:
    """Both read before they write. Whichever begins, the other sees its result."""
    store = ready_mailer.store
    with store.begin() as tx:
        queue_mail(tx, "a@example.net")
        edition = tx.editions.list_recent_editions([], 1, notices=True)[0]
        tx.outbox.mark_in_doubt_sent(edition, "")
    for number in range(20):
        inside_event, go_event = threading.Event(), threading.Event()

        def mark_sent(
            inside_event: threading.Event = inside_event, go_event: threading.Event = go_event
        ) -> None:
            """Mark the edition as sent, as the ledger does if no delivery is left."""
            with store.begin() as tx:
                edition_now = editions.get_edition(tx, edition.id)
                if edition_now.state is S.SENDING and not tx.outbox.has_unfinished_deliveries(
                    edition_now
                ):
                    inside_event.set()
                    go_event.wait(0.3)
                    tx.editions.set_state(edition_now, S.SENT, NOW, STAFF)
                inside_event.set()

        marking_thread = threading.Thread(target=mark_sent)
        if number % 2:
            marking_thread.start()
            inside_event.wait()
            adding_thread = threading.Thread(target=add_mail, args=(store, number, None))
            adding_thread.start()
            time.sleep(0.01)
            go_event.set()
        else:
            added_event = threading.Event()
            adding_thread = threading.Thread(target=add_mail, args=(store, number, added_event))
            adding_thread.start()
            added_event.wait()
            marking_thread.start()
        marking_thread.join()
        adding_thread.join()
        assert find_stranded_addresses(store) == [], number
        settle_all_queued(store, edition)
    assert len(factories.read_deliveries(store, edition)) == 21


def add_mail(store: Store, number: int, added_event: threading.Event | None) -> None:
    with store.begin() as tx:
        queue_mail(tx, f"new{number}@example.net")
        if added_event is not None:
            added_event.set()
            time.sleep(0.02)


def settle_all_queued(store: Store, edition: Edition) -> None:
    """Settle all queued mails as sent, without marking the edition."""
    with store.begin() as tx:
        worker_id = factories.register_worker(tx)
    claims = claim_deliveries(store, edition, worker_id)
    gate_deliveries(store, worker_id, claims)
    with store.begin() as tx:
        tx.outbox.settle_deliveries(
            [Settlement(claim.id, worker_id, DeliveryState.SENT, "250 ok") for claim in claims]
        )
