"""A relay that fails: it costs nobody an attempt, and what only a person can mend pauses the
edition."""

import pytest
from pydantic import SecretStr

from mailer.app import Mailer
from mailer.delivery.outcomes import MAX_REPEATED_REFUSALS
from mailer.delivery.relay_health import MAX_DOUBTS
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


@pytest.mark.parametrize(
    ("step", "how"),
    [
        (Step.MAIL, CLOSE), (Step.RCPT, CLOSE), (Step.DATA, CLOSE), (Step.RCPT, SILENCE),
        (Step.MAIL, "421 4.3.2 going down"), (Step.MAIL, "451 4.3.0 busy"),
    ],
)  # fmt: skip
def test_a_link_lost_before_the_message_is_opened_again(
    mailer: Mailer, relay: Relay, step: Step, how: Response
) -> None:
    relay.answer_once(step, how)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(with_relay(with_single_connection(mailer), timeout=0.4), edition)
    assert sorted(relay.accepted) == READERS, "each once"
    assert report.edition.state is EditionState.SENT
    assert relay.connections == 2
    assert {one.attempt for one in read_deliveries(mailer.store, edition).values()} == {1}


def test_links_lost_all_at_once_are_opened_again(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, *[CLOSE] * 8)
    many = make_addresses(100)
    edition = begin_edition(mailer, *many)
    _, report = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == many
    assert report.edition.state is EditionState.SENT
    assert {one.attempt for one in read_deliveries(mailer.store, edition).values()} == {1}


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA])
def test_one_whom_the_relay_answers_421_does_not_hold_up_the_others(
    mailer: Mailer, relay: Relay, step: Step
) -> None:
    relay.answer_always(step, reply_then_close("421 4.3.2 not this one"), to=ANA)
    edition = begin_edition(mailer, *READERS)
    progress, _ = deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == [one for one in READERS if one != ANA]
    assert progress.deferred == 1


def test_one_that_breaks_each_link_does_not_hold_up_the_others(
    mailer: Mailer, relay: Relay
) -> None:
    relay.answer_always(Step.RCPT, CLOSE, to=ANA)
    many = make_addresses(40)
    edition = begin_edition(mailer, *many)
    progress, report = deliver_edition(with_single_connection(mailer), edition)
    assert sorted(relay.accepted) == many[1:]
    assert progress.deferred == 1
    assert count_states(report) == {"sent": 39, "queued": 1}
    assert "3 times" in read_deliveries(mailer.store, edition)[ANA].reply


def test_a_refusal_with_a_hang_up_is_a_refusal(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, reply_then_close("550 5.7.1 go away"), to=ANA)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(mailer, edition)
    assert count_states(report) == {"sent": 6, "failed": 1}
    assert read_deliveries(mailer.store, edition)[ANA].reply == "550 5.7.1 go away (to RCPT)"


def test_a_link_lost_again_and_again_ends_the_run(mailer: Mailer, relay: Relay) -> None:
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


def test_a_relay_that_drops_the_link_after_each_message_pauses_the_edition(
    mailer: Mailer, relay: Relay
) -> None:
    relay.answer_always(Step.DOT, CLOSE)
    edition = begin_edition(mailer, *READERS)
    with pytest.raises(RelayError, match="after each message"):
        deliver_edition(with_single_connection(mailer), edition)
    assert get_edition_state(mailer.store, edition) is EditionState.PAUSED
    found = list(read_delivery_states(mailer.store, edition).values())
    assert found.count(DeliveryState.IN_DOUBT) == MAX_DOUBTS
    assert found.count(DeliveryState.QUEUED) == len(READERS) - MAX_DOUBTS


# ---- relays that can't be used ----------------------------------------------------------------


def test_a_relay_that_is_down_costs_nothing(mailer: Mailer, relay: Relay) -> None:
    edition = begin_edition(mailer, *READERS)
    with pytest.raises(RelayError, match="connection was refused") as caught:
        deliver_edition(with_relay(mailer, port=1), edition)
    assert not caught.value.is_permanent
    assert get_edition_state(mailer.store, edition) is EditionState.SENDING
    assert has_no_attempts(mailer.store, edition)
    deliver_edition(mailer, edition)
    assert sorted(relay.accepted) == READERS


def test_a_relay_that_says_nothing_is_left(mailer: Mailer, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, SILENCE)
    edition = begin_edition(mailer, *READERS)
    _, report = deliver_edition(with_relay(mailer, timeout=0.3), edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT


def test_a_refused_password_pauses_the_edition(mailer: Mailer, relay: Relay) -> None:
    relay.offer_extensions("AUTH PLAIN LOGIN")
    relay.answer_always(Step.AUTH, "535 5.7.8 wrong")
    edition = begin_edition(mailer, *READERS)
    asking = with_relay(mailer, user="office", password=SecretStr("hush"))
    with pytest.raises(RelayError, match=r"535 5\.7\.8 wrong") as caught:
        deliver_edition(asking, edition)
    assert caught.value.is_permanent
    with mailer.store.read() as tx:
        paused = factories.reload_edition(tx, edition)
    assert paused.state is EditionState.PAUSED
    assert "535" in paused.reason
    assert has_no_attempts(mailer.store, edition)
    relay.reset_script()
    resume_edition(mailer, edition)
    _, report = deliver_edition(asking, edition)
    assert report.edition.state is EditionState.SENT


def test_a_refused_sender_pauses_the_edition(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.MAIL, "550 5.7.1 not your address")
    edition = begin_edition(mailer, *READERS)
    with pytest.raises(RelayError, match="not your address"):
        deliver_edition(mailer, edition)
    assert get_edition_state(mailer.store, edition) is EditionState.PAUSED
    assert has_no_attempts(mailer.store, edition)


# ---- refusals that speak of us ----------------------------------------------------------------


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT])
@pytest.mark.parametrize("connections", [1, 8])
def test_refusals_alike_pause_and_spend_nobodys_attempt(
    mailer: Mailer, relay: Relay, step: Step, connections: int
) -> None:
    relay.answer_always(
        step, lambda envelope: f"550 5.7.1 no mail for <{envelope.recipient}> from you"
    )
    many = make_addresses(8 * MAX_REPEATED_REFUSALS)
    edition = begin_edition(mailer, *many)
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
    assert sorted(relay.accepted) == many


def test_those_who_were_refused_by_the_way_stay_refused(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.7.1 no mail from you")
    relay.answer_always(Step.RCPT, "550 5.1.1 no such user", to=ANA)
    edition = begin_edition(mailer, *READERS)
    deliver_edition(with_single_connection(mailer), edition)
    assert get_edition_state(mailer.store, edition) is EditionState.PAUSED
    found = read_delivery_states(mailer.store, edition)
    assert found.pop(ANA) is DeliveryState.FAILED
    assert set(found.values()) == {DeliveryState.QUEUED}
