"""``make bench``: measure the mailer beside programs that have less to do.

It prints one table for each comparison, with medians and ranges, then all goals with their results,
and writes the figures as JSON. Compared programs run in turns, under the same conditions. After
each run the database must have every delivery as sent, and the relay must have counted as many. No
time is asserted, and other work on the machine affects every figure.

The environment changes single numbers, such as RUNS, N, CONNECTIONS and WINDOW.
tests/bench/scale.py has them all.
"""

import argparse
import io
import os
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.context import Bench
from tests.bench.machine import describe_machine, watch_machine
from tests.bench.parts import PARTS, Part
from tests.bench.results import (
    BenchReport,
    PartResult,
    format_comparison,
    format_summary,
    read_report,
)
from tests.bench.scale import FULL, SHORT, Scale

DEFAULT_FOLDER = Path("var/bench")


def _parse_arguments() -> argparse.Namespace:
    width = max(map(len, PARTS))
    lines = "\n".join(f"  {part.name:<{width}}  {part.description}" for part in PARTS.values())
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog=f"parts:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="only these parts, in their order below"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="the numbers for which the goals are set; all parts take about two hours",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help=f"the file for the figures; default: a new one in {DEFAULT_FOLDER}. The other parts "
        "of an existing file stay in it",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"unknown part {min(unknown)!r}; the parts are {', '.join(PARTS)}")
    return arguments


def _choose_parts(names: list[str], *, is_full: bool) -> list[Part]:
    """Choose the parts that run. Exits if a named part lacks a program; without names, such a part
    is left out, and named on stderr."""
    chosen = []
    for part in PARTS.values():
        if part.name not in names and (
            names or not (part.by_default or (is_full and part.runs_in_full))
        ):
            continue
        if missing := [need for need in part.needs if not need.is_there]:
            text = f"{part.name} needs {' and '.join(missing)}"
            if names:
                print(text, file=sys.stderr)
                sys.exit(2)
            print(f"left out: {text}", file=sys.stderr)
            continue
        chosen.append(part)
    return chosen


def _open_report(path: Path) -> BenchReport:
    """Return a report of this machine, with the parts of an existing file. Exits if they were
    measured on another machine."""
    machine = describe_machine()
    if not path.exists():
        return BenchReport(machine)
    report = read_report(path)
    if report.machine != machine:
        sys.exit(f"{path} is of another machine or of other versions: name another file")
    return report


def _measure_part(bench: Bench, part: Part) -> PartResult:
    started_at, start = datetime.now(UTC), time.monotonic()
    with watch_machine() as watch:
        comparisons = part.measure(bench)
    return PartResult(
        part.name,
        started_at.isoformat(timespec="minutes"),
        time.monotonic() - start,
        watch.load,
        watch.stolen,
        bench.is_full,
        tuple(comparisons),
    )


def _print_part(report: BenchReport, result: PartResult) -> None:
    for comparison in result.comparisons:
        print(f"\n{comparison.goal.title}")
        print(f"{comparison.conditions}.")
        print(f"{report.machine_line}; load at the start {result.load:.2f}.\n")
        print(format_comparison(comparison))
        if comparison.verdict != "–":
            print(f"\nGoal {comparison.goal.bound_text}: {comparison.verdict}.")


def _exit_on_signal(_number: int, _frame: object) -> None:
    sys.exit("ended")


def main() -> None:
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)  # in step with the notes on stderr
    arguments = _parse_arguments()
    scale = Scale.from_environ(FULL if arguments.full else SHORT, os.environ)
    parts = _choose_parts(arguments.parts, is_full=arguments.full)
    path = arguments.json or DEFAULT_FOLDER / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json"
    report = _open_report(path)
    # sys.exit ends each process with the block that started it.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    start = time.monotonic()
    measured: list[PartResult] = []
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)  # relays run as other users
        try:
            with Bench(scale, folder, is_full=arguments.full) as bench:
                for part in parts:
                    result = _measure_part(bench, part)
                    measured.append(result)
                    report.parts[part.name] = result
                    report.write_file(path)
                    _print_part(report, result)
        except KeyboardInterrupt:
            sys.exit(130)
    comparisons = [comparison for result in measured for comparison in result.comparisons]
    if any(comparison.results for comparison in comparisons):
        print(f"\nGoals\n\n{format_summary(comparisons)}")
    print(f"\n{time.monotonic() - start:,.0f} s in all; figures in {path}")


if __name__ == "__main__":
    main()
