"""Run two workers on one database; the ticking worker may be frozen for a while.

A frozen worker is the hard case. The other worker cannot tell that it will resume, and takes over
when the lease has expired; then the frozen worker resumes in the middle of its last step.
"""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.crash.calendar import database_contents, kill_moments, worker_process
from tests.crash.calendar.database_contents import DatabaseReader
from tests.crash.calendar.fixtures import TrialOffice
from tests.crash.calendar.judge import CalendarVerdict, judge_calendar
from tests.crash.calendar.kill_moments import BUSY_SECONDS
from tests.crash.calendar.kill_trial import MAX_LINGER, PATIENCE, wait_until_done
from tests.crash.calendar.staff_simulation import StaffSimulation
from tests.crash.calendar.worker_process import FIRST_EVENT, LEASE, WorkerProcess
from tests.crash.judge import Witness
from tests.crash.recorder import AcceptedMessage, Recorder, read_record, run_recorder

ROUNDS = 30
"""The most times that staff add work until the worker that was frozen has delivered some of it."""


@dataclass(frozen=True, slots=True)
class PairTrial:
    """The settings of a trial; `sabotage` is a fault of :mod:`tests.crash.calendar.sabotage`."""

    is_freezing: bool = False
    digests: int = 12
    seed: int = 0
    sabotage: str = ""
    patience: float = PATIENCE


@dataclass(slots=True)
class PairResult:
    """The result of a trial.

    `last_event` is the last event that the frozen worker had logged, `frozen_for` is in seconds,
    and `delivered` counts the messages that each worker sent."""

    verdict: CalendarVerdict | None = None
    last_event: str = ""
    frozen_for: float = 0.0
    delivered: list[int] = field(default_factory=list)
    duplicates: int = 0
    doubts: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = self.verdict
        counts_text = (
            f"occurrences {verdict.occurrences}, made twice {verdict.made_twice}, editions "
            f"{verdict.editions}, notices {verdict.notices}, lost {verdict.messages.lost}, "
            if verdict
            else ""
        )
        frozen_text = (
            f"frozen {self.frozen_for:.1f} s after {self.last_event!r}, " if self.last_event else ""
        )
        return (
            f"{frozen_text}{counts_text}delivered by each {self.delivered}, "
            f"duplicates {self.duplicates} (doubts {self.doubts}), faults {len(self.faults)}"
        )


