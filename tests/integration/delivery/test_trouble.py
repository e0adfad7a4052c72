"""A failing relay spends no attempt, and an error that only a person can fix pauses the edition."""

import pytest
from pydantic import SecretStr

from mailer.app import Mailer
from mailer.delivery.refusal_tracker import MIN_ALIKE
from mailer.delivery.relay_health import MAX_UNANSWERED_LINKS
from mailer.errors import RelayError
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from tests.fake_relay import CLOSE, SILENCE, Relay, Response, Step, reply_then_close
from tests.integration import factories
from tests.integration.delivery.delivery_runs import (
    count_states,
    deliver_edition,
    get_edition_state,
    has_no_attempts,
    resume_edition,
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


# ---- links that are lost ----------------------------------------------------------------------


@pytest.mark.without_chunking
@pytest.mark.parametrize(
    ("step", "response"),
    [
        (Step.MAIL, CLOSE),
        (Step.RCPT, CLOSE),
        (Step.DATA, CLOSE),
        (Step.RCPT, SILENCE),
        (Step.MAIL, "421 4.3.2 going down"),
        (Step.MAIL, "451 4.3.0 busy"),
    ],
)
def test_link_lost_before_message_is_reopened(
    mailer: Mailer, relay: Relay, step: Step, response: Response
) -> None:
    relay.answer_once(step, response)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(with_relay(with_single_connection(mailer), timeout=0.4), edition)
    assert sorted(relay.accepted) == READERS, "each message once"
    assert report.edition.state is EditionState.SENT
    assert relay.connections == 2
    assert {delivery.attempt for delivery in read_deliveries(mailer.store, edition).values()} == {1}


@pytest.mark.without_chunking
def test_links_lost_together_are_reopened(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, *[CLOSE] * 8)
    addresses = make_addresses(100)
    edition = begin_edition(mailer, *addresses)
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == addresses
    assert report.edition.state is EditionState.SENT
    assert {delivery.attempt for delivery in read_deliveries(mailer.store, edition).values()} == {1}


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA])
def test_recipient_answered_421_does_not_hold_up_others(
    mailer: Mailer, relay: Relay, step: Step
) -> None:
    relay.answer_always(step, reply_then_close("421 4.3.2 not this one"), to=ANA)
    edition = begin_edition(mailer, *READERS)
    progress, _ = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == [reader for reader in READERS if reader != ANA]
    assert progress.deferred == 1


@pytest.mark.without_chunking
def test_message_breaking_each_link_does_not_hold_up_others(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, CLOSE, to=ANA)
    addresses = make_addresses(40)
    edition = begin_edition(mailer, *addresses)
    progress, report = deliver_edition(with_single_connection(mailer), edition)
    assert sorted(relay.accepted) == addresses[1:]
    assert progress.deferred == 1
    assert count_states(report) == {"sent": 39, "queued": 1}
    assert "3 times" in read_deliveries(mailer.store, edition)[ANA].reply


def test_550_followed_by_close_is_refused(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, reply_then_close("550 5.7.1 go away"), to=ANA)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert count_states(report) == {"sent": 6, "failed": 1}
    assert read_deliveries(mailer.store, edition)[ANA].reply == "550 5.7.1 go away (to RCPT)"


@pytest.mark.without_chunking
def test_links_lost_repeatedly_end_run_without_attempts(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, CLOSE)
    edition = begin_edition(mailer, *READERS)
    with pytest.raises(RelayError, match="the link was lost") as caught:
        deliver_edition(mailer, edition)
    assert not caught.value.is_permanent
    assert has_no_attempts(mailer.store, edition)
    assert get_edition_state(mailer.store, edition) is EditionState.SENDING
    relay.reset_script()
    deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS


