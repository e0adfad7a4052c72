"""Two workers on one database: both from the start, or the one that ticks frozen for a while.

A frozen worker is the hard case: nobody can tell that it won't go on, so the other one takes over
when its lease has run out; then it does go on, in the midst of whatever it was at.
"""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.crash.calendar import books, moments, workers
from tests.crash.calendar.books import DatabaseReader
from tests.crash.calendar.fixtures import TrialOffice
from tests.crash.calendar.judge import CalendarVerdict, judge_calendar
from tests.crash.calendar.moments import BUSY
from tests.crash.calendar.staff import StaffSimulation
from tests.crash.calendar.trial import LINGER, PATIENCE, wait_until_done
from tests.crash.calendar.workers import FIRST, LEASE, WorkerProcess
from tests.crash.judge import Witness
from tests.crash.recorder import AcceptedMessage, Recorder, read_record, run_recorder

ROUNDS = 30
"""How often staff make more work until the one that was frozen has delivered some of it."""


@dataclass(frozen=True, slots=True)
class PairTrial:
    """What to try."""

    is_freezing: bool = False
    digests: int = 12
    seed: int = 0
    sabotage: str = ""
    patience: float = PATIENCE


@dataclass(slots=True)
class PairResult:
    """How it ended. `caught` is the last that the frozen one had said."""

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
            f"occurrences {verdict.occurrences}, made twice {verdict.twice}, editions "
            f"{verdict.editions}, notices {verdict.notices}, lost {verdict.messages.lost}, "
            if verdict
            else ""
        )
        frozen_text = (
            f"frozen {self.frozen_for:.1f} s after {self.last_event!r}, " if self.last_event else ""
        )
        return (
            f"{frozen_text}{counts_text}delivered by each {self.delivered}, duplicates {self.duplicates} "
            f"(doubts {self.doubts}), faults {len(self.faults)}"
        )


