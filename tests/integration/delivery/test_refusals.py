"""Refusals that speak of this office pause the edition, those of recipients settle recipients."""

import signal
from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest

from mailer import outbox
from mailer.app import Mailer
from mailer.delivery.reply_report import explain_replies, list_advice
from mailer.delivery.retries import RetryResult, retry_failed
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from tests.actors import STAFF
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    count_states,
    deliver_edition,
    get_edition_state,
    has_no_attempts,
    resume_edition,
    with_single_connection,
)
from tests.integration.delivery.trouble_office import wait_until
from tests.integration.delivery.worker_processes import MailerProcesses
from tests.integration.factories import begin_edition, read_deliveries, read_delivery_states

DOMAINS = 12


def make_readers(reader_count: int) -> list[str]:
    """Make addresses on a dozen domains."""
    return [f"reader{n:03}@d{n % DOMAINS}.example" for n in range(reader_count)]


def number_refusals(text: str) -> Callable[[Envelope], str]:
    """Return an action that refuses with another number in each reply."""
    numbers = count(1000)
    return lambda _: text.format(id=next(numbers))


def refuse_some(text: str, *recipients: str) -> Callable[[Envelope], str]:
    """Return an action that refuses these recipients and accepts the others."""
    return lambda envelope: text if envelope.recipient in recipients else "250 2.1.5 ok"


def deliver_again(mailer: Mailer, edition: Edition) -> DeliveryReport:
    resume_edition(mailer, edition)
    return deliver_edition(mailer, edition)[1]


