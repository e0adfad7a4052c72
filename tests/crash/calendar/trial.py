"""The trial: start a worker, kill it at a random moment, look, start the next; then judge.

What a worker must not do beside is a fault too, in words: to end by itself, to warn of something,
to leave more in doubt than its connections and window allow, to stand still, to end uncleanly.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.crash.calendar import moments, workers
from tests.crash.calendar.books import DatabaseReader
from tests.crash.calendar.fixtures import CONNECTIONS, WINDOW, TrialOffice
from tests.crash.calendar.judge import CalendarVerdict, judge_calendar
from tests.crash.calendar.moments import BUSY, KillMoment
from tests.crash.calendar.staff import StaffSimulation
from tests.crash.calendar.workers import FIRST, LEASE, WorkerProcess
from tests.crash.judge import Snapshot, Witness
from tests.crash.recorder import Recorder, read_record, run_recorder

PATIENCE = 60.0
"""Seconds for a worker's first line, and beyond the last full minute for all that is left."""

SETTLED = 2.0
"""Seconds that nothing is left to do, until all counts as done: several ticks of a worker."""

LINGER = 0.01
"""Seconds between the relay's taking a message and its answer, at most."""


@dataclass(frozen=True, slots=True)
class KillTrial:
    """What to try. `busy` is how long a worker has something to do, and `patience` how long the
    last one may take for all that is left, in seconds. With `after` each kill comes just after the
    worker has said that; `sabotage` is a fault of :mod:`tests.crash.calendar.sabotage`."""

    kills: int = 50
    digests: int = 24
    seed: int = 0
    sabotage: str = ""
    busy: float = BUSY
    patience: float = 60.0 + PATIENCE
    after: str = ""

    @property
    def most_in_doubt(self) -> int:
        """How many rows one kill may leave in doubt."""
        return CONNECTIONS * WINDOW


