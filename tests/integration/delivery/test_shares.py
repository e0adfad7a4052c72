"""Who gets how much: editions that are sent at once, relays side by side, and limits."""

import threading
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.audience.imports.rows import ImportRow
from mailer.config import Relay as RelaySettings
from mailer.config import Throttle
from mailer.delivery import relay_health
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState, Priority
from mailer.model.editions import Edition
from mailer.model.subscribers import Person
from tests.actors import STAFF
from tests.fake_relay import CLOSE, Envelope, Relay, Response, Step
from tests.integration import factories
from tests.integration.delivery.faults import SUCCESS_REPLIES
from tests.integration.factories import begin_edition, make_addresses, read_deliveries

pytestmark = pytest.mark.parametrize("relay", ["pipelining"], indirect=True)


class Taken(NamedTuple):
    at: float
    relay: str
    recipient: str

    @property
    def domain(self) -> str:
        return self.recipient.rpartition("@")[2]


class Log(list[Taken]):
    """What relays took, in order, and what happens when they have taken so many."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._when: dict[int, Callable[[], object]] = {}

    def keep(self, relay: Relay, name: str, *, thinks: float = 0.0) -> None:
        def act(envelope: Envelope) -> Response:
            if thinks:
                time.sleep(thinks)
            with self._lock:
                self.append(Taken(time.monotonic(), name, envelope.recipient))
                do = self._when.pop(len(self), None)
            if do:
                do()
            return SUCCESS_REPLIES[Step.DOT]

        relay.answer_always(Step.DOT, act)

    def when(self, count: int, do: Callable[[], object]) -> None:
        self._when[count] = do

    def of(self, relay: str) -> list[Taken]:
        return [one for one in self if one.relay == relay]


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def log(relay: Relay) -> Log:
    found = Log()
    found.keep(relay, "relay")
    return found


@pytest.fixture
def second(log: Log) -> Iterator[Relay]:
    """Another relay."""
    with Relay() as running:
        log.keep(running, "second")
        yield running


def with_relays(mailer: Mailer, second: Relay | None = None, **changes: object) -> Mailer:
    """The office, its relay changed, and the `second` beside it with that weight."""
    weight = changes.pop("second_weight", None)
    ours = mailer.settings.relay.model_copy(update=changes)
    update: dict[str, object] = {"relay": ours}
    if second:
        other: RelaySettings = ours.model_copy(update={"port": second.port, "weight": weight})
        update["relays"] = {"second": other}
    return Mailer(mailer.settings.model_copy(update=update), mailer.store)


def attempts(mailer: Mailer, edition: Edition) -> set[tuple[DeliveryState, int]]:
    return {(one.state, one.attempt) for one in read_deliveries(mailer.store, edition).values()}


ONCE = {(DeliveryState.SENT, 1)}

# ---- editions ---------------------------------------------------------------------------------


def urgent(mailer: Mailer, readers: list[str]) -> Edition:
    """An urgent edition to another list, approved and not begun."""
    with mailer.store.begin() as tx:
        rows = [ImportRow(line, Person(reader)) for line, reader in enumerate(readers)]
        tx.import_rows.import_people(
            rows, factories.add_mailing_list(tx, "press"), "test", factories.NOW
        )
        made = factories.create_edition(tx, "boats", list_slug="press", priority=Priority.URGENT)
        return factories.approve_without_composing(mailer, tx, made)


def test_an_urgent_edition_to_few_passes_one_to_many(
    mailer: Mailer, relay: Relay, log: Log
) -> None:
    many = begin_edition(mailer, *make_addresses(3000))
    press = [f"desk{number}@paper.example" for number in range(50)]
    few = urgent(mailer, press)

    def start() -> None:
        with mailer.store.begin() as tx:
            editions.start_edition(tx, STAFF, few, mailer.renderer, mailer.clock())

    log.keep(relay, "relay", thinks=0.004)  # else it would be over before anybody looks
    log.when(200, start)
    with_relays(mailer, window=2).deliver_editions([many], threading.Event(), follow_new=True)
    places = [place for place, one in enumerate(log) if one.domain == "paper.example"]
    assert len(places) == 50
    assert places[-1] - places[0] < 80, "few others go between them"
    assert log[places[0]].at - log[200].at < 1.5, "they begin within the second"
    assert Counter(one.recipient for one in log) == Counter([*make_addresses(3000), *press])
    with mailer.store.read() as tx:
        assert factories.reload_edition(tx, many).state is EditionState.SENT
        assert factories.reload_edition(tx, few).state is EditionState.SENT


# ---- relays -----------------------------------------------------------------------------------


def closes(relay: Relay) -> None:
    relay.answer_always(Step.CONNECT, CLOSE)
    relay.answer_always(Step.MAIL, CLOSE)


def test_when_a_relay_closes_the_other_delivers_everything(
    mailer: Mailer, relay: Relay, second: Relay, log: Log
) -> None:
    edition = begin_edition(mailer, *make_addresses(1000))
    log.when(300, lambda: closes(relay))
    both = with_relays(mailer, second, connections=4)
    _, (report,) = both.deliver_editions([edition], threading.Event())
    assert report.edition.state is EditionState.SENT
    assert len(log) == 1000
    assert log.of("relay"), "both had worked"
    assert len(log.of("second")) > 600
    assert attempts(mailer, edition) == ONCE


def test_a_relay_stands_by_until_the_first_rests(
    mailer: Mailer,
    relay: Relay,
    second: Relay,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_health, "LONGEST_PAUSE", 0.5)
    edition = begin_edition(mailer, *make_addresses(1500))
    for one, name in ((relay, "relay"), (second, "second")):
        log.keep(one, name, thinks=0.004)  # else it would be over before anybody looks
    log.when(200, lambda: closes(relay))

    def comes_back() -> None:
        relay.reset_script()
        log.keep(relay, "relay", thinks=0.004)

    log.when(400, comes_back)
    both = with_relays(mailer, second, connections=2, second_weight=0)
    both.deliver_editions([edition], threading.Event())
    spare = log.of("second")
    back = next(one.at for one in log.of("relay") if one.at > spare[0].at)
    late = [one for one in spare if one.at > back + 0.5]
    assert late == [], "it stands by again"
    assert log[-1].at > back + 1, "though there was still much to do"
    assert len(log) == 1500
    assert attempts(mailer, edition) == ONCE


def test_relays_keep_to_their_weights(mailer: Mailer, second: Relay, log: Log) -> None:
    edition = begin_edition(mailer, *make_addresses(3500))
    both = with_relays(mailer, second, connections=4, weight=3, second_weight=1)
    both.deliver_editions([edition], threading.Event())
    assert len(log) == 3500
    by = Counter(one.relay for one in log[1000:])
    assert by["relay"] / by["second"] == pytest.approx(3, rel=0.1)


# ---- limits -----------------------------------------------------------------------------------


def most_within(second: float, moments: list[float]) -> int:
    """The most that fell into any stretch of that length."""
    moments = sorted(moments)
    return max(bisect_right(moments, one + second) - n for n, one in enumerate(moments))


class Stalls:
    """How far behind its time this process has come: what the machine keeps from it makes what was
    to go evenly go at once."""

    worst = 0.0

    @property
    def seconds(self) -> float:
        """A message passes three threads on its way, and each may stall."""
        return 3 * self.worst

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        asleep = time.monotonic()
        while not self._over.wait(0.002):
            awake = time.monotonic()
            self.worst = max(self.worst, awake - asleep)
            asleep = awake


def test_a_relay_is_spared_more_than_its_rate(mailer: Mailer, log: Log) -> None:
    edition = begin_edition(mailer, *make_addresses(200))
    with Stalls() as stalls:
        with_relays(mailer, rate=50).deliver_editions([edition], threading.Event())
    moments = [one.at for one in log]
    assert most_within(1, moments) <= 50 * (1 + stalls.seconds) + 2
    assert moments[-1] - moments[0] < 200 / 50 * 1.2, "and is given no less"


def throttled(mailer: Mailer, **limits: float) -> Mailer:
    spared = {"spared.example": Throttle.model_validate(limits)}
    return Mailer(mailer.settings.model_copy(update={"throttle": spared}), mailer.store)


def test_a_domain_is_spared_more_than_its_rate(mailer: Mailer, log: Log) -> None:
    slow = [f"reader{number}@spared.example" for number in range(90)]
    edition = begin_edition(mailer, *slow, *make_addresses(600))
    with Stalls() as stalls:
        throttled(mailer, rate=30).deliver_editions([edition], threading.Event())
    moments = [one.at for one in log if one.domain == "spared.example"]
    others = [one.at for one in log if one.domain != "spared.example"]
    assert len(moments) == 90
    # One waits behind up to nine others in its connection's hand: 50 ms are enough for those.
    assert most_within(1, moments) <= 30 * (1 + 0.05 + stalls.seconds) + 2
    assert moments[-1] - moments[0] < 90 / 30 * 1.2
    assert others[-1] - others[0] < (moments[-1] - moments[0]) / 1.5, "nobody else waits for it"


def test_a_domain_has_no_more_connections_than_it_bears(mailer: Mailer, relay: Relay) -> None:
    slow = [f"reader{number}@spared.example" for number in range(100)]
    edition = begin_edition(mailer, *slow, *make_addresses(400))
    here: Counter[str] = Counter()
    most: dict[str, int] = defaultdict(int)
    lock = threading.Lock()

    def act(envelope: Envelope) -> str:
        domain = envelope.recipient.rpartition("@")[2]
        with lock:
            here[domain] += 1
            most[domain] = max(most[domain], here[domain])
        time.sleep(0.01)
        with lock:
            here[domain] -= 1
        return SUCCESS_REPLIES[Step.DOT]

    relay.answer_always(Step.DOT, act)
    throttled(mailer, connections=2).deliver_editions([edition], threading.Event())
    assert len(relay.accepted) == 500
    assert most["spared.example"] <= 2
    assert most["example.org"] > 3
