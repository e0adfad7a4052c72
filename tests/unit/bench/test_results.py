"""The results of the bench: their verdicts, tables and JSON."""

import json
import random
from pathlib import Path

import pytest

from tests.bench.goals import GOALS
from tests.bench.results import (
    BenchReport,
    Comparison,
    Goal,
    PartResult,
    Series,
    format_comparison,
    format_number,
    format_summary,
    read_report,
)

AT_LEAST = Goal("rate", "Rate to rate", 0.9)
AT_MOST = Goal("cpu", "CPU to CPU", 1.8, at_most=True)


def make_comparison(*results: float, goal: Goal = AT_LEAST) -> Comparison:
    series = (
        Series("ours", "messages/s", (7000.0, 7500.0, 8000.0)),
        Series("theirs", "messages/s", (8000.0, 8000.0, 8000.0)),
    )
    return Comparison(goal, "20,000 messages", series, results)


def make_report() -> BenchReport:
    report = BenchReport({"cores": "2", "processor": "Example CPU", "Python": "3.11.7"})
    for name in ("throughput", "plan"):
        report.parts[name] = PartResult(
            name, "2026-12-01T09:00+00:00", 42.5, 0.25, 0.0, True, (make_comparison(0.9, 1.0, 1.1),)
        )
    return report


@pytest.mark.parametrize(
    ("goal", "results", "verdict"),
    [
        (AT_LEAST, (0.1, 0.9, 5.0), "met"),
        (AT_LEAST, (0.89, 0.89, 5.0), "missed"),
        (AT_MOST, (1.0, 1.8, 9.0), "met"),
        (AT_MOST, (1.0, 1.81, 9.0), "missed"),
        (Goal("tls", "TLS to none"), (0.1,), "–"),
    ],
)
def test_verdict_judges_the_median_of_pairs(
    goal: Goal, results: tuple[float, ...], verdict: str
) -> None:
    assert make_comparison(*results, goal=goal).verdict == verdict


def test_table_shows_median_and_range_of_each_series_and_the_ratio() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in format_comparison(make_comparison(0.875, 0.9375, 1.0)).splitlines()
    ]
    assert rows[2:] == [
        ["ours", "messages/s", "7,500", "7,000 to 8,000"],
        ["theirs", "messages/s", "8,000", "8,000 to 8,000"],
        ["ratio", "×", "0.938", "0.875 to 1.00"],
    ]


def test_value_with_goal_of_its_own_has_one_row() -> None:
    comparison = Comparison(
        GOALS["idle-memory"], "600 s", (Series("worker", "MB", (79.0, 80.0)),), (79.0, 80.0)
    )
    assert "ratio" not in format_comparison(comparison)
    assert "79.5 MB" in format_summary([comparison])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (0.94, "0.940"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (999.4, "999"),
        (1234567.0, "1,234,567"),
        (-3.456, "-3.46"),
    ],
)
def test_number_has_three_significant_digits(value: float, text: str) -> None:
    assert format_number(value) == text


def test_report_read_from_its_json_is_the_same(tmp_path: Path) -> None:
    report = make_report()
    report.write_file(tmp_path / "new" / "bench.json")
    assert read_report(tmp_path / "new" / "bench.json") == report


def test_json_rounds_figures_to_five_digits(tmp_path: Path) -> None:
    report = make_report()
    chance = random.Random(5)
    series = Series("ours", "s", tuple(chance.random() for _ in range(5)))
    report.parts["plan"] = PartResult(
        "plan", "", 1.0, 0.0, 0.0, False, (Comparison(AT_LEAST, "", (series,)),)
    )
    report.write_file(tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    values = content["parts"][1]["comparisons"][0]["series"][0]["values"]
    assert values == [float(f"{value:.5g}") for value in series.values]


def test_goals_of_the_issue_are_bounds() -> None:
    """Changing a bound is a decision, which this list makes visible."""
    bounds = {key: goal.bound_text for key, goal in GOALS.items() if goal.bound is not None}
    assert bounds == {
        "sqlite-to-source": "≥ 1 ×",
        "whole-to-source": "≥ 0.9 ×",
        "cpu-to-source": "≤ 1.8 ×",
        "plain-way": "≥ 20 ×",
        "chunking-150-to-0": "≥ 0.7 ×",
        "chunking-to-smtplib": "≥ 20 ×",
        "growth-to-smtplib": "≥ 4 ×",
        "postfix-50-to-0": "≥ 0.8 ×",
        "postgresql-to-sqlite": "≥ 0.9 ×",
        "server-cpu": "≤ 1.5 ×",
        "memory": "≤ 1.05 ×",
        "plan": "≤ 2 ×",
        "import": "≤ 4 ×",
        "import-memory": "≤ 150 MB",
        "large-import": "≤ 4 ×",
        "large-import-memory": "≤ 150 MB",
        "commands-sqlite": "≤ 2 ×",
        "commands-postgresql": "≤ 2 ×",
        "one-click-median": "≤ 5 ×",
        "one-click-99": "≤ 20 ×",
        "sign-up-median": "≤ 5 ×",
        "sign-up-99": "≤ 20 ×",
        "preferences-median": "≤ 5 ×",
        "preferences-99": "≤ 20 ×",
        "sender-beside-pages": "≥ 0.6 ×",
        "idle-cpu": "≤ 0.5 %",
        "idle-memory": "≤ 100 MB",
        "idle-cpu-postgresql": "≤ 0.5 %",
        "idle-memory-postgresql": "≤ 100 MB",
    }