def run(
    pair: PairTrial, folder: Path, database_url: str, say: Callable[[str], None] = lambda _: None
) -> PairResult:
    """Let two workers run in `folder` on an empty database: on PostgreSQL, where one is frozen."""
    dice = random.Random(pair.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with run_recorder(folder / "record", LINGER) as recorder:
        office = TrialOffice(folder, database_url, recorder.port, pair.digests, dice, LEASE)
        if pair.is_freezing:
            books.record_doubts(database_url)
        staff = StaffSimulation(office, random.Random(pair.seed + 1))
        staff.approves_all = True
        pair_run = _PairRun(pair, office, staff, recorder, dice, say)
        with staff.run_thread(), ExitStack() as stack:
            pair_run.workers = [
                stack.enter_context(workers.run_worker(office, pair.sabotage)) for _ in range(2)
            ]
            if pair.is_freezing:
                pair_run.freeze_ticking_worker()
            else:
                pair_run.run_both_workers()
            pair_run.finish_workers()
        recorder.wait_until_quiet()
    result = pair_run.result
    record = read_record(folder / "record")
    doubts = books.list_doubted(database_url, folder) if pair.is_freezing else []
    contents = DatabaseReader(database_url, folder).read_contents(bodies=True)
    result.verdict = judge_calendar(
        office.expectations, contents, record, _build_witness(doubts, record)
    )
    result.doubts, result.duplicates = len(doubts), result.verdict.messages.duplicates
    result.faults += (*staff.faults, *result.verdict.faults)
    return result


def _build_witness(doubts: list[int], record: list[AcceptedMessage]) -> Witness:
    """Of a delivery that was in doubt any message may be a second one: the one that was under way
    when its sender was frozen comes when it goes on, after that of the one that took over."""
    witness = Witness(in_doubt=len(doubts))
    for delivery_id in doubts:
        witness.doubts_at[delivery_id] = [
            accepted.accepted_at for accepted in record if f".{delivery_id}@" in accepted.message_id
        ]
    return witness


@dataclass(slots=True)
class _PairRun:
    pair: PairTrial
    office: TrialOffice
    staff: StaffSimulation
    recorder: Recorder
    dice: random.Random
    say: Callable[[str], None]
    workers: list[WorkerProcess] = field(default_factory=list)
    result: PairResult = field(default_factory=PairResult)

    def run_both_workers(self) -> None:
        for worker in self.workers:
            if worker.wait_for_event(FIRST, PATIENCE) is None:
                self._report_fault("a worker did not start")
        for _ in range(3):
            self.staff.start_work(4, 1.0)
            time.sleep(1.0)

    def freeze_ticking_worker(self) -> None:
        """Freeze the one that ticks at a random moment, see the other take over and do all that is
        due, and let the first go on."""
        first, second = self._find_ticking_worker()
        self.staff.start_work(4, 1.0)
        self._await_moment(first)
        first.freeze_process()
        frozen_at = time.monotonic()
        self.result.last_event = first.lines[-1].event
        lease_count = len(second.list_times("lease taken"))
        if second.wait_for_event("lease taken", LEASE + PATIENCE, times=lease_count + 1) is None:
            self._report_fault("the other worker did not take the lease over")
            return
        takeover_seconds = time.monotonic() - frozen_at
        self.staff.start_work(4, 0.5)
        time.sleep(0.6 + self.dice.uniform(0, 1))
        self._await_completion("the other worker left something undone", second)
        self.staff.start_work(6, 1.0)
        time.sleep(self.dice.uniform(0, 1))
        first.resume_process()
        self.result.frozen_for = time.monotonic() - frozen_at
        self.say(
            f"frozen after {self.result.last_event!r}, lease taken over after {takeover_seconds:.1f} s, "
            f"frozen for {self.result.frozen_for:.1f} s"
        )
        if first.wait_for_event("lease lost", PATIENCE) is None:
            self._report_fault(f"the frozen worker did not lose the lease: {first.lines[-3:]}")
        self._await_delivery(first)

    def _find_ticking_worker(self) -> tuple[WorkerProcess, WorkerProcess]:
        a, b = self.workers
        while not (a.list_times("lease taken") or b.list_times("lease taken")):
            time.sleep(0.001)
        return (a, b) if a.list_times("lease taken") else (b, a)

    def _await_moment(self, worker: WorkerProcess) -> None:
        """At any time while it is busy, or just after it has said something, or the relay has
        taken a message."""
        event = self.dice.choice([*moments.LOGGED_EVENTS, *["", moments.MESSAGE] * 3])
        if event == moments.MESSAGE:
            message_count = self.recorder.count_messages() + self.dice.randint(1, 5)
            deadline = time.monotonic() + 2 * BUSY
            while self.recorder.count_messages() < message_count and time.monotonic() < deadline:
                time.sleep(0.0005)
        elif event:
            times = len(worker.list_times(event)) + self.dice.randint(1, 3)
            worker.wait_for_event(event, BUSY, times=times)
        time.sleep(self.dice.uniform(0, 0.01 if event else BUSY))

    def _await_delivery(self, worker: WorkerProcess) -> None:
        """It doesn't tick any more, and goes on delivering what the other one begins."""
        lost_at = worker.list_times("lease lost")[-1:] or [0.0]
        for _ in range(ROUNDS):
            if any(at > lost_at[0] for at in worker.list_times("delivered")) or worker.ended:
                return
            self.staff.start_work(4, 0.3)
            time.sleep(0.7)
        self._report_fault("the worker that was frozen delivers nothing any more")

    def finish_workers(self) -> None:
        """When all is done, end both as a supervisor does."""
        self._await_completion("the workers left something undone", *self.workers)
        self.staff.stop_work()
        for number, worker in enumerate(self.workers):
            if (code := worker.stop()) != 0:
                self._report_fault(f"worker {number} ended with code {code}: {worker.lines[-3:]}")
            self.result.faults += worker.list_complaints(was_frozen=self.pair.is_freezing)
            delivered_lines = [line for line in worker.lines if line.event == "delivered"]
            self.result.delivered.append(sum(int(line.fields["sent"]) for line in delivered_lines))

    def _await_completion(self, fault: str, *running: WorkerProcess) -> None:
        self.staff.reach = timedelta()
        reader = DatabaseReader(self.office.url, self.office.folder)
        if not wait_until_done(reader, self.office, list(running), self.pair.patience):
            self._report_fault(fault)

    def _report_fault(self, text: str) -> None:
        self.result.faults.append(text)
        self.say(text)
