"""A worker stops on a signal, or when a command pauses or cancels the edition."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from tests.fake_relay import SILENCE, Action, Envelope, Relay, Response, Step
from tests.integration.delivery.faults import SUCCESS_REPLIES
from tests.integration.delivery.worker_processes import MailerProcesses, StateLog
from tests.integration.factories import (
    begin_edition,
    make_addresses,
    read_deliveries,
    read_delivery_states,
)

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)

_S = DeliveryState
CONNECTIONS, WINDOW = 4, 5
READERS = make_addresses(300)
SLOW_SECONDS = 2.0
"""Seconds for which the relay delays its reply to a message."""


@pytest.fixture
def backend() -> str:
    return "sqlite"


def respond_after_messages(
    count: int, get_response: Callable[[], Response], relay: Relay
) -> threading.Event:
    """Let the relay answer by `get_response` after `count` messages.

    The event is set when that begins."""
    started_event = threading.Event()
    remaining = iter(range(count))

    def respond(_: Envelope) -> Response:
        if next(remaining, None) is None:
            started_event.set()
            return get_response()
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, respond)
    return started_event


def answer_slowly() -> str:
    time.sleep(SLOW_SECONDS)
    return SUCCESS_REPLIES[Step.DOT]


def test_sigterm_finishes_messages_on_the_wire(
    mailer: Mailer, relay: Relay, worker_processes: MailerProcesses, state_log: StateLog
) -> None:
    edition = begin_edition(mailer, *READERS)
    slow_event = respond_after_messages(40, answer_slowly, relay)
    worker = worker_processes.send_edition(
        edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW
    )
    assert slow_event.wait(30)
    signalled_at = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    result = worker.wait()
    assert time.monotonic() - signalled_at < SLOW_SECONDS + 10
    assert result.code == 4, result.output
    deliveries = read_deliveries(mailer.store, edition)
    sent_addresses = [
        address for address, delivery in deliveries.items() if delivery.state is _S.SENT
    ]
    assert sorted(relay.accepted) == sorted(sent_addresses), "each message once, and each recorded"
    assert state_log.in_doubt_addresses == set()
    assert {(delivery.state, delivery.attempt) for delivery in deliveries.values()} == {
        (_S.SENT, 1),
        (_S.QUEUED, 0),
    }

    relay.reset_script()
    mailer.deliver_editions([edition], threading.Event())
    assert sorted(relay.accepted) == READERS


def test_second_sigterm_stops_at_once(
    mailer: Mailer, relay: Relay, worker_processes: MailerProcesses, state_log: StateLog
) -> None:
    """The relay is still silent."""
    edition = begin_edition(mailer, *READERS)
    silent_event = respond_after_messages(40, lambda: SILENCE, relay)
    worker = worker_processes.send_edition(
        edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW
    )
    assert silent_event.wait(30)
    worker.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert not worker.has_ended, "the worker must wait for the relay"
    signalled_at = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    result = worker.wait()
    assert time.monotonic() - signalled_at < 4, "most of this is the exit of the process"
    assert result.code == 130, result.output
    deliveries = read_deliveries(mailer.store, edition)
    in_doubt = [item for item in deliveries.values() if item.state is _S.IN_DOUBT]
    assert 0 < len(in_doubt) <= CONNECTIONS * WINDOW
    assert {(item.state, item.attempt) for item in deliveries.values()} == {
        (_S.SENT, 1),
        (_S.QUEUED, 0),
        (_S.IN_DOUBT, 1),
    }

    relay.reset_script()
    mailer.deliver_editions([edition], threading.Event(), at_once=True)
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == READERS
    assert {item for item in accepted if accepted[item] > 1} <= state_log.in_doubt_addresses


# ---- from another process ---------------------------------------------------------------------


@pytest.fixture
def body_moments(relay: Relay) -> list[float]:
    """The moments at which the relay received the first line of a message."""
    begun_at: list[float] = []

    def note_moment(_: Envelope) -> str:
        begun_at.append(time.monotonic())
        return ""

    relay.answer_always(Step.BODY, note_moment)
    return begun_at


def make_slow_answer(seconds: float) -> Action:
    def answer(_: Envelope) -> str:
        time.sleep(seconds)
        return SUCCESS_REPLIES[Step.DOT]

    return answer


@pytest.mark.parametrize(
    ("command", "connections", "delay", "max_delay"),
    [("pause", CONNECTIONS, 0.01, 0.5), ("cancel", CONNECTIONS, 0.01, 0.5), ("pause", 1, 0.4, 5.0)],
    ids=["pause", "cancel", "pause with a slow relay"],
)
def test_pause_or_cancel_command_blocks_gate_at_once(
    command: str,
    connections: int,
    delay: float,
    max_delay: float,
    mailer: Mailer,
    relay: Relay,
    worker_processes: MailerProcesses,
    body_moments: list[float],
) -> None:
    """Messages that passed the gate may still go: for a moment, or, if the relay is slow, until
    they must pass it again after five seconds."""
    edition = begin_edition(mailer, *make_addresses(2500))
    relay.answer_always(Step.DOT, make_slow_answer(delay))
    worker = worker_processes.send_edition(edition, RELAY_CONNECTIONS=connections)
    while len(body_moments) < connections:
        time.sleep(0.01)
    result = worker_processes.start_process(
        "edition", command, str(edition.id), "--reason", "a wrong picture"
    ).wait()
    answered_at = time.monotonic()
    assert result.code == 0, result.output
    assert worker.wait().code == 5
    assert [
        moment - answered_at for moment in body_moments if moment - answered_at > max_delay
    ] == []
    states = read_delivery_states(mailer.store, edition)
    assert set(states.values()) == {_S.SENT, _S.QUEUED if command == "pause" else _S.CANCELLED}
    sent_addresses = [address for address, state in states.items() if state is _S.SENT]
    assert sorted(relay.accepted) == sorted(sent_addresses)
