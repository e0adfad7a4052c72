"""The trial: start a sender, kill it at a random moment, look, start the next; then judge.

:func:`run` is what `make crash` and the tests call. What a sender must not do beside losing or
repeating mail is a fault, in words: to end by itself before its time, to stand still, to have more
in doubt than its connections and window allow, to leave the edition unfinished.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from tests.crash import moments, office
from tests.crash.judge import Snapshot, Witness, judge
from tests.crash.moments import Moment
from tests.crash.recorder import Recorder, read_record, recording
from tests.crash.scene import Scene

POLL = 0.001


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try. `linger` is the longest time, in seconds, between the relay's taking a message
    and its answer; `sabotage` is a fault of :mod:`tests.crash.sender`."""

    kills: int = 30
    recipients: int = 20_000
    connections: int = 8
    window: int = 10
    signal: Signals = SIGKILL
    seed: int = 0
    linger: float = 0.002
    sabotage: str = ""

    @property
    def most_in_doubt(self) -> int:
        """How many rows one kill may leave in doubt. Who is asked to stop drains: none."""
        return 0 if self.signal is SIGTERM else self.connections * self.window


@dataclass(frozen=True, slots=True)
class Result:
    """How a trial ended. `kills` are those that met a running sender. `in_doubt` are the rows that
    kills left on the wire, `duplicates` the messages that the relay took once more.

    `slowest_start` is the longest time in seconds from the start of a sender to its first message.
    """

    kills: int
    recipients: int
    lost: int
    resent: int
    in_doubt: int
    bound: int
    duplicates: int
    seconds: float
    slowest_start: float
    before_a_message: int
    with_doubts: int
    faults: tuple[str, ...]
    examples: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether the guarantee was."""
        return not (self.lost or self.resent or self.faults)

    def __str__(self) -> str:
        return (
            f"kills {self.kills}, recipients {self.recipients}, lost {self.lost}, "
            f"accepted-then-resent {self.resent}, in doubt {self.in_doubt} (bound {self.bound})"
        )


def run(
    trial: Trial, folder: Path, database_url: str, say: Callable[[str], None] = lambda _: None
) -> Result:
    """Carry out a trial in `folder` and in an empty database. `say` is told of each kill."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "record"
    with recording(record, trial.linger) as recorder:
        environ = office.environment(
            folder, database_url, recorder.port, trial.connections, trial.window
        )
        office.found(folder, database_url, trial.recipients, environ)
        scene = Scene(database_url, folder)
        run_of = _Run(trial, folder, environ, recorder, scene, say)
        run_of.kill_again_and_again()
        run_of.let_finish()
        recorder.wait_until_quiet()
    rows, edition = scene.end()
    verdict = judge(
        map(office.address, range(trial.recipients)), rows, read_record(record), run_of.witness
    )
    faults = list(run_of.faults)
    doubts = run_of.witness.in_doubt
    if verdict.duplicates > doubts:
        faults.append(f"{verdict.duplicates} duplicates, and only {doubts} doubts to explain them")
    if verdict.astray:
        faults.append(f"{verdict.astray} messages went to another than they were made for")
    if run_of.witness.fell:
        faults.append(f"{len(run_of.witness.fell)} rows were sent, and later were not")
    if edition != "sent":
        faults.append(f"the edition is {edition}, not sent")
    return Result(
        kills=len(run_of.snapshots),
        recipients=trial.recipients,
        lost=verdict.lost,
        resent=verdict.resent,
        in_doubt=doubts,
        bound=len(run_of.snapshots) * trial.most_in_doubt,
        duplicates=verdict.duplicates,
        seconds=time.monotonic() - started,
        slowest_start=run_of.slowest_start,
        before_a_message=run_of.before_a_message,
        with_doubts=sum(one.doubted > 0 for one in run_of.snapshots),
        faults=tuple(faults),
        examples=verdict.examples,
    )


class _Ended(Exception):
    """The sender has ended by itself, with this exit code."""

    def __init__(self, code: int) -> None:
        self.code = code


@dataclass(slots=True)
class _Sender:
    """One sender process, and how much the relay had taken when it was started."""

    process: subprocess.Popen[bytes]
    started: float
    before: int
    first: float | None = None
    """Seconds to its first message."""


