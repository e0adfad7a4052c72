"""Run a trial: start a worker, kill it at a random moment, take a snapshot, start the next; judge.

A worker may also have a fault of its own, which is described in words: it ends by itself, logs a
warning, leaves more in doubt than its connections and window allow, stalls, or ends uncleanly.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.crash.calendar import kill_moments, worker_process
from tests.crash.calendar.database_contents import DatabaseReader
from tests.crash.calendar.fixtures import CONNECTIONS, WINDOW, TrialOffice
from tests.crash.calendar.judge import CalendarVerdict, judge_calendar
from tests.crash.calendar.kill_moments import BUSY_SECONDS, KillMoment
from tests.crash.calendar.staff_simulation import StaffSimulation
from tests.crash.calendar.worker_process import FIRST_EVENT, LEASE, WorkerProcess
from tests.crash.judge import Snapshot, Witness
from tests.crash.recorder import Recorder, read_record, run_recorder

PATIENCE = 60.0
"""Seconds for a worker to its first log line, and after the last full minute for the rest of the
work."""

SETTLE_SECONDS = 2.0
"""Seconds without anything left to do after which a trial counts as done: several ticks of a
worker."""

MAX_LINGER = 0.01
"""The longest time, in seconds, between the relay's record of a message and its answer."""


@dataclass(frozen=True, slots=True)
class KillTrial:
    """The settings of a trial.

    `busy_seconds` is the time for which a worker has work, and `patience` the time in seconds that
    the last worker may take for the rest. If `after_event` is set, each kill comes just after the
    worker has logged it. `sabotage` is a fault of :mod:`tests.crash.calendar.sabotage`."""

    kills: int = 50
    digests: int = 24
    seed: int = 0
    sabotage: str = ""
    busy_seconds: float = BUSY_SECONDS
    patience: float = 60.0 + PATIENCE
    after_event: str = ""

    @property
    def max_in_doubt(self) -> int:
        """The most rows that one kill may leave in doubt."""
        return CONNECTIONS * WINDOW


@dataclass(frozen=True, slots=True)
class KillResult:
    """The result of a trial.

    `busy_kills` counts kills that met a worker at work, `undone_steps` the new occurrences and
    started editions that a worker had logged and its death undid, `kills_with_doubts` the kills
    that left rows in doubt, and `last_events` the kills by the last event that the worker had
    logged."""

    kills: int
    busy_kills: int
    verdict: CalendarVerdict
    in_doubt: int
    max_in_doubt: int
    kills_with_doubts: int
    undone_steps: int
    last_events: dict[str, int]
    seconds: float
    faults: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """True if no fault was found."""
        return not self.faults

    def __str__(self) -> str:
        verdict = self.verdict
        return (
            f"kills {self.kills}, occurrences {verdict.occurrences}, "
            f"made twice {verdict.made_twice}, editions {verdict.editions}, "
            f"notices {verdict.notices}, lost {verdict.messages.lost}, "
            f"accepted-then-resent {verdict.messages.resent}, in doubt {self.in_doubt} "
            f"(bound {self.max_in_doubt}), faults {len(self.faults)}"
        )


