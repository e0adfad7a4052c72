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
from tests.crash.calendar.books import Bookkeeper
from tests.crash.calendar.judge import Verdict, judge
from tests.crash.calendar.moments import BUSY
from tests.crash.calendar.office import Office
from tests.crash.calendar.staff import Staff
from tests.crash.calendar.trial import LEASE, LINGER, PATIENCE, finish
from tests.crash.calendar.workers import FIRST, Worker
from tests.crash.judge import Witness
from tests.crash.recorder import Accepted, Recorder, read_record, recording

ROUNDS = 30
"""How often staff make more work until the one that was frozen has delivered some of it."""

EXPECTED = ("lease lost", "idle-in-transaction timeout", "server closed the connection")
"""What a worker may say that was frozen: PostgreSQL has ended its session, if it was in the midst
of a transaction."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What to try."""

    freeze: bool = False
    digests: int = 12
    seed: int = 0
    sabotage: str = ""
    patience: float = PATIENCE


@dataclass(slots=True)
class Result:
    """How it ended. `caught` is the last that the frozen one had said."""

    verdict: Verdict | None = None
    caught: str = ""
    frozen_for: float = 0.0
    delivered: list[int] = field(default_factory=list)
    duplicates: int = 0
    doubts: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = self.verdict
        counted = (
            f"occurrences {found.occurrences}, made twice {found.twice}, editions "
            f"{found.editions}, notices {found.notices}, lost {found.messages.lost}, "
            if found
            else ""
        )
        frozen = f"frozen {self.frozen_for:.1f} s after {self.caught!r}, " if self.caught else ""
        return (
            f"{frozen}{counted}delivered by each {self.delivered}, duplicates {self.duplicates} "
            f"(doubts {self.doubts}), faults {len(self.faults)}"
        )


def run(
    pair: Pair, folder: Path, database_url: str, say: Callable[[str], None] = lambda _: None
) -> Result:
    """Let two workers run in `folder` on an empty database: on PostgreSQL, where one is frozen."""
    dice = random.Random(pair.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with recording(folder / "record", LINGER) as recorder:
        office = Office(folder, database_url, recorder.port, pair.digests, dice, LEASE)
        if pair.freeze:
            books.keep_doubts(database_url)
        staff = Staff(office, random.Random(pair.seed + 1))
        staff.thorough = True
        run_of = _Run(pair, office, staff, recorder, dice, say)
        with staff.employed(), ExitStack() as stack:
            run_of.workers = [
                stack.enter_context(workers.running(office, pair.sabotage)) for _ in range(2)
            ]
            if pair.freeze:
                run_of.freeze_one()
            else:
                run_of.let_both_work()
            run_of.end()
        recorder.wait_until_quiet()
    result = run_of.result
    record = read_record(folder / "record")
    doubts = books.doubted(database_url, folder) if pair.freeze else []
    kept = Bookkeeper(database_url, folder).look(bodies=True)
    result.verdict = judge(office.wishes, kept, record, _witness(doubts, record))
    result.doubts, result.duplicates = len(doubts), result.verdict.messages.duplicates
    result.faults += (*staff.faults, *result.verdict.faults)
    return result


def _witness(doubts: list[int], record: list[Accepted]) -> Witness:
    """Of a delivery that was in doubt any message may be a second one: the one that was under way
    when its sender was frozen comes when it goes on, after that of the one that took over."""
    witness = Witness(in_doubt=len(doubts))
    for number in doubts:
        witness.doubts[number] = [one.at for one in record if f".{number}@" in one.message_id]
    return witness


@dataclass(slots=True)
class _Run:
    pair: Pair
    office: Office
    staff: Staff
    recorder: Recorder
    dice: random.Random
    say: Callable[[str], None]
    workers: list[Worker] = field(default_factory=list)
    result: Result = field(default_factory=Result)

    def let_both_work(self) -> None:
        for worker in self.workers:
            if worker.wait_for(FIRST, PATIENCE) is None:
                self._fault("a worker did not start")
        for _ in range(3):
            self.staff.work(4, 1.0)
            time.sleep(1.0)

    def freeze_one(self) -> None:
        """Freeze the one that ticks at a random moment, see the other take over and do all that is
        due, and let the first go on."""
        first, second = self._who_ticks()
        self.staff.work(4, 1.0)
        self._await_moment(first)
        first.freeze()
        since = time.monotonic()
        self.result.caught = first.lines[-1].event
        taken = len(second.times("lease taken"))
        if second.wait_for("lease taken", LEASE + PATIENCE, times=taken + 1) is None:
            self._fault("the other worker did not take the lease over")
            return
        took = time.monotonic() - since
        self.staff.work(4, 0.5)
        time.sleep(0.6 + self.dice.uniform(0, 1))
        self._finish("the other worker left something undone", second)
        self.staff.work(6, 1.0)
        time.sleep(self.dice.uniform(0, 1))
        first.thaw()
        self.result.frozen_for = time.monotonic() - since
        self.say(
            f"frozen after {self.result.caught!r}, lease taken over after {took:.1f} s, "
            f"frozen for {self.result.frozen_for:.1f} s"
        )
        if first.wait_for("lease lost", PATIENCE) is None:
            self._fault(f"the frozen worker did not lose the lease: {first.lines[-3:]}")
        self._see_it_deliver(first)

    def _who_ticks(self) -> tuple[Worker, Worker]:
        a, b = self.workers
        while not (a.times("lease taken") or b.times("lease taken")):
            time.sleep(0.001)
        return (a, b) if a.times("lease taken") else (b, a)

    def _await_moment(self, worker: Worker) -> None:
        """At any time while it is busy, or just after it has said something, or the relay has
        taken a message."""
        event = self.dice.choice([*moments.SAID, *["", moments.MESSAGE] * 3])
        if event == moments.MESSAGE:
            wanted = self.recorder.count() + self.dice.randint(1, 5)
            ends = time.monotonic() + 2 * BUSY
            while self.recorder.count() < wanted and time.monotonic() < ends:
                time.sleep(0.0005)
        elif event:
            times = len(worker.times(event)) + self.dice.randint(1, 3)
            worker.wait_for(event, BUSY, times=times)
        time.sleep(self.dice.uniform(0, 0.01 if event else BUSY))

    def _see_it_deliver(self, worker: Worker) -> None:
        """It doesn't tick any more, and goes on delivering what the other one begins."""
        lost = worker.times("lease lost")[-1:] or [0.0]
        for _ in range(ROUNDS):
            if any(at > lost[0] for at in worker.times("delivered")) or worker.ended:
                return
            self.staff.work(4, 0.3)
            time.sleep(0.7)
        self._fault("the worker that was frozen delivers nothing any more")

    def end(self) -> None:
        """When all is done, end both as a supervisor does."""
        self._finish("the workers left something undone", *self.workers)
        self.staff.rest()
        for number, worker in enumerate(self.workers):
            if (code := worker.stop()) != 0:
                self._fault(f"worker {number} ended with code {code}: {worker.lines[-3:]}")
            self.result.faults += worker.complaints(*(EXPECTED if self.pair.freeze else ()))
            delivered = [one for one in worker.lines if one.event == "delivered"]
            self.result.delivered.append(sum(int(one.fields["sent"]) for one in delivered))

    def _finish(self, fault: str, *running: Worker) -> None:
        self.staff.reach = timedelta()
        keeper = Bookkeeper(self.office.url, self.office.folder)
        if not finish(keeper, self.office, list(running), self.pair.patience):
            self._fault(fault)

    def _fault(self, text: str) -> None:
        self.result.faults.append(text)
        self.say(text)
