"""A sender is told to stop, by a signal or by somebody who pauses or cancels the edition."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from mailer.app import Mailer
from mailer.outbox import DeliveryState
from tests.integration.delivery.faults import SUCCESS
from tests.integration.delivery.senders import Diary, Senders
from tests.integration.office import addresses, begun, deliveries, states
from tests.smtpd import SILENCE, Action, Envelope, Relay, Said, Step

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)

_S = DeliveryState
CONNECTIONS, WINDOW = 4, 5
READERS = addresses(300)
SLOW = 2.0
"""Seconds for which the relay thinks about a message."""


@pytest.fixture
def backend() -> str:
    return "sqlite"


def from_the(count: int, then: Callable[[], Said], relay: Relay) -> threading.Event:
    """What the relay does with a message, after so many others; the event says that it came to
    that."""
    begins = threading.Event()
    left = iter(range(count))

    def act(_: Envelope) -> Said:
        if next(left, None) is None:
            begins.set()
            return then()
        return SUCCESS[Step.DOT]

    relay.always(Step.DOT, act)
    return begins


def think() -> str:
    time.sleep(SLOW)
    return SUCCESS[Step.DOT]


def test_sigterm_finishes_what_is_on_the_wire(
    mailer: Mailer, relay: Relay, senders: Senders, diary: Diary
) -> None:
    edition = begun(mailer, *READERS)
    slow = from_the(40, think, relay)
    sender = senders.send(edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW)
    assert slow.wait(30)
    asked = time.monotonic()
    sender.signal(signal.SIGTERM)
    done = sender.wait()
    assert time.monotonic() - asked < SLOW + 10
    assert done.code == 4, done.said
    found = deliveries(mailer.store, edition)
    sent = [address for address, one in found.items() if one.state is _S.SENT]
    assert sorted(relay.accepted) == sorted(sent), "each once, and each known"
    assert diary.doubted == set()
    assert {(one.state, one.attempt) for one in found.values()} == {(_S.SENT, 1), (_S.QUEUED, 0)}

    relay.forget()
    mailer.deliver([edition], threading.Event())
    assert sorted(relay.accepted) == READERS


def test_a_second_sigterm_stops_at_once(
    mailer: Mailer, relay: Relay, senders: Senders, diary: Diary
) -> None:
    """Though the relay would take its time."""
    edition = begun(mailer, *READERS)
    silent = from_the(40, lambda: SILENCE, relay)
    sender = senders.send(edition, RELAY_CONNECTIONS=CONNECTIONS, RELAY_WINDOW=WINDOW)
    assert silent.wait(30)
    sender.signal(signal.SIGTERM)
    time.sleep(1)
    assert not sender.ended, "it waits for the relay"
    asked = time.monotonic()
    sender.signal(signal.SIGTERM)
    done = sender.wait()
    assert time.monotonic() - asked < 4, "mostly the end of the process"
    assert done.code == 130, done.said
    found = deliveries(mailer.store, edition)
    in_doubt = [one for one in found.values() if one.state is _S.IN_DOUBT]
    assert 0 < len(in_doubt) <= CONNECTIONS * WINDOW
    assert {(one.state, one.attempt) for one in found.values()} == {
        (_S.SENT, 1), (_S.QUEUED, 0), (_S.IN_DOUBT, 1),
    }  # fmt: skip

    relay.forget()
    mailer.deliver([edition], threading.Event())
    accepted = Counter(relay.accepted)
    assert sorted(accepted) == READERS
    assert {one for one in accepted if accepted[one] > 1} <= diary.doubted


# ---- from another process ---------------------------------------------------------------------


@pytest.fixture
def bodies(relay: Relay) -> list[float]:
    """The moments at which the relay was given the first line of a message."""
    begun_at: list[float] = []

    def note(_: Envelope) -> str:
        begun_at.append(time.monotonic())
        return ""

    relay.always(Step.BODY, note)
    return begun_at


def answers_after(seconds: float) -> Action:
    def act(_: Envelope) -> str:
        time.sleep(seconds)
        return SUCCESS[Step.DOT]

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
    senders: Senders,
    bodies: list[float],
) -> None:
    """What has passed it may still go: for a moment, or, where the relay is so slow that what is
    in hand grows old, until it is looked at again after five seconds."""
    edition = begun(mailer, *addresses(2500))
    relay.always(Step.DOT, answers_after(thinks))
    sender = senders.send(edition, RELAY_CONNECTIONS=connections)
    while len(bodies) < connections:
        time.sleep(0.01)
    done = senders.run("edition", word, str(edition.id), "--reason", "a wrong picture").wait()
    answered = time.monotonic()
    assert done.code == 0, done.said
    assert sender.wait().code == 5
    assert [one - answered for one in bodies if one - answered > late] == []
    found = states(mailer.store, edition)
    assert set(found.values()) == {_S.SENT, _S.QUEUED if word == "pause" else _S.CANCELLED}
    sent = [address for address, state in found.items() if state is _S.SENT]
    assert sorted(relay.accepted) == sorted(sent)
