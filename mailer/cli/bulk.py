"""Parts that are shared by commands on many rows: progress, reports, dry runs in batches."""

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mailer.audience.imports.columns import ImportColumn
from mailer.cli.output import Output, error_console
from mailer.counts import count_noun
from mailer.errors import InputError, PartlyDone
from mailer.model.imports import OmittedValue, RowOutcome, RowResult

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.store import SqlTransaction

MAX_LISTED = 20
"""Rows listed on the terminal; the report file has all of them."""
MAX_STORED = 1000
"""Maximum number of rows, and of names of ignored columns, that are kept for JSON, so that memory
does not grow with the file."""

_PROBLEMS = (RowOutcome.REFUSED, RowOutcome.SKIPPED)
_NOTABLE = (*_PROBLEMS, RowOutcome.ADDED, RowOutcome.UPDATED)

BeginTransaction = Callable[[], "AbstractContextManager[SqlTransaction]"]


class _BatchRollbackError(Exception):
    """Ends a dry run's transaction, so that it is rolled back."""


@contextmanager
def open_transactions(
    mailer: "Mailer", out: Output, *, dry_run: bool
) -> Iterator[BeginTransaction]:
    """Return a function that opens a transaction for each batch.

    A dry run rolls back each batch separately. A single transaction would block all other writers,
    even readers who unsubscribe. As a result, a dry run does not notice an address that is repeated
    in a later batch."""
    if not dry_run:
        yield mailer.store.begin
        return

    @contextmanager
    def begin_dry_run() -> "Iterator[SqlTransaction]":
        with suppress(_BatchRollbackError), mailer.store.begin() as tx:
            yield tx
            raise _BatchRollbackError

    yield begin_dry_run
    out.print_note("dry run: nothing was written")


class ProgressBar:
    """A progress bar that is shown only on a terminal."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def update_progress(self, done: float, description: str) -> None:
        """Show how many rows are done."""
        self._progress.update(self._task, completed=done, description=description)


@contextmanager
def open_progress_bar(total: float | None, description: str) -> Iterator[ProgressBar]:
    """Show a progress bar until the block ends."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=error_console,
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        yield ProgressBar(progress, progress.add_task(description, total=total))


