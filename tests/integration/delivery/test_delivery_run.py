"""A delivery run: the relay's reply to each message (450, 451, 550 …) decides the delivery's state,
on both databases."""

import gc
import threading
from collections import Counter
from datetime import timedelta

import pytest

from mailer import editions, outbox
from mailer.app import Mailer, get_utc_now
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.store import Store
from tests.actors import AMINA, STAFF
from tests.fake_relay import CLOSE, Envelope, Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    count_states,
    deliver_edition,
    get_edition_state,
    with_relay,
    with_single_connection,
)
from tests.integration.factories import (
    begin_edition,
    make_addresses,
    read_deliveries,
    read_delivery_states,
)

READERS = make_addresses(7)
ANA = READERS[0]


def test_every_recipient_gets_message_once(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *READERS)
    progress, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    assert report.edition.finished_at is not None
    assert count_states(report) == {"sent": 7}
    assert (progress.sent, progress.done, progress.left) == (7, 7, 0)
    assert {message.envelope_sender for message in relay.received} == {"bounces@example.org"}
    delivery = read_deliveries(mailer.store, edition)[ANA]
    assert delivery.reply.startswith("250 2.0.0 queued (to ")
    assert delivery.attempt == 1


def test_garbage_collection_spares_objects_during_run_only(mailer: Mailer, relay: Relay) -> None:
    gc.unfreeze()
    spared_counts: list[int] = []

    def count_spared(_: Envelope) -> str:
        spared_counts.append(gc.get_freeze_count())
        return "250 2.0.0 queued"

    relay.answer_always(Step.DOT, count_spared)
    deliver_edition(mailer, begin_edition(mailer, ANA))
    assert min(spared_counts) > 10_000
    assert gc.get_freeze_count() == 0


def test_single_connection_sends_in_order(mailer: Mailer, relay: Relay) -> None:
    addresses = make_addresses(30)
    edition = begin_edition(mailer, *addresses)
    deliver_edition(with_single_connection(mailer), edition)
    assert relay.accepted == addresses
    assert relay.connections == 1


def test_many_connections_share_several_claims(mailer: Mailer, relay: Relay) -> None:
    addresses = make_addresses(620)
    edition = begin_edition(mailer, *addresses)
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == addresses
    assert report.edition.state is EditionState.SENT
    assert 1 < relay.connections <= 8


def test_connection_is_reopened_after_per_connection_limit(mailer: Mailer, relay: Relay) -> None:
    addresses = make_addresses(20)
    edition = begin_edition(mailer, *addresses)
    deliver_edition(with_relay(mailer, connections=1, window=4, per_connection=5), edition)
    assert sorted(relay.accepted) == addresses
    counts_by_connection = Counter(message.connection for message in relay.received)
    assert list(counts_by_connection.values()) == [5, 5, 5, 5]


def test_450_is_retried_by_next_run_when_due(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, "450 4.2.1 greylisted", to=ANA)
    edition = begin_edition(mailer, *READERS)
    progress, report = deliver_edition(mailer, edition)
    assert (progress.sent, progress.deferred) == (6, 1)
    assert report.edition.state is EditionState.SENDING
    assert count_states(report) == {"sent": 6, "queued": 1}
    (replies,) = report.replies
    assert (replies.reply, replies.count) == ("450 4.2.1 greylisted (to RCPT)", 1)
    waiting = read_deliveries(mailer.store, edition)[ANA]
    assert waiting.attempt == 1
    assert timedelta(minutes=4) < waiting.next_attempt_at - get_utc_now() < timedelta(minutes=6)
    progress, report = deliver_edition(mailer, edition, at_once=False)
    assert (progress.done, report.edition.state) == (0, EditionState.SENDING), (
        "the delivery is not due"
    )
    assert read_deliveries(mailer.store, edition)[ANA] == waiting
    _, report = deliver_edition(mailer, edition, at_once=True)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == READERS
    assert read_deliveries(mailer.store, edition)[ANA].attempt == 2


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        (Step.RCPT, "452 4.5.3 too many recipients"),
        (Step.RCPT, "552 5.2.2 mailbox full"),
        (Step.DATA, "451 4.3.0 later"),
        (Step.DOT, "451 4.3.0 later"),
        (Step.DOT, "421 4.3.2 going down"),
    ],
)
def test_451_452_421_are_deferred_and_retried(
    mailer: Mailer, relay: Relay, step: Step, reply: str
) -> None:
    relay.answer_once(step, reply, to=ANA)
    edition = begin_edition(mailer, *READERS[:3])
    progress, _ = deliver_edition(mailer, edition)
    assert (progress.sent, progress.deferred) == (2, 1)
    assert reply in read_deliveries(mailer.store, edition)[ANA].reply
    deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS[:3]


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        (Step.RCPT, "550 5.1.1 no such user"),
        (Step.DATA, "554 5.7.1 not here"),
        (Step.DOT, "552 5.2.2 mailbox full"),
        (Step.DOT, "554 5.7.1 declined"),
    ],
)
def test_550_fails_delivery_permanently(
    mailer: Mailer, relay: Relay, step: Step, reply: str
) -> None:
    relay.answer_always(step, reply, to=ANA)
    edition = begin_edition(mailer, *READERS[:3])
    progress, report = deliver_edition(mailer, edition)
    assert (progress.sent, progress.failed) == (2, 1)
    assert report.edition.state is EditionState.SENT
    delivery = read_deliveries(mailer.store, edition)[ANA]
    assert delivery.state is DeliveryState.FAILED
    assert delivery.reply.startswith(reply)
    with mailer.store.read() as tx:
        assert reply in outbox.explain_outcome(tx, edition, ANA)


