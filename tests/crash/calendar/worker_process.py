"""Run real worker processes, and read their log from stderr, line by line as it comes."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from typing import Any

from tests.crash.calendar.fixtures import TrialOffice
from tests.crash.calendar.stall_meter import StallMeter

LEASE = 2
"""Seconds that a worker's lease lasts, and that PostgreSQL lets a transaction be idle."""

FIRST_EVENT = "worker started"
SESSION_ENDED = ("lease lost", "idle-in-transaction timeout", "server closed the connection")
"""Log texts of a worker that stood still for longer than the lease: PostgreSQL has ended its
session if it was in the middle of a transaction."""

EXIT_TIMEOUT = 30.0
"""Seconds within which a worker must end after a signal."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log line of a worker. `at` is in seconds of the monotonic clock."""

    at: float
    event: str
    level: str
    fields: Mapping[str, Any]


class WorkerProcess:
    """A running worker. `lines` grows while it runs."""

    def __init__(self, office: TrialOffice, sabotage: str = "") -> None:
        module = ["tests.crash.calendar.sabotage", sabotage] if sabotage else ["mailer"]
        self.started_at = time.monotonic()
        self.lines: list[LogLine] = []
        self._log = (office.folder / "worker.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *module, "--config", str(office.config), "worker"],
            cwd=office.folder,
            env=office.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._stalls = StallMeter(self.pid)
        self._line_added = threading.Condition()
        self._reader = threading.Thread(target=self._read_lines)
        self._reader.start()

    def _read_lines(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                with self._line_added:
                    self.lines.append(_parse_line(line))
                    self._line_added.notify_all()
                self._log.write(line)
                self._log.flush()

    # ---- its log --------------------------------------------------------------------------------

    def list_times(self, event: str) -> list[float]:
        """Return the times at which the worker logged the event."""
        return [line.at for line in list(self.lines) if line.event == event]

    def wait_for_event(self, event: str, seconds: float, *, times: int = 1) -> float | None:
        """Wait until the worker has logged the event so many `times`, and return the time of the
        last; None if `seconds` pass or the worker ends before."""

        def has_occurred() -> bool:
            return len(self.list_times(event)) >= times

        self.wait_until_true(has_occurred, seconds)
        event_times = self.list_times(event)
        return event_times[times - 1] if len(event_times) >= times else None

    def wait_until_true(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` is true, and check it after each log line. Returns its last
        value."""
        deadline = time.monotonic() + seconds
        with self._line_added:
            while not condition() and time.monotonic() < deadline and not self.ended:
                self._line_added.wait(min(0.05, max(deadline - time.monotonic(), 0.001)))
            return condition()

    def list_complaints(self, *, was_frozen: bool = False) -> list[str]:
        """Return the warnings and errors that the worker logged.

        The loss of its session is excused if the worker was frozen, or waited for a processor for
        so long."""
        return [
            f"a worker logged {line.event!r}: {dict(line.fields)}"
            for line in list(self.lines)
            if line.level != "info" and not self._is_excused(line, was_frozen=was_frozen)
        ]

    def _is_excused(self, line: LogLine, *, was_frozen: bool) -> bool:
        text = f"{line.event} {dict(line.fields)}"
        return any(words in text for words in SESSION_ENDED) and (
            was_frozen or self._stalls.was_starved(line.at, LEASE)
        )

    # ---- signals --------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill_group(self) -> int:
        """Kill the worker and the processes that it started with SIGKILL. Returns its exit code."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, SIGKILL)
        return self._wait_for_exit(EXIT_TIMEOUT)

    def freeze_process(self) -> None:
        """Freeze the worker with SIGSTOP, and wait until it is frozen."""
        os.kill(self.pid, SIGSTOP)
        stat = Path(f"/proc/{self.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] not in "TZ":
            time.sleep(0.001)

    def resume_process(self) -> None:
        os.kill(self.pid, SIGCONT)

    def stop(self) -> int | None:
        """End the worker with SIGTERM. Returns its exit code, None if it does not end in time."""
        if not self.ended:
            self._process.send_signal(SIGTERM)
        try:
            return self._wait_for_exit(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return None

    def _wait_for_exit(self, seconds: float) -> int:
        code = self._process.wait(seconds)
        self._reader.join()
        self._stalls.stop()
        self._log.close()
        return code


@contextmanager
def run_worker(office: TrialOffice, sabotage: str = "") -> Iterator[WorkerProcess]:
    """Run a worker, and kill it at the end of the block if it is still alive."""
    worker = WorkerProcess(office, sabotage)
    try:
        yield worker
    finally:
        worker.kill_group()


def _parse_line(text: bytes) -> LogLine:
    at = time.monotonic()
    if not text.endswith(b"\n"):
        return LogLine(at, "cut short", "info", {})  # the worker was killed while it wrote the line
    try:
        fields = json.loads(text)
        event, level = str(fields.pop("event")), str(fields.pop("level"))
    except (ValueError, KeyError, AttributeError):
        return LogLine(at, text.decode("utf-8", "replace").rstrip(), "none", {})
    return LogLine(at, event, level, fields)
