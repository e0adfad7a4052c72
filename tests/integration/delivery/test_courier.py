"""An edition's run, against a relay that says what it is told to, on both databases."""

import threading
from datetime import timedelta

import pytest

from mailer import editions, outbox
from mailer.app import Mailer, utc_now
from mailer.delivery.courier import ALIKE, Progress
from mailer.editions import Edition, EditionState, InDoubt
from mailer.errors import RelayError
from mailer.outbox import DeliveryState, Report
from mailer.store import Store
from tests.integration import office
from tests.integration.office import addresses, begun, deliveries, states
from tests.smtpd import CLOSE, SILENCE, Envelope, Relay, Step, reply_then_close

READERS = addresses(7)
ANA = READERS[0]


def deliver(mailer: Mailer, edition: Edition) -> tuple[Progress, Report]:
    with mailer.store.read() as tx:
        edition = office.again(tx, edition)
    return mailer.deliver(edition, threading.Event())


def counted(report: Report) -> dict[str, int]:
    return {state.value: count for state, count in report.states.items() if count}


def edition_state(store: Store, edition: Edition) -> EditionState:
    with store.read() as tx:
        return office.again(tx, edition).state


def resume(mailer: Mailer, edition: Edition) -> None:
    with mailer.store.begin() as tx:
        editions.resume(tx.editions, office.again(tx, edition), mailer.clock())


def test_everyone_gets_it_once(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *READERS)
    progress, report = deliver(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    assert report.edition.finished_at is not None
    assert counted(report) == {"sent": 7}
    assert (progress.sent, progress.done) == (7, 7)
    assert relay.connections == 1
    assert {one.sender for one in relay.received} == {"bounces@example.org"}
    kept = deliveries(mailer.store, edition)[ANA]
    assert kept.reply == "250 2.0.0 queued (to final dot)"
    assert kept.attempt == 1


def test_more_than_one_claim_takes(mailer: Mailer, relay: Relay) -> None:
    many = addresses(205)
    edition = begun(mailer, *many)
    _, report = deliver(mailer, edition)
    assert sorted(relay.accepted) == many
    assert report.edition.state is EditionState.SENT


def test_a_temporary_refusal_is_tried_by_the_next_run(mailer: Mailer, relay: Relay) -> None:
    relay.on(Step.RCPT, "450 4.2.1 greylisted", to=ANA)
    edition = begun(mailer, *READERS)
    progress, report = deliver(mailer, edition)
    assert (progress.sent, progress.deferred) == (6, 1)
    assert report.edition.state is EditionState.SENDING
    assert counted(report) == {"sent": 6, "queued": 1}
    assert report.refusals == {"450 4.2.1 greylisted (to RCPT)": 1}
    waiting = deliveries(mailer.store, edition)[ANA]
    assert waiting.attempt == 1
    assert timedelta(minutes=4) < waiting.next_attempt_at - utc_now() < timedelta(minutes=6)
    _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == READERS
    assert deliveries(mailer.store, edition)[ANA].attempt == 2


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
    relay.on(step, reply, to=ANA)
    edition = begun(mailer, *READERS[:3])
    progress, _ = deliver(mailer, edition)
    assert (progress.sent, progress.deferred) == (2, 1)
    assert reply in deliveries(mailer.store, edition)[ANA].reply
    deliver(mailer, edition)
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
    relay.always(step, reply, to=ANA)
    edition = begun(mailer, *READERS[:3])
    progress, report = deliver(mailer, edition)
    assert (progress.sent, progress.failed) == (2, 1)
    assert report.edition.state is EditionState.SENT
    failed = deliveries(mailer.store, edition)[ANA]
    assert failed.state is DeliveryState.FAILED
    assert failed.reply.startswith(reply)
    with mailer.store.read() as tx:
        assert reply in outbox.explain(tx.outbox, edition, ANA)


@pytest.mark.parametrize(
    ("step", "how"),
    [
        (Step.MAIL, CLOSE), (Step.RCPT, CLOSE), (Step.DATA, CLOSE),
        (Step.MAIL, "421 4.3.2 going down"),
    ],
)  # fmt: skip
def test_a_link_lost_before_the_message_is_opened_again(
    mailer: Mailer, relay: Relay, step: Step, how: str
) -> None:
    relay.on(step, how)
    edition = begun(mailer, *READERS)
    _, report = deliver(mailer, edition)
    assert sorted(relay.accepted) == READERS, "each once"
    assert report.edition.state is EditionState.SENT
    assert relay.connections == 2
    assert {one.attempt for one in deliveries(mailer.store, edition).values()} == {1}


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA])
def test_one_whom_the_relay_answers_421_does_not_hold_up_the_others(
    mailer: Mailer, relay: Relay, step: Step
) -> None:
    relay.always(step, reply_then_close("421 4.3.2 not this one"), to=ANA)
    edition = begun(mailer, *READERS)
    progress, _ = deliver(mailer, edition)
    assert sorted(relay.accepted) == [one for one in READERS if one != ANA]
    assert progress.deferred == 1


