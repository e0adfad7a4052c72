"""Share between parts of the bench: the scale, offices that are built once, and runs in turns.

Programs are compared in turns, A B A B, and the result is the median of the ratios of neighbours,
so that other work on the machine affects both.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from tests.bench.delivery import fixtures as offices
from tests.bench.delivery import mailer_send
from tests.bench.delivery.bench_run import BenchRun
from tests.bench.delivery.fixtures import Office
from tests.bench.delivery.postgresql_office import PostgresqlOffice, open_postgresql_office
from tests.bench.goals import GOALS
from tests.bench.results import Comparison, Series
from tests.bench.scale import Scale

Run = TypeVar("Run")


class Bench:
    """One run of the bench. Use it as a context manager, which ends what it started."""

    def __init__(self, scale: Scale, folder: Path, *, is_full: bool) -> None:
        self.scale = scale
        self.folder = folder
        self.is_full = is_full
        self._offices: dict[tuple[int, bool], Office] = {}
        self._postgresql_office: PostgresqlOffice | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "Bench":
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def get_office(self, reader_count: int, *, planned: bool = True) -> Office:
        """Return an office with so many readers, which is built only once."""
        key = reader_count, planned
        if key not in self._offices:
            print_note(f"building an office with {reader_count:,} readers")
            folder = self.folder / f"office-{reader_count}{'' if planned else '-unplanned'}"
            self._offices[key] = offices.build_office(folder, reader_count, planned=planned)
        return self._offices[key]

    def get_postgresql_office(self) -> PostgresqlOffice:
        """Return an office in a server of PostgreSQL, which runs until the bench ends."""
        if self._postgresql_office is None:
            print_note(f"building an office with {self.scale.n:,} readers in PostgreSQL")
            self._postgresql_office = self._stack.enter_context(
                open_postgresql_office(self.folder / "postgresql", self.scale.n)
            )
        return self._postgresql_office

    def send(self, office: Office | PostgresqlOffice, **options: Any) -> BenchRun:
        """Run `mailer send` once. The options are those of :func:`mailer_send.send_edition`."""
        numbers = {"connections": self.scale.connections, "window": self.scale.window}
        return mailer_send.send_edition(office, **numbers | options)

    def run_in_turns(
        self, name: str, measurers: Mapping[str, Callable[[], Run]], runs: int = 0
    ) -> dict[str, list[Run]]:
        """Run each measurer in turns, as often as the scale says or `runs`. Returns their runs."""
        runs = runs or self.scale.runs
        results: dict[str, list[Run]] = {key: [] for key in measurers}
        for round_number in range(1, runs + 1):
            for key, measure in measurers.items():
                print_note(f"{name}, round {round_number} of {runs}: {key}")
                results[key].append(measure())
        return results

    def describe_sending(self, message_count: int, size: int) -> str:
        """Describe the conditions of a send."""
        return (
            f"{message_count:,} messages of {size:,} bytes, {self.scale.connections} connections, "
            f"window {self.scale.window}"
        )


def compare_pairs(
    key: str, conditions: str, our_series: Series, their_series: Series, *others: Series
) -> Comparison:
    """Compare two series by the ratios of their pairs. The others are only reported."""
    ratios = tuple(
        our_value / their_value
        for our_value, their_value in zip(our_series.values, their_series.values, strict=True)
    )
    return Comparison(GOALS[key], conditions, (our_series, their_series, *others), ratios)


def report_value(key: str, conditions: str, series: Series) -> Comparison:
    """Report a series whose own values have a goal."""
    return Comparison(GOALS[key], conditions, (series,), series.values)


def print_note(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)
