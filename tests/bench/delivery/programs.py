"""Start programs, measure each one separately, and end them in every case.

Each program leads a session of its own, so that Ctrl-C reaches only the bench, which then ends the
whole process group.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PROBE = Path(__file__).with_name("probe.py")
LOOPBACK = "127.0.0.1"
PATIENCE = 10.0
"""Seconds that a program has to start, and to end when asked."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The run of a program: wall and CPU seconds, its largest resident memory in MB."""

    out: str
    err: str
    wall: float
    cpu: float
    peak: float


def build_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build the environment of a program: this tree's mailer, no setting from outside, and compiled
    modules saved as for an installed program."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAILER_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return inherited | {"PYTHONPATH": str(ROOT)} | dict(extra or {})


@contextmanager
def run_program(program: Sequence[str], **popen_options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends."""
    process = subprocess.Popen(
        program, stdin=subprocess.DEVNULL, start_new_session=True, text=True, **popen_options
    )
    try:
        yield process
    finally:
        _end_program(process)


def _end_program(process: subprocess.Popen[str]) -> None:
    """Ask the group to end, and kill it if it does not, or if the bench is interrupted again."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise


def measure_program(
    program: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Measured:
    """Run a program to its end, and call `tick` every ten seconds.

    If the program fails, the bench exits with the program's output."""
    read, write = os.pipe()
    try:
        with run_program(
            [sys.executable, "-I", "-S", str(PROBE), str(write), *program],
            cwd=cwd,
            env=build_environment(env),
            pass_fds=(write,),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            os.close(write)
            write = -1
            out, err = _wait_for_end(process, tick)
        figures = json.loads(os.read(read, 65536) or "{}")
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)
    if process.returncode:
        sys.exit(f"{' '.join(program)} ended with {process.returncode}:\n{out}{err}")
    return Measured(out, err, figures["wall"], figures["cpu"], figures["peak"])


def _wait_for_end(process: subprocess.Popen[str], tick: Callable[[], None]) -> tuple[str, str]:
    while True:
        try:
            return process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            tick()


def build_module_command(name: str, *arguments: object) -> list[str]:
    """Build the command that runs a module of this package as a program."""
    return [sys.executable, "-m", f"tests.bench.delivery.{name}", *map(str, arguments)]


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until the program answers on `port`; if it does not, the bench exits."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), 1) as link:
            if link.recv(1):
                return
        time.sleep(0.02)
    sys.exit(f"{process.args!r} does not answer on port {port}")
