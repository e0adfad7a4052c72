"""Shares of simultaneous editions and relays, and limits of rates and connections."""

import threading
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.config import Relay as RelaySettings
from mailer.config import Throttle
from mailer.delivery import relay_health
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState, Priority
from mailer.model.editions import Edition
from mailer.model.imports import ImportRow
from mailer.model.subscribers import Person
from tests.actors import STAFF
from tests.fake_relay import CLOSE, Envelope, Relay, Response, Step
from tests.integration import factories
from tests.integration.delivery.faults import SUCCESS_REPLIES
from tests.integration.factories import begin_edition, make_addresses, read_deliveries

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)


class RelayedMessage(NamedTuple):
    relayed_at: float
    relay: str
    recipient: str

    @property
    def domain(self) -> str:
        return self.recipient.rpartition("@")[2]


class RelayLog(list[RelayedMessage]):
    """The messages that relays received, in order; it runs actions after a number of messages."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._actions: dict[int, Callable[[], object]] = {}

    def record_relay(self, relay: Relay, name: str, *, delay: float = 0.0) -> None:
        def record_message(envelope: Envelope) -> Response:
            if delay:
                time.sleep(delay)
            with self._lock:
                self.append(RelayedMessage(time.monotonic(), name, envelope.recipient))
                action = self._actions.pop(len(self), None)
            if action:
                action()
            return SUCCESS_REPLIES[Step.DOT]

        relay.answer_always(Step.DOT, record_message)

    def run_after(self, count: int, action: Callable[[], object]) -> None:
        self._actions[count] = action

    def list_by_relay(self, relay: str) -> list[RelayedMessage]:
        return [message for message in self if message.relay == relay]


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def relay_log(relay: Relay) -> RelayLog:
    relay_log = RelayLog()
    relay_log.record_relay(relay, "relay")
    return relay_log


@pytest.fixture
def second_relay(relay_log: RelayLog) -> Iterator[Relay]:
    """A second relay, recorded in the same log."""
    with Relay() as fake_relay:
        relay_log.record_relay(fake_relay, "second")
        yield fake_relay


def make_mailer(mailer: Mailer, second_relay: Relay | None = None, **changes: object) -> Mailer:
    """Return the office with its relay changed, and a second relay with `second_weight`."""
    weight = changes.pop("second_weight", None)
    relay_settings = mailer.settings.relay.model_copy(update=changes)
    changes_to_settings: dict[str, object] = {"relay": relay_settings}
    if second_relay:
        second_settings: RelaySettings = relay_settings.model_copy(
            update={"port": second_relay.port, "weight": weight}
        )
        changes_to_settings["relays"] = {"second": second_settings}
    return Mailer(mailer.settings.model_copy(update=changes_to_settings), mailer.store)


def read_states_and_attempts(mailer: Mailer, edition: Edition) -> set[tuple[DeliveryState, int]]:
    return {
        (delivery.state, delivery.attempt)
        for delivery in read_deliveries(mailer.store, edition).values()
    }


ALL_SENT_ONCE = {(DeliveryState.SENT, 1)}

# ---- editions ---------------------------------------------------------------------------------


def approve_urgent_edition(mailer: Mailer, readers: list[str]) -> Edition:
    """Approve an urgent edition to another list, without starting it."""
    with mailer.store.begin() as tx:
        rows = [ImportRow(line, Person(reader)) for line, reader in enumerate(readers)]
        tx.import_rows.import_people(
            STAFF, rows, factories.add_mailing_list(tx, "press"), "test", factories.NOW
        )
        edition = factories.create_edition(tx, "boats", list_slug="press", priority=Priority.URGENT)
        return factories.approve_without_composing(mailer, tx, edition)


def test_urgent_release_overtakes_large_newsletter(
    mailer: Mailer, relay: Relay, relay_log: RelayLog
) -> None:
    newsletter = begin_edition(mailer, *make_addresses(3000))
    press_addresses = [f"desk{number}@paper.example" for number in range(50)]
    release = approve_urgent_edition(mailer, press_addresses)

    def start_release() -> None:
        with mailer.store.begin() as tx:
            editions.start_edition(tx, STAFF, release, mailer.renderer, mailer.clock())

    relay_log.record_relay(relay, "relay", delay=0.004)  # otherwise it would end too soon
    relay_log.run_after(200, start_release)
    make_mailer(mailer, window=2).deliver_editions([newsletter], threading.Event(), follow_new=True)
    positions = [
        position for position, message in enumerate(relay_log) if message.domain == "paper.example"
    ]
    assert len(positions) == 50
    assert positions[-1] - positions[0] < 80, "few other messages go between them"
    assert relay_log[positions[0]].relayed_at - relay_log[200].relayed_at < 1.5, (
        "the release begins within about a second"
    )
    assert Counter(message.recipient for message in relay_log) == Counter(
        [*make_addresses(3000), *press_addresses]
    )
    with mailer.store.read() as tx:
        assert factories.reload_edition(tx, newsletter).state is EditionState.SENT
        assert factories.reload_edition(tx, release).state is EditionState.SENT


# ---- relays -----------------------------------------------------------------------------------


def close_connections(relay: Relay) -> None:
    relay.answer_always(Step.CONNECT, CLOSE)
    relay.answer_always(Step.MAIL, CLOSE)


def test_second_relay_delivers_all_when_first_closes(
    mailer: Mailer, relay: Relay, second_relay: Relay, relay_log: RelayLog
) -> None:
    edition = begin_edition(mailer, *make_addresses(1000))
    relay_log.run_after(300, lambda: close_connections(relay))
    two_relay_mailer = make_mailer(mailer, second_relay, connections=4)
    _, (report,) = two_relay_mailer.deliver_editions([edition], threading.Event())
    assert report.edition.state is EditionState.SENT
    assert len(relay_log) == 1000
    assert relay_log.list_by_relay("relay"), "both relays had worked"
    assert len(relay_log.list_by_relay("second")) > 600
    assert read_states_and_attempts(mailer, edition) == ALL_SENT_ONCE


def test_standby_relay_works_only_while_first_rests(
    mailer: Mailer,
    relay: Relay,
    second_relay: Relay,
    relay_log: RelayLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_health, "LONGEST_PAUSE", 0.5)
    edition = begin_edition(mailer, *make_addresses(1500))
    for a_relay, name in ((relay, "relay"), (second_relay, "second")):
        relay_log.record_relay(a_relay, name, delay=0.004)  # otherwise it would end too soon
    relay_log.run_after(200, lambda: close_connections(relay))

    def restore_relay() -> None:
        relay.reset_script()
        relay_log.record_relay(relay, "relay", delay=0.004)

    relay_log.run_after(400, restore_relay)
    two_relay_mailer = make_mailer(mailer, second_relay, connections=2, second_weight=0)
    two_relay_mailer.deliver_editions([edition], threading.Event())
    standby_messages = relay_log.list_by_relay("second")
    restored_at = next(
        a_relay.relayed_at
        for a_relay in relay_log.list_by_relay("relay")
        if a_relay.relayed_at > standby_messages[0].relayed_at
    )
    late_messages = [
        a_relay for a_relay in standby_messages if a_relay.relayed_at > restored_at + 0.5
    ]
    assert late_messages == [], "the second relay must stand by again"
    assert relay_log[-1].relayed_at > restored_at + 1, "although many messages were left"
    assert len(relay_log) == 1500
    assert read_states_and_attempts(mailer, edition) == ALL_SENT_ONCE


def test_relays_share_messages_by_weight(
    mailer: Mailer, second_relay: Relay, relay_log: RelayLog
) -> None:
    edition = begin_edition(mailer, *make_addresses(3500))
    two_relay_mailer = make_mailer(mailer, second_relay, connections=4, weight=3, second_weight=1)
    two_relay_mailer.deliver_editions([edition], threading.Event())
    assert len(relay_log) == 3500
    counts_by_relay = Counter(message.relay for message in relay_log[1000:])
    assert counts_by_relay["relay"] / counts_by_relay["second"] == pytest.approx(3, rel=0.1)


# ---- limits -----------------------------------------------------------------------------------


def count_most_within(second_relay: float, moments: list[float]) -> int:
    """Return the most moments in any interval of that length."""
    moments = sorted(moments)
    return max(
        bisect_right(moments, moment + second_relay) - number
        for number, moment in enumerate(moments)
    )


class StallMeter:
    """Measures how long this process was stalled by the machine, as messages delayed by a stall go
    in a burst."""

    worst_stall = 0.0

    @property
    def seconds(self) -> float:
        """The possible delay of a message, which passes three threads that may each stall."""
        return 3 * self.worst_stall

    def __enter__(self) -> Self:
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._measure_stalls)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_event.set()
        self._thread.join()

    def _measure_stalls(self) -> None:
        slept_at = time.monotonic()
        while not self._stop_event.wait(0.002):
            woke_at = time.monotonic()
            self.worst_stall = max(self.worst_stall, woke_at - slept_at)
            slept_at = woke_at


def test_relay_rate_limit_is_kept_and_used(mailer: Mailer, relay_log: RelayLog) -> None:
    edition = begin_edition(mailer, *make_addresses(200))
    with StallMeter() as stalls:
        make_mailer(mailer, rate=50).deliver_editions([edition], threading.Event())
    moments = [message.relayed_at for message in relay_log]
    assert count_most_within(1, moments) <= 50 * (1 + stalls.seconds) + 2
    assert moments[-1] - moments[0] < 200 / 50 * 1.2, "the rate must be used"


def throttle_domain(mailer: Mailer, **limits: float) -> Mailer:
    throttles = {"spared.example": Throttle.model_validate(limits)}
    return Mailer(mailer.settings.model_copy(update={"throttle": throttles}), mailer.store)


def test_domain_rate_limit_is_kept_without_delaying_others(
    mailer: Mailer, relay_log: RelayLog
) -> None:
    throttled_addresses = [f"reader{number}@spared.example" for number in range(90)]
    edition = begin_edition(mailer, *throttled_addresses, *make_addresses(600))
    with StallMeter() as stalls:
        throttle_domain(mailer, rate=30).deliver_editions([edition], threading.Event())
    moments = [message.relayed_at for message in relay_log if message.domain == "spared.example"]
    other_moments = [
        message.relayed_at for message in relay_log if message.domain != "spared.example"
    ]
    assert len(moments) == 90
    # A message waits behind up to nine others of its connection: 50 ms are enough for those.
    assert count_most_within(1, moments) <= 30 * (1 + 0.05 + stalls.seconds) + 2
    assert moments[-1] - moments[0] < 90 / 30 * 1.2
    assert other_moments[-1] - other_moments[0] < (moments[-1] - moments[0]) / 1.5, (
        "other domains must not wait"
    )


def test_domain_connection_limit_is_kept(mailer: Mailer, relay: Relay) -> None:
    throttled_addresses = [f"reader{number}@spared.example" for number in range(100)]
    edition = begin_edition(mailer, *throttled_addresses, *make_addresses(400))
    counts_by_domain: Counter[str] = Counter()
    max_by_domain: dict[str, int] = defaultdict(int)
    lock = threading.Lock()

    def count_message(envelope: Envelope) -> str:
        domain = envelope.recipient.rpartition("@")[2]
        with lock:
            counts_by_domain[domain] += 1
            max_by_domain[domain] = max(max_by_domain[domain], counts_by_domain[domain])
        time.sleep(0.01)
        with lock:
            counts_by_domain[domain] -= 1
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, count_message)
    throttle_domain(mailer, connections=2).deliver_editions([edition], threading.Event())
    assert len(relay.accepted) == 500
    assert max_by_domain["spared.example"] <= 2
    assert max_by_domain["example.org"] > 3
