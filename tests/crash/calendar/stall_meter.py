"""Measure how long a worker waited for a processor, as the kernel counts it.

PostgreSQL ends a session that is idle in a transaction for longer than the lease. On a busy machine
a worker may stand still for so long through no fault of its own; it then logs that it has lost its
session, and repeats the step. The trial excuses only such a worker: a worker that could run the
whole time had no reason to be idle.
"""

import threading
import time
from bisect import bisect_left
from pathlib import Path

INTERVAL = 0.1
"""Seconds between two samples."""


class WaitRecord:
    """The waiting time of one process, sample by sample. `processes` is the folder /proc."""

    def __init__(self, pid: int, start: float, processes: Path = Path("/proc")) -> None:
        self._tasks = processes / str(pid) / "task"
        self._times: list[float] = []
        self._waited: list[float] = []
        self._overslept, self._sampled_at = 0.0, start

    def was_starved(self, moment: float, lease: float) -> bool:
        """Check that the process waited for a processor for half of its lease or longer, in the
        time of three leases before the moment."""
        return self.measure_wait(moment - 3 * lease, moment) >= lease / 2

    def measure_wait(self, start: float, end: float) -> float:
        """Return the seconds that the process waited for a processor between two moments of the
        monotonic clock."""
        times, waited = list(self._times), list(self._waited)
        first, last = bisect_left(times, start), min(bisect_left(times, end), len(waited) - 1)
        return waited[last] - waited[max(first - 1, 0)] if waited else 0.0

    def take_sample(self, now: float) -> None:
        """Add a sample, about `INTERVAL` after the one before."""
        # If the whole machine stood still, so did the thread that takes the samples.
        self._overslept += max(now - self._sampled_at - INTERVAL, 0.0)
        self._sampled_at = now
        # A thread that ends takes its waiting time along.
        self._waited.append(max(self._overslept + self._read_run_delay(), *self._waited[-1:], 0.0))
        self._times.append(now)

    def _read_run_delay(self) -> float:
        """Return the time that the process's threads were ready to run and did not, in seconds:
        the second number of schedstat (Linux, Documentation/scheduler/sched-stats)."""
        nanoseconds = 0
        for stat in self._tasks.glob("*/schedstat"):
            try:
                nanoseconds += int(stat.read_text().split()[1])
            except (OSError, IndexError, ValueError):
                continue  # the thread has ended
        return nanoseconds / 1e9


class StallMeter(WaitRecord):
    """Sampler of one process, from its start until `stop`."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid, time.monotonic())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._take_samples)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _take_samples(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.take_sample(time.monotonic())
