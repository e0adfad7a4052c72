"""Letters stand in one edition for all that say the same; none is lost, none goes twice, and none
is left behind in an edition that counts as sent."""

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
from tests.actors import STAFF
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
def ready(mailer: Mailer) -> Mailer:
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
    return mailer


def put(tx: SqlTransaction, *to: str, standing: ServiceEditionKey = CONFIRM) -> frozenset[str]:
    people = {address: Addressee(number) for number, address in enumerate(to, 7)}
    return tx.service_mails.queue_service_mail(standing, BODY, people, NOW)


def all_editions(store: Store) -> list[Edition]:
    """The oldest first."""
    with store.read() as tx:
        return tx.editions.list_recent_editions([], 100, notices=True)[::-1]


def deliver(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def queued_under_sent(store: Store) -> list[str]:
    """Addresses whose letter was left behind."""
    return [
        one.address
        for edition in all_editions(store)
        if edition.state is S.SENT
        for one in factories.read_deliveries(store, edition).values()
        if one.state is DeliveryState.QUEUED
    ]


# ---- standing editions ------------------------------------------------------------------------


def test_a_letter_goes_out_at_once_to_whoever_is_on_no_list(ready: Mailer, relay: Relay) -> None:
    with ready.store.begin() as tx:
        assert put(tx, "a@example.net", "b@example.net") == {"a@example.net", "b@example.net"}
    (made,) = all_editions(ready.store)
    assert (made.kind, made.state, made.priority) == (
        EditionKind.SERVICE,
        S.SENDING,
        Priority.URGENT,
    )
    assert (made.archive, made.list, made.template) == (
        ArchiveVisibility.PRIVATE,
        "news",
        "confirm",
    )
    deliver(ready)
    assert sorted(relay.accepted) == ["a@example.net", "b@example.net"]
    assert [one.state for one in all_editions(ready.store)] == [S.SENT]


def test_what_says_the_same_stands_in_the_same_edition(ready: Mailer, relay: Relay) -> None:
    for address in ("a@example.net", "b@example.net", "c@example.net"):
        with ready.store.begin() as tx:
            put(tx, address)
        assert [one.state for one in all_editions(ready.store)] == [S.SENDING]
        deliver(ready)
    (made,) = all_editions(ready.store)
    assert made.state is S.SENT
    assert len(relay.accepted) == 3
    with ready.store.begin() as tx:
        put(tx, "d@example.net", standing=replace(CONFIRM, seed="what has changed"))
    assert len(all_editions(ready.store)) == 2


def test_a_second_letter_to_the_same_address_stands_in_a_further_edition(
    ready: Mailer, relay: Relay
) -> None:
    for _ in range(3):
        with ready.store.begin() as tx:
            assert put(tx, "a@example.net") == {"a@example.net"}
        deliver(ready)
    assert relay.accepted == ["a@example.net"] * 3
    assert [one.name for one in all_editions(ready.store)] == [
        "confirm · News",
        "confirm · News (2)",
        "confirm · News (3)",
    ]
    with ready.store.begin() as tx:
        put(tx, "b@example.net")
    states = [one.state for one in all_editions(ready.store)]
    assert states == [S.SENDING, S.SENT, S.SENT], "the first has room for everybody else"


def test_of_several_those_have_room_that_have_not_had_it_and_the_others_next_time(
    ready: Mailer,
) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net")
    with ready.store.begin() as tx:
        assert put(tx, "a@example.net", "b@example.net") == {"b@example.net"}
        assert put(tx, "a@example.net") == {"a@example.net"}
    assert len(all_editions(ready.store)) == 2


def test_what_is_undone_leaves_nothing(ready: Mailer, relay: Relay) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net")
    deliver(ready)
    with ready.store.begin() as tx:
        put(tx, "b@example.net")
        tx.rollback()
    (made,) = all_editions(ready.store)
    assert made.state is S.SENT
    assert list(factories.read_deliveries(ready.store, made)) == ["a@example.net"]
    deliver(ready)
    assert relay.accepted == ["a@example.net"]


def test_one_that_was_cancelled_takes_no_more(ready: Mailer, relay: Relay) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net")
    (made,) = all_editions(ready.store)
    with ready.store.begin() as tx:
        editions.cancel_edition(tx, STAFF, editions.get_edition(tx, made.id), ready.clock())
    with ready.store.begin() as tx:
        put(tx, "b@example.net")
    assert [one.state for one in all_editions(ready.store)] == [S.CANCELLED, S.SENDING]
    deliver(ready)
    assert relay.accepted == ["b@example.net"]


def test_staff_s_lists_of_editions_do_not_show_it(ready: Mailer) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net")
        put(tx, "a@example.net", standing=WELCOME)
    with ready.store.read() as tx:
        assert tx.editions.list_recent_editions() == []
        assert tx.editions.find_unnotified_editions(9) == []


# ---- the gate ---------------------------------------------------------------------------------


def test_an_address_that_is_suppressed_is_spared(ready: Mailer, relay: Relay) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net", "b@example.net")
        factories.suppress_address(tx, "b@example.net")
    deliver(ready)
    assert relay.accepted == ["a@example.net"]
    (made,) = all_editions(ready.store)
    assert (
        factories.read_delivery_states(ready.store, made)["b@example.net"]
        is DeliveryState.SUPPRESSED
    )


def test_it_is_spared_too_when_it_is_suppressed_after_the_claim(ready: Mailer, one: int) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net", "b@example.net")
    (made,) = all_editions(ready.store)
    some = claim_deliveries(ready.store, made, one)
    with ready.store.begin() as tx:
        factories.suppress_address(tx, "b@example.net")
    of = {claim.id: claim.address for claim in some}
    assert {of[number] for number in gate_deliveries(ready.store, one, some)} == {"a@example.net"}
    with ready.store.begin() as tx:
        factories.suppress_address(tx, "a@example.net")
    assert check_gate_again(ready.store, one, some) == set()


def test_the_number_in_a_letter_is_not_taken_for_a_members(
    ready: Mailer, relay: Relay, one: int
) -> None:
    """A confirmation may have the number of a member who has left, or has another address."""
    with ready.store.begin() as tx:
        leaver = factories.add_subscriber(tx, "leaver@example.org")
        factories.unsubscribe_address(tx, "leaver@example.org")
        tx.service_mails.queue_service_mail(
            CONFIRM, BODY, {"a@example.net": Addressee(leaver.id)}, NOW
        )
    deliver(ready)
    assert relay.accepted == ["a@example.net"]
    with ready.store.read() as tx:
        assert tx.subscribers.list_mailed_editions(leaver) == []


def test_a_welcome_goes_to_members_only(ready: Mailer, relay: Relay) -> None:
    with ready.store.begin() as tx:
        stays = factories.add_subscriber(tx, "stays@example.org")
        leaves = factories.add_subscriber(tx, "leaves@example.org")
        to = {one.address: Addressee(one.id) for one in (stays, leaves)}
        tx.service_mails.queue_service_mail(
            WELCOME, BODY, to | {"stranger@example.org": Addressee(99)}, NOW
        )
        factories.unsubscribe_address(tx, "leaves@example.org")
    deliver(ready)
    assert relay.accepted == ["stays@example.org"]


def test_what_was_taken_out_of_a_delivery_is_not_written_to(ready: Mailer, relay: Relay) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net")
        tx.subscribers.erase_address("a@example.net")
    deliver(ready)
    assert relay.accepted == []
    (made,) = all_editions(ready.store)
    assert [*factories.read_delivery_states(ready.store, made).values()] == [
        DeliveryState.SUPPRESSED
    ]


# ---- beside a courier -------------------------------------------------------------------------


def test_a_courier_that_runs_already_takes_a_letter_up_within_two_seconds(
    ready: Mailer, relay: Relay
) -> None:
    """Beside a newsletter, and after the letters' edition has been marked as sent meanwhile."""
    going, stop = threading.Event(), threading.Event()

    def slowly(envelope: Envelope) -> str:
        if envelope.recipient.startswith("reader") and not going.is_set():
            time.sleep(0.05)
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, slowly)
    with ready.store.begin() as tx:
        put(tx, *factories.make_addresses(900), standing=replace(CONFIRM, seed="long"))
    run = threading.Thread(target=lambda: ready.deliver_editions([], stop, follow_new=True))
    run.start()
    waits: list[float] = []
    try:
        for number in range(3):
            address = f"new{number}@example.net"
            with ready.store.begin() as tx:
                put(tx, address)
            begun = time.monotonic()
            while address not in relay.accepted and time.monotonic() - begun < 10:
                time.sleep(0.02)
            waits.append(time.monotonic() - begun)
    finally:
        going.set()
        run.join(30)
        stop.set()
        run.join()
    assert max(waits) < 2.5, waits
    assert len(relay.accepted) == 903
    assert queued_under_sent(ready.store) == []


