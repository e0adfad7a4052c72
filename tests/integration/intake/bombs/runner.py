"""Meets bombs, each in a fork of its own, and says what each cost. As a process: a line of JSON in
for each job, a line out.

A fork, because the peak of a process's memory never falls again, and because to start Python anew
for each takes longer than what is measured. All of them have 1 GB at most, so that what goes wrong
here takes the machine down with it no more than what it stands for.
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
from mailer.intake.documents import check_xml, plain_xml
from mailer.intake.fetching import Guard, Limits, fetch
from mailer.intake.pictures import picture_facts

ROOM = 1 << 30


@dataclass(frozen=True)
class Outcome:
    """`refused`: with a MailerError, which `said` is; else `said` is what came of it. Seconds, and
    the peak of memory in MB, Python itself and our modules included."""

    refused: bool
    said: str
    seconds: float
    peak: float


def _fetched(url: str, host: str, port: int, seconds: float, hangs: bool) -> object:
    def look_up(name: str, asked: int) -> list[str]:
        if hangs:
            time.sleep(30)
        return [host]

    guard = Guard(lambda address: True, look_up, (port,))
    return len(fetch(url, guard=guard, limits=Limits(seconds=seconds)).content)


_CHECKS: dict[str, Callable[[bytes, str], object]] = {
    "zip": check_zip,
    "xml": check_xml,
    "feed": lambda data, where: len(plain_xml(data, where)),
    "picture": picture_facts,
}


def _meet(job: dict[str, Any]) -> dict[str, Any]:
    kind = job.pop("kind")
    data = Path(job["path"]).read_bytes() if kind in _CHECKS else b""
    before = time.monotonic()
    try:
        said = _fetched(**job) if kind == "fetch" else _CHECKS[kind](data, "bomb")
        refused = False
    except MailerError as error:
        said, refused = error.what, True
    except Exception as error:
        said, refused = f"broke: {error!r}"[:200], False
    return {"refused": refused, "said": str(said), "seconds": time.monotonic() - before}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    for line in sys.stdin:
        job = json.loads(line)
        out, back = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(back, json.dumps(_meet(job)).encode())
            os._exit(0)
        os.close(back)
        with os.fdopen(out) as reading:
            said = reading.read()
        _, _, used = os.wait4(child, 0)
        outcome = json.loads(said or '{"refused": false, "said": "died", "seconds": 0}')
        print(json.dumps(outcome | {"peak": used.ru_maxrss / 1024}), flush=True)


class Runner:
    """The process, from outside."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def meet(self, **job: object) -> Outcome:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

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
    main()
