"""A delivery run: the ledger's thread, the connections' thread, and the code that monitors both.

A run ends when every due delivery has been tried once, when every edition is paused or cancelled,
when it is asked to stop, or when no relay can be used. In each case, deliveries that were claimed
and not sent are returned to the queue.
"""

import gc
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from mailer.delivery.dispatch_scheduler import DispatchScheduler
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.history import HistoryWatch
from mailer.delivery.ledger import Ledger
from mailer.delivery.ledger_transaction import ActiveEdition
from mailer.delivery.options import DeliveryOptions
from mailer.delivery.outcomes import DeliveryProgress, RateMeter
from mailer.delivery.relay_health import RelayHealth
from mailer.delivery.smtp_connection import ConnectionRunner
from mailer.delivery.throttle import DomainThrottles
from mailer.errors import RelayError
from mailer.model.transaction import Database

PROGRESS_INTERVAL = 0.1
"""Seconds between two reports of progress."""

ABORT_TIMEOUT = 5.0
"""Seconds that connections have to end after they are killed."""


class DeliveryRun:
    """One run: delivers the messages of editions to relays, over many connections."""

    def __init__(
        self,
        store: Database,
        options: DeliveryOptions,
        clock: Callable[[], datetime],
        find_new_editions: Callable[[Sequence[int]], Iterable[ActiveEdition]],
        history: HistoryWatch | None = None,
        note_heartbeat: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """`find_new_editions`, `history` and `note_heartbeat` are passed to :class:`Ledger`, where
        they are described."""
        self._store = store
        self._options = options
        scheduler = DispatchScheduler(options.relays, DomainThrottles(options.throttles))
        self._ledger = Ledger(
            store, scheduler, clock, options.lease, find_new_editions, history, note_heartbeat
        )
        self._stop_event = threading.Event()
        self._is_aborted = False
        self._started_at = time.monotonic()
        self._rate_meter = RateMeter(self._started_at)
        self._relay_healths = [RelayHealth(relay) for relay in options.relays]
        self._loop = EventLoop()
        self._connection_runners = [
            ConnectionRunner(
                self._loop, self._ledger, health, options, clock, self._stop_event, number
            )
            for health in self._relay_healths
            for number in range(max(health.relay.connections, health.relay.max_connections))
        ]

    @property
    def progress(self) -> DeliveryProgress:
        """The progress so far, as a copy. Only for the thread that runs this."""
        now = time.monotonic()
        progress = self._ledger.active_editions.progress
        return replace(
            progress,
            waiting=progress.waiting or self._ledger.patience.slow_text,
            rate=self._rate_meter.measure_rate(now, progress.done),
            seconds=now - self._started_at,
            troubles={
                health.relay.name: why for health in self._relay_healths if (why := health.trouble)
            },
            relay_rests={
                health.relay.name: rest for health in self._relay_healths if (rest := health.rest)
            },
            answering_relays=tuple(
                health.relay.name for health in self._relay_healths if health.is_answering
            ),
            notes={
                health.relay.name: note for health in self._relay_healths if (note := health.note)
            },
        )

    def run(
        self,
        stop: threading.Event,
        on_progress: Callable[[DeliveryProgress], None] = lambda _: None,
    ) -> DeliveryProgress:
        """Send all deliveries that are due.

        Setting `stop` drains the run: messages on the wire are finished, the rest go back to the
        queue. An exception in `on_progress` or in a signal's handler ends the run at once.

        Raises RelayError if no relay can be used. No message is lost then, and the editions are
        paused if waiting won't help. Raises ConfigError if the database is unreachable for too
        long, and HistoryWentBack if it has lost what it had confirmed: the editions are paused."""
        ledger_thread = threading.Thread(target=self._ledger.run, name="ledger", daemon=True)
        connection_thread = threading.Thread(target=self._run_connections, name="wire", daemon=True)
        with _exempt_from_collection():
            ledger_thread.start()
            connection_thread.start()
            self._follow_ledger(stop, on_progress, ledger_thread, connection_thread)
        return self.progress

    def _follow_ledger(
        self,
        stop: threading.Event,
        on_progress: Callable[[DeliveryProgress], None],
        ledger_thread: threading.Thread,
        connection_thread: threading.Thread,
    ) -> None:
        """Follow the run until both threads have ended. Raises the ledger's error, or RelayError if
        no relay can be used."""
        fatal_error: RelayError | None = None
        try:
            while not self._ledger.finished.wait(PROGRESS_INTERVAL):
                on_progress(self.progress)
                self._review_growth()
                if stop.is_set():
                    self._ledger.patience.limit_by_stop()
                if stop.is_set() or fatal_error:
                    self._drain_connections()
                else:
                    fatal_error = self._find_fatal_error()
            on_progress(self.progress)
        except BaseException:
            self._abort_run(connection_thread)
            raise
        finally:
            self._drain_connections()
            self._join_ledger(ledger_thread)
            connection_thread.join(ABORT_TIMEOUT)
        if self._ledger.error:
            raise self._ledger.error
        if fatal_error:
            raise fatal_error

    def _run_connections(self) -> None:
        """Run all connections, in a thread of their own."""
        for runner in self._connection_runners:
            self._loop.spawn_task(runner.run())
        try:
            self._loop.run()
        except BaseException as error:
            self._ledger.fail_run(error)
            self._ledger.end_without_waiting()

    def _review_growth(self) -> None:
        accepted_counts = self._ledger.active_editions.progress.relays
        for health in self._relay_healths:
            health.review_growth(accepted_counts.get(health.relay.name, 0))

    def _drain_connections(self) -> None:
        if not self._stop_event.is_set():
            self._stop_event.set()
            self._ledger.drain_connections()
            self._loop.wake_all()

    def _abort_run(self, connection_thread: threading.Thread) -> None:
        """End at once: the messages on the wire will be in doubt."""
        self._is_aborted = True
        self._drain_connections()
        self._ledger.drain_connections(hurry=True)
        deadline = time.monotonic() + ABORT_TIMEOUT
        while connection_thread.is_alive() and time.monotonic() < deadline:
            for runner in self._connection_runners:
                runner.kill_connection()
            connection_thread.join(0.02)
        self._ledger.end_without_waiting()

    def _join_ledger(self, ledger_thread: threading.Thread) -> None:
        """Wait for the ledger to end; another signal in the meantime ends its wait for the
        database."""
        try:
            ledger_thread.join(None if not self._is_aborted else ABORT_TIMEOUT)
        finally:
            if ledger_thread.is_alive():
                self._store.stop_waiting()
                ledger_thread.join(ABORT_TIMEOUT)

    def _find_fatal_error(self) -> RelayError | None:
        """Return the error to raise at the end of the run if no relay can be used, and pause the
        editions if that error is permanent. Also switch standby relays on and off."""
        primary_healths = [health for health in self._relay_healths if health.relay.weight != 0]
        standby_healths = [health for health in self._relay_healths if health.relay.weight == 0]
        primaries_down = all(health.is_down for health in primary_healths)
        for standby_health in standby_healths:
            if standby_health.is_standing_by is primaries_down:
                standby_health.set_standby(not primaries_down)
        if not all(health.is_hopeless(self._options.patience) for health in self._relay_healths):
            return None
        errors = [health.error for health in self._relay_healths if health.error]
        if not errors:
            return None
        error = errors[0]
        if all(relay_error.is_permanent for relay_error in errors):
            self._ledger.pause_editions(
                "; ".join(_describe_relay_error(relay_error) for relay_error in errors)
            )
        return error


@contextmanager
def _exempt_from_collection() -> Iterator[None]:
    """Exempt the objects that exist now from garbage collection until the block ends.

    Nearly all of them live as long as the process, such as those of modules, and each collection
    would look through them. That took 4 % of a run's time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _describe_relay_error(error: RelayError) -> str:
    """Describe a relay's error with its advice, for people who read why an edition is paused."""
    return "; ".join(filter(None, (f"{error.where}: {error.message}", error.hint)))
