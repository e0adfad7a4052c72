"""Runs, medians and ratios of pairs, and their printed form."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass


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


def measure_ratio(our_values: Sequence[float], their_values: Sequence[float]) -> float:
    """Return the median of the ratios of pairs."""
    return statistics.median(a / b for a, b in zip(our_values, their_values, strict=True))


def format_line(name: str, values: Sequence[float], unit: str = "/s", digits: int = 0) -> str:
    """Format a median, with the smallest and the largest value beside it."""
    low, middle, high = min(values), statistics.median(values), max(values)
    spread = f"({low:,.{digits}f} to {high:,.{digits}f})" if len(values) > 1 else ""
    return f"  {name:<44} {middle:>10,.{digits}f} {unit:<4} {spread}".rstrip()


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table in Markdown, with aligned columns, which also read well as plain text."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]

    def format_row(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        "-" * (width + 2) if at == 0 else "-" * (width + 1) + ":" for at, width in enumerate(widths)
    )
    return "\n".join([format_row(head), f"|{rule}|", *map(format_row, rows)])


@dataclass(frozen=True, slots=True)
class Goal:
    """A measured value and its goal. `floor` is the least acceptable value; with `at_most`, both
    are upper bounds."""

    description: str
    measured: float
    goal: float
    floor: float
    unit: str = ""
    at_most: bool = False

    @property
    def verdict(self) -> str:
        value, sign = self.measured, -1 if self.at_most else 1
        if sign * value >= sign * self.goal:
            return "met"
        return "above the floor" if sign * value >= sign * self.floor else "missed"

    @property
    def aim(self) -> str:
        sign = "<=" if self.at_most else ">="
        least = f", at least {self.floor:g}" if self.floor != self.goal else ""
        return f"{sign} {self.goal:g}{self.unit}{least}"

    def to_row(self) -> tuple[str, str, str, str]:
        return self.description, f"{self.measured:.2f}{self.unit}", self.aim, self.verdict
