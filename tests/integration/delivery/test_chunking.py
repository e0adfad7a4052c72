"""With CHUNKING and PIPELINING, several messages are in flight; each gets its own reply."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from mailer.app import Mailer
from mailer.delivery import relay_health
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from tests.fake_relay import CLOSE, SILENCE, Relay, Step, reply_then_close
from tests.integration.delivery.delivery_runs import deliver_edition, with_relay
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states

READERS = make_addresses(30)
CHOSEN = READERS[14]


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as chunking_relay:
        chunking_relay.offer_extensions("CHUNKING")
        yield chunking_relay


def deliver_over_one_connection(mailer: Mailer, **changes: object) -> dict[str, DeliveryState]:
    """Deliver one edition to all readers, and return each delivery's state."""
    edition = begin_edition(mailer, *READERS)
    relay_changes = {"connections": 1, "window": 10, "timeout": 5, "dot_timeout": 5, **changes}
    deliver_edition(with_relay(mailer, **relay_changes), edition)
    return read_delivery_states(mailer.store, edition)


def test_chunking_sends_every_message_by_bdat(mailer: Mailer, relay: Relay) -> None:
    states = deliver_over_one_connection(mailer)
    assert sorted(relay.accepted) == READERS
    assert set(states.values()) == {DeliveryState.SENT}
    verbs = Counter(command.partition(" ")[0] for command in relay.commands)
    assert verbs["BDAT"] == len(READERS)
    assert verbs["DATA"] == 0
    assert relay.connections == 1


def test_chunking_sends_same_bytes_as_data(mailer: Mailer, relay: Relay) -> None:
    relay.answer_always(Step.BDAT, "451 4.3.0 later")
    edition = begin_edition(mailer, *READERS)
    deliver_edition(mailer, edition)
    chunks = {received.recipient: _remove_date(received.data) for received in relay.received}
    relay.received.clear()
    deliver_edition(with_relay(mailer, chunking=False), edition)
    messages = {received.recipient: _remove_date(received.data) for received in relay.received}
    assert list(messages) != []
    assert chunks == messages


def _remove_date(message: bytes) -> bytes:
    """Remove the Date field, which is that of the attempt."""
    return re.sub(rb"(?m)^Date: .*\r\n", b"", message, count=1)


def test_chunking_has_window_in_flight(mailer: Mailer, relay: Relay) -> None:
    """Once messages have been accepted, others are written before the reply to the last."""
    deliver_over_one_connection(mailer)
    # RSET precedes a message that was written before the reply to the message before it.
    assert relay.commands.count("RSET") >= len(READERS) // 2


@pytest.mark.parametrize(
    ("step", "reply", "state"),
    [
        (Step.RCPT, "550 5.1.1 no such user", DeliveryState.FAILED),
        (Step.RCPT, "450 4.2.1 later", DeliveryState.QUEUED),
        (Step.BDAT, "554 5.6.0 not this", DeliveryState.FAILED),
        (Step.BDAT, "451 4.3.0 later", DeliveryState.QUEUED),
    ],
)
def test_chunking_judges_each_reply_of_a_window_by_itself(
    mailer: Mailer, relay: Relay, step: Step, reply: str, state: DeliveryState
) -> None:
    relay.answer_once(step, reply, to=CHOSEN)
    states = deliver_over_one_connection(mailer)
    assert states.pop(CHOSEN) is state
    assert set(states.values()) == {DeliveryState.SENT}
    assert Counter(relay.accepted) == Counter(set(READERS) - {CHOSEN})
    for received in relay.received:
        assert received.recipient in received.data.decode(), "nobody gets another's message"


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.BDAT])
def test_relay_closing_after_421_leaves_nothing_in_doubt(
    mailer: Mailer, relay: Relay, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that ends a full connection with 421 has not accepted what was written behind."""
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.0)
    to = "" if step is Step.MAIL else CHOSEN
    if step is Step.MAIL:
        relay.answer_once(step, *["250 2.1.0 ok"] * 14)
    relay.answer_once(step, reply_then_close("421 4.7.0 too many messages"), to=to)
    states = deliver_over_one_connection(mailer)
    assert DeliveryState.IN_DOUBT not in states.values()
    accepted = Counter(relay.accepted)
    assert max(accepted.values()) == 1
    assert set(READERS) - set(accepted) <= {CHOSEN}


@pytest.mark.parametrize("action", [CLOSE, SILENCE, "%$ what is this?"])
@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.BDAT])
def test_chunking_with_lost_replies_doubts_at_most_a_window(
    mailer: Mailer, relay: Relay, step: Step, action: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.0)
    if step is Step.MAIL:
        relay.answer_once(step, *["250 2.1.0 ok"] * 14)
    relay.answer_once(step, action, to="" if step is Step.MAIL else CHOSEN)  # type: ignore[arg-type]
    states = deliver_over_one_connection(mailer, timeout=0.4, dot_timeout=0.4)
    doubted = {address for address, state in states.items() if state is DeliveryState.IN_DOUBT}
    assert 1 <= len(doubted) <= 10
    assert set(states.values()) == {DeliveryState.SENT, DeliveryState.IN_DOUBT}
    accepted = Counter(relay.accepted)
    assert {address for address in accepted if accepted[address] > 1} == set()
    assert set(READERS) - set(accepted) <= doubted


@pytest.mark.parametrize("reply", ["500 5.5.2 what?", "502 5.5.1 no", "503 5.5.1 DATA first"])
def test_relay_refusing_bdat_gets_messages_by_data(
    mailer: Mailer, relay: Relay, reply: str
) -> None:
    relay.answer_always(Step.BDAT, reply)
    edition = begin_edition(mailer, *READERS)
    progress, report = deliver_edition(with_relay(mailer, connections=2, timeout=5), edition)
    assert sorted(relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    (note,) = progress.notes.values()
    assert "CHUNKING" in note


def test_relay_setting_turns_chunking_off(mailer: Mailer, relay: Relay) -> None:
    deliver_over_one_connection(mailer, chunking=False)
    assert sorted(relay.accepted) == READERS
    assert not [command for command in relay.commands if command.startswith("BDAT")]


def test_chunking_without_pipelining_is_not_used(mailer: Mailer, relay: Relay) -> None:
    relay.remove_extension("PIPELINING")
    deliver_over_one_connection(mailer)
    assert not [command for command in relay.commands if command.startswith("BDAT")]
