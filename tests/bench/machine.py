"""The machine of a run, and how busy it was."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.delivery.sink import find_program
from tests.postgresql import read_server_version


def describe_machine() -> dict[str, str]:
    """Describe the processor and the versions of the measured programs, by name."""
    machine = {
        "cores": str(os.cpu_count()),
        "processor": _read_processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        platform.system(): platform.release().partition("-")[0],
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": read_server_version(),
        "Postfix": _read_postfix_version(),
    }
    return {name: value for name, value in machine.items() if value}


def _read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _read_postfix_version() -> str:
    """Read Postfix's version; return an empty text if it is not installed."""
    program = find_program("postconf")
    if program is None:
        return ""
    completed = subprocess.run(
        [program, "-d", "-h", "mail_version"], capture_output=True, text=True, check=False
    )
    return completed.stdout.strip()


@dataclass(slots=True)
class MachineWatch:
    """`load` is the mean number of running processes in the minute before, `stolen` the share of
    CPU time in the block that other virtual machines of the host got."""

    load: float
    stolen: float = 0.0


@contextmanager
def watch_machine() -> Iterator[MachineWatch]:
    """Watch the machine during a block."""
    watch = MachineWatch(os.getloadavg()[0])
    stolen_before, all_before = _read_cpu_ticks()
    yield watch
    stolen, all_ticks = _read_cpu_ticks()
    watch.stolen = (stolen - stolen_before) / max(all_ticks - all_before, 1)


def _read_cpu_ticks() -> tuple[int, int]:
    """Read the ticks of all cores since the start: (those stolen by the host, all of them)."""
    try:
        first_line, _, _ = Path("/proc/stat").read_text().partition("\n")
    except OSError:
        return 0, 0
    ticks = [int(text) for text in first_line.split()[1:9]]
    return ticks[7], sum(ticks)
