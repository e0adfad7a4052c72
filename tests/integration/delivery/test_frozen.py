"""A sender that stands still, at any step of its conversation, for more than twice the lease.

Another one takes it for dead, takes over what it held, and ends the work. Then the first goes on
where it was, and has to see that nothing is its own any more. Nobody is lost, whoever gets a
message twice was in doubt, and nobody is sent one who is known to have it.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import Store
from tests.fake_relay import Envelope, Step
from tests.integration.delivery.faults import SUCCESS_REPLIES, FaultyRelay
from tests.integration.delivery.worker_processes import MailerProcess, MailerProcesses, StateLog
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states

LEASE = 1
"""Seconds: the shortest there can be."""

WINDOW = 10
THE_THIRD = "250 2.0.0 queued as the third"
HUGE = 6_000_000
"""Bytes of a message that the buffers between sender and relay don't hold."""


class Ice:
    """Freezes `sender` at a step of the third message."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sender: MailerProcess | None = None
        self.frozen = threading.Event()

    def freeze(self) -> None:
        """Not in a transaction: what holds a lock holds up everybody, dead or alive."""
        assert self.sender is not None
        self.sender.freeze_process()
        while not self._is_free():
            self.sender.resume_process()
            time.sleep(0.01)
            self.sender.freeze_process()
        self.frozen.set()

    def _is_free(self) -> bool:
        url = self._store.engine.url
        if url.get_backend_name() == "sqlite":
            link = sqlite3.connect(str(url.database), timeout=0.05, isolation_level=None)
            try:
                link.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            finally:
                link.close()
            return True
        with self._store.read() as tx:
            open_ = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            )
            return not tx.connection.scalar(text(open_))

    def at(self, step: Step) -> Callable[[Envelope], str]:
        """What the relay does at that step: its reply finds nobody who reads it."""

        def act(_: Envelope) -> str:
            self.freeze()
            return SUCCESS_REPLIES[step]

        return act


class Trial:
    """Two senders of one edition: a process that freezes on its way, and this one."""

    def __init__(
        self, mailer: Mailer, relay: FaultyRelay, senders: MailerProcesses, diary: StateLog
    ) -> None:
        ours = mailer.settings
        lease = ours.delivery.model_copy(update={"lease": float(LEASE)})
        relay_settings = ours.relay.model_copy(update={"connections": 1})
        settings = ours.model_copy(update={"delivery": lease, "relay": relay_settings})
        self.mailer = Mailer(settings, mailer.store)
        self.relay, self.senders, self.diary = relay, senders, diary
        self.ice = Ice(mailer.store)
        self.known_and_sent: list[str] = []
        self.sent_by_nobody: list[str] = []
        relay.answer_always(Step.BODY, self.look)

    def look(self, envelope: Envelope) -> str:
        """With the first line of a message: does the database know that it isn't needed?"""
        with self.mailer.store.read() as tx:
            known = text("SELECT state FROM delivery WHERE address = :address")
            state = tx.connection.execute(known, {"address": envelope.recipient}).scalar_one()
            anybody = tx.outbox.list_workers()
        if state == DeliveryState.SENT:
            self.known_and_sent.append(envelope.recipient)
        if not anybody:
            self.sent_by_nobody.append(envelope.recipient)
        return ""

    def run(self, edition: Edition, stop: threading.Event | None = None) -> None:
        """With `stop`, which somebody sets, the second leaves the rest to the first."""
        first = self.ice.sender = self.senders.send_edition(
            edition, DELIVERY_LEASE=LEASE, RELAY_CONNECTIONS=1, RELAY_WINDOW=WINDOW
        )
        assert self.ice.frozen.wait(30), "it never came to that step"
        since = time.monotonic()
        _, (report,) = self.mailer.deliver_editions([edition], stop or threading.Event())
        assert stop or report.edition.state is EditionState.SENT, "the second has ended the work"
        time.sleep(max(since + 2.2 * LEASE - time.monotonic(), 0))
        first.resume_process()
        done = first.wait()
        assert done.code == 0, done.output

    def check(self, edition: Edition) -> None:
        accepted = Counter(self.relay.accepted)
        found = read_delivery_states(self.mailer.store, edition)
        doubted = self.diary.in_doubt_addresses
        assert set(accepted) == set(found), "nobody is lost"
        assert set(found.values()) == {DeliveryState.SENT}
        assert {one for one in accepted if accepted[one] > 1} <= doubted
        assert 0 < len(doubted) <= WINDOW
        assert self.known_and_sent == []
        assert self.sent_by_nobody == []


@pytest.fixture
def relay() -> Iterator[FaultyRelay]:
    with FaultyRelay() as running:
        yield running


@pytest.fixture
def trial(mailer: Mailer, relay: FaultyRelay, senders: MailerProcesses, diary: StateLog) -> Trial:
    return Trial(mailer, relay, senders, diary)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("backend", "step", "pipelining"),
    [
        ("sqlite", Step.MAIL, True),
        ("sqlite", Step.RCPT, True),
        ("sqlite", Step.DATA, True),
        ("sqlite", Step.DATA, False),
        ("sqlite", Step.DOT, True),
        ("postgresql", Step.DATA, True),
        ("postgresql", Step.DOT, True),
    ],
)
def test_before_a_reply(trial: Trial, step: Step, pipelining: bool) -> None:
    if not pipelining:
        trial.relay.remove_extension("PIPELINING")
    edition = begin_edition(trial.mailer, *make_addresses(14))
    success = SUCCESS_REPLIES[step]
    trial.relay.answer_once(step, success, success, trial.ice.at(step))
    trial.run(edition)
    trial.check(edition)


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["sqlite"])
def test_right_after_the_reply_to_a_message(trial: Trial) -> None:
    edition = begin_edition(trial.mailer, *make_addresses(14))
    trial.relay.answer_once(
        Step.DOT, SUCCESS_REPLIES[Step.DOT], SUCCESS_REPLIES[Step.DOT], THE_THIRD
    )
    trial.relay.on_reply = lambda reply: trial.ice.freeze() if reply == THE_THIRD else None
    trial.run(edition)
    trial.check(edition)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_in_the_middle_of_a_message(trial: Trial) -> None:
    """Its end is still to be written, and will be when the sender goes on: nothing can stop it, but
    its row was in doubt meanwhile."""
    edition = begin_edition(trial.mailer, *make_addresses(3))
    with trial.mailer.store.begin() as tx:
        more = {"more": "This goes on and on.\n" * (HUGE // 21)}
        tx.connection.execute(text("UPDATE edition_body SET text = text || :more"), more)
    cut_short: list[str] = []

    def freeze(envelope: Envelope) -> str:
        cut_short.append(envelope.recipient)
        trial.ice.freeze()
        return ""

    trial.relay.answer_once(Step.BODY, "", freeze)
    trial.run(edition)
    trial.check(edition)
    assert Counter(trial.relay.accepted)[cut_short[0]] == 2


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_is_left_it_sends_under_a_new_name(trial: Trial) -> None:
    """Under its old one nobody would see it die again."""
    edition = begin_edition(trial.mailer, *make_addresses(60))
    stop = threading.Event()

    def leave(_: Envelope) -> str:
        stop.set()
        time.sleep(0.5)  # until that was seen
        return SUCCESS_REPLIES[Step.DOT]

    success = SUCCESS_REPLIES[Step.DOT]
    trial.relay.answer_once(Step.DOT, success, success, trial.ice.at(Step.DOT), leave)
    trial.run(edition, stop)
    trial.check(edition)
