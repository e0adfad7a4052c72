"""Run the ticks, in the one worker that holds the lease.

A tick reads what is due, then runs one job after the other. Each job has its own transaction, which
begins by updating the lease's heartbeat. If the worker dies between two jobs, the next tick finds
the rest. A worker that was frozen and has lost the lease notices this in its next transaction, and
stops ticking.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from mailer import digests, editions, embargoes, leases, notices, releases
from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.delivery.history import (
    CommittedMark,
    HistoryWatch,
    build_history_error,
    contain_lost_history,
    describe_lost_history,
)
from mailer.delivery.process_identity import create_worker_name, is_dead
from mailer.digests.calendar import LOOK_BACK, DigestCalendar
from mailer.editions import CLOCKED_STATES, DueAction
from mailer.errors import ConcurrencyError, ConfigError, HistoryWentBack, MailerError
from mailer.leases import LeaseObserver
from mailer.log import Log
from mailer.model.leases import Lease
from mailer.store import SqlTransaction
from mailer.worker import confirmations, jobs
from mailer.worker.retention import RetentionRounds

_EditionJob = Callable[[Mailer, int, Log, SqlTransaction], None]

_EDITION_JOBS: Mapping[DueAction, _EditionJob] = {
    DueAction.UPDATE_SEND_TIME: jobs.update_send_time,
    DueAction.PREPARE: jobs.review_draft,
    DueAction.CHECK_REVIEW: jobs.check_review,
    DueAction.START: jobs.start_edition,
}
"""The job of an edition with a send time, by the action that is due."""

_MINUTE = timedelta(minutes=1)
_LOOK_BACK_MARGIN = timedelta(days=2)
"""Additional time that a tick looks back before the last tick of the same worker."""


class LeaseLost(Exception):
    """Another worker holds the lease."""


Agenda = list[tuple[str, Callable[[SqlTransaction], None]]]
"""The jobs that a tick has found, with their names. Each job reads the current state again, then
acts."""


class Scheduler:
    """The scheduler of one worker. Not safe to use from several threads. `stopwatch` returns the
    seconds of a monotonic clock."""

    def __init__(
        self,
        mailer: Mailer,
        log: Log,
        *,
        name: str = "",
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mailer = mailer
        self._log = log
        self._name = name or create_worker_name()
        self._stopwatch = stopwatch
        self._lease_seconds = mailer.settings.delivery.lease
        self._lease_epoch: int | None = None
        self._lease_observer = LeaseObserver(self._lease_seconds, is_dead)
        self._last_beat = 0.0
        self._lease_mark = CommittedMark(0)
        self._calendar_read_at: datetime | None = None
        self._followed_up_at = datetime.min.replace(tzinfo=UTC)
        self._last_errors: dict[str, str] = {}
        # Jobs that failed last time because another process was first.
        self._conflicted: set[str] = set()
        self._retention = RetentionRounds(mailer, log)

    @property
    def has_lease(self) -> bool:
        """Check whether this worker held the lease in its last transaction."""
        return self._lease_epoch is not None

    def run_tick(self) -> bool:
        """Run the due jobs, and return whether this worker holds the lease. Raises ConfigError if
        the database can't be used, and HistoryWentBack if the database has lost commits that it had
        confirmed. Editions that could be sent twice are paused or on hold by then."""
        if self._lease_epoch is None and not self._try_to_take_lease():
            return False
        try:
            # The next pass runs jobs that became due because of this pass. For example, if an
            # edition is due when it is assembled and needs no approval, the same tick starts it.
            for _ in range(4):
                if not self._run_pass():
                    break
            self._beat_if_idle()
        except LeaseLost:
            self._log.warning("lease lost", epoch=self._lease_epoch)
            self._forget_lease()
            return False
        except HistoryWentBack:
            self._forget_lease()
            with self._mailer.store.begin() as tx:
                contain_lost_history(tx, HistoryWatch(), [], self._mailer.clock())
            raise
        return True

    def _forget_lease(self) -> None:
        self._lease_epoch, self._calendar_read_at = None, None
        self._lease_observer.forget_lease()

    def release_lease(self) -> None:
        """Release the lease, so that another worker can take it at once."""
        if self._lease_epoch is not None:
            with self._mailer.store.begin() as tx:
                leases.release_lease(tx, WORKER, self._lease_epoch)
            self._lease_epoch = None

    # ---- the lease ------------------------------------------------------------------------------

    def _try_to_take_lease(self) -> bool:
        now = self._stopwatch()
        with self._mailer.store.read() as tx:
            lease = leases.find_lease(tx)
        if not self._lease_observer.may_take(lease, now):
            return False
        with self._mailer.store.begin() as tx:
            self._lease_epoch = leases.take_lease(
                tx, WORKER, self._name, lease, self._mailer.clock()
            )
        if self._lease_epoch is None:
            return False
        self._last_beat = now
        self._lease_mark = CommittedMark(0)
        last_beat = lease.heartbeat_at.isoformat() if lease else None
        self._log.info("lease taken", epoch=self._lease_epoch, last_beat=last_beat)
        return True

    @contextmanager
    def _begin_as_holder(self) -> Iterator[SqlTransaction]:
        """Open a transaction that first confirms the lease. Raises LeaseLost."""
        assert self._lease_epoch is not None
        heartbeat = self._lease_mark.value
        try:
            with self._mailer.store.begin() as tx:
                is_holder = leases.keep_lease(tx, WORKER, self._lease_epoch, self._mailer.clock())
                lease = leases.find_lease(tx)
                self._check_history(lease)
                if not is_holder:
                    raise LeaseLost
                yield tx
                heartbeat = lease.heartbeat if lease else heartbeat
        except ConfigError:
            mark = self._lease_mark
            self._lease_mark = CommittedMark(mark.value, mark.unconfirmed + 1)
            raise
        self._lease_mark = CommittedMark(heartbeat)
        self._last_beat = self._stopwatch()

    def _check_history(self, lease: Lease | None) -> None:
        """Check that neither the lease nor its heartbeat is older than this worker's last commit.
        Raises HistoryWentBack."""
        assert self._lease_epoch is not None
        if lease is None or lease.epoch < self._lease_epoch:
            raise build_history_error("the lease of this worker is gone")
        if lease.epoch > self._lease_epoch or not lease.holder:
            return
        value = lease.heartbeat - 1 if lease.holder == self._name else None
        if why := describe_lost_history(self._lease_mark, value):
            raise build_history_error(why)

    def _beat_if_idle(self) -> None:
        if self._stopwatch() - self._last_beat >= self._lease_seconds / 4:
            with self._begin_as_holder():
                pass

    # ---- a pass ---------------------------------------------------------------------------------

    def _run_pass(self) -> bool:
        """Run each job that is due now once, and return whether any job ran."""
        with self._mailer.store.read() as tx:
            agenda = self._build_agenda(tx, self._mailer.clock())
        has_worked = False
        for job_name, run_job in agenda:
            try:
                with self._begin_as_holder() as tx:
                    run_job(tx)
                has_worked = True
                self._last_errors.pop(job_name, None)
                self._conflicted.discard(job_name)
            except ConcurrencyError as error:
                if job_name in self._conflicted:
                    self._log_failure(job_name, error)
                self._conflicted.add(job_name)
            except (LeaseLost, HistoryWentBack, ConfigError) as error:
                if not isinstance(error, ConfigError) or not self._may_continue(job_name, error):
                    raise
            except MailerError as error:
                self._log_failure(job_name, error)
            except Exception as error:
                self._log_failure(job_name, error, trace=True)
        return has_worked

    def _may_continue(self, job_name: str, error: MailerError) -> bool:
        """Check that the error is about a setting and not about the database."""
        self._log_failure(job_name, error)
        return error.where != self._mailer.store.display_url

    def _log_failure(self, job_name: str, error: Exception, *, trace: bool = False) -> None:
        """Log a failure once; the job is tried again at each tick."""
        message = f"{type(error).__name__}: {error}"
        if self._last_errors.get(job_name) != message:
            self._last_errors[job_name] = message
            self._log.error(
                "step failed", step=job_name, error=message, exc_info=error if trace else None
            )

    def _build_agenda(self, tx: SqlTransaction, now: datetime) -> Agenda:
        mailer, log = self._mailer, self._log
        agenda: Agenda = []
        # Looks back to the last tick, however long ago it was, since the process may have been
        # suspended.
        look_back = (
            LOOK_BACK
            if self._calendar_read_at is None
            else min(now - self._calendar_read_at + _LOOK_BACK_MARGIN, LOOK_BACK)
        )
        calendars: list[DigestCalendar] = []
        with self._log_settings_errors("the calendar"):
            calendars = mailer.build_calendars(tx)
        for calendar in calendars:
            with self._log_settings_errors(f"the calendar of {calendar.slug}"):
                for step in calendar.list_due_steps(now, look_back):
                    occurrence_name = (
                        f"{calendar.slug} {step.planned.original.rule_time:%Y-%m-%dT%H:%M}"
                    )
                    agenda.append(
                        (
                            occurrence_name,
                            partial(jobs.run_occurrence, mailer, calendar.digest, step, log),
                        )
                    )
        zone = mailer.settings.defaults.time_zone
        for digest in digests.list_due_digests(tx, zone, now):
            slug = digest.settings.slug
            assemble = partial(jobs.assemble_immediate, mailer, slug, log)
            agenda.append((f"the immediate digest {slug}", assemble))
        self._calendar_read_at = None if self._last_errors or self._conflicted else now
        for embargo in embargoes.list_moved_ends(tx, now):
            update_embargo = partial(jobs.update_embargo_end, mailer, embargo.slug, log)
            agenda.append((f"the embargo on {embargo.slug}", update_embargo))
        if now - self._followed_up_at >= _MINUTE and releases.needs_follow_up(tx, now):
            self._followed_up_at = now
            agenda.append(("follow-ups", partial(jobs.queue_follow_ups, mailer, log)))
        embargoed_stories = embargoes.find_embargoed(tx.embargoes, now)
        for edition in tx.editions.list_scheduled_editions(CLOCKED_STATES):
            with self._log_settings_errors(f"the time of edition {edition.id}"):
                action = editions.find_due_action(tx, edition, now, embargoed_stories)
                if action is not None:
                    job = _EDITION_JOBS[action]
                    agenda.append((f"edition {edition.id}", partial(job, mailer, edition.id, log)))
        for edition in notices.list_editions_to_notify(tx, now):
            notify = partial(jobs.notify_staff, mailer, edition.id, log)
            agenda.append((f"notifying of edition {edition.id}", notify))
        for slug in jobs.list_kills_to_ask_for(mailer, tx):
            ask = partial(jobs.ask_for_kill, mailer, slug, log)
            agenda.append((f"asking for the kill of {slug}", ask))
        return [
            *confirmations.list_due_jobs(mailer, tx, now, log),
            *agenda,
            *self._retention.list_due_jobs(tx, now),
        ]

    @contextmanager
    def _log_settings_errors(self, job_name: str) -> Iterator[None]:
        try:
            yield
            self._last_errors.pop(job_name, None)
        except MailerError as error:
            self._log_failure(job_name, error)