def run_pair_trial(
    trial: PairTrial,
    folder: Path,
    database_url: str,
    report_progress: Callable[[str], None] = lambda _: None,
) -> PairResult:
    """Run two workers in `folder` and an empty database; only on PostgreSQL may one be frozen."""
    random_source = random.Random(trial.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with run_recorder(folder / "record", MAX_LINGER) as recorder:
        office = TrialOffice(
            folder, database_url, recorder.port, trial.digests, random_source, LEASE
        )
        if trial.is_freezing:
            database_contents.record_doubts(database_url)
        staff = StaffSimulation(office, random.Random(trial.seed + 1))
        staff.approves_all = True
        pair_run = _PairRun(trial, office, staff, recorder, random_source, report_progress)
        with staff.run_thread(), ExitStack() as stack:
            pair_run.workers = [
                stack.enter_context(worker_process.run_worker(office, trial.sabotage))
                for _ in range(2)
            ]
            if trial.is_freezing:
                pair_run.freeze_ticking_worker()
            else:
                pair_run.run_both_workers()
            pair_run.finish_workers()
        recorder.wait_until_quiet()
    result = pair_run.result
    record = read_record(folder / "record")
    doubts = database_contents.list_doubted(database_url, folder) if trial.is_freezing else []
    contents = DatabaseReader(database_url, folder).read_contents(bodies=True)
    result.verdict = judge_calendar(
        office.expectations, contents, record, _build_witness(doubts, record)
    )
    result.doubts, result.duplicates = len(doubts), result.verdict.messages.duplicates
    result.faults += (*staff.faults, *result.verdict.faults)
    return result


def _build_witness(doubts: list[int], record: list[AcceptedMessage]) -> Witness:
    """Build a witness that allows every message of a delivery that was in doubt to be a repetition:
    the message that a frozen worker was sending arrives when it resumes, after the message of the
    worker that took over."""
    witness = Witness(in_doubt=len(doubts))
    for delivery_id in doubts:
        witness.doubts_at[delivery_id] = [
            accepted.accepted_at for accepted in record if f".{delivery_id}@" in accepted.message_id
        ]
    return witness


@dataclass(slots=True)
class _PairRun:
    trial: PairTrial
    office: TrialOffice
    staff: StaffSimulation
    recorder: Recorder
    random_source: random.Random
    report_progress: Callable[[str], None]
    workers: list[WorkerProcess] = field(default_factory=list)
    result: PairResult = field(default_factory=PairResult)

    def run_both_workers(self) -> None:
        for worker in self.workers:
            if worker.wait_for_event(FIRST_EVENT, PATIENCE) is None:
                self._report_fault("a worker did not start")
        for _ in range(3):
            self.staff.start_work(4, 1.0)
            time.sleep(1.0)

    def freeze_ticking_worker(self) -> None:
        """Freeze the ticking worker at a random moment, wait until the other has taken over and
        finished all due work, and resume the first."""
        first, second = self._find_ticking_worker()
        self.staff.start_work(4, 1.0)
        self._await_moment(first)
        first.freeze_process()
        frozen_at = time.monotonic()
        self.result.last_event = first.lines[-1].event
        lease_count = len(second.list_times("lease taken"))
        if second.wait_for_event("lease taken", LEASE + PATIENCE, times=lease_count + 1) is None:
            self._report_fault("the other worker did not take over the lease")
            return
        takeover_seconds = time.monotonic() - frozen_at
        self.staff.start_work(4, 0.5)
        time.sleep(0.6 + self.random_source.uniform(0, 1))
        self._await_completion("the other worker left something undone", second)
        self.staff.start_work(6, 1.0)
        time.sleep(self.random_source.uniform(0, 1))
        first.resume_process()
        self.result.frozen_for = time.monotonic() - frozen_at
        self.report_progress(
            f"frozen after {self.result.last_event!r}, lease taken over after "
            f"{takeover_seconds:.1f} s, frozen for {self.result.frozen_for:.1f} s"
        )
        if first.wait_for_event("lease lost", PATIENCE) is None:
            self._report_fault(f"the frozen worker did not lose the lease: {first.lines[-3:]}")
        self._await_delivery(first)

    def _find_ticking_worker(self) -> tuple[WorkerProcess, WorkerProcess]:
        """Wait until a worker ticks. Returns (the ticking worker, the other worker)."""
        first, second = self.workers
        while not (first.list_times("lease taken") or second.list_times("lease taken")):
            time.sleep(0.001)
        return (first, second) if first.list_times("lease taken") else (second, first)

    def _await_moment(self, worker: WorkerProcess) -> None:
        """Wait for a random moment: while the worker is busy, just after it has logged an event, or
        just after the relay has accepted a message."""
        event = self.random_source.choice(
            [*kill_moments.LOGGED_EVENTS, *["", kill_moments.MESSAGE] * 3]
        )
        if event == kill_moments.MESSAGE:
            message_count = self.recorder.count_messages() + self.random_source.randint(1, 5)
            deadline = time.monotonic() + 2 * BUSY_SECONDS
            while self.recorder.count_messages() < message_count and time.monotonic() < deadline:
                time.sleep(0.0005)
        elif event:
            times = len(worker.list_times(event)) + self.random_source.randint(1, 3)
            worker.wait_for_event(event, BUSY_SECONDS, times=times)
        time.sleep(self.random_source.uniform(0, 0.01 if event else BUSY_SECONDS))

    def _await_delivery(self, worker: WorkerProcess) -> None:
        """Wait until the worker, which no longer ticks, delivers work that the other has begun."""
        lost_at = worker.list_times("lease lost")[-1:] or [0.0]
        for _ in range(ROUNDS):
            if any(at > lost_at[0] for at in worker.list_times("delivered")) or worker.ended:
                return
            self.staff.start_work(4, 0.3)
            time.sleep(0.7)
        self._report_fault("the worker that was frozen no longer delivers")

    def finish_workers(self) -> None:
        """Wait until all work is done, and end both workers as a supervisor does."""
        self._await_completion("the workers left something undone", *self.workers)
        self.staff.stop_work()
        for number, worker in enumerate(self.workers):
            if (code := worker.stop()) != 0:
                self._report_fault(f"worker {number} ended with code {code}: {worker.lines[-3:]}")
            self.result.faults += worker.list_complaints(was_frozen=self.trial.is_freezing)
            delivered_lines = [line for line in worker.lines if line.event == "delivered"]
            self.result.delivered.append(sum(int(line.fields["sent"]) for line in delivered_lines))

    def _await_completion(self, fault: str, *running: WorkerProcess) -> None:
        self.staff.reach = timedelta()
        reader = DatabaseReader(self.office.url, self.office.folder)
        if not wait_until_done(reader, self.office, list(running), self.trial.patience):
            self._report_fault(fault)

    def _report_fault(self, text: str) -> None:
        self.result.faults.append(text)
        self.report_progress(text)
