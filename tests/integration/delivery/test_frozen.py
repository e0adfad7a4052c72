"""A worker freezes at any step of its conversation, for more than twice the lease.

Another worker declares it dead, reclaims its deliveries, and finishes the work. Then the first
worker continues, and must notice that it has lost its deliveries. No message is lost, only messages
in doubt are sent twice, and no message known to be accepted is sent again.
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
"""Seconds: the shortest lease allowed."""

WINDOW = 10
THIRD_REPLY = "250 2.0.0 queued as the third"
HUGE_SIZE = 6_000_000
"""Bytes of a message larger than the buffers between worker and relay."""


class WorkerFreezer:
    """Freezes `worker` at a step of the third message."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.worker: MailerProcess | None = None
        self.frozen_event = threading.Event()

    def freeze_worker(self) -> None:
        """Freeze the worker outside any transaction, as its locks would block every worker."""
        assert self.worker is not None
        self.worker.freeze_process()
        while not self._has_no_transaction():
            self.worker.resume_process()
            time.sleep(0.01)
            self.worker.freeze_process()
        self.frozen_event.set()

    def _has_no_transaction(self) -> bool:
        url = self._store.engine.url
        if url.get_backend_name() == "sqlite":
            connection = sqlite3.connect(str(url.database), timeout=0.05, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            finally:
                connection.close()
            return True
        with self._store.read() as tx:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            )
            return not tx.connection.scalar(text(query))

    def freeze_at(self, step: Step) -> Callable[[Envelope], str]:
        """Make the relay's action for that step: freeze the worker, then reply."""

        def freeze_and_reply(_: Envelope) -> str:
            self.freeze_worker()
            return SUCCESS_REPLIES[step]

        return freeze_and_reply


class FreezeTrial:
    """Two workers of one edition: a process that freezes during its run, and this process."""

    def __init__(
        self,
        mailer: Mailer,
        relay: FaultyRelay,
        worker_processes: MailerProcesses,
        state_log: StateLog,
    ) -> None:
        base_settings = mailer.settings
        delivery_settings = base_settings.delivery.model_copy(update={"lease": float(LEASE)})
        relay_settings = base_settings.relay.model_copy(update={"connections": 1})
        settings = base_settings.model_copy(
            update={"delivery": delivery_settings, "relay": relay_settings}
        )
        self.mailer = Mailer(settings, mailer.store)
        self.relay, self.worker_processes, self.state_log = relay, worker_processes, state_log
        self.freezer = WorkerFreezer(mailer.store)
        self.sent_though_accepted: list[str] = []
        self.sent_without_worker: list[str] = []
        relay.answer_always(Step.BODY, self.check_message)

    def check_message(self, envelope: Envelope) -> str:
        """At the first line of a message, note if the database has it as accepted already, or has
        no worker."""
        with self.mailer.store.read() as tx:
            query = text("SELECT state FROM delivery WHERE address = :address")
            state = tx.connection.execute(query, {"address": envelope.recipient}).scalar_one()
            workers = tx.outbox.list_workers()
        if state == DeliveryState.SENT:
            self.sent_though_accepted.append(envelope.recipient)
        if not workers:
            self.sent_without_worker.append(envelope.recipient)
        return ""

    def run(self, edition: Edition, stop: threading.Event | None = None) -> None:
        """Run both workers. If `stop` is set, the second one leaves the rest to the first."""
        frozen_worker = self.freezer.worker = self.worker_processes.send_edition(
            edition, DELIVERY_LEASE=LEASE, RELAY_CONNECTIONS=1, RELAY_WINDOW=WINDOW
        )
        assert self.freezer.frozen_event.wait(30), "the worker did not reach that step"
        frozen_at = time.monotonic()
        _, (report,) = self.mailer.deliver_editions([edition], stop or threading.Event())
        assert stop or report.edition.state is EditionState.SENT, (
            "the second worker must finish the work"
        )
        time.sleep(max(frozen_at + 2.2 * LEASE - time.monotonic(), 0))
        frozen_worker.resume_process()
        result = frozen_worker.wait()
        assert result.code == 0, result.output

    def check_outcome(self, edition: Edition) -> None:
        accepted = Counter(self.relay.accepted)
        states = read_delivery_states(self.mailer.store, edition)
        doubted_addresses = self.state_log.in_doubt_addresses
        assert set(accepted) == set(states), "no message is lost"
        assert set(states.values()) == {DeliveryState.SENT}
        assert {address for address in accepted if accepted[address] > 1} <= doubted_addresses
        assert 0 < len(doubted_addresses) <= WINDOW
        assert self.sent_though_accepted == []
        assert self.sent_without_worker == []


