"""The worker's process: one thread ticks, one delivers, one polls sources, and the main thread
monitors them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mailer.app import Mailer
from mailer.app.recognition import IDLE_INTERVAL
from mailer.delivery.history import HistoryWatch
from mailer.delivery.ledger import CLAIMED_ELSEWHERE
from mailer.delivery.outcomes import DeliveryProgress
from mailer.errors import (
    ComposeError,
    ConcurrencyError,
    ConfigError,
    DatabaseUnrecognised,
    HistoryWentBack,
    MailerError,
    RelayError,
)
from mailer.log import Log
from mailer.model.edition_states import EditionState
from mailer.render.checks import check_organisation
from mailer.store import SqlTransaction
from mailer.worker.clock import TickTimer
from mailer.worker.scheduler import Scheduler
from mailer.worker.sources import SourcePoller
from mailer.worker.systemd import SystemdNotifier

POLL_INTERVAL = 0.5
"""Seconds between two checks for due deliveries."""

RELAY_RETRY_DELAY = 30.0
"""Seconds after which delivery is tried again if no relay can be used."""

WATCHDOG_LIMIT = 120.0
"""Seconds without a tick after which the worker no longer reports to systemd that it is alive.
systemd then ends it and starts another."""


STOP_TIMEOUT = 45.0
"""Seconds after which a worker that was asked to stop no longer waits for the database. The systemd
unit in the documentation gives the worker two minutes to stop."""

POLLER_JOIN_TIMEOUT = 2.0
"""Seconds to wait for the thread that polls sources when the worker stops."""


@dataclass(slots=True)
class _ThreadActivity:
    """When each thread last completed a round, by the monotonic clock."""

    last_tick: float
    last_delivery: float


class Worker:
    """Runs until it is asked to stop. `rest` is in seconds (see :data:`RELAY_RETRY_DELAY`)."""

    def __init__(
        self,
        mailer: Mailer,
        log: Log,
        *,
        deliver: bool = True,
        systemd: SystemdNotifier | None = None,
        relay_retry_delay: float = RELAY_RETRY_DELAY,
    ) -> None:
        self._mailer = mailer
        self._log = log
        self._delivers = deliver
        self._systemd = systemd or SystemdNotifier()
        self._relay_retry_delay = relay_retry_delay
        self._scheduler = Scheduler(mailer, log)
        self._stop = threading.Event()
        now = time.monotonic()
        self._activity = _ThreadActivity(now, now)
        self._crash: BaseException | None = None
        self._history = HistoryWatch()
        self._last_errors: dict[str, str] = {}
        self._has_read_records = False
        self._refusal_text = ""

    def run(self, stop: threading.Event) -> None:
        """Tick and deliver until `stop` is set, then end cleanly: the current tick and the messages
        on the wire are finished, other messages go back to the queue, and the lease is released.

        If a thread ended with an error, which is an internal error, raise that error."""
        clock = TickTimer(self._run_tick, self._mailer.settings.worker.tick)
        delivery = threading.Thread(target=self._run_delivery, name="delivery")
        # This thread may end with the process, since each import is saved whole or not at all.
        poller = threading.Thread(
            target=SourcePoller(self._mailer, self._log, lambda: self._scheduler.has_lease).run,
            args=(self._stop,),
            name="gathering",
            daemon=True,
        )
        self._log.info(
            "worker started", delivers=self._delivers, tick=self._mailer.settings.worker.tick
        )
        self._warn_of_settings()
        clock.start()
        poller.start()
        if self._delivers:
            delivery.start()
        self._systemd.send_state("READY=1", "STATUS=keeping time")
        watchdog_interval = self._systemd.watchdog / 3
        notified_at = 0.0
        try:
            while not stop.wait(min(0.25, watchdog_interval or 0.25)) and self._crash is None:
                now = time.monotonic()
                if (
                    watchdog_interval
                    and now - notified_at >= watchdog_interval
                    and self._is_alive()
                ):
                    notified_at = now
                    self._systemd.send_state("WATCHDOG=1")
        finally:
            self._systemd.send_state("STOPPING=1")
            self._log.info("worker stopping")
            self._stop.set()
            deadline = threading.Timer(STOP_TIMEOUT, self._mailer.store.stop_waiting)
            deadline.daemon = True
            deadline.start()
            clock.stop()
            if self._delivers:
                delivery.join()
            poller.join(POLLER_JOIN_TIMEOUT)
            self._release_lease()
            deadline.cancel()
        self._log.info("worker stopped")
        if self._crash is not None:
            raise self._crash

    def _warn_of_settings(self) -> None:
        """Warn at the start of errors in settings that would otherwise appear only at the first
        cut-off."""
        settings = self._mailer.settings
        try:
            check_organisation(settings)
        except ComposeError as error:
            self._log.warning("no mail can be composed", error=str(error))

    def _warn_of_missing_staff(self, tx: SqlTransaction) -> None:
        """Warn if members of staff are notified neither by the settings nor by each digest."""
        notices = self._mailer.settings.notices
        policies = {
            digest.settings.slug: digest.settings.policy for digest in tx.digests.list_digests()
        }
        unwatched = [
            slug for slug, policy in policies.items() if not (policy.approvers or policy.watchers)
        ]
        if notices.approvers or notices.watchers or (policies and not unwatched):
            return
        self._log.warning(
            "no member of staff is notified",
            digests=unwatched,
            hint="name approvers or watchers in [notices], or in each digest",
        )

    def _is_alive(self) -> bool:
        oldest = self._activity.last_tick
        if self._delivers:
            oldest = min(oldest, self._activity.last_delivery)
        return time.monotonic() - oldest < WATCHDOG_LIMIT

    # ---- the tick's thread ----------------------------------------------------------------------

    def _run_tick(self) -> None:
        self._run_guarded("tick", self._tick_if_recognised)
        self._activity.last_tick = time.monotonic()

    def _tick_if_recognised(self) -> None:
        """Tick, unless the database was restored or copied: then nothing is assembled, started or
        answered until a person has decided."""
        try:
            self._mailer.guard.confirm_database(IDLE_INTERVAL)
        except DatabaseUnrecognised as error:
            self._log_refusal(error)
            return
        self._log_recognition()
        self._warn_of_records()
        self._scheduler.run_tick()

    def _log_refusal(self, error: DatabaseUnrecognised) -> None:
        """Log once why nothing is delivered."""
        if self._refusal_text != str(error):
            self._refusal_text = str(error)
            self._log.error("database unrecognised", error=str(error), found=error.value)

    def _log_recognition(self) -> None:
        if self._refusal_text:
            self._refusal_text = ""
            self._log.info("database recognised")

    def _warn_of_records(self) -> None:
        """Log once, before the first tick, that safe mode is on, and that no member of staff is
        notified."""
        if self._has_read_records:
            return
        self._has_read_records = True
        with self._mailer.store.read() as tx:
            safe_mode = tx.outbox.find_safe_mode()
            self._warn_of_missing_staff(tx)
        if safe_mode:
            self._log.warning("safe mode is on", why=safe_mode.words)

    def _release_lease(self) -> None:
        self._run_guarded("giving up the lease", self._scheduler.release_lease)

    def _run_guarded(self, action: str, function: Callable[[], object]) -> None:
        try:
            function()
        except HistoryWentBack as error:
            self._log.error("history went back", while_doing=action, error=str(error))
        except (ConfigError, ConcurrencyError) as error:
            self._log_once("database", action, str(error))
        except Exception as error:
            self._log.error("internal error", while_doing=action, exc_info=error)
        else:
            self._note_success(action)

    def _log_once(self, event: str, action: str, message: str) -> None:
        """Log an error, unless it is the same as at the last attempt."""
        if self._last_errors.get(action) != message:
            self._last_errors[action] = message
            self._log.error(event, while_doing=action, error=message)

    def _note_success(self, action: str) -> None:
        if self._last_errors.pop(action, ""):
            self._log.info("works again", while_doing=action)

    # ---- delivery's thread ----------------------------------------------------------------------

    def _run_delivery(self) -> None:
        """Send due deliveries in a loop, whichever process has started the editions."""
        try:
            while not self._stop.is_set():
                self._activity.last_delivery = time.monotonic()
                delay = POLL_INTERVAL
                try:
                    self._mailer.guard.confirm_database(IDLE_INTERVAL)
                    self._log_recognition()
                    with self._mailer.store.read() as tx:
                        is_ready = tx.outbox.has_work()
                    if is_ready:
                        self._deliver_due()
                    self._note_success("delivery")
                except HistoryWentBack as error:
                    self._log.error("history went back", error=str(error))
                except DatabaseUnrecognised as error:
                    self._log_refusal(error)
                    delay = 1.0
                except RelayError as error:
                    self._log.error("relay", error=str(error))
                    delay = self._relay_retry_delay
                except MailerError as error:
                    self._log_once("delivery", "delivery", str(error))
                    delay = min(self._relay_retry_delay, 5.0)
                self._stop.wait(delay)
        except BaseException as error:
            self._crash = error

    def _deliver_due(self) -> None:
        troubles: dict[str, str] = {}
        last_waiting = ""
        logged_news: set[str | int] = set()

        def note_progress(progress: DeliveryProgress) -> None:
            nonlocal last_waiting
            self._activity.last_delivery = time.monotonic()
            if progress.waiting not in {"", CLAIMED_ELSEWHERE, last_waiting}:
                self._log.warning("waiting", why=progress.waiting)
            last_waiting = progress.waiting
            for name, why in progress.troubles.items():
                if name not in troubles:
                    self._log.warning("relay rests", relay=name, why=why)
            for edition_id, reason in progress.paused.items():
                if edition_id not in logged_news:
                    self._log.error("edition paused", edition=edition_id, why=reason)
            for name, note in progress.notes.items():
                if name not in logged_news:
                    self._log.warning("relay note", relay=name, why=note)
            logged_news.update(progress.paused, progress.notes)
            for name in [
                relay_name for relay_name in troubles if relay_name not in progress.troubles
            ]:
                self._log.info("relay works again", relay=name)
            troubles.clear()
            troubles.update(progress.troubles)

        progress_total, reports = self._mailer.deliver_editions(
            [], self._stop, note_progress, follow_new=True, history=self._history
        )
        for report in reports:
            edition = report.edition
            if edition.state is EditionState.PAUSED and edition.id not in logged_news:
                self._log.error("edition paused", edition=edition.id, why=edition.reason)
        if progress_total.done:
            self._log.info(
                "delivered",
                editions=[report.edition.id for report in reports],
                sent=progress_total.sent,
                deferred=progress_total.deferred,
                failed=progress_total.failed,
                turned_away=progress_total.turned_away,
                diverted=progress_total.diverted,
                in_doubt=progress_total.in_doubt,
                seconds=round(progress_total.seconds, 2),
            )