def run_kill_trial(
    trial: KillTrial,
    folder: Path,
    database_url: str,
    report_progress: Callable[[str], None] = lambda _: None,
) -> KillResult:
    """Run a trial in `folder` and an empty database. `report_progress` is called for each kill."""
    started_at = time.monotonic()
    random_source = random.Random(trial.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with run_recorder(folder / "record", MAX_LINGER) as recorder:
        office = TrialOffice(
            folder, database_url, recorder.port, trial.digests, random_source, LEASE
        )
        staff = StaffSimulation(office, random.Random(trial.seed + 1))
        kill_run = _KillRun(trial, office, staff, recorder, random_source, report_progress)
        with staff.run_thread():
            kill_run.kill_repeatedly()
            kill_run.finish_trial()
        recorder.wait_until_quiet()
    contents = kill_run.reader.read_contents(bodies=True)
    verdict = judge_calendar(
        office.expectations, contents, read_record(folder / "record"), kill_run.witness
    )
    return KillResult(
        kills=len(kill_run.snapshots),
        busy_kills=kill_run.busy_kills,
        verdict=verdict,
        in_doubt=kill_run.witness.in_doubt,
        max_in_doubt=len(kill_run.snapshots) * trial.max_in_doubt,
        kills_with_doubts=sum(snapshot.newly_in_doubt > 0 for snapshot in kill_run.snapshots),
        undone_steps=kill_run.event_counts["occurrence"]
        - len(contents.occurrences)
        + kill_run.event_counts["started"]
        - verdict.editions,
        last_events=kill_run.last_events,
        seconds=time.monotonic() - started_at,
        faults=(*kill_run.faults, *staff.faults, *verdict.faults),
    )


@dataclass(slots=True)
class _KillRun:
    trial: KillTrial
    office: TrialOffice
    staff: StaffSimulation
    recorder: Recorder
    random_source: random.Random
    report_progress: Callable[[str], None]
    witness: Witness = field(default_factory=Witness)
    snapshots: list[Snapshot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    last_events: dict[str, int] = field(default_factory=dict)
    event_counts: Counter[str] = field(default_factory=Counter)
    busy_kills: int = 0
    startup_seconds: float = 1.0
    """Seconds from a worker's start to its first log line, averaged."""
    accepted_count: int = 0
    """The messages that the relay had accepted when the current worker started."""

    @property
    def reader(self) -> DatabaseReader:
        return DatabaseReader(self.office.url, self.office.folder)

    def kill_repeatedly(self) -> None:
        while (kills_left := self.trial.kills - len(self.snapshots)) and not self.faults:
            self.staff.reach = timedelta(
                seconds=(self.startup_seconds + self.trial.busy_seconds / 2) * kills_left
            )
            moment = kill_moments.choose_moment(
                self.random_source, self.startup_seconds, self.trial.busy_seconds
            )
            if self.trial.after_event:
                moment = KillMoment(
                    self.trial.after_event, 1, kill_moments.SHORT_PAUSE, self.trial.busy_seconds
                )
            with worker_process.run_worker(self.office, self.trial.sabotage) as worker:
                if not self._await_moment(worker, moment):
                    self.faults.append(f"a worker ended by itself: {worker.lines[-3:]}")
                    return
                code = worker.kill_group()
            self.staff.stop_work()
            self._record_lines(worker)
            if code != -9:
                self.faults.append(f"a worker ended with code {code} before it was killed")
            self._inspect_database(worker, moment)

    def _await_moment(self, worker: WorkerProcess, moment: KillMoment) -> bool:
        """Wait for the moment, and return True if the worker is still alive then. Half of the
        workers find staff at work when they start; the others find the database as the last worker
        left it."""
        schedule_count = self.random_source.randint(1, 4)
        is_staff_early = self.random_source.random() < 0.5
        if is_staff_early:
            self.staff.start_work(schedule_count, self.startup_seconds + 1)
        wait_seconds = min(moment.seconds, PATIENCE) if not moment.event else PATIENCE
        first_line_at = worker.wait_for_event(FIRST_EVENT, wait_seconds)
        if first_line_at is not None:
            self.startup_seconds = (self.startup_seconds + first_line_at - worker.started_at) / 2
            if not is_staff_early:
                self.staff.start_work(schedule_count, 1.0)
        kill_at = worker.started_at + moment.seconds
        if moment.event and first_line_at is not None:
            kill_at = self._await_event(worker, moment) + moment.pause
        time.sleep(max(kill_at - time.monotonic(), 0.0))
        if moment.event and first_line_at is None and not worker.ended:
            self.faults.append(f"a worker logged nothing for {PATIENCE:.0f} s")
        return not worker.ended

    def _await_event(self, worker: WorkerProcess, moment: KillMoment) -> float:
        """Return the time at which the moment's event occurred, 0 if it did not occur in time."""
        if moment.event != kill_moments.MESSAGE:
            return worker.wait_for_event(moment.event, moment.seconds, times=moment.times) or 0.0
        deadline = time.monotonic() + moment.seconds
        while time.monotonic() < deadline and not worker.ended:
            if self.recorder.count_messages() >= self.accepted_count + moment.times:
                return time.monotonic()
            time.sleep(0.001)
        return 0.0

    def _inspect_database(self, worker: WorkerProcess, moment: KillMoment) -> None:
        at = self.recorder.wait_until_quiet()
        self.accepted_count = self.recorder.count_messages()
        contents = self.reader.read_contents()
        snapshot = self.witness.note_snapshot(at, contents.moved_deliveries)
        self.snapshots.append(snapshot)
        undone_count = contents.count_undone(len(self.office.expectations.occurrences))
        self.busy_kills += undone_count > 0 and bool(worker.list_times("lease taken"))
        last_event = worker.lines[-1].event if worker.lines else "nothing"
        self.last_events[last_event] = self.last_events.get(last_event, 0) + 1
        number = len(self.snapshots)
        self.report_progress(
            f"kill {number} of {self.trial.kills}, {moment}, last event {last_event!r}: "
            f"{undone_count} unfinished, {snapshot.sent} sent, {snapshot.claimed} claimed, "
            f"{snapshot.in_doubt} in doubt"
        )
        if snapshot.newly_in_doubt > self.trial.max_in_doubt:
            self.faults.append(
                f"kill {number} left {snapshot.newly_in_doubt} in doubt, "
                f"more than {self.trial.max_in_doubt}"
            )

    def finish_trial(self) -> None:
        """Let a last worker finish the rest, and end it as a supervisor does."""
        self.staff.approves_all = True
        self.staff.start_work()
        with worker_process.run_worker(self.office, self.trial.sabotage) as worker:
            if not wait_until_done(self.reader, self.office, [worker], self.trial.patience):
                self.faults.append("a worker left something undone")
            self.staff.stop_work()
            if (code := worker.stop()) != 0:
                self.faults.append(f"the last worker ended with code {code}")
        self._record_lines(worker)

    def _record_lines(self, worker: WorkerProcess) -> None:
        self.faults += worker.list_complaints()
        self.event_counts.update(line.event for line in worker.lines)


def wait_until_done(
    reader: DatabaseReader, office: TrialOffice, workers: list[WorkerProcess], patience: float
) -> bool:
    """Wait until all work is done, and stays done: a sent edition leads to notices, which are sent
    in turn. Returns False if it takes longer than `patience` seconds, or a worker ends."""
    deadline = time.monotonic() + patience
    done_since: float | None = None
    while done_since is None or time.monotonic() - done_since < SETTLE_SECONDS:
        if time.monotonic() > deadline or any(worker.ended for worker in workers):
            return False
        if reader.read_live_contents().count_undone(len(office.expectations.occurrences)):
            done_since = None
        elif done_since is None:
            done_since = time.monotonic()
        time.sleep(0.2)
    return True
