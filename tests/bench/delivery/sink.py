"""Postfix's ``smtp-sink``: takes every message, throws it away, and counts."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.delivery.children import (
    LOOPBACK,
    build_environment,
    find_free_port,
    run_program,
    wait_for_port,
)

_BACKLOG = "256"
_MOST_CONNECTIONS = "512"


def find_program(name: str) -> str | None:
    """Where a program of Postfix's is: Debian keeps them off the path of ordinary users."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Sink:
    port: int
    counters: Path

    @property
    def messages(self) -> int:
        """How many it has taken until now."""
        with self.counters.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 200, 0))
            counts = re.findall(rb"mesg=(\d+)", file.read())
        return int(counts[-1]) if counts else 0


@contextmanager
def run_sink(folder: Path) -> Iterator[Sink]:
    """A sink that has counted nothing yet. It offers PIPELINING, as it does when left alone."""
    program = find_program("smtp-sink")
    assert program is not None
    port = find_free_port()
    # Started by root it wants to be told whom to become.
    user_options = ["-u", "nobody"] if os.geteuid() == 0 else []
    counters = folder / "sink.txt"
    with (
        counters.open("wb") as out,
        run_program(
            [program, "-c", *user_options, "-m", _MOST_CONNECTIONS, f"{LOOPBACK}:{port}", _BACKLOG],
            cwd=folder,
            env=build_environment(),
            stdout=out,
        ) as process,
    ):
        wait_for_port(port, process)
        yield Sink(port, counters)
