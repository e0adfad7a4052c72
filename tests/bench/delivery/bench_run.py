"""One run of a program that sends, and the series that several runs give."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.results import Series


@dataclass(frozen=True, slots=True)
class BenchRun:
    """One run of a program that sends.

    `seconds` and `phase_cpu` belong to its sending phase, `wall` and `cpu` to the whole program;
    `peak` is its largest resident memory in MB."""

    messages: int
    seconds: float
    phase_cpu: float
    wall: float
    cpu: float
    peak: float

    @property
    def rate(self) -> float:
        """Messages a second in the sending phase."""
        return self.messages / self.seconds

    @property
    def whole_rate(self) -> float:
        """Messages a second of the whole program, its start included."""
        return self.messages / self.wall

    @property
    def phase_cpu_us(self) -> float:
        return self.phase_cpu / self.messages * 1e6

    @property
    def cpu_us(self) -> float:
        return self.cpu / self.messages * 1e6

    def check_count(self, counted: int, sender_name: str) -> None:
        """Exit the bench unless the sink counted as many messages as were sent."""
        if counted != self.messages:
            sys.exit(f"{sender_name} sent {self.messages} messages and the sink counted {counted}")


def build_rates(name: str, runs: Sequence[BenchRun]) -> Series:
    """Build the series of messages a second in the sending phase."""
    return Series(name, "messages/s", tuple(run.rate for run in runs))


def build_whole_rates(name: str, runs: Sequence[BenchRun]) -> Series:
    """Build the series of messages a second of the whole program."""
    return Series(name, "messages/s", tuple(run.whole_rate for run in runs))


def build_series(name: str, unit: str, values: Iterable[float]) -> Series:
    return Series(name, unit, tuple(values))