@pytest.fixture
def relay() -> Iterator[FaultyRelay]:
    with FaultyRelay() as fake_relay:
        yield fake_relay


@pytest.fixture
def trial(
    mailer: Mailer, relay: FaultyRelay, worker_processes: MailerProcesses, state_log: StateLog
) -> FreezeTrial:
    return FreezeTrial(mailer, relay, worker_processes, state_log)


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
def test_worker_frozen_before_reply_repeats_only_doubts(
    trial: FreezeTrial, step: Step, pipelining: bool
) -> None:
    if not pipelining:
        trial.relay.remove_extension("PIPELINING")
    edition = begin_edition(trial.mailer, *make_addresses(14))
    success = SUCCESS_REPLIES[step]
    trial.relay.answer_once(step, success, success, trial.freezer.freeze_at(step))
    trial.run(edition)
    trial.check_outcome(edition)


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["sqlite"])
def test_worker_frozen_after_reply_repeats_only_doubts(trial: FreezeTrial) -> None:
    edition = begin_edition(trial.mailer, *make_addresses(14))
    trial.relay.answer_once(
        Step.DOT, SUCCESS_REPLIES[Step.DOT], SUCCESS_REPLIES[Step.DOT], THIRD_REPLY
    )
    trial.relay.on_reply = lambda reply: (
        trial.freezer.freeze_worker() if reply == THIRD_REPLY else None
    )
    trial.run(edition)
    trial.check_outcome(edition)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_worker_frozen_in_message_sends_it_twice_as_doubt(trial: FreezeTrial) -> None:
    """The worker will write the end of the message when it continues. Nothing can stop that, but
    the delivery was in doubt in the meantime."""
    edition = begin_edition(trial.mailer, *make_addresses(3))
    with trial.mailer.store.begin() as tx:
        parameters = {"more": "This goes on and on.\n" * (HUGE_SIZE // 21)}
        tx.connection.execute(text("UPDATE edition_body SET text = text || :more"), parameters)
    frozen_addresses: list[str] = []

    def freeze_at_body(envelope: Envelope) -> str:
        frozen_addresses.append(envelope.recipient)
        trial.freezer.freeze_worker()
        return ""

    trial.relay.answer_once(Step.BODY, "", freeze_at_body)
    trial.run(edition)
    trial.check_outcome(edition)
    assert Counter(trial.relay.accepted)[frozen_addresses[0]] == 2


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["sqlite"])
def test_worker_taken_for_dead_registers_again(trial: FreezeTrial) -> None:
    """Under its old id, other workers would not notice if it died again."""
    edition = begin_edition(trial.mailer, *make_addresses(60))
    stop = threading.Event()

    def stop_second_worker(_: Envelope) -> str:
        stop.set()
        time.sleep(0.5)  # until the second worker has noticed
        return SUCCESS_REPLIES[Step.DOT]

    success = SUCCESS_REPLIES[Step.DOT]
    trial.relay.answer_once(
        Step.DOT, success, success, trial.freezer.freeze_at(Step.DOT), stop_second_worker
    )
    trial.run(edition, stop)
    trial.check_outcome(edition)
