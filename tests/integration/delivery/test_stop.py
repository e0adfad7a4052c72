"""A sender is told to stop, by a signal or by somebody who pauses or cancels the edition."""

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
SLOW = 2.0
"""Seconds for which the relay thinks about a message."""


@pytest.fixture
def backend() -> str:
    return "sqlite"


def from_the(count: int, then: Callable[[], Response], relay: Relay) -> threading.Event:
    """What the relay does with a message, after so many others; the event says that it came to
    that."""
    begins = threading.Event()
    left = iter(range(count))

    def act(_: Envelope) -> Response:
        if next(left, None) is None:
            begins.set()
            return then()
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, act)
    return begins


def think() -> str:
    time.sleep(SLOW)
    return SUCCESS_REPLIES[Step.DOT]


def test_sigterm_finishes_what_is_on_the_wire(
    mailer: Mailer, relay: Relay, senders: MailerProcesses, diary: StateLog
) -> None:
    edition = begin_edition(mailer, *READERS)
    slow = from_the(40, think, relay)
    sender = senders.send_edition(edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW)
    assert slow.wait(30)
    asked = time.monotonic()
    sender.send_signal(signal.SIGTERM)
    done = sender.wait()
    assert time.monotonic() - asked < SLOW + 10
    assert done.code == 4, done.output
    found = read_deliveries(mailer.store, edition)
    sent = [address for address, one in found.items() if one.state is _S.SENT]
    assert sorted(relay.accepted) == sorted(sent), "each once, and each known"
    assert diary.in_doubt_addresses == set()
    assert {(one.state, one.attempt) for one in found.values()} == {(_S.SENT, 1), (_S.QUEUED, 0)}

    relay.reset_script()
    mailer.deliver_editions([edition], threading.Event())
    assert sorted(relay.accepted) == READERS


def test_a_second_sigterm_stops_at_once(
    mailer: Mailer, relay: Relay, senders: MailerProcesses, diary: StateLog
) -> None:
    """Though the relay would take its time."""
    edition = begin_edition(mailer, *READERS)
    silent = from_the(40, lambda: SILENCE, relay)
    sender = senders.send_edition(edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW)
    assert silent.wait(30)
    sender.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert not sender.has_ended, "it waits for the relay"
    asked = time.monotonic()
    sender.send_signal(signal.SIGTERM)
    done = sender.wait()
    assert time.monotonic() - asked < 4, "mostly the end of the process"
    assert done.code == 130, done.output
    found = read_deliveries(mailer.store, edition)
    in_doubt = [one for one in found.values() if one.state is _S.IN_DOUBT]
    assert 0 < len(in_doubt) <= CONNECTIONS * WINDOW
    assert {(one.state, one.attempt) for one in found.values()} == {
        (_S.SENT, 1), (_S.QUEUED, 0), (_S.IN_DOUBT, 1),
    }  # fmt: skip

    relay.reset_script()
    mailer.deliver_editions([edition], threading.Event())
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == READERS
    assert {one for one in accepted if accepted[one] > 1} <= diary.in_doubt_addresses


# ---- from another process ---------------------------------------------------------------------


@pytest.fixture
def bodies(relay: Relay) -> list[float]:
    """The moments at which the relay was given the first line of a message."""
    begun_at: list[float] = []

    def note(_: Envelope) -> str:
        begun_at.append(time.monotonic())
        return ""

    relay.answer_always(Step.BODY, note)
    return begun_at


def answers_after(seconds: float) -> Action:
    def act(_: Envelope) -> str:
        time.sleep(seconds)
        return SUCCESS_REPLIES[Step.DOT]

    return act


@pytest.mark.parametrize(
    ("word", "connections", "thinks", "late"),
    [("pause", CONNECTIONS, 0.01, 0.5), ("cancel", CONNECTIONS, 0.01, 0.5), ("pause", 1, 0.4, 5.0)],
    ids=["pause", "cancel", "pause with a slow relay"],
)
def test_once_it_is_answered_nothing_more_passes_the_gate(
    word: str,
    connections: int,
    thinks: float,
    late: float,
    mailer: Mailer,
    relay: Relay,
    senders: MailerProcesses,
    bodies: list[float],
) -> None:
    """What has passed it may still go: for a moment, or, where the relay is so slow that what is
    in hand grows old, until it is looked at again after five seconds."""
    edition = begin_edition(mailer, *make_addresses(2500))
    relay.answer_always(Step.DOT, answers_after(thinks))
    sender = senders.send_edition(edition, RELAY_CONNECTIONS=connections)
    while len(bodies) < connections:
        time.sleep(0.01)
    done = senders.start_process(
        "edition", word, str(edition.id), "--reason", "a wrong picture"
    ).wait()
    answered = time.monotonic()
    assert done.code == 0, done.output
    assert sender.wait().code == 5
    assert [one - answered for one in bodies if one - answered > late] == []
    found = read_delivery_states(mailer.store, edition)
    assert set(found.values()) == {_S.SENT, _S.QUEUED if word == "pause" else _S.CANCELLED}
    sent = [address for address, state in found.items() if state is _S.SENT]
    assert sorted(relay.accepted) == sorted(sent)
