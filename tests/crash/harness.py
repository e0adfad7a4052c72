"""Run a trial: start a worker, kill it at a random moment, take a snapshot, start the next; judge.

`make crash` and the tests call :func:`run_trial`. A worker may also have a fault other than losing
or repeating mail, which is described in words: it ends by itself too early, stalls, leaves more in
doubt than its connections and window allow, or leaves the edition unfinished.
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

from mailer.errors import PartlyDone
from tests.crash import fixtures, moments
from tests.crash.judge import Snapshot, Witness, judge_trial
from tests.crash.moments import KillMoment
from tests.crash.recorder import Recorder, read_record, run_recorder
from tests.crash.trial_database import TrialDatabase

POLL = 0.001


@dataclass(frozen=True, slots=True)
class Trial:
    """The settings of a trial.

    `max_linger` is the longest time, in seconds, between the relay's record of a message and its
    answer; `sabotage` is a fault of :mod:`tests.crash.worker`. With `chunking`, the relay offers
    CHUNKING, so that a whole window is on the wire at once. In `safe_mode`, every second recipient
    must get no message."""

    kills: int = 30
    recipients: int = 20_000
    connections: int = 8
    window: int = 10
    signal: Signals = SIGKILL
    seed: int = 0
    max_linger: float = 0.002
    sabotage: str = ""
    chunking: bool = False
    safe_mode: bool = False

    @property
    def expected_count(self) -> int:
        """The number of recipients who should get a message."""
        return self.recipients // 2 if self.safe_mode else self.recipients

    @property
    def max_in_doubt(self) -> int:
        """The most deliveries in doubt after one kill: none after SIGTERM, which drains the run."""
        return 0 if self.signal is SIGTERM else self.connections * self.window


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a trial.

    `kills` counts kills that met a running worker, `in_doubt` the deliveries that kills left on the
    wire, `duplicates` the messages that the relay accepted again. `slowest_start` is the longest
    time in seconds from the start of a worker to its first message."""

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
        """True if no message was lost or sent again, and no worker had a fault."""
        return not (self.lost or self.resent or self.faults)

    def __str__(self) -> str:
        return (
            f"kills {self.kills}, recipients {self.recipients}, lost {self.lost}, "
            f"accepted-then-resent {self.resent}, in doubt {self.in_doubt} "
            f"(bound {self.max_in_doubt})"
        )