@pytest.mark.parametrize(
    ("step", "text", "advice"),
    [
        (Step.RCPT, "550 5.1.90 the day's recipients are used up", "wait until the limit"),
        (Step.DOT, "554 5.2.252 SendAsDenied; not as this sender", "right to send as"),
        (Step.DOT, "554 5.2.0 STOREDRV.Submission:SendAsDenied", "right to send as"),
        (Step.DOT, "554 5.7.1 taken for SPAM; case {id}-Q", "block lists"),
        (Step.DOT, "550-5.7.26 no SPF {id}\r\n550 5.7.26 no DKIM {id} - gsmtp", "publish SPF"),
        (Step.RCPT, "550 5.7.515 below the required level of authentication", "publish SPF"),
        (Step.DOT, "554 5.7.9 policy, see https://senders.example/{id}", "publish SPF"),
        (Step.RCPT, "550 5.1.8 the sender's domain has no MX", "their domain has MX records"),
        (Step.RCPT, "550 5.7.1 number {id}: not from there", "fix the cause"),
    ],
)
def test_refusals_for_our_reasons_pause_edition(
    mailer: Mailer, relay: Relay, step: Step, text: str, advice: str
) -> None:
    relay.answer_always(step, number_refusals(text))
    readers = make_readers(80)
    edition = begin_edition(mailer, *readers)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.PAUSED
    assert "recipients were refused alike (" in report.edition.reason
    assert advice in report.edition.reason
    assert "@" not in report.edition.reason, "an erased address must not stay in a reason"
    assert has_no_attempts(mailer.store, edition)
    relay.reset_script()
    report = deliver_again(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == readers


def test_policy_pauses_within_fifty_refusals(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.7.1 blocked: this network has a bad reputation")
    edition = begin_edition(mailer, *make_readers(300))
    deliver_edition(mailer, edition)
    refused_count = sum(command.startswith("RCPT") for command in relay.commands)
    assert refused_count <= 50


def list_actions(report: DeliveryReport) -> list[str]:
    return [step.action for advice in list_advice(report) for step in advice.steps]


def test_every_second_refusal_is_put_off_and_reported(mailer: Mailer, relay: Relay) -> None:
    readers = make_readers(12)
    refused = readers[::2]
    text = "550 5.7.1 Rejected: this host's reputation is poor"
    relay.answer_always(Step.RCPT, refuse_some(text, *refused))
    edition = begin_edition(mailer, *readers)
    progress, report = deliver_edition(mailer, edition)
    assert count_states(report) == {"queued": 6, "sent": 6}
    assert progress.failed == 0
    assert report.edition.state is EditionState.PAUSED
    assert "6 recipients were refused alike" in report.edition.reason
    (explained,) = explain_replies(report)
    assert (explained.count, explained.subject) == (6, "sender")
    assert "reputation" in explained.meaning
    assert list_actions(report) == ["resume_edition", "send_edition"]
    report = deliver_again(mailer, edition)
    assert count_states(report) == {"failed": 6, "sent": 6}, "they were refused alike again"
    assert report.edition.state is EditionState.SENT
    assert list_actions(report) == ["retry_failed_deliveries", "send_edition"]


@pytest.mark.parametrize(
    "text", ["550 Unrouteable address", "550 5.7.1 not in our directory", "550 5.0.0 no"]
)
def test_308_readers_with_8_gone_are_sent(mailer: Mailer, relay: Relay, text: str) -> None:
    readers = make_readers(308)
    dead_readers = readers[15::38]
    assert len(dead_readers) == 8
    relay.answer_always(Step.RCPT, refuse_some(text, *dead_readers))
    edition = begin_edition(mailer, *readers)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert count_states(report) == {"failed": 8, "sent": 300}
    assert len(relay.accepted) == 300


@pytest.mark.proof
@pytest.mark.parametrize(
    "text", ["550 Unrouteable address", "550 5.7.1 not in our directory", "550 5.0.0 no"]
)
def test_running_worker_sends_to_300_of_308_readers(
    mailer: Mailer, relay: Relay, text: str
) -> None:
    readers = make_readers(308)
    relay.answer_always(Step.RCPT, refuse_some(text, *readers[15::38]))
    edition = begin_edition(mailer, *readers)
    processes = MailerProcesses(mailer)
    try:
        worker = processes.start_process("worker", WORKER_TICK=0.2)
        wait_until(lambda: get_edition_state(mailer.store, edition) is EditionState.SENT, 120)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait().code == 0
    finally:
        processes.end_processes()
    assert Counter(read_delivery_states(mailer.store, edition).values()) == {
        DeliveryState.FAILED: 8,
        DeliveryState.SENT: 300,
    }
    assert len(relay.accepted) == 300


def test_unjudged_dead_list_ends_after_one_resume_each(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.7.1 not in our directory")
    edition = begin_edition(mailer, *make_readers(60))
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.PAUSED
    assert count_states(report) == {"queued": 60}
    report = deliver_again(mailer, edition)
    assert count_states(report) == {"failed": 60}
    assert report.edition.state is EditionState.PAUSED
    assert "no message of it was accepted" in report.edition.reason
    report = deliver_again(mailer, edition)
    assert report.edition.state is EditionState.SENT


def test_edition_with_nothing_accepted_never_ends_quietly(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.1.1 no such user")
    edition = begin_edition(mailer, *make_readers(3))
    _, report = deliver_edition(mailer, edition)
    assert count_states(report) == {"failed": 3}
    assert report.edition.state is EditionState.PAUSED
    assert deliver_again(mailer, edition).edition.state is EditionState.SENT


def test_international_addresses_fail_alone_without_smtputf8(mailer: Mailer, relay: Relay) -> None:
    readers = make_readers(20)
    international = [f"jörg{n}@d{n}.example" for n in range(7)]
    edition = begin_edition(mailer, *international, *readers)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert count_states(report) == {"failed": 7, "sent": 20}
    (explained,) = explain_replies(report)
    assert (explained.count, explained.subject) == (7, "recipient")


def test_dead_domain_with_unjudged_reply_does_not_stop_others(mailer: Mailer, relay: Relay) -> None:
    dead_readers = [f"a{n:02}@gone.example" for n in range(30)]
    relay.answer_always(Step.RCPT, refuse_some("550 5.7.1 not here", *dead_readers))
    readers = make_readers(20)
    edition = begin_edition(mailer, *dead_readers, *readers)
    _, report = deliver_edition(with_single_connection(mailer), edition)
    assert report.edition.state is EditionState.SENT
    assert count_states(report) == {"failed": 30, "sent": 20}
    assert sorted(relay.accepted) == readers


def test_retried_recipient_refused_alike_fails_at_once(mailer: Mailer, relay: Relay) -> None:
    readers = make_readers(20)
    relay.answer_always(Step.RCPT, refuse_some("550 5.7.1 not this one", *readers[:7]))
    edition = begin_edition(mailer, *readers)
    resumed_count = 0
    _, report = deliver_edition(mailer, edition)
    while report.edition.state is EditionState.PAUSED:
        resumed_count += 1
        report = deliver_again(mailer, edition)
    assert resumed_count <= 1
    assert count_states(report) == {"failed": 7, "sent": 13}
    with mailer.store.begin() as tx:
        current_edition = factories.reload_edition(tx, edition)
        assert outbox.retry_failed_deliveries(tx, STAFF, current_edition, mailer.clock()) == 7
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert count_states(report) == {"failed": 7, "sent": 13}
    assert {row.attempt for row in read_deliveries(mailer.store, edition).values()} == {1}


def test_message_over_size_limit_pauses_its_edition_only(mailer: Mailer, relay: Relay) -> None:
    """The relay goes on with other editions, and the sender's address is not blamed."""
    relay.remove_extension("SIZE")
    relay.offer_extensions("SIZE 50")
    edition = begin_edition(mailer, *make_readers(8))
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.PAUSED
    assert "(SIZE)" in report.edition.reason
    assert "cancel the edition and send a smaller one" in report.edition.reason
    assert "the sender's address" not in report.edition.reason
    assert has_no_attempts(mailer.store, edition)


def test_552_to_mail_pauses_edition_as_too_large(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.MAIL, "552 5.3.4 over the limit")
    edition = begin_edition(mailer, *make_readers(8))
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.PAUSED
    assert "too large" in report.edition.reason
    assert has_no_attempts(mailer.store, edition)


def test_retry_leaves_dead_addresses_unless_all(mailer: Mailer, relay: Relay) -> None:
    readers = make_readers(20)
    replies_by_reader = dict.fromkeys(readers[:2], "550 5.1.1 no such mailbox")
    replies_by_reader |= dict.fromkeys(readers[2:4], "550 5.7.1 not today")
    replies_by_reader[readers[4]] = "550 5.2.2 no room for more"
    relay.answer_always(
        Step.RCPT, lambda envelope: replies_by_reader.get(envelope.recipient, "250 2.1.5 ok")
    )
    edition = begin_edition(mailer, *readers)
    deliver_edition(mailer, edition)
    with mailer.store.begin() as tx:
        current_edition = factories.reload_edition(tx, edition)
        replies = [reply for _, reply in tx.outbox.list_failed_replies(edition.id)]
        assert len(replies) == 5
        result = retry_failed(tx, STAFF, current_edition, mailer.clock())
        assert result == RetryResult(queued=3, left=2), "the full mailbox is tried again"
        (event,) = [e for e in tx.editions.list_events(edition) if e.event_type == "retry"]
        assert event.detail.endswith("2 left whose addresses are dead or may not be mailed")
        current_edition = factories.reload_edition(tx, edition)
        result = retry_failed(
            tx, STAFF, current_edition, mailer.clock(), includes_refused_recipients=True
        )
        assert result == RetryResult(queued=2)


def test_refused_smtputf8_fails_one_reader_and_stops_no_relay(mailer: Mailer, relay: Relay) -> None:
    relay.offer_extensions("SMTPUTF8")
    relay.answer_always(
        Step.MAIL,
        lambda envelope: "555 5.5.4 no" if "SMTPUTF8" in envelope.mail else "250 2.1.0 ok",
    )
    edition = begin_edition(mailer, "jörg@d.example", *make_readers(5))
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert len(relay.accepted) == 5
    (replies,) = [reply for reply in explain_replies(report) if reply.state is DeliveryState.FAILED]
    assert "SMTPUTF8" in replies.meaning
