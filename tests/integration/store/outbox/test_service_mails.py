"""Service mails with the same text share one edition: none is lost, sent twice, or stranded in an
edition that is marked as sent."""

import threading
import time
from dataclasses import replace

import pytest

from mailer import editions
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState, Priority
from mailer.model.editions import Edition, EditionBody
from mailer.store import SqlTransaction, Store
from mailer.store.outbox.service_mails import Addressee, ServiceEditionKey
from tests.actors import AMINA, STAFF
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.factories import HOUR, NOW
from tests.integration.store.outbox.transitions import (
    check_gate_again,
    claim_deliveries,
    gate_deliveries,
)

BODY = EditionBody("en", "Please confirm", "Confirm.\n", "<p>Confirm.</p>", "z12345678", stories=1)
CONFIRM = ServiceEditionKey(EditionKind.SERVICE, "confirm", "news", "confirm · News", "seed")
WELCOME = ServiceEditionKey(
    EditionKind.WELCOME, "welcome", "news", "welcome · News", "another seed"
)
S = EditionState


@pytest.fixture
def ready_mailer(mailer: Mailer) -> Mailer:
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
    return mailer


def queue_mail(
    tx: SqlTransaction, *addresses: str, key: ServiceEditionKey = CONFIRM
) -> frozenset[str]:
    people = {address: Addressee(number) for number, address in enumerate(addresses, 7)}
    return tx.service_mails.queue_service_mail(key, BODY, people, NOW)


def list_all_editions(store: Store) -> list[Edition]:
    """List all editions, the oldest first."""
    with store.read() as tx:
        return tx.editions.list_recent_editions([], 100, notices=True)[::-1]


def deliver_all(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def find_stranded_addresses(store: Store) -> list[str]:
    """Find addresses whose mail is queued in an edition that is marked as sent."""
    return [
        delivery.address
        for edition in list_all_editions(store)
        if edition.state is S.SENT
        for delivery in factories.read_deliveries(store, edition).values()
        if delivery.state is DeliveryState.QUEUED
    ]


# ---- service editions -------------------------------------------------------------------------


def test_service_mail_goes_at_once_to_address_on_no_list(
    ready_mailer: Mailer, relay: Relay
) -> None:
    with ready_mailer.store.begin() as tx:
        assert queue_mail(tx, "a@example.net", "b@example.net") == {
            "a@example.net",
            "b@example.net",
        }
    (edition,) = list_all_editions(ready_mailer.store)
    assert (edition.kind, edition.state, edition.priority) == (
        EditionKind.SERVICE,
        S.SENDING,
        Priority.URGENT,
    )
    assert (edition.archive, edition.list, edition.template) == (
        ArchiveVisibility.PRIVATE,
        "news",
        "confirm",
    )
    deliver_all(ready_mailer)
    assert sorted(relay.accepted) == ["a@example.net", "b@example.net"]
    assert [edition.state for edition in list_all_editions(ready_mailer.store)] == [S.SENT]


def test_equal_service_mails_share_one_edition(ready_mailer: Mailer, relay: Relay) -> None:
    for address in ("a@example.net", "b@example.net", "c@example.net"):
        with ready_mailer.store.begin() as tx:
            queue_mail(tx, address)
        assert [edition.state for edition in list_all_editions(ready_mailer.store)] == [S.SENDING]
        deliver_all(ready_mailer)
    (edition,) = list_all_editions(ready_mailer.store)
    assert edition.state is S.SENT
    assert len(relay.accepted) == 3
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "d@example.net", key=replace(CONFIRM, seed="changed text"))
    assert len(list_all_editions(ready_mailer.store)) == 2


def test_second_service_mail_to_address_gets_further_edition(
    ready_mailer: Mailer, relay: Relay
) -> None:
    for _ in range(3):
        with ready_mailer.store.begin() as tx:
            assert queue_mail(tx, "a@example.net") == {"a@example.net"}
        deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"] * 3
    assert [edition.name for edition in list_all_editions(ready_mailer.store)] == [
        "confirm · News",
        "confirm · News (2)",
        "confirm · News (3)",
    ]
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
    states = [edition.state for edition in list_all_editions(ready_mailer.store)]
    assert states == [S.SENDING, S.SENT, S.SENT], "the first edition has room for other addresses"


def test_service_mail_is_queued_only_for_addresses_not_in_edition(
    ready_mailer: Mailer,
) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    with ready_mailer.store.begin() as tx:
        assert queue_mail(tx, "a@example.net", "b@example.net") == {"b@example.net"}
        assert queue_mail(tx, "a@example.net") == {"a@example.net"}
    assert len(list_all_editions(ready_mailer.store)) == 2