def test_no_letter_is_left_behind_by_whoever_marks_its_edition_as_sent(
    ready: Mailer, relay: Relay
) -> None:
    """Couriers end all the while, as each has nothing left to do, and letters come in between."""
    stop = threading.Event()
    count = 60
    failures: list[BaseException] = []

    def courier() -> None:
        try:
            while not stop.is_set():
                deliver(ready)
        except BaseException as error:
            failures.append(error)

    couriers = [threading.Thread(target=courier) for _ in range(2)]
    for one in couriers:
        one.start()
    try:
        for number in range(count):
            with ready.store.begin() as tx:
                put(tx, f"new{number}@example.net")
            time.sleep(0.005 * (number % 7))
    finally:
        stop.set()
        for one in couriers:
            one.join()
    assert not failures
    assert queued_under_sent(ready.store) == []
    deliver(ready)
    assert sorted(relay.accepted) == sorted(f"new{number}@example.net" for number in range(count))
    (made,) = all_editions(ready.store)
    assert made.state is S.SENT


def test_marking_as_sent_and_adding_wait_for_each_other(ready: Mailer) -> None:
    """Both look first and then write. Whichever begins, the other sees what it did."""
    store = ready.store
    with store.begin() as tx:
        put(tx, "a@example.net")
        made = tx.editions.list_recent_editions([], 1, notices=True)[0]
        tx.outbox.mark_in_doubt_sent(made, "")
    for number in range(20):
        inside, go = threading.Event(), threading.Event()

        def mark(inside: threading.Event = inside, go: threading.Event = go) -> None:
            """As the ledger does when it finds nothing left."""
            with store.begin() as tx:
                known = editions.get_edition(tx, made.id)
                if known.state is S.SENDING and not tx.outbox.has_unfinished_deliveries(known):
                    inside.set()
                    go.wait(0.3)
                    tx.editions.set_state(known, S.SENT, NOW, STAFF)
                inside.set()

        marking = threading.Thread(target=mark)
        if number % 2:
            marking.start()
            inside.wait()
            adding = threading.Thread(target=_add, args=(store, number, None))
            adding.start()
            time.sleep(0.01)
            go.set()
        else:
            held = threading.Event()
            adding = threading.Thread(target=_add, args=(store, number, held))
            adding.start()
            held.wait()
            marking.start()
        marking.join()
        adding.join()
        assert queued_under_sent(store) == [], number
        _send_all(store, made)
    assert len(factories.read_deliveries(store, made)) == 21