@dataclass(frozen=True, slots=True)
class KillResult:
    """How a trial ended. `busy` are kills that met a worker with something to do, `torn` the
    occurrences and beginnings of editions that one spoke of, and that were undone by its death;
    `met` counts kills by the last that the worker had said."""

    kills: int
    busy: int
    verdict: CalendarVerdict
    in_doubt: int
    bound: int
    with_doubts: int
    torn: int
    last_events: dict[str, int]
    seconds: float
    faults: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Whether the guarantee was."""
        return not self.faults

    def __str__(self) -> str:
        verdict = self.verdict
        return (
            f"kills {self.kills}, occurrences {verdict.occurrences}, made twice {verdict.twice}, "
            f"editions {verdict.editions}, notices {verdict.notices}, lost {verdict.messages.lost}, "
            f"accepted-then-resent {verdict.messages.resent}, in doubt {self.in_doubt} "
            f"(bound {self.bound}), faults {len(self.faults)}"
        )


def run(
    trial: KillTrial, folder: Path, database_url: str, say: Callable[[str], None] = lambda _: None
) -> KillResult:
    """Carry out a trial in `folder` and in an empty database. `say` is told of each kill."""
    started = time.monotonic()
    dice = random.Random(trial.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with run_recorder(folder / "record", LINGER) as recorder:
        office = TrialOffice(folder, database_url, recorder.port, trial.digests, dice, LEASE)
        staff = StaffSimulation(office, random.Random(trial.seed + 1))
        kill_run = _KillRun(trial, office, staff, recorder, dice, say)
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
        busy=kill_run.busy,
        verdict=verdict,
        in_doubt=kill_run.witness.in_doubt,
        bound=len(kill_run.snapshots) * trial.most_in_doubt,
        with_doubts=sum(snapshot.newly_in_doubt > 0 for snapshot in kill_run.snapshots),
        torn=kill_run.event_counts["occurrence"]
        - len(contents.occurrences)
        + kill_run.event_counts["started"]
        - verdict.editions,
        last_events=kill_run.last_events,
        seconds=time.monotonic() - started,
        faults=(*kill_run.faults, *staff.faults, *verdict.faults),
    )


@dataclass(slots=True)
class _KillRun:
    trial: KillTrial
    office: TrialOffice
    staff: StaffSimulation
    recorder: Recorder
    dice: random.Random
    say: Callable[[str], None]
    witness: Witness = field(default_factory=Witness)
    snapshots: list[Snapshot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    last_events: dict[str, int] = field(default_factory=dict)
    event_counts: Counter[str] = field(default_factory=Counter)
    busy: int = 0
    startup_seconds: float = 1.0
    """Seconds from a worker's start to its first line, about."""
    accepted_count: int = 0
    """Messages that the relay had taken before this worker."""

    @property
    def reader(self) -> DatabaseReader:
        return DatabaseReader(self.office.url, self.office.folder)

    def kill_repeatedly(self) -> None:
        while (kills_left := self.trial.kills - len(self.snapshots)) and not self.faults:
            self.staff.reach = timedelta(
                seconds=(self.startup_seconds + self.trial.busy / 2) * kills_left
            )
            moment = moments.choose_moment(self.dice, self.startup_seconds, self.trial.busy)
            if self.trial.after:
                moment = KillMoment(self.trial.after, 1, moments.SOON, self.trial.busy)
            with workers.run_worker(self.office, self.trial.sabotage) as worker:
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
        """Let the moment come; whether the worker lived to see it. Every other one finds staff at
        work when it starts, the others find things as their predecessor left them."""
        schedule_count = self.dice.randint(1, 4)
        is_staff_early = self.dice.random() < 0.5
        if is_staff_early:
            self.staff.start_work(schedule_count, self.startup_seconds + 1)
        wait_seconds = min(moment.seconds, PATIENCE) if not moment.event else PATIENCE
        first_line_at = worker.wait_for_event(FIRST, wait_seconds)
        if first_line_at is not None:
            self.startup_seconds = (self.startup_seconds + first_line_at - worker.started_at) / 2
            if not is_staff_early:
                self.staff.start_work(schedule_count, 1.0)
        kill_at = worker.started_at + moment.seconds
        if moment.event and first_line_at is not None:
            kill_at = self._await_event(worker, moment) + moment.pause
        time.sleep(max(kill_at - time.monotonic(), 0.0))
        if moment.event and first_line_at is None and not worker.ended:
            self.faults.append(f"a worker said nothing for {PATIENCE:.0f} s")
        return not worker.ended

    def _await_event(self, worker: WorkerProcess, moment: KillMoment) -> float:
        """When what the moment names has come; 0 when it hasn't in time."""
        if moment.event != moments.MESSAGE:
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
        snapshot = self.witness.note_snapshot(at, contents.taken_up)
        self.snapshots.append(snapshot)
        undone_count = contents.count_undone(len(self.office.expectations.occurrences))
        self.busy += undone_count > 0 and bool(worker.list_times("lease taken"))
        last_event = worker.lines[-1].event if worker.lines else "nothing"
        self.last_events[last_event] = self.last_events.get(last_event, 0) + 1
        number = len(self.snapshots)
        self.say(
            f"kill {number} of {self.trial.kills}, {moment}, its last word {last_event!r}: {undone_count} to "
            f"do, {snapshot.sent} sent, {snapshot.claimed} claimed, {snapshot.in_doubt} in doubt"
        )
        if snapshot.newly_in_doubt > self.trial.most_in_doubt:
            self.faults.append(
                f"kill {number} left {snapshot.newly_in_doubt} in doubt, more than {self.trial.most_in_doubt}"
            )

    def finish_trial(self) -> None:
        """Let a last worker do all that is left, and end it as a supervisor does."""
        self.staff.approves_all = True
        self.staff.start_work()
        with workers.run_worker(self.office, self.trial.sabotage) as worker:
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
    """Wait until all is done and stays so: what is sent is told of afterwards, and the letters that
    tell are something to do again. False when it isn't in time, or a worker ends."""
    deadline = time.monotonic() + patience
    done_since: float | None = None
    while done_since is None or time.monotonic() - done_since < SETTLED:
        if time.monotonic() > deadline or any(worker.ended for worker in workers):
            return False
        if reader.read_live_contents().count_undone(len(office.expectations.occurrences)):
            done_since = None
        elif done_since is None:
            done_since = time.monotonic()
        time.sleep(0.2)
    return True