def test_rolled_back_service_mail_leaves_nothing(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    deliver_all(ready_mailer)
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
        tx.rollback()
    (edition,) = list_all_editions(ready_mailer.store)
    assert edition.state is S.SENT
    assert list(factories.read_deliveries(ready_mailer.store, edition)) == ["a@example.net"]
    deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"]


def test_cancelled_service_edition_takes_no_more_mails(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    (edition,) = list_all_editions(ready_mailer.store)
    with ready_mailer.store.begin() as tx:
        editions.cancel_edition(
            tx, AMINA, editions.get_edition(tx, edition.id), ready_mailer.clock(), reason=""
        )
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
    assert [edition.state for edition in list_all_editions(ready_mailer.store)] == [
        S.CANCELLED,
        S.SENDING,
    ]
    deliver_all(ready_mailer)
    assert relay.accepted == ["b@example.net"]


def test_service_mail_is_hidden_from_lists_of_editions(ready_mailer: Mailer) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
        queue_mail(tx, "a@example.net", key=WELCOME)
    with ready_mailer.store.read() as tx:
        assert tx.editions.list_recent_editions() == []
        assert tx.editions.find_unnotified_editions(9) == []


# ---- the gate ---------------------------------------------------------------------------------


def test_service_mail_to_suppressed_address_is_not_sent(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net", "b@example.net")
        factories.suppress_address(tx, "b@example.net")
    deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"]
    (edition,) = list_all_editions(ready_mailer.store)
    assert (
        factories.read_delivery_states(ready_mailer.store, edition)["b@example.net"]
        is DeliveryState.SUPPRESSED
    )


def test_suppression_after_claim_blocks_service_mail(ready_mailer: Mailer, worker_id: int) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net", "b@example.net")
    (edition,) = list_all_editions(ready_mailer.store)
    claims = claim_deliveries(ready_mailer.store, edition, worker_id)
    with ready_mailer.store.begin() as tx:
        factories.suppress_address(tx, "b@example.net")
    addresses_by_id = {claim.id: claim.address for claim in claims}
    assert {
        addresses_by_id[delivery_id]
        for delivery_id in gate_deliveries(ready_mailer.store, worker_id, claims)
    } == {"a@example.net"}
    with ready_mailer.store.begin() as tx:
        factories.suppress_address(tx, "a@example.net")
    assert check_gate_again(ready_mailer.store, worker_id, claims) == set()


def test_request_id_of_service_mail_is_not_taken_for_member(
    ready_mailer: Mailer, relay: Relay, worker_id: int
) -> None:
    """The id in a confirmation may equal that of a member who unsubscribed, or of another one."""
    with ready_mailer.store.begin() as tx:
        leaver = factories.add_subscriber(tx, "leaver@example.org")
        factories.unsubscribe_address(tx, "leaver@example.org")
        tx.service_mails.queue_service_mail(
            CONFIRM, BODY, {"a@example.net": Addressee(leaver.id)}, NOW
        )
    deliver_all(ready_mailer)
    assert relay.accepted == ["a@example.net"]
    with ready_mailer.store.read() as tx:
        assert tx.subscribers.list_mailed_editions(leaver) == []


def test_welcome_mail_goes_only_to_members(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        member = factories.add_subscriber(tx, "stays@example.org")
        leaver = factories.add_subscriber(tx, "leaves@example.org")
        members = {subscriber.address: Addressee(subscriber.id) for subscriber in (member, leaver)}
        tx.service_mails.queue_service_mail(
            WELCOME, BODY, members | {"stranger@example.org": Addressee(99)}, NOW
        )
        factories.unsubscribe_address(tx, "leaves@example.org")
    deliver_all(ready_mailer)
    assert relay.accepted == ["stays@example.org"]


def test_erased_address_gets_no_service_mail(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
        tx.subscribers.erase_address("a@example.net")
    deliver_all(ready_mailer)
    assert relay.accepted == []
    (edition,) = list_all_editions(ready_mailer.store)
    assert [*factories.read_delivery_states(ready_mailer.store, edition).values()] == [
        DeliveryState.SUPPRESSED
    ]


# ---- during a worker's run --------------------------------------------------------------------


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


def test_paused_service_edition_holds_its_mails(ready_mailer: Mailer, relay: Relay) -> None:
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "a@example.net")
    (edition,) = list_all_editions(ready_mailer.store)
    with ready_mailer.store.begin() as tx:
        editions.pause_edition(
            tx,
            create_local_actor("Ana"),
            editions.get_edition(tx, edition.id),
            NOW + HOUR,
        )
    with ready_mailer.store.begin() as tx:
        queue_mail(tx, "b@example.net")
    deliver_all(ready_mailer)
    assert relay.accepted == []
    with ready_mailer.store.begin() as tx:
        editions.resume_edition(tx, STAFF, editions.get_edition(tx, edition.id), NOW + HOUR)
    deliver_all(ready_mailer)
    assert sorted(relay.accepted) == ["a@example.net", "b@example.net"]