@dataclass(slots=True)
class _Run:
    trial: Trial
    folder: Path
    environ: Mapping[str, str]
    recorder: Recorder
    scene: Scene
    say: Callable[[str], None]
    witness: Witness = field(default_factory=Witness)
    snapshots: list[Snapshot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    edition: str = "approved"
    slowest_start: float = 0.0
    before_a_message: int = 0

    def kill_again_and_again(self) -> None:
        dice = random.Random(self.trial.seed)
        while left := self.trial.kills - len(self.snapshots):
            if self.edition == "sent" or self.faults:
                break
            remaining = self.trial.recipients - len(self.witness.sent)
            moment = moments.choose(
                dice, remaining, left, first=not self.snapshots, start=self.slowest_start
            )
            with self._sender() as sender:
                try:
                    self._wait(sender, moment)
                    self._kill(sender)
                except _Ended as ended:
                    self._ended(ended)
                    return
                self._look(sender, moment)

    def let_finish(self) -> None:
        if self.edition == "sent" or self.faults:
            return
        with self._sender() as sender:
            try:
                self._wait(sender, Moment(None, 0, float("inf"), sys.maxsize))
            except _Ended as ended:
                self._ended(ended)

    @contextmanager
    def _sender(self) -> Iterator[_Sender]:
        command = [sys.executable, "-m", "tests.crash.sender"]
        if self.trial.sabotage:
            command += ["--sabotage", self.trial.sabotage]
        command += ["send", str(office.EDITION)]
        before = self.recorder.count()
        with (
            (self.folder / "sender.log").open("ab") as log,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as process,
        ):
            sender = _Sender(process, time.monotonic(), before)
            try:
                yield sender
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, SIGKILL)
                process.wait()
                if sender.first is not None:
                    self.slowest_start = max(self.slowest_start, sender.first)

    def _wait(self, sender: _Sender, moment: Moment) -> None:
        """Return when the moment has come. Raises _Ended when the sender ends before it."""
        told, told_at, due = 0, sender.started, None
        while True:
            if (code := sender.process.poll()) is not None:
                raise _Ended(code)
            now = time.monotonic()
            handed = self.recorder.count() - sender.before
            if handed != told:
                told, told_at = handed, now
                sender.first = sender.first or now - sender.started
            if due is None and moment.messages is not None and handed >= moment.messages:
                due = now + moment.pause
            if due is None and moment.messages is None:
                due = sender.started + moment.seconds
            if (due is not None and now >= due) or handed >= moment.at_most:
                return
            if now - told_at > moments.PATIENCE:
                self.faults.append(f"a sender stood still for {moments.PATIENCE:.0f} s")
                return
            time.sleep(POLL)

    def _kill(self, sender: _Sender) -> None:
        """Send the signal to the sender and all that it may have started, and see it end."""
        try:
            os.killpg(sender.process.pid, self.trial.signal)
        except ProcessLookupError:
            raise _Ended(sender.process.wait()) from None
        code = sender.process.wait(moments.PATIENCE)
        if self.trial.signal is SIGKILL and code != -SIGKILL:
            raise _Ended(code)

    def _look(self, sender: _Sender, moment: Moment) -> None:
        at = self.recorder.wait_until_quiet()
        handed = self.recorder.count() - sender.before
        rows, self.edition = self.scene.moved()
        found = self.witness.note(at, rows)
        self.snapshots.append(found)
        self.before_a_message += not handed
        number = len(self.snapshots)
        first = f"the first after {sender.first:.2f}, " if sender.first else ""
        self.say(
            f"kill {number} of {self.trial.kills}, {moment}: {handed} messages in "
            f"{at - sender.started:.2f} s, {first}{found.sent} sent, {found.claimed} claimed, "
            f"{found.in_doubt} in doubt"
        )
        if found.in_doubt > self.trial.most_in_doubt:
            self.faults.append(
                f"kill {number} left {found.in_doubt} in doubt, more than "
                f"{self.trial.most_in_doubt}"
            )

    def _ended(self, ended: _Ended) -> None:
        if ended.code == 0:
            self.edition = "sent"
        else:
            last = (self.folder / "sender.log").read_text("utf-8", "replace").splitlines()[-3:]
            self.faults.append(f"a sender ended by itself with code {ended.code}: {last}")
