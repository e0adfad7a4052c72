"""The trial: start a sender, kill it at a random moment, look, start the next; then judge.

:func:`run_trial` is what `make crash` and the tests call. What a sender must not do beside losing or
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

from tests.crash import fixtures, moments
from tests.crash.judge import Snapshot, Witness, judge_trial
from tests.crash.moments import KillMoment
from tests.crash.recorder import Recorder, read_record, run_recorder
from tests.crash.simulation import TrialDatabase

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
    max_linger: float = 0.002
    sabotage: str = ""

    @property
    def max_in_doubt(self) -> int:
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
    max_in_doubt: int
    duplicates: int
    seconds: float
    slowest_start: float
    kills_before_message: int
    kills_with_doubts: int
    faults: tuple[str, ...]
    examples: tuple[str, ...]

    @property
    def is_guarantee_kept(self) -> bool:
        """Whether the guarantee was."""
        return not (self.lost or self.resent or self.faults)

    def __str__(self) -> str:
        return (
            f"kills {self.kills}, recipients {self.recipients}, lost {self.lost}, "
            f"accepted-then-resent {self.resent}, in doubt {self.in_doubt} (bound {self.max_in_doubt})"
        )


def run_trial(
    trial: Trial,
    folder: Path,
    database_url: str,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Carry out a trial in `folder` and in an empty database. `say` is told of each kill."""
    started_at = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "record"
    with run_recorder(record, trial.max_linger) as recorder:
        environment = fixtures.build_environment(
            folder, database_url, recorder.port, trial.connections, trial.window
        )
        fixtures.create_database(folder, database_url, trial.recipients, environment)
        scene = TrialDatabase(database_url, folder)
        trial_run = _TrialRun(trial, folder, environment, recorder, scene, report_progress)
        trial_run.kill_repeatedly()
        trial_run.wait_until_finished()
        recorder.wait_until_quiet()
    rows, edition_state = scene.read_final()
    verdict = judge_trial(
        map(fixtures.format_address, range(trial.recipients)),
        rows,
        read_record(record),
        trial_run.witness,
    )
    faults = list(trial_run.faults)
    doubt_count = trial_run.witness.in_doubt
    if verdict.duplicates > doubt_count:
        faults.append(
            f"{verdict.duplicates} duplicates, and only {doubt_count} doubts to explain them"
        )
    if verdict.misaddressed:
        faults.append(f"{verdict.misaddressed} messages went to another than they were made for")
    if trial_run.witness.regressed_ids:
        faults.append(f"{len(trial_run.witness.regressed_ids)} rows were sent, and later were not")
    if edition_state != "sent":
        faults.append(f"the edition is {edition_state}, not sent")
    return Result(
        kills=len(trial_run.snapshots),
        recipients=trial.recipients,
        lost=verdict.lost,
        resent=verdict.resent,
        in_doubt=doubt_count,
        max_in_doubt=len(trial_run.snapshots) * trial.max_in_doubt,
        duplicates=verdict.duplicates,
        seconds=time.monotonic() - started_at,
        slowest_start=trial_run.slowest_start,
        kills_before_message=trial_run.kills_before_message,
        kills_with_doubts=sum(snapshot.newly_in_doubt > 0 for snapshot in trial_run.snapshots),
        faults=tuple(faults),
        examples=verdict.examples,
    )


class _SenderEndedError(Exception):
    """The sender has ended by itself, with this exit code."""

    def __init__(self, code: int) -> None:
        self.code = code


@dataclass(slots=True)
class _SenderProcess:
    """One sender process, and how much the relay had taken when it was started."""

    process: subprocess.Popen[bytes]
    started_at: float
    earlier_count: int
    first_message_after: float | None = None
    """Seconds to its first message."""