def test_failed_delivery_is_retried_on_request(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user", to=ANA)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    with mailer.store.begin() as tx:
        assert (
            outbox.retry_failed_deliveries(
                tx,
                AMINA,
                report.edition,
                mailer.clock(),
            )
            == 1
        )
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_unknown_recipients_do_not_pause_edition(mailer: Mailer, relay: Relay) -> None:
    for reader in READERS[1:]:
        relay.answer_always(Step.RCPT, "550 5.1.1 no such user", to=reader)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert count_states(report) == {"failed": 6, "sent": 1}
    assert report.edition.state is EditionState.SENT


@pytest.mark.parametrize("response", [CLOSE, "what?", "600 odd"])
def test_no_valid_reply_after_final_dot_is_in_doubt(
    mailer: Mailer, relay: Relay, response: str
) -> None:
    relay.answer_once(Step.DOT, response, to=ANA)
    edition = begin_edition(mailer, *READERS)
    progress, report = deliver_edition(mailer, edition)
    assert (progress.sent, progress.in_doubt) == (6, 1)
    assert count_states(report) == {"sent": 6, "in_doubt": 1}
    assert len(relay.received) == 7, "no message was sent twice in this run"


def test_in_doubt_delivery_is_resent_by_next_run(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.DOT, CLOSE, to=ANA)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENDING, (
        "the rule is to resend, so the edition is not finished"
    )
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == READERS
    messages = [message for message in relay.received if message.recipient == ANA]
    id_lines = {
        line
        for message in messages
        for line in message.data.split(b"\r\n")
        if b"Message-ID:" in line
    }
    assert len(messages) == 2
    assert len(id_lines) == 1, "the same Message-ID lets a receiver recognise the copy"


def test_in_doubt_delivery_is_kept_by_hold_rule(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.DOT, CLOSE, to=ANA)
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        for reader in READERS:
            factories.add_subscriber(tx, reader)
        factories.add_story(tx, "boats")
        draft = factories.create_edition(tx, "boats")
        draft = editions.edit_edition(
            tx, STAFF, draft, {"in_doubt": InDoubtPolicy.KEEP_IN_DOUBT}, mailer.clock()
        )
        edition, _ = editions.start_edition(
            tx,
            STAFF,
            editions.approve_edition(tx, AMINA, draft, mailer.renderer, mailer.clock()),
            mailer.renderer,
            mailer.clock(),
        )
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert count_states(report) == {"sent": 6, "in_doubt": 1}
    deliver_edition(mailer, edition)
    assert read_delivery_states(mailer.store, edition)[ANA] is DeliveryState.IN_DOUBT
    assert len([message for message in relay.received if message.recipient == ANA]) == 1


def test_delivery_deferred_for_five_days_expires(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "450 4.2.1 later", to=ANA)
    edition = begin_edition(mailer, *READERS)
    deliver_edition(mailer, edition)
    later = Mailer(mailer.settings, mailer.store, lambda: get_utc_now() + timedelta(days=6))
    _, report = deliver_edition(later, edition)
    assert count_states(report) == {"sent": 6, "expired": 1}
    assert report.edition.state is EditionState.SENT


def test_two_workers_share_one_edition(mailer: Mailer, relay: Relay) -> None:
    """Two workers at once: each delivery is sent by one of them."""
    addresses = make_addresses(420)
    edition = begin_edition(mailer, *addresses)
    other_mailer = Mailer(
        mailer.settings,
        Store(str(mailer.store.engine.url.render_as_string(False)), mailer.store.key),
    )
    errors: list[BaseException] = []

    def send(worker: Mailer) -> None:
        try:
            deliver_edition(worker, edition)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(worker,)) for worker in (mailer, other_mailer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other_mailer.close()
    assert not errors
    assert sorted(relay.accepted) == addresses
    assert get_edition_state(mailer.store, edition) is EditionState.SENT