def test_a_relay_that_drops_the_link_after_each_message_pauses_the_edition(
    mailer: Mailer, relay: Relay
) -> None:
    relay.always(Step.DOT, CLOSE)
    edition = begun(mailer, *READERS)
    with pytest.raises(RelayError, match="after each message"):
        deliver(mailer, edition)
    assert edition_state(mailer.store, edition) is EditionState.PAUSED
    states = [one.state for one in deliveries(mailer.store, edition).values()]
    assert states.count(DeliveryState.IN_DOUBT) == 4
    assert states.count(DeliveryState.QUEUED) == len(READERS) - 4


def test_a_refusal_with_a_hang_up_is_a_refusal(mailer: Mailer, relay: Relay) -> None:
    relay.always(Step.RCPT, reply_then_close("550 5.7.1 go away"), to=ANA)
    edition = begun(mailer, *READERS)
    _, report = deliver(mailer, edition)
    assert counted(report) == {"sent": 6, "failed": 1}
    assert deliveries(mailer.store, edition)[ANA].reply == "550 5.7.1 go away (to RCPT)"


def test_a_link_lost_again_and_again_ends_the_run(mailer: Mailer, relay: Relay) -> None:
    relay.always(Step.RCPT, CLOSE)
    edition = begun(mailer, *READERS)
    with pytest.raises(RelayError, match="lost 4 times in a row") as caught:
        deliver(mailer, edition)
    assert not caught.value.lasting
    assert set(states(mailer.store, edition).values()) == {DeliveryState.QUEUED}
    assert {one.attempt for one in deliveries(mailer.store, edition).values()} == {0}
    assert edition_state(mailer.store, edition) is EditionState.SENDING
    relay.forget()
    deliver(mailer, edition)
    assert sorted(relay.accepted) == READERS


@pytest.mark.parametrize("how", [CLOSE, "what?", "600 odd"])
def test_no_reply_after_the_message_is_a_doubt(mailer: Mailer, relay: Relay, how: str) -> None:
    relay.on(Step.DOT, how, to=ANA)
    edition = begun(mailer, *READERS)
    progress, report = deliver(mailer, edition)
    assert (progress.sent, progress.in_doubt) == (6, 1)
    assert counted(report) == {"sent": 6, "in_doubt": 1}
    assert len(relay.received) == 7, "nobody was asked twice in this run"


def test_what_is_in_doubt_is_sent_again_by_the_next_run(mailer: Mailer, relay: Relay) -> None:
    relay.on(Step.DOT, CLOSE, to=ANA)
    edition = begun(mailer, *READERS)
    _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENDING, "the rule is to resend: it isn't done"
    _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == READERS
    twice = [one for one in relay.received if one.recipient == ANA]
    ids = {line for one in twice for line in one.data.split(b"\r\n") if b"Message-ID:" in line}
    assert len(twice) == 2
    assert len(ids) == 1, "a receiver can tell"


def test_what_is_in_doubt_stays_so_where_the_rule_is_to_hold(mailer: Mailer, relay: Relay) -> None:
    relay.on(Step.DOT, CLOSE, to=ANA)
    with mailer.store.begin() as tx:
        office.mailing_list(tx)
        for reader in READERS:
            office.person(tx, reader)
        office.story(tx, "boats")
        made = office.edition(tx, "boats")
        made = editions.edit(tx.editions, made, {"in_doubt": InDoubt.HOLD}, mailer.clock())
        edition, _ = mailer.start(tx, mailer.approve(tx, made, "Amina"))
    _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert counted(report) == {"sent": 6, "in_doubt": 1}
    deliver(mailer, edition)
    assert states(mailer.store, edition)[ANA] is DeliveryState.IN_DOUBT
    assert len([one for one in relay.received if one.recipient == ANA]) == 1