@pytest.mark.without_chunking
def test_relay_closing_after_each_message_pauses_edition(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.DOT, CLOSE)
    edition = begin_edition(mailer, *READERS)
    with pytest.raises(RelayError, match="after each message"):
        deliver_edition(with_single_connection(mailer), edition)
    assert get_edition_state(mailer.store, edition) is EditionState.PAUSED
    states = list(read_delivery_states(mailer.store, edition).values())
    assert states.count(DeliveryState.IN_DOUBT) == MAX_UNANSWERED_LINKS
    assert states.count(DeliveryState.QUEUED) == len(READERS) - MAX_UNANSWERED_LINKS


# ---- relays that can't be used ----------------------------------------------------------------


def test_relay_that_is_down_spends_no_attempt(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *READERS)
    with pytest.raises(RelayError, match="connection was refused") as caught:
        deliver_edition(with_relay(mailer, port=1), edition)
    assert not caught.value.is_permanent
    assert get_edition_state(mailer.store, edition) is EditionState.SENDING
    assert has_no_attempts(mailer.store, edition)
    deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS


@pytest.mark.without_chunking
def test_silent_relay_times_out_and_is_reopened(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, SILENCE)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(with_relay(mailer, timeout=0.3), edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_535_wrong_password_pauses_edition(mailer: Mailer, relay: Relay) -> None:
    relay.offer_extensions("AUTH PLAIN LOGIN")
    relay.answer_always(Step.AUTH, "535 5.7.8 wrong")
    edition = begin_edition(mailer, *READERS)
    password_mailer = with_relay(mailer, user="office", password=SecretStr("hush"))
    with pytest.raises(RelayError, match=r"535 5\.7\.8 wrong") as caught:
        deliver_edition(password_mailer, edition)
    assert caught.value.is_permanent
    with mailer.store.read() as tx:
        paused_edition = factories.reload_edition(tx, edition)
    assert paused_edition.state is EditionState.PAUSED
    assert "535" in paused_edition.reason
    assert has_no_attempts(mailer.store, edition)
    relay.reset_script()
    resume_edition(mailer, edition)
    _, report = deliver_edition(password_mailer, edition)
    assert report.edition.state is EditionState.SENT


def test_refused_envelope_sender_pauses_edition(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.MAIL, "550 5.7.1 not your address")
    edition = begin_edition(mailer, *READERS)
    with pytest.raises(RelayError, match="not your address"):
        deliver_edition(mailer, edition)
    assert get_edition_state(mailer.store, edition) is EditionState.PAUSED
    assert has_no_attempts(mailer.store, edition)


# ---- repeated refusals ------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT])
@pytest.mark.parametrize("connections", [1, 8])
def test_repeated_refusals_pause_edition_without_attempts(
    mailer: Mailer, relay: Relay, step: Step, connections: int
) -> None:
    relay.answer_always(
        step, lambda envelope: f"550 5.7.1 no mail for <{envelope.recipient}> from you"
    )
    addresses = make_addresses(8 * MIN_ALIKE)
    edition = begin_edition(mailer, *addresses)
    progress, report = deliver_edition(with_relay(mailer, connections=connections), edition)
    assert report.edition.state is EditionState.PAUSED
    assert "recipients were refused alike (" in report.edition.reason
    assert "5.7.1 no mail for" in report.edition.reason
    assert has_no_attempts(mailer.store, edition)
    assert progress.failed == 0
    relay.reset_script()
    resume_edition(mailer, edition)
    _, report = deliver_edition(mailer, edition)
    assert report.edition.state is EditionState.SENT
    assert sorted(relay.accepted) == addresses


def test_unknown_recipient_stays_failed_after_pause(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.7.1 no mail from you")
    relay.answer_always(Step.RCPT, "550 5.1.1 no such user", to=ANA)
    edition = begin_edition(mailer, *READERS)
    deliver_edition(with_single_connection(mailer), edition)
    assert get_edition_state(mailer.store, edition) is EditionState.PAUSED
    states = read_delivery_states(mailer.store, edition)
    assert states.pop(ANA) is DeliveryState.FAILED
    assert set(states.values()) == {DeliveryState.QUEUED}
