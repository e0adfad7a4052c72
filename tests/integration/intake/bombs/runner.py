"""Open bombs, each in its own fork, and report the cost of each. The process reads one line of JSON
for each job, and writes one line.

Forks are needed because the peak of a process's memory never falls, and because starting Python for
each bomb takes longer than the measured work. Each fork has 1 GB at most, so that a failing test
cannot take down the machine.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailer.errors import MailerError
from mailer.intake.archives import check_zip
from mailer.intake.documents import check_xml, normalise_xml
from mailer.intake.fetching import FetchGuard, FetchLimits, fetch_url
from mailer.intake.pictures import inspect_picture

ROOM = 1 << 30


@dataclass(frozen=True)
class BombOutcome:
    """The outcome of opening a bomb.

    `refused`: a MailerError was raised. `message` is its text, or the result if there was no error.
    `peak` is the peak of memory in MB, including Python and the mailer's modules."""

    refused: bool
    message: str
    seconds: float
    peak: float


def _fetch_url(url: str, host: str, port: int, seconds: float, hangs: bool) -> object:
    def look_up(name: str, requested_port: int) -> list[str]:
        if hangs:
            time.sleep(30)
        return [host]

    guard = FetchGuard(lambda address: True, look_up, (port,))
    return len(fetch_url(url, guard=guard, limits=FetchLimits(seconds=seconds)).content)


_CHECKS: dict[str, Callable[[bytes, str], object]] = {
    "zip": check_zip,
    "xml": check_xml,
    "feed": lambda data, where: len(normalise_xml(data, where)),
    "picture": inspect_picture,
}


def _run_job(job: dict[str, Any]) -> dict[str, Any]:
    kind = job.pop("kind")
    data = Path(job["path"]).read_bytes() if kind in _CHECKS else b""
    before = time.monotonic()
    try:
        message = _fetch_url(**job) if kind == "fetch" else _CHECKS[kind](data, "bomb")
        is_refused = False
    except MailerError as error:
        message, is_refused = error.message, True
    except Exception as error:
        message, is_refused = f"broke: {error!r}"[:200], False
    return {"refused": is_refused, "message": str(message), "seconds": time.monotonic() - before}


def run_jobs() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    for line in sys.stdin:
        job = json.loads(line)
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write_end, json.dumps(_run_job(job)).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as reading:
            result = reading.read()
        _, _, usage = os.wait4(child, 0)
        outcome = json.loads(result or '{"refused": false, "message": "died", "seconds": 0}')
        print(json.dumps(outcome | {"peak": usage.ru_maxrss / 1024}), flush=True)


class BombRunner:
    """The process that opens bombs, as tests see it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def run_job(self, **job: object) -> BombOutcome:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return BombOutcome(**json.loads(self._process.stdout.readline()))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process as process:
            if process.stdin:
                process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    run_jobs()