class RowTally:
    """Counts the outcomes of a file's rows and the values that were left out, and keeps the first
    problems for the terminal. If a report file is requested, the outcome of every row is written to
    it."""

    def __init__(
        self, stack: ExitStack, report: Path | None, outcomes: Iterable[RowOutcome] = RowOutcome
    ) -> None:
        self.counts = dict.fromkeys(outcomes, 0)
        self.row_count = 0
        self.passed_over: Counter[str] = Counter()
        self.unknown_topics: Counter[str] = Counter()
        self._listed_results: list[RowResult] = []
        self._notable_count = 0
        self._notes: list[str] = []
        self._omitted: list[dict[str, Any]] = []
        self._omitted_count = 0
        self._omitted_line = 0
        self._omitted_in_line: set[OmittedValue] = set()
        self._writer = _open_report(stack, report) if report else None

    def add_results(
        self,
        results: Iterable[RowResult],
        passed_over: Mapping[str, int],
        notes: Iterable[str] = (),
    ) -> None:
        """Count the rows of a batch and the columns that were ignored in it; keep the notes."""
        self._notes += notes
        for row_result in sorted(results, key=lambda result: result.line):
            self.row_count += 1
            self.counts[row_result.outcome] += 1
            if row_result.outcome in _PROBLEMS or (
                row_result.reason and row_result.outcome in _NOTABLE
            ):
                self._notable_count += 1
                if len(self._listed_results) < MAX_STORED:
                    self._listed_results.append(row_result)
            if self._writer:
                self._writer.writerow(
                    [
                        row_result.line,
                        row_result.outcome.value,
                        row_result.address,
                        row_result.reason,
                        "",
                        "",
                    ]
                )
            if row_result.omitted:
                self._add_omitted_values(row_result)
        for name, count in passed_over.items():
            if name in self.passed_over or len(self.passed_over) < MAX_STORED:
                self.passed_over[name] += count

    def _add_omitted_values(self, row_result: RowResult) -> None:
        if self._omitted_line != row_result.line:
            self._omitted_line, self._omitted_in_line = row_result.line, set()
        for value in row_result.omitted:
            if value not in self._omitted_in_line:  # a line with two addresses is two rows
                self._omitted_in_line.add(value)
                self._count_omitted_value(row_result.line, value)
            if self._writer:
                self._writer.writerow(
                    [
                        row_result.line,
                        "left out",
                        row_result.address,
                        value.reason,
                        value.column,
                        value.value,
                    ]
                )

    def _count_omitted_value(self, line: int, value: OmittedValue) -> None:
        self._omitted_count += 1
        if len(self._omitted) < MAX_STORED:
            self._omitted.append({"line": line, **asdict(value)})
        is_topic = value.column == ImportColumn.TOPICS
        if is_topic and (
            value.value in self.unknown_topics or len(self.unknown_topics) < MAX_STORED
        ):
            self.unknown_topics[value.value] += 1

    def print_summary(self, out: Output, file: Path, *, dry_run: bool) -> None:
        """Print the outcomes. Raises PartlyDone if rows were refused."""
        data: dict[str, Any] = {outcome.value: count for outcome, count in self.counts.items()}
        data["rows"] = self._listed_results
        data["passed_over"] = dict(self.passed_over)
        data["left_out"] = self._omitted
        data["left_out_count"] = self._omitted_count
        data["notes"] = self._notes
        summary = ", ".join(f"{outcome} {count}" for outcome, count in self.counts.items())
        out.print_record(data, summary)
        for note in self._notes:
            out.print_note(note)
        for row_result in self._listed_results[:MAX_LISTED]:
            out.print_note(
                f"line {row_result.line}: {row_result.outcome}: "
                f"{_describe_row(row_result.address, row_result.reason)}"
            )
        if self._notable_count > MAX_LISTED:
            hidden_count = self._notable_count - MAX_LISTED
            out.print_note(
                f"… and {count_noun(hidden_count, 'more line')}; --report FILE lists all of them"
            )
        for omitted in self._omitted[:MAX_LISTED]:
            out.print_note(
                f"line {omitted['line']}: left out: {omitted['column']} {omitted['value']!r}: "
                f"{omitted['reason']}"
            )
        if self._omitted_count > MAX_LISTED:
            hidden_count = self._omitted_count - MAX_LISTED
            out.print_note(
                f"… and {count_noun(hidden_count, 'more value')}; --report FILE lists all of them"
            )
        for name, count in self.passed_over.most_common(MAX_LISTED):
            out.print_note(f"ignored: {name}" + (f" ({count_noun(count, 'row')})" if count else ""))
        if self.counts[RowOutcome.REFUSED]:
            raise PartlyDone(
                count_noun(self.counts[RowOutcome.REFUSED], "row was refused", "rows were refused"),
                where=str(file),
                hint=("nothing was written" if dry_run else "the others were imported")
                + ("; fix it" if self.counts[RowOutcome.REFUSED] == 1 else "; fix them")
                + " and import the file again",
            )


def _open_report(stack: ExitStack, path: Path) -> Any:
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise InputError(
            f"the report can't be written ({error.strerror})", where=str(path)
        ) from error
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["line", "outcome", "address", "reason", "column", "value"])
    return writer


def write_file_atomically(path: Path, write: Callable[[TextIO], int]) -> int:
    """Write a file whole or not at all. Only the user can read the file, since it holds people's
    data.

    Returns what `write` returns. Raises InputError if the file can't be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        with part.open("w", encoding="utf-8", newline="") as out:
            count = write(out)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(
            f"the file can't be written ({error.strerror})", where=str(path)
        ) from error
    return count


def get_file_size(file: Path) -> int | None:
    """Return a file's size in bytes, or None for a pipe."""
    return file.stat().st_size if file.is_file() else None


def _describe_row(address: str, reason: str) -> str:
    """Describe a row by its address and the reason. If the reason quotes the address, the reason is
    enough."""
    if address and address in reason:
        return reason.removeprefix("address: ")
    return f"{address}: {reason}" if address and reason else address or reason
