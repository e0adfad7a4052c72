"""Postfix's ``smtp-sink``, which accepts, discards and counts every message; and the interface of
every server that takes the bench's mail.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.delivery.programs import (
    LOOPBACK,
    build_environment,
    run_program,
    wait_for_port,
)
from tests.ports import find_free_port

_BACKLOG = "256"
_MOST_CONNECTIONS = "512"


def find_program(name: str) -> str | None:
    """Find a program of Postfix, which Debian installs outside the path of ordinary users."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class RelayServer(Protocol):
    """A running server that takes mail."""

    @property
    def port(self) -> int: ...

    @property
    def messages(self) -> int:
        """The number of messages that are finished so far."""
        ...


RelayRunner = Callable[[Path], AbstractContextManager[RelayServer]]
"""Runs a server in a folder, for the time of a block."""


def wait_for_messages(server: RelayServer, count: int, patience: float = 120.0) -> int:
    """Wait until the server has finished `count` messages. Returns the number that it has finished
    at the end of the wait, which is smaller if it took too long."""
    deadline = time.monotonic() + patience
    while server.messages < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return server.messages


@dataclass(frozen=True, slots=True)
class Sink:
    """A sink that writes the number of its messages into a file."""

    port: int
    counters: Path

    @property
    def messages(self) -> int:
        """The number of messages accepted so far."""
        with self.counters.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 200, 0))
            counts = re.findall(rb"mesg=(\d+)", file.read())
        return int(counts[-1]) if counts else 0


@contextmanager
def run_sink(folder: Path, *, pipelining: bool = True) -> Iterator[Sink]:
    """Run a new sink, which offers PIPELINING unless told."""
    program = find_program("smtp-sink")
    assert program is not None
    port = find_free_port()
    # If started by root, it requires another user to run as.
    options = ["-c"] + (["-u", "nobody"] if os.geteuid() == 0 else [])
    options += [] if pipelining else ["-p"]
    counters = folder / "sink.txt"
    with (
        counters.open("wb") as out,
        run_program(
            [
                program,
                *options,
                "-m",
                _MOST_CONNECTIONS,
                f"{LOOPBACK}:{port}",
                _BACKLOG,
            ],
            cwd=folder,
            env=build_environment(),
            stdout=out,
        ) as process,
    ):
        wait_for_port(port, process)
        yield Sink(port, counters)
