"""What commands that go over many rows share: progress, a report, a dry run of many batches."""

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mailer.app import Mailer
from mailer.audience.rows import RowOutcome, RowResult
from mailer.cli.output import Output, errors
from mailer.errors import InputError, PartlyDone
from mailer.store import Transaction

NAMED = 20
"""How many rows are named on the terminal; the report file has them all."""
KEPT = 1000
"""How many rows, and names of what was passed over, are kept for JSON: memory does not grow with
the file."""

_PROBLEMS = (RowOutcome.REFUSED, RowOutcome.SKIPPED)
_NOTED = (*_PROBLEMS, RowOutcome.ADDED, RowOutcome.UPDATED)

Begin = Callable[[], AbstractContextManager[Transaction]]


class _UndoError(Exception):
    """Leaves the transaction of a dry run."""


@contextmanager
def transactions(mailer: Mailer, out: Output, *, dry_run: bool) -> Iterator[Begin]:
    """How to open a transaction for each batch. A dry run undoes each: one for all of them would
    keep everybody else from writing, readers who leave too. So it doesn't see that an address comes
    again in a later batch."""
    if not dry_run:
        yield mailer.store.begin
        return

    @contextmanager
    def undone() -> Iterator[Transaction]:
        with suppress(_UndoError), mailer.store.begin() as tx:
            yield tx
            raise _UndoError

    yield undone
    out.note("dry run: nothing was written")


class Bar:
    """A bar on a terminal, none elsewhere."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, done: float, said: str) -> None:
        self._progress.update(self._task, completed=done, description=said)


@contextmanager
def bar(total: float | None, said: str) -> Iterator[Bar]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        yield Bar(progress, progress.add_task(said, total=total))


class Tally:
    """What became of the rows of a file: counted, the first of them that need a look named, all of
    them written down where a report is wanted."""

    def __init__(
        self, stack: ExitStack, report: Path | None, outcomes: Iterable[RowOutcome] = RowOutcome
    ) -> None:
        self.counts = dict.fromkeys(outcomes, 0)
        self.rows = 0
        self.passed_over: Counter[str] = Counter()
        self._named: list[RowResult] = []
        self._noted = 0
        self._writer = _report(stack, report) if report else None

    def add(self, results: Iterable[RowResult], passed_over: Mapping[str, int]) -> None:
        for one in sorted(results, key=lambda result: result.line):
            self.rows += 1
            self.counts[one.outcome] += 1
            if one.outcome in _PROBLEMS or (one.reason and one.outcome in _NOTED):
                self._noted += 1
                if len(self._named) < KEPT:
                    self._named.append(one)
            if self._writer:
                self._writer.writerow([one.line, one.outcome.value, one.address, one.reason])
        for name, count in passed_over.items():
            if name in self.passed_over or len(self.passed_over) < KEPT:
                self.passed_over[name] += count

    def tell(self, out: Output, file: Path, *, dry_run: bool) -> None:
        """Print it. Raises PartlyDone where rows were refused."""
        data: dict[str, Any] = {outcome.value: count for outcome, count in self.counts.items()}
        data["named"] = self._named
        data["passed_over"] = dict(self.passed_over)
        said = ", ".join(f"{outcome} {count}" for outcome, count in self.counts.items())
        out.record(data, said)
        for one in self._named[:NAMED]:
            out.note(f"line {one.line}: {one.outcome}: {one.address} {one.reason}".rstrip())
        if self._noted > NAMED:
            more = self._noted - NAMED
            out.note(f"… and {more} more lines; --report FILE writes them all down")
        for name, count in self.passed_over.most_common(NAMED):
            out.note(f"not taken over: {name}" + (f" ({count} rows)" if count else ""))
        if self.counts[RowOutcome.REFUSED]:
            raise PartlyDone(
                f"{self.counts[RowOutcome.REFUSED]} rows were refused",
                where=str(file),
                hint=("nothing was written" if dry_run else "the others are in")
                + "; mend these and import the file again",
            )


def _report(stack: ExitStack, path: Path) -> Any:
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise InputError(f"it can't be written ({error.strerror})", where=str(path)) from error
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["line", "outcome", "address", "reason"])
    return writer


def write_whole(path: Path, write: Callable[[TextIO], int]) -> int:
    """Write a file that is there whole or not at all, and that others can't read: it holds
    people's data. What `write` gives. Raises InputError where it can't be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        with part.open("w", encoding="utf-8", newline="") as out:
            count = write(out)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"it can't be written ({error.strerror})", where=str(path)) from error
    return count


def size_of(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None
