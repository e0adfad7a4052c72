"""The results of the bench: figures with their goals, as tables and as JSON.

``docs/generate.py`` writes docs/performance.md from the JSON of a run, with the same tables.
"""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure of interest, and the bound that it should keep: at least `bound` or, with `at_most`,
    at most. A figure without a bound is only reported."""

    key: str
    title: str
    bound: float | None = None
    at_most: bool = False
    unit: str = "×"

    def is_met(self, value: float) -> bool:
        if self.bound is None:
            return True
        return value <= self.bound if self.at_most else value >= self.bound

    @property
    def bound_text(self) -> str:
        if self.bound is None:
            return "–"
        return f"{'≤' if self.at_most else '≥'} {self.bound:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Series:
    """The figures of one program or condition, one for each run."""

    name: str
    unit: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The measurement for a goal: the series that were compared, and the results of the pairs, one
    for each run. A comparison without results is a plain list of series."""

    goal: Goal
    conditions: str
    series: tuple[Series, ...]
    results: tuple[float, ...] = ()

    @property
    def verdict(self) -> str:
        if not self.results or self.goal.bound is None:
            return "–"
        return "met" if self.goal.is_met(statistics.median(self.results)) else "missed"


@dataclass(frozen=True, slots=True)
class PartResult:
    """One part of a run. `load` is the load of the machine at the start (a minute's mean), and
    `stolen` the share of CPU time that the host of a virtual machine gave to other machines."""

    name: str
    started_at: str
    seconds: float
    load: float
    stolen: float
    is_full: bool
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class BenchReport:
    """The machine, and the parts that were measured on it."""

    machine: Mapping[str, str]
    parts: dict[str, PartResult] = field(default_factory=dict)

    @property
    def comparisons(self) -> list[Comparison]:
        return [comparison for part in self.parts.values() for comparison in part.comparisons]

    @property
    def machine_line(self) -> str:
        """The machine in a line, to stand below each table's title."""
        hardware = f"{self.machine['cores']} cores, {self.machine['processor']}"
        others = {name: value for name, value in self.machine.items() if name[0].isupper()}
        return ", ".join([hardware, *(f"{name} {value}" for name, value in others.items())])

    def write_file(self, path: Path) -> None:
        content = {
            "machine": dict(self.machine),
            "parts": [_round_values(asdict(part)) for part in self.parts.values()],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_report(path: Path) -> BenchReport:
    content = json.loads(path.read_text("utf-8"))
    return BenchReport(
        content["machine"], {part["name"]: _parse_part(part) for part in content["parts"]}
    )


def _parse_part(content: Mapping[str, Any]) -> PartResult:
    comparisons = tuple(
        Comparison(
            Goal(**comparison["goal"]),
            comparison["conditions"],
            tuple(
                Series(series["name"], series["unit"], tuple(series["values"]))
                for series in comparison["series"]
            ),
            tuple(comparison["results"]),
        )
        for comparison in content["comparisons"]
    )
    return PartResult(**{**content, "comparisons": comparisons})


def _round_values(value: Any) -> Any:
    """Round numbers to five significant digits, of which no measurement has more."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _round_values(item) for key, item in value.items()}
    return [_round_values(item) for item in value] if isinstance(value, list | tuple) else value


# ---- tables -------------------------------------------------------------------------------------


def format_number(value: float) -> str:
    """Format a figure with three significant digits, and large ones with all their digits."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(digits, 0), 4)}f}"


def format_range(values: Sequence[float]) -> str:
    if len(values) < 2:
        return "one run"
    return f"{format_number(min(values))} to {format_number(max(values))}"


def format_median(values: Sequence[float]) -> str:
    return format_number(statistics.median(values))


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table in Markdown, with aligned columns, which also read well as plain text."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def format_row(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        "-" * (width + 2) if column == 0 else "-" * (width + 1) + ":"
        for column, width in enumerate(widths)
    )
    return "\n".join([format_row(head), f"|{rule}|", *map(format_row, lines[1:])])


def format_comparison(comparison: Comparison) -> str:
    """Format the table of one comparison: its series, and the result with its range."""
    rows = [
        (series.name, series.unit, format_median(series.values), format_range(series.values))
        for series in comparison.series
    ]
    results, goal = comparison.results, comparison.goal
    if results and [series.values for series in comparison.series] != [results]:
        rows.append(("ratio", goal.unit, format_median(results), format_range(results)))
    return format_table(("", "unit", "median", "range"), rows)


def format_summary(comparisons: Iterable[Comparison]) -> str:
    """Format one table of all goals, with the results beside them."""
    rows = [
        (
            comparison.goal.title,
            f"{format_median(comparison.results)} {comparison.goal.unit}",
            format_range(comparison.results),
            comparison.goal.bound_text,
            comparison.verdict,
        )
        for comparison in comparisons
        if comparison.results
    ]
    return format_table(("", "median", "range", "goal", ""), rows)