def _add(store: Store, number: int, held: threading.Event | None) -> None:
    with store.begin() as tx:
        put(tx, f"new{number}@example.net")
        if held is not None:
            held.set()
            time.sleep(0.02)


def _send_all(store: Store, made: Edition) -> None:
    """What is queued has been sent; the edition does not know it yet."""
    with store.begin() as tx:
        by = factories.register_worker(tx)
    some = claim_deliveries(store, made, by)
    gate_deliveries(store, by, some)
    with store.begin() as tx:
        tx.outbox.settle_deliveries(
            [Settlement(one.id, by, DeliveryState.SENT, "250 ok") for one in some]
        )


def test_letters_wait_with_an_edition_that_a_person_has_paused(ready: Mailer, relay: Relay) -> None:
    with ready.store.begin() as tx:
        put(tx, "a@example.net")
    (made,) = all_editions(ready.store)
    with ready.store.begin() as tx:
        editions.pause_edition(
            tx, create_local_actor("Ana"), editions.get_edition(tx, made.id), NOW + HOUR
        )
    with ready.store.begin() as tx:
        put(tx, "b@example.net")
    deliver(ready)
    assert relay.accepted == []
    with ready.store.begin() as tx:
        editions.resume_edition(tx, STAFF, editions.get_edition(tx, made.id), NOW + HOUR)
    deliver(ready)
    assert sorted(relay.accepted) == ["a@example.net", "b@example.net"]