@dataclass(slots=True)
class _TrialRun:
    trial: Trial
    folder: Path
    environment: Mapping[str, str]
    recorder: Recorder
    scene: TrialDatabase
    report_progress: Callable[[str], None]
    witness: Witness = field(default_factory=Witness)
    snapshots: list[Snapshot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    edition_state: str = "approved"
    slowest_start: float = 0.0
    kills_before_message: int = 0

    def kill_repeatedly(self) -> None:
        random_source = random.Random(self.trial.seed)
        while remaining_kills := self.trial.kills - len(self.snapshots):
            if self.edition_state == "sent" or self.faults:
                break
            remaining_messages = self.trial.recipients - len(self.witness.sent_at)
            moment = moments.choose_moment(
                random_source,
                remaining_messages,
                remaining_kills,
                is_first=not self.snapshots,
                start_time=self.slowest_start,
            )
            with self._start_sender() as sender:
                try:
                    self._wait_for_moment(sender, moment)
                    self._kill_sender(sender)
                except _SenderEndedError as ended:
                    self._record_end(ended)
                    return
                self._take_snapshot(sender, moment)

    def wait_until_finished(self) -> None:
        if self.edition_state == "sent" or self.faults:
            return
        with self._start_sender() as sender:
            try:
                self._wait_for_moment(sender, KillMoment(None, 0, float("inf"), sys.maxsize))
            except _SenderEndedError as ended:
                self._record_end(ended)

    @contextmanager
    def _start_sender(self) -> Iterator[_SenderProcess]:
        command = [sys.executable, "-m", "tests.crash.sender"]
        if self.trial.sabotage:
            command += ["--sabotage", self.trial.sabotage]
        command += ["send", str(fixtures.EDITION)]
        earlier_count = self.recorder.count_messages()
        with (
            (self.folder / "sender.log").open("ab") as log,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as process,
        ):
            sender = _SenderProcess(process, time.monotonic(), earlier_count)
            try:
                yield sender
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, SIGKILL)
                process.wait()
                if sender.first_message_after is not None:
                    self.slowest_start = max(self.slowest_start, sender.first_message_after)

    def _wait_for_moment(self, sender: _SenderProcess, moment: KillMoment) -> None:
        """Return when the moment has come. Raises _Ended when the sender ends before it."""
        last_count, last_change_at, due_at = 0, sender.started_at, None
        while True:
            if (code := sender.process.poll()) is not None:
                raise _SenderEndedError(code)
            now = time.monotonic()
            message_count = self.recorder.count_messages() - sender.earlier_count
            if message_count != last_count:
                last_count, last_change_at = message_count, now
                sender.first_message_after = sender.first_message_after or now - sender.started_at
            if due_at is None and moment.messages is not None and message_count >= moment.messages:
                due_at = now + moment.pause
            if due_at is None and moment.messages is None:
                due_at = sender.started_at + moment.seconds
            if (due_at is not None and now >= due_at) or message_count >= moment.max_messages:
                return
            if now - last_change_at > moments.PATIENCE:
                self.faults.append(f"a sender stood still for {moments.PATIENCE:.0f} s")
                return
            time.sleep(POLL)

    def _kill_sender(self, sender: _SenderProcess) -> None:
        """Send the signal to the sender and all that it may have started, and see it end."""
        try:
            os.killpg(sender.process.pid, self.trial.signal)
        except ProcessLookupError:
            raise _SenderEndedError(sender.process.wait()) from None
        code = sender.process.wait(moments.PATIENCE)
        if self.trial.signal is SIGKILL and code != -SIGKILL:
            raise _SenderEndedError(code)

    def _take_snapshot(self, sender: _SenderProcess, moment: KillMoment) -> None:
        moment_at = self.recorder.wait_until_quiet()
        message_count = self.recorder.count_messages() - sender.earlier_count
        rows, self.edition_state = self.scene.read_moved()
        snapshot = self.witness.note_snapshot(moment_at, rows)
        self.snapshots.append(snapshot)
        self.kills_before_message += not message_count
        kill_number = len(self.snapshots)
        first_note = (
            f"the first after {sender.first_message_after:.2f}, "
            if sender.first_message_after
            else ""
        )
        self.report_progress(
            f"kill {kill_number} of {self.trial.kills}, {moment}: {message_count} messages in "
            f"{moment_at - sender.started_at:.2f} s, {first_note}{snapshot.sent} sent, {snapshot.claimed} claimed, "
            f"{snapshot.in_doubt} in doubt"
        )
        if snapshot.in_doubt > self.trial.max_in_doubt:
            self.faults.append(
                f"kill {kill_number} left {snapshot.in_doubt} in doubt, more than "
                f"{self.trial.max_in_doubt}"
            )

    def _record_end(self, error: _SenderEndedError) -> None:
        if error.code == 0:
            self.edition_state = "sent"
        else:
            last_lines = (
                (self.folder / "sender.log").read_text("utf-8", "replace").splitlines()[-3:]
            )
            self.faults.append(f"a sender ended by itself with code {error.code}: {last_lines}")