def test_a_refused_password_pauses_the_edition(mailer: Mailer, relay: Relay) -> None:
    relay.offers = ("AUTH PLAIN LOGIN",)
    relay.always(Step.AUTH, "535 5.7.8 wrong")
    ours = mailer.settings
    known = ours.relay.model_copy(update={"user": "office"})
    edition = begun(mailer, *READERS)
    asking = Mailer(ours.model_copy(update={"relay": known}), mailer.store)
    with pytest.raises(RelayError, match=r"535 5\.7\.8 wrong") as caught:
        deliver(asking, edition)
    assert caught.value.lasting
    with mailer.store.read() as tx:
        paused = office.again(tx, edition)
    assert paused.state is EditionState.PAUSED
    assert "535" in paused.reason
    assert {(one.state, one.attempt) for one in deliveries(mailer.store, edition).values()} == {
        (DeliveryState.QUEUED, 0)
    }
    relay.forget()
    resume(mailer, edition)
    _, report = deliver(asking, edition)
    assert report.edition.state is EditionState.SENT


def test_a_refused_sender_pauses_the_edition(mailer: Mailer, relay: Relay) -> None:
    relay.on(Step.MAIL, "550 5.7.1 not your address")
    edition = begun(mailer, *READERS)
    with pytest.raises(RelayError, match="not your address"):
        deliver(mailer, edition)
    assert edition_state(mailer.store, edition) is EditionState.PAUSED
    assert {(one.state, one.attempt) for one in deliveries(mailer.store, edition).values()} == {
        (DeliveryState.QUEUED, 0)
    }


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT])
def test_refusals_alike_pause_and_spend_nobodys_attempt(
    mailer: Mailer, relay: Relay, step: Step
) -> None:
    relay.always(step, lambda envelope: f"550 5.7.1 no mail for <{envelope.recipient}> from you")
    many = addresses(3 * ALIKE)
    edition = begun(mailer, *many)
    with pytest.raises(RelayError, match=r"refused \d recipients alike"):
        deliver(mailer, edition)
    assert edition_state(mailer.store, edition) is EditionState.PAUSED
    assert {(one.state, one.attempt) for one in deliveries(mailer.store, edition).values()} == {
        (DeliveryState.QUEUED, 0)
    }
    relay.forget()
    resume(mailer, edition)
    _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == many


def test_recipients_who_are_not_there_do_not_pause(mailer: Mailer, relay: Relay) -> None:
    relay.always(Step.RCPT, "550 5.1.1 no such user")
    edition = begun(mailer, *READERS)
    _, report = deliver(mailer, edition)
    assert counted(report) == {"failed": 7}
    assert report.edition.state is EditionState.SENT


def test_a_relay_that_is_down_costs_nothing(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *READERS)
    nowhere = mailer.settings.relay.model_copy(update={"port": 1})
    down = Mailer(mailer.settings.model_copy(update={"relay": nowhere}), mailer.store)
    with pytest.raises(RelayError, match="connection was refused") as caught:
        deliver(down, edition)
    assert not caught.value.lasting
    assert edition_state(mailer.store, edition) is EditionState.SENDING
    assert {(one.state, one.attempt) for one in deliveries(mailer.store, edition).values()} == {
        (DeliveryState.QUEUED, 0)
    }
    deliver(mailer, edition)
    assert sorted(relay.accepted) == READERS


def while_the_first_is_sent(relay: Relay, do: object) -> None:
    assert callable(do)

    def act(_: Envelope) -> str:
        do()
        return "250 2.0.0 queued"

    relay.on(Step.DOT, act)


def test_a_pause_stops_at_the_gate(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *addresses(20))

    def pause() -> None:
        with mailer.store.begin() as tx:
            editions.pause(tx.editions, office.again(tx, edition), mailer.clock(), reason="stop")

    while_the_first_is_sent(relay, pause)
    progress, report = deliver(mailer, edition)
    assert progress.sent == len(relay.accepted) <= 4
    assert report.edition.state is EditionState.PAUSED
    assert counted(report) == {"sent": progress.sent, "queued": 20 - progress.sent}
    resume(mailer, edition)
    _, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == addresses(20)


def test_a_cancellation_leaves_no_row_open(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *addresses(20))

    def cancel() -> None:
        with mailer.store.begin() as tx:
            mailer.cancel(tx, office.again(tx, edition), reason="wrong date", actor="Amina")

    while_the_first_is_sent(relay, cancel)
    progress, report = deliver(mailer, edition)
    assert report.edition.state is EditionState.CANCELLED
    assert counted(report) == {"sent": progress.sent, "cancelled": 20 - progress.sent}


