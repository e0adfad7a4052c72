"""An edition's run: what the relay says of each message is what is written down, on both
databases."""

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
from tests.fake_relay import CLOSE, Relay, Step
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


def test_everyone_gets_it_once(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *READERS)
    progress, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    assert report.edition.finished_at is not None
    assert count_states(report) == {"sent": 7}
    assert (progress.sent, progress.done, progress.left) == (7, 7, 0)
    assert {one.envelope_sender for one in relay.received} == {"bounces@example.org"}
    kept = read_deliveries(mailer.store, edition)[ANA]
    assert kept.reply == "250 2.0.0 queued (to final dot)"
    assert kept.attempt == 1


def test_a_single_connection_carries_all_in_their_order(mailer: Mailer, relay: Relay) -> None:
    many = make_addresses(30)
    edition = begin_edition(mailer, *many)
    deliver_edition(with_single_connection(mailer), edition)
    assert relay.accepted == many
    assert relay.connections == 1


def test_many_connections_share_more_than_one_claim_takes(mailer: Mailer, relay: Relay) -> None:
    many = make_addresses(620)
    edition = begin_edition(mailer, *many)
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == many
    assert report.edition.state is EditionState.SENT
    assert 1 < relay.connections <= 8


def test_a_connection_that_has_carried_its_share_is_opened_anew(
    mailer: Mailer, relay: Relay
) -> None:
    many = make_addresses(20)
    edition = begin_edition(mailer, *many)
    deliver_edition(with_relay(mailer, connections=1, window=4, per_connection=5), edition)
    assert sorted(relay.accepted) == many
    carried = Counter(one.connection for one in relay.received)
    assert list(carried.values()) == [5, 5, 5, 5]


def test_a_temporary_refusal_is_tried_by_the_next_run(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, "450 4.2.1 greylisted", to=ANA)
    edition = begin_edition(mailer, *READERS)
    progress, report = deliver_edition(mailer, edition)
    assert (progress.sent, progress.deferred) == (6, 1)
    assert report.edition.state is EditionState.SENDING
    assert count_states(report) == {"sent": 6, "queued": 1}
    assert report.refusals == {"450 4.2.1 greylisted (to RCPT)": 1}
    waiting = read_deliveries(mailer.store, edition)[ANA]
    assert waiting.attempt == 1
    assert timedelta(minutes=4) < waiting.next_attempt_at - get_utc_now() < timedelta(minutes=6)
    progress, report = deliver_edition(mailer, edition, at_once=False)
    assert (progress.done, report.edition.state) == (0, EditionState.SENDING), "it is not due"
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
def test_what_is_temporary(mailer: Mailer, relay: Relay, step: Step, reply: str) -> None:
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
        (Step.DOT, "552 5.3.4 too big"),
        (Step.DOT, "554 5.7.1 looks like spam"),
    ],
)
def test_what_is_refused_for_good(mailer: Mailer, relay: Relay, step: Step, reply: str) -> None:
    relay.answer_always(step, reply, to=ANA)
    edition = begin_edition(mailer, *READERS[:3])
    progress, report = deliver_edition(mailer, edition)
    assert (progress.sent, progress.failed) == (2, 1)
    assert report.edition.state is EditionState.SENT
    failed = read_deliveries(mailer.store, edition)[ANA]
    assert failed.state is DeliveryState.FAILED
    assert failed.reply.startswith(reply)
    with mailer.store.read() as tx:
        assert reply in outbox.explain_outcome(tx, edition, ANA)


def test_what_was_refused_is_tried_again_when_somebody_says_so(
    mailer: Mailer, relay: Relay
) -> None:
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user", to=ANA)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    with mailer.store.begin() as tx:
        assert outbox.retry_failed_deliveries(tx, AMINA, report.edition, mailer.clock()) == 1
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_recipients_who_are_not_there_do_not_pause(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.1.1 no such user")
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert count_states(report) == {"failed": 7}
    assert report.edition.state is EditionState.SENT


@pytest.mark.parametrize("how", [CLOSE, "what?", "600 odd"])
def test_no_reply_after_the_message_is_a_doubt(mailer: Mailer, relay: Relay, how: str) -> None:
    relay.answer_once(Step.DOT, how, to=ANA)
    edition = begin_edition(mailer, *READERS)
    progress, report = deliver_edition(mailer, edition)
    assert (progress.sent, progress.in_doubt) == (6, 1)
    assert count_states(report) == {"sent": 6, "in_doubt": 1}
    assert len(relay.received) == 7, "nobody was asked twice in this run"


def test_what_is_in_doubt_is_sent_again_by_the_next_run(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.DOT, CLOSE, to=ANA)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENDING, "the rule is to resend: it isn't done"
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == READERS
    twice = [one for one in relay.received if one.recipient == ANA]
    ids = {line for one in twice for line in one.data.split(b"\r\n") if b"Message-ID:" in line}
    assert len(twice) == 2
    assert len(ids) == 1, "a receiver can tell"


def test_what_is_in_doubt_stays_so_where_the_rule_is_to_hold(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.DOT, CLOSE, to=ANA)
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        for reader in READERS:
            factories.add_subscriber(tx, reader)
        factories.add_story(tx, "boats")
        made = factories.create_edition(tx, "boats")
        made = editions.edit_edition(
            tx, STAFF, made, {"in_doubt": InDoubtPolicy.KEEP_IN_DOUBT}, mailer.clock()
        )
        edition, _ = editions.start_edition(
            tx,
            STAFF,
            editions.approve_edition(tx, AMINA, made, mailer.renderer, mailer.clock()),
            mailer.renderer,
            mailer.clock(),
        )
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert count_states(report) == {"sent": 6, "in_doubt": 1}
    deliver_edition(mailer, edition)
    assert read_delivery_states(mailer.store, edition)[ANA] is DeliveryState.IN_DOUBT
    assert len([one for one in relay.received if one.recipient == ANA]) == 1


def test_what_is_tried_for_five_days_expires(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "450 4.2.1 later", to=ANA)
    edition = begin_edition(mailer, *READERS)
    deliver_edition(mailer, edition)
    later = Mailer(mailer.settings, mailer.store, lambda: get_utc_now() + timedelta(days=6))
    _, report = deliver_edition(later, edition)
    assert count_states(report) == {"sent": 6, "expired": 1}
    assert report.edition.state is EditionState.SENT


def test_two_senders_share_an_edition(mailer: Mailer, relay: Relay) -> None:
    """Two processes at once: each row is sent by one of them."""
    many = make_addresses(420)
    edition = begin_edition(mailer, *many)
    other = Mailer(
        mailer.settings,
        Store(str(mailer.store.engine.url.render_as_string(False)), mailer.store.key),
    )
    errors: list[BaseException] = []

    def send(one: Mailer) -> None:
        try:
            deliver_edition(one, edition)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(one,)) for one in (mailer, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.close()
    assert not errors
    assert sorted(relay.accepted) == many
    assert get_edition_state(mailer.store, edition) is EditionState.SENT
