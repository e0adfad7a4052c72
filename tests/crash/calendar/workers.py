"""Worker processes: real ones, and what they say on stderr, line by line as it comes."""

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

from tests.crash.calendar.office import Office

FIRST = "worker started"
END = 30.0
"""Seconds in which a worker must end that was asked to."""


@dataclass(frozen=True, slots=True)
class Line:
    """`at` is in seconds of the monotonic clock."""

    at: float
    event: str
    level: str
    fields: Mapping[str, Any]


class Worker:
    """A running worker. `lines` grows while it runs."""

    def __init__(self, office: Office, sabotage: str = "") -> None:
        module = ["tests.crash.calendar.sabotage", sabotage] if sabotage else ["mailer"]
        self.started = time.monotonic()
        self.lines: list[Line] = []
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
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as said:
            for text in said:
                with self._said:
                    self.lines.append(_line(text))
                    self._said.notify_all()
                self._log.write(text)
                self._log.flush()

    # ---- what it says ---------------------------------------------------------------------------

    def times(self, event: str) -> list[float]:
        """When it said so, each time."""
        return [one.at for one in list(self.lines) if one.event == event]

    def wait_for(self, event: str, seconds: float, *, times: int = 1) -> float | None:
        """When it has said so that often; None when it has not in time, or has ended."""

        def said() -> bool:
            return len(self.times(event)) >= times

        self.wait_until(said, seconds)
        found = self.times(event)
        return found[times - 1] if len(found) >= times else None

    def wait_until(self, what: Callable[[], bool], seconds: float) -> bool:
        """Wait until `what` holds after one of its lines; whether it does."""
        ends = time.monotonic() + seconds
        with self._said:
            while not what() and time.monotonic() < ends and not self.ended:
                self._said.wait(min(0.05, max(ends - time.monotonic(), 0.001)))
            return what()

    def complaints(self, *expected: str) -> list[str]:
        """What it warned of, or died of, but for lines that hold one of these words."""
        said = [
            f"a worker said {one.event!r}: {dict(one.fields)}"
            for one in list(self.lines)
            if one.level != "info"
        ]
        return [one for one in said if not any(words in one for words in expected)]

    # ---- what is done to it ---------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> int:
        """SIGKILL to it and all that it may have started; its exit code."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, SIGKILL)
        return self._over(END)

    def freeze(self) -> None:
        """Stop it where it stands, and wait until it does."""
        os.kill(self.pid, SIGSTOP)
        stat = Path(f"/proc/{self.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] not in "TZ":
            time.sleep(0.001)

    def thaw(self) -> None:
        os.kill(self.pid, SIGCONT)

    def stop(self) -> int | None:
        """SIGTERM; its exit code, None when it doesn't end."""
        if not self.ended:
            self._process.send_signal(SIGTERM)
        try:
            return self._over(END)
        except subprocess.TimeoutExpired:
            return None

    def _over(self, seconds: float) -> int:
        code = self._process.wait(seconds)
        self._reader.join()
        self._log.close()
        return code


@contextmanager
def running(office: Office, sabotage: str = "") -> Iterator[Worker]:
    """A worker that is dead at the end, whatever happens."""
    worker = Worker(office, sabotage)
    try:
        yield worker
    finally:
        worker.kill()


def _line(text: bytes) -> Line:
    at = time.monotonic()
    if not text.endswith(b"\n"):
        return Line(at, "cut short", "info", {})  # it was killed in the midst of it
    try:
        found = json.loads(text)
        event, level = str(found.pop("event")), str(found.pop("level"))
    except (ValueError, KeyError, AttributeError):
        return Line(at, text.decode("utf-8", "replace").rstrip(), "none", {})
    return Line(at, event, level, found)