def test_what_is_deferred_after_a_cancellation_is_cancelled(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *READERS)

    def cancel(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            mailer.cancel(tx, office.again(tx, edition), reason="", actor="Amina")
        return "451 4.3.0 later"

    relay.on(Step.DOT, cancel)
    deliver(mailer, edition)
    left = set(states(mailer.store, edition).values())
    assert left <= {DeliveryState.SENT, DeliveryState.CANCELLED}


def test_a_relay_lost_after_a_cancellation_leaves_no_row_open(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *addresses(20))

    def cancel(_: Envelope) -> str:
        with mailer.store.begin() as tx:
            mailer.cancel(tx, office.again(tx, edition), reason="", actor="Amina")
        relay.always(Step.CONNECT, "554 5.3.2 closed")
        return "421 4.3.2 going down"

    relay.on(Step.RCPT, cancel)
    with pytest.raises(RelayError):
        deliver(mailer, edition)
    assert set(states(mailer.store, edition).values()) == {DeliveryState.CANCELLED}


def test_one_who_leaves_meanwhile_gets_nothing(mailer: Mailer, relay: Relay) -> None:
    many = addresses(20)
    edition = begun(mailer, *many)
    gone: list[str] = []

    def leave(envelope: Envelope) -> str:
        with mailer.store.begin() as tx:
            waiting = [
                one.address
                for one in tx.outbox.deliveries(edition)
                if one.state is DeliveryState.CLAIMED
            ]
            gone.extend(waiting[-2:])
            office.leave(tx, waiting[-1])
            office.suppress(tx, waiting[-2])
        return "250 2.0.0 queued"

    relay.on(Step.DOT, leave)
    progress, report = deliver(mailer, edition)
    assert sorted(relay.accepted) == sorted(set(many) - set(gone))
    assert counted(report) == {"sent": 18, "suppressed": 2}
    assert progress.turned_away == 2
    assert report.edition.state is EditionState.SENT


def test_asked_to_stop_it_drains(mailer: Mailer, relay: Relay) -> None:
    edition = begun(mailer, *addresses(20))
    stop = threading.Event()
    while_the_first_is_sent(relay, stop.set)
    progress, report = mailer.deliver(edition, stop)
    assert 0 < progress.sent <= 4
    assert counted(report) == {"sent": progress.sent, "queued": 20 - progress.sent}
    assert report.edition.state is EditionState.SENDING
    assert {
        one.attempt
        for one in deliveries(mailer.store, edition).values()
        if one.state is DeliveryState.QUEUED
    } == {0}
    deliver(mailer, edition)
    assert sorted(relay.accepted) == addresses(20)


def test_a_relay_that_says_nothing_is_left(mailer: Mailer, relay: Relay) -> None:
    relay.on(Step.RCPT, SILENCE)
    edition = begun(mailer, *READERS)
    patient = mailer.settings.relay.model_copy(update={"timeout": 0.3})
    hasty = Mailer(mailer.settings.model_copy(update={"relay": patient}), mailer.store)
    _, report = deliver(hasty, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_what_is_tried_for_five_days_expires(mailer: Mailer, relay: Relay) -> None:
    relay.always(Step.RCPT, "450 4.2.1 later", to=ANA)
    edition = begun(mailer, *READERS)
    deliver(mailer, edition)
    later = Mailer(mailer.settings, mailer.store, lambda: utc_now() + timedelta(days=6))
    _, report = deliver(later, edition)
    assert counted(report) == {"sent": 6, "expired": 1}
    assert report.edition.state is EditionState.SENT


def test_two_senders_share_an_edition(mailer: Mailer, relay: Relay) -> None:
    """Two processes at once: each row is sent by one of them."""
    many = addresses(220)
    edition = begun(mailer, *many)
    other = Mailer(
        mailer.settings,
        Store(str(mailer.store.engine.url.render_as_string(False)), mailer.store.key),
    )
    errors: list[BaseException] = []

    def send(one: Mailer) -> None:
        try:
            deliver(one, edition)
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
    assert edition_state(mailer.store, edition) is EditionState.SENT


def test_what_a_dead_sender_held(mailer: Mailer, relay: Relay) -> None:
    """It died with rows claimed, and with one on the wire."""
    edition = begun(mailer, *READERS)
    with mailer.store.begin() as tx:
        claimed = tx.queue.claim(edition, "dead", 3, 60)
        tx.queue.gate(edition, "dead", [claimed[0].id], 60)
        office.end_leases(tx)
    _, report = deliver(mailer, edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    attempts = {one.address: one.attempt for one in deliveries(mailer.store, edition).values()}
    assert attempts.pop(claimed[0].address) == 2
    assert set(attempts.values()) == {1}
    with mailer.store.read() as tx:
        assert any(event.what == "in doubt" for event in tx.editions.events(edition))