def run_trial(
    trial: Trial,
    folder: Path,
    database_url: str,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Run a trial in `folder` and an empty database. `report_progress` is called for each kill."""
    started_at = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "record"
    with run_recorder(record, trial.max_linger, chunking=trial.chunking) as recorder:
        environment = fixtures.build_environment(
            folder, database_url, recorder.port, trial.connections, trial.window
        )
        if trial.safe_mode:
            environment["MAILER_SAFE_RECIPIENTS"] = fixtures.SAFE_DOMAIN
        fixtures.create_database(folder, database_url, trial.recipients, environment)
        database = TrialDatabase(database_url, folder)
        trial_run = _TrialRun(trial, folder, environment, recorder, database, report_progress)
        trial_run.kill_repeatedly()
        trial_run.wait_until_finished()
        recorder.wait_until_quiet()
    rows, edition_state = database.read_final()
    addresses = set(map(fixtures.format_address, range(trial.recipients)))
    diverted = set()
    if trial.safe_mode:
        diverted = {
            address for address in addresses if not address.endswith(f"@{fixtures.SAFE_DOMAIN}")
        }
    verdict = judge_trial(
        addresses - diverted,
        rows,
        read_record(record),
        trial_run.witness,
        diverted,
    )
    faults = list(trial_run.faults)
    doubt_count = trial_run.witness.in_doubt
    if verdict.duplicates > doubt_count:
        faults.append(
            f"{verdict.duplicates} duplicates, and only {doubt_count} doubts to explain them"
        )
    if verdict.misaddressed:
        faults.append(f"{verdict.misaddressed} messages went to the wrong recipient")
    if trial_run.witness.regressed_ids:
        faults.append(f"{len(trial_run.witness.regressed_ids)} rows were sent, and later not sent")
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


class _WorkerEndedError(Exception):
    """The worker has ended by itself, with this exit code."""

    def __init__(self, code: int) -> None:
        self.code = code


@dataclass(slots=True)
class _WorkerProcess:
    """One worker process, and the number of messages that the relay had when it started."""

    process: subprocess.Popen[bytes]
    started_at: float
    earlier_count: int
    first_message_after: float | None = None
    """Seconds from the start to the first message."""


@dataclass(slots=True)
class _TrialRun:
    trial: Trial
    folder: Path
    environment: Mapping[str, str]
    recorder: Recorder
    database: TrialDatabase
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
            remaining_messages = self.trial.expected_count - len(self.witness.sent_at)
            moment = moments.choose_moment(
                random_source,
                remaining_messages,
                remaining_kills,
                is_first=not self.snapshots,
                start_time=self.slowest_start,
            )
            with self._start_worker() as worker:
                try:
                    self._wait_for_moment(worker, moment)
                    self._kill_worker(worker)
                except _WorkerEndedError as ended:
                    self._record_end(ended)
                    continue
                self._take_snapshot(worker, moment)

    def wait_until_finished(self) -> None:
        while self.edition_state != "sent" and not self.faults:
            with self._start_worker() as worker:
                try:
                    self._wait_for_moment(worker, KillMoment(None, 0, float("inf"), sys.maxsize))
                except _WorkerEndedError as ended:
                    self._record_end(ended)

    @contextmanager
    def _start_worker(self) -> Iterator[_WorkerProcess]:
        command = [sys.executable, "-m", "tests.crash.worker"]
        if self.trial.sabotage:
            command += ["--sabotage", self.trial.sabotage]
        # Deliveries that were in doubt twice would wait for minutes.
        command += ["send", str(fixtures.EDITION), "--now"]
        earlier_count = self.recorder.count_messages()
        with (
            (self.folder / "worker.log").open("ab") as log,
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
            worker = _WorkerProcess(process, time.monotonic(), earlier_count)
            try:
                yield worker
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, SIGKILL)
                process.wait()
                if worker.first_message_after is not None:
                    self.slowest_start = max(self.slowest_start, worker.first_message_after)

    def _wait_for_moment(self, worker: _WorkerProcess, moment: KillMoment) -> None:
        """Wait until the moment has come. Raises _WorkerEndedError if the worker ends before it."""
        last_count, last_change_at, due_at = 0, worker.started_at, None
        while True:
            if (code := worker.process.poll()) is not None:
                raise _WorkerEndedError(code)
            now = time.monotonic()
            message_count = self.recorder.count_messages() - worker.earlier_count
            if message_count != last_count:
                last_count, last_change_at = message_count, now
                worker.first_message_after = worker.first_message_after or now - worker.started_at
            if due_at is None and moment.messages is not None and message_count >= moment.messages:
                due_at = now + moment.pause
            if due_at is None and moment.messages is None:
                due_at = worker.started_at + moment.seconds
            if (due_at is not None and now >= due_at) or message_count >= moment.max_messages:
                return
            if now - last_change_at > moments.PATIENCE:
                self.faults.append(f"a worker stalled for {moments.PATIENCE:.0f} s")
                return
            time.sleep(POLL)

    def _kill_worker(self, worker: _WorkerProcess) -> None:
        """Send the signal to the worker and every process that it started, and wait for its end."""
        try:
            os.killpg(worker.process.pid, self.trial.signal)
        except ProcessLookupError:
            raise _WorkerEndedError(worker.process.wait()) from None
        code = worker.process.wait(moments.PATIENCE)
        if self.trial.signal is SIGKILL and code != -SIGKILL:
            raise _WorkerEndedError(code)

    def _take_snapshot(self, worker: _WorkerProcess, moment: KillMoment) -> None:
        moment_at = self.recorder.wait_until_quiet()
        message_count = self.recorder.count_messages() - worker.earlier_count
        rows, self.edition_state = self.database.read_moved()
        snapshot = self.witness.note_snapshot(moment_at, rows)
        self.snapshots.append(snapshot)
        self.kills_before_message += not message_count
        kill_number = len(self.snapshots)
        first_note = (
            f"the first after {worker.first_message_after:.2f}, "
            if worker.first_message_after
            else ""
        )
        self.report_progress(
            f"kill {kill_number} of {self.trial.kills}, {moment}: {message_count} messages in "
            f"{moment_at - worker.started_at:.2f} s, {first_note}{snapshot.sent} sent, "
            f"{snapshot.claimed} claimed, {snapshot.in_doubt} in doubt"
        )
        if snapshot.newly_in_doubt > self.trial.max_in_doubt:
            self.faults.append(
                f"kill {kill_number} left {snapshot.newly_in_doubt} in doubt, more than "
                f"{self.trial.max_in_doubt}"
            )

    def _resend_undecided(self) -> bool:
        """Send again the deliveries that wait for a person, if there are any. All of them were seen
        in doubt by a snapshot."""
        rows, _ = self.database.read_moved()
        if not any(row.state == "in_doubt" for row in rows):
            return False
        command = ["delivery", "in-doubt", "resend", str(fixtures.EDITION)]
        completed = subprocess.run(
            [sys.executable, "-m", "mailer", *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=False,
        )
        return completed.returncode == 0

    def _record_end(self, error: _WorkerEndedError) -> None:
        if error.code == 0:
            self.edition_state = "sent"
        elif error.code == PartlyDone.exit_code and self._resend_undecided():
            self.report_progress("sent again, as a person decides: what was in doubt three times")
        else:
            last_lines = (
                (self.folder / "worker.log").read_text("utf-8", "replace").splitlines()[-3:]
            )
            self.faults.append(f"a worker ended by itself with code {error.code}: {last_lines}")
