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
from tests.crash.calendar.books import Bookkeeper
from tests.crash.calendar.judge import Verdict, judge
from tests.crash.calendar.moments import BUSY, Moment
from tests.crash.calendar.office import CONNECTIONS, WINDOW, Office
from tests.crash.calendar.staff import Staff
from tests.crash.calendar.workers import FIRST, Worker
from tests.crash.judge import Snapshot, Witness
from tests.crash.recorder import Recorder, read_record, recording

PATIENCE = 60.0
"""Seconds for a worker's first line, and beyond the last full minute for all that is left."""

SETTLED = 2.0
"""Seconds that nothing is left to do, until all counts as done: several ticks of a worker."""

LEASE = 2
LINGER = 0.01
"""Seconds: of a lease, and between the relay's taking a message and its answer, at most."""


@dataclass(frozen=True, slots=True)
class Trial:
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
class Result:
    """How a trial ended. `busy` are kills that met a worker with something to do, `torn` the
    occurrences and beginnings of editions that one spoke of, and that were undone by its death;
    `met` counts kills by the last that the worker had said."""

    kills: int
    busy: int
    verdict: Verdict
    in_doubt: int
    bound: int
    with_doubts: int
    torn: int
    met: dict[str, int]
    seconds: float
    faults: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether the guarantee was."""
        return not self.faults

    def __str__(self) -> str:
        found = self.verdict
        return (
            f"kills {self.kills}, occurrences {found.occurrences}, made twice {found.twice}, "
            f"editions {found.editions}, notices {found.notices}, lost {found.messages.lost}, "
            f"accepted-then-resent {found.messages.resent}, in doubt {self.in_doubt} "
            f"(bound {self.bound}), faults {len(self.faults)}"
        )


def run(
    trial: Trial, folder: Path, database_url: str, say: Callable[[str], None] = lambda _: None
) -> Result:
    """Carry out a trial in `folder` and in an empty database. `say` is told of each kill."""
    started = time.monotonic()
    dice = random.Random(trial.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with recording(folder / "record", LINGER) as recorder:
        office = Office(folder, database_url, recorder.port, trial.digests, dice, LEASE)
        staff = Staff(office, random.Random(trial.seed + 1))
        run_of = _Run(trial, office, staff, recorder, dice, say)
        with staff.employed():
            run_of.kill_again_and_again()
            run_of.let_finish()
        recorder.wait_until_quiet()
    books = run_of.books.look(bodies=True)
    verdict = judge(office.wishes, books, read_record(folder / "record"), run_of.witness)
    return Result(
        kills=len(run_of.snapshots),
        busy=run_of.busy,
        verdict=verdict,
        in_doubt=run_of.witness.in_doubt,
        bound=len(run_of.snapshots) * trial.most_in_doubt,
        with_doubts=sum(one.doubted > 0 for one in run_of.snapshots),
        torn=run_of.said["occurrence"]
        - len(books.occurrences)
        + run_of.said["started"]
        - verdict.editions,
        met=run_of.met,
        seconds=time.monotonic() - started,
        faults=(*run_of.faults, *staff.faults, *verdict.faults),
    )


@dataclass(slots=True)
class _Run:
    trial: Trial
    office: Office
    staff: Staff
    recorder: Recorder
    dice: random.Random
    say: Callable[[str], None]
    witness: Witness = field(default_factory=Witness)
    snapshots: list[Snapshot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    met: dict[str, int] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)
    busy: int = 0
    start: float = 1.0
    """Seconds from a worker's start to its first line, about."""
    taken: int = 0
    """Messages that the relay had taken before this worker."""

    @property
    def books(self) -> Bookkeeper:
        return Bookkeeper(self.office.url, self.office.folder)

    def kill_again_and_again(self) -> None:
        while (left := self.trial.kills - len(self.snapshots)) and not self.faults:
            self.staff.reach = timedelta(seconds=(self.start + self.trial.busy / 2) * left)
            moment = moments.choose(self.dice, self.start, self.trial.busy)
            if self.trial.after:
                moment = Moment(self.trial.after, 1, moments.SOON, self.trial.busy)
            with workers.running(self.office, self.trial.sabotage) as worker:
                if not self._wait(worker, moment):
                    self.faults.append(f"a worker ended by itself: {worker.lines[-3:]}")
                    return
                code = worker.kill()
            self.staff.rest()
            self._hear(worker)
            if code != -9:
                self.faults.append(f"a worker ended with code {code} before it was killed")
            self._look(worker, moment)

    def _wait(self, worker: Worker, moment: Moment) -> bool:
        """Let the moment come; whether the worker lived to see it. Every other one finds staff at
        work when it starts, the others find things as their predecessor left them."""
        orders = self.dice.randint(1, 4)
        early = self.dice.random() < 0.5
        if early:
            self.staff.work(orders, self.start + 1)
        alone = min(moment.seconds, PATIENCE) if not moment.event else PATIENCE
        first = worker.wait_for(FIRST, alone)
        if first is not None:
            self.start = (self.start + first - worker.started) / 2
            if not early:
                self.staff.work(orders, 1.0)
        until = worker.started + moment.seconds
        if moment.event and first is not None:
            until = self._await(worker, moment) + moment.pause
        time.sleep(max(until - time.monotonic(), 0.0))
        if moment.event and first is None and not worker.ended:
            self.faults.append(f"a worker said nothing for {PATIENCE:.0f} s")
        return not worker.ended

    def _await(self, worker: Worker, moment: Moment) -> float:
        """When what the moment names has come; 0 when it hasn't in time."""
        if moment.event != moments.MESSAGE:
            return worker.wait_for(moment.event, moment.seconds, times=moment.times) or 0.0
        ends = time.monotonic() + moment.seconds
        while time.monotonic() < ends and not worker.ended:
            if self.recorder.count() >= self.taken + moment.times:
                return time.monotonic()
            time.sleep(0.001)
        return 0.0

    def _look(self, worker: Worker, moment: Moment) -> None:
        at = self.recorder.wait_until_quiet()
        self.taken = self.recorder.count()
        books = self.books.look()
        found = self.witness.note(at, books.moved)
        self.snapshots.append(found)
        undone = books.undone(len(self.office.wishes.dues))
        self.busy += undone > 0 and bool(worker.times("lease taken"))
        last = worker.lines[-1].event if worker.lines else "nothing"
        self.met[last] = self.met.get(last, 0) + 1
        number = len(self.snapshots)
        self.say(
            f"kill {number} of {self.trial.kills}, {moment}, its last word {last!r}: {undone} to "
            f"do, {found.sent} sent, {found.claimed} claimed, {found.in_doubt} in doubt"
        )
        if found.doubted > self.trial.most_in_doubt:
            self.faults.append(
                f"kill {number} left {found.doubted} in doubt, more than {self.trial.most_in_doubt}"
            )

    def let_finish(self) -> None:
        """Let a last worker do all that is left, and end it as a supervisor does."""
        self.staff.thorough = True
        self.staff.work()
        with workers.running(self.office, self.trial.sabotage) as worker:
            if not finish(self.books, self.office, [worker], self.trial.patience):
                self.faults.append("a worker left something undone")
            self.staff.rest()
            if (code := worker.stop()) != 0:
                self.faults.append(f"the last worker ended with code {code}")
        self._hear(worker)

    def _hear(self, worker: Worker) -> None:
        self.faults += worker.complaints()
        self.said.update(one.event for one in worker.lines)


def finish(books: Bookkeeper, office: Office, running: list[Worker], patience: float) -> bool:
    """Wait until all is done and stays so: what is sent is told of afterwards, and the letters that
    tell are something to do again. False when it isn't in time, or a worker ends."""
    ends = time.monotonic() + patience
    done_since: float | None = None
    while done_since is None or time.monotonic() - done_since < SETTLED:
        if time.monotonic() > ends or any(worker.ended for worker in running):
            return False
        if books.live().undone(len(office.wishes.dues)):
            done_since = None
        elif done_since is None:
            done_since = time.monotonic()
        time.sleep(0.2)
    return True
