"""The crash trials excuse a worker that waited for a processor, and no worker that could run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.calendar.stall_meter import INTERVAL, StallMeter, WaitRecord

LEASE = 2.0
PATIENCE = 30.0
"""Seconds within which a starved process must have waited for half a lease."""


# ---- real processes -----------------------------------------------------------------------------

SLEEP = "import time; time.sleep(60)"
SPIN_ON_FIRST_PROCESSOR = """\
import os, sys
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.nice(int(sys.argv[1]))
while True:
    pass
"""


@contextmanager
def run_child(script: str, *arguments: str) -> Iterator[int]:
    """Run a script in a process of its own; the block gets its id."""
    with subprocess.Popen([sys.executable, "-c", script, *arguments]) as child:
        try:
            yield child.pid
        finally:
            child.kill()


@contextmanager
def run_meter(pid: int) -> Iterator[StallMeter]:
    meter = StallMeter(pid)
    try:
        yield meter
    finally:
        meter.stop()


def wait_until_starved(meter: StallMeter) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if meter.was_starved(time.monotonic(), LEASE):
            return True
        time.sleep(INTERVAL)
    return False


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this kernel counts no waiting time"
)
def test_process_without_a_processor_counts_as_starved() -> None:
    """A process of the highest priority keeps the only processor that the child may run on busy."""
    with (
        run_child(SPIN_ON_FIRST_PROCESSOR, "0"),
        run_child(SPIN_ON_FIRST_PROCESSOR, "19") as pid,
        run_meter(pid) as meter,
    ):
        assert wait_until_starved(meter)


def test_sleeping_process_does_not_count_as_starved() -> None:
    with run_child(SLEEP) as pid, run_meter(pid) as meter:
        time.sleep(0.75 * LEASE)
        assert not meter.was_starved(time.monotonic(), LEASE)


def test_stopped_process_does_not_count_as_starved() -> None:
    """A trial that freezes a worker excuses it by itself."""
    with run_child(SLEEP) as pid, run_meter(pid) as meter:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.75 * LEASE)
        assert not meter.was_starved(time.monotonic(), LEASE)


# ---- files like those of the kernel -------------------------------------------------------------

START = 1000.0


class FakeProcess:
    """Files like those of /proc for a process with threads, whose waiting time a test sets."""

    pid = 7

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.record = WaitRecord(self.pid, START, folder)

    def write_wait(self, seconds: float, thread_id: int = 7) -> None:
        """Let a thread have waited for so long. It has run for 99 s, in 99 thousand million slices
        of time."""
        self.find_stat(thread_id).parent.mkdir(parents=True, exist_ok=True)
        numbers = f"99000000000 {int(seconds * 1e9)} 99000000000\n"
        self.find_stat(thread_id).write_text(numbers)

    def find_stat(self, thread_id: int) -> Path:
        return self.folder / str(self.pid) / "task" / str(thread_id) / "schedstat"

    def pass_time(self, seconds: float) -> None:
        """Take samples, each `INTERVAL` after the one before."""
        for _ in range(round(seconds / INTERVAL)):
            self.now += INTERVAL
            self.record.take_sample(self.now)

    def was_starved(self) -> bool:
        return self.record.was_starved(self.now, LEASE)


@pytest.fixture
def fake_process(tmp_path: Path) -> FakeProcess:
    process = FakeProcess(tmp_path)
    process.write_wait(100.0)
    process.write_wait(50.0, thread_id=8)
    process.pass_time(1.0)
    return process


def test_process_that_ran_all_the_time_is_not_starved(fake_process: FakeProcess) -> None:
    fake_process.pass_time(20.0)
    assert not fake_process.was_starved()


@pytest.mark.parametrize(("waited", "is_starved"), [(0.49, False), (0.51, True)])
def test_half_a_lease_of_all_threads_waiting_is_the_limit(
    fake_process: FakeProcess, waited: float, is_starved: bool
) -> None:
    fake_process.write_wait(100.0 + waited)
    fake_process.write_wait(50.0 + waited, thread_id=8)
    fake_process.pass_time(INTERVAL)
    assert fake_process.was_starved() is is_starved


def test_starvation_counts_for_three_leases(fake_process: FakeProcess) -> None:
    before = fake_process.now
    fake_process.pass_time(1.0)
    fake_process.write_wait(105.0)
    fake_process.pass_time(3 * LEASE - 2 * INTERVAL)
    assert fake_process.was_starved()
    fake_process.pass_time(4 * INTERVAL)
    assert not fake_process.was_starved()
    assert not fake_process.record.was_starved(before, LEASE), "it had not begun"


def test_ended_thread_takes_no_waiting_time_off(fake_process: FakeProcess) -> None:
    fake_process.write_wait(101.5)
    fake_process.pass_time(INTERVAL)
    fake_process.find_stat(8).unlink()
    fake_process.pass_time(1.0)
    assert fake_process.was_starved()


def test_time_in_which_the_machine_stood_still_is_waiting(fake_process: FakeProcess) -> None:
    """The kernel counts no waiting then, but the sampler too is late."""
    fake_process.now += LEASE
    fake_process.pass_time(INTERVAL)
    assert fake_process.was_starved()


def test_process_without_samples_is_not_starved(tmp_path: Path) -> None:
    assert not FakeProcess(tmp_path).was_starved()
