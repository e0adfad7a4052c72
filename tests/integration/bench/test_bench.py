"""``make bench`` runs at a small scale: its figures can't be checked here, but its counts can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.goals import GOALS
from tests.bench.parts import PARTS
from tests.bench.results import BenchReport, read_report
from tests.conftest import skip_without

ROOT = Path(__file__).parents[3]

SMALL_SCALE = {
    "RUNS": "1",
    "CONNECTIONS": "4",
    "N": "40",
    "WHOLE_N": "40",
    "PLAIN_N": "10",
    "DATA_N": "20",
    "SMTPLIB_N": "10",
    "GROWTH_N": "40",
    "RELAY_N": "40",
    "SMALL_QUEUE_N": "10",
    "QUEUE_N": "400",
    "QUEUE_RUNS": "1",
    "PLAN_N": "400",
    "IMPORT_N": "200",
    "LARGE_IMPORT_N": "400",
    "COMMAND_PEOPLE": "10000",
    "COMMAND_RUNS": "1",
    "SUBSCRIBERS": "4000",
    "PAGE_N": "2",
    "PAGE_RUNS": "1",
    "RATE": "60",
    "PAGE_SECONDS": "2",
    "IDLE_SECONDS": "1",
}


def run_bench(file: Path, *words: str) -> tuple[str, BenchReport]:
    """Run the bench at the small scale. Returns its output, and its report."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.bench", *words, "--json", str(file)],
        cwd=ROOT,
        env={**os.environ, **SMALL_SCALE},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout, read_report(file)


def check_needs(*names: str) -> None:
    """Skip the test if the machine lacks what these parts need."""
    for need in {need for name in names for need in PARTS[name].needs}:
        if not need.is_there:
            skip_without(need)


@pytest.mark.slow
def test_bench_measures_parts_and_adds_them_to_a_file(tmp_path: Path) -> None:
    check_needs("throughput", "plan")
    file = tmp_path / "figures" / "bench.json"
    run_bench(file, "plan")
    output, report = run_bench(file, "throughput")
    assert list(report.parts) == ["plan", "throughput"]
    assert set(report.machine) >= {"processor", "cores", "Python", "SQLite"}
    for comparison in report.parts["throughput"].comparisons:
        assert comparison.goal.title in output
        assert comparison.goal == GOALS[comparison.goal.key]
        assert [len(series.values) for series in comparison.series] == [1] * len(comparison.series)
        assert len(comparison.results) == 1
    assert "| smtp-source -d" in output


def test_bench_refuses_unknown_parts_and_names_the_others() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.bench", "dance"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "unknown part 'dance'; the parts are throughput," in result.stderr


@pytest.mark.proof
def test_bench_measures_every_goal_by_default(tmp_path: Path) -> None:
    default_parts = [part.name for part in PARTS.values() if part.by_default]
    check_needs(*default_parts)
    _, report = run_bench(tmp_path / "bench.json")
    assert list(report.parts) == default_parts
    assert {comparison.goal.key for comparison in report.comparisons} == GOALS.keys() - {"sweep"}
    for comparison in report.comparisons:
        assert comparison.results or comparison.goal.bound is None
        assert all(value >= 0 for series in comparison.series for value in series.values)
