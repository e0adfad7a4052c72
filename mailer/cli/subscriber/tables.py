"""People from files, and into files."""

import csv
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mailer.app import Mailer, open_mailer
from mailer.audience import lists
from mailer.audience.rows import Column, RowOutcome, RowResult
from mailer.cli.options import DryRunOption, JsonOption, pairs, reading, settings
from mailer.cli.output import Output, errors
from mailer.cli.subscriber.common import app
from mailer.errors import InputError, PartlyDone
from mailer.intake import table
from mailer.store import Transaction

NAMED = 20
"""How many rows are named on the terminal; the report file has them all."""
KEPT = 1000
"""How many rows are named in JSON: memory does not grow with the file."""
_NAMED = (RowOutcome.REFUSED, RowOutcome.SKIPPED)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header.")],
    to: Annotated[str, typer.Option("--list", help="The list to put them on.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help=f"HEADER=COLUMN, where COLUMN is {', '.join(Column)}."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what became of each line to this CSV file.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where these people come from.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import people from a CSV file onto a list, a thousand rows a transaction.

    Known people are updated where the file tells more; nobody who left or must not be mailed is
    brought back. Refused rows are named by line (exit code 4).

    Example: [bold]mailer subscriber import people.csv --list news --map "E-Mail 1=address"[/]"""
    out = Output(json)
    counts: dict[RowOutcome, int] = dict.fromkeys(RowOutcome, 0)
    named: list[RowResult] = []
    with ExitStack() as stack:
        writer = _report(stack, report)
        with reading() as (_, tx):
            list_ = lists.get_list(tx.lists, to)
            topics = frozenset(topic.slug for topic in tx.lists.topics())
        bar = stack.enter_context(_bar())
        task = bar.add_task("importing", total=file.stat().st_size if file.is_file() else None)
        mailer = stack.enter_context(open_mailer(settings()))
        dry = stack.enter_context(_one_transaction(mailer, out)) if dry_run else None
        for batch in table.batches(file, pairs(mapping, "--map"), topics):
            with nullcontext(dry) if dry else mailer.store.begin() as tx:
                results = tx.rows.bring_in(
                    batch.rows, list_, source or f"import of {file.name}", mailer.clock()
                )
            for one in sorted([*batch.refused, *results], key=lambda result: result.line):
                counts[one.outcome] += 1
                if one.outcome in _NAMED and len(named) < KEPT:
                    named.append(one)
                if writer:
                    writer.writerow([one.line, one.outcome.value, one.address, one.reason])
            bar.update(task, completed=batch.bytes_read)
    data: dict[str, Any] = {outcome.value: count for outcome, count in counts.items()}
    data["named"] = named
    said = ", ".join(f"{outcome} {count}" for outcome, count in counts.items())
    out.record(data, said)
    for one in named[:NAMED]:
        out.note(f"line {one.line}: {one.outcome}: {one.address} {one.reason}".rstrip())
    more = sum(counts[outcome] for outcome in _NAMED) - NAMED
    if more > 0:
        out.note(f"… and {more} more lines; --report FILE writes them all down")
    if counts[RowOutcome.REFUSED]:
        raise PartlyDone(
            f"{counts[RowOutcome.REFUSED]} rows were refused",
            where=str(file),
            hint="the others are in; mend these and import the file again",
        )


@contextmanager
def _one_transaction(mailer: Mailer, out: Output) -> Iterator[Transaction]:
    """All batches of a dry run in one transaction, undone at its end."""
    try:
        with mailer.store.begin() as tx:
            yield tx
            raise _UndoError
    except _UndoError:
        out.note("dry run: nothing was written")


class _UndoError(Exception):
    """Leaves the transaction of a dry run."""


def _report(stack: ExitStack, path: Path | None) -> Any:
    if path is None:
        return None
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise InputError(f"it can't be written ({error.strerror})", where=str(path)) from error
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["line", "outcome", "address", "reason"])
    return writer


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; else stdout.")] = None,
    of: Annotated[str, typer.Option("--list", help="Only this list's, with their topics.")] = "",
) -> None:
    """Export people as CSV that `import` reads back.

    Example: [bold]mailer subscriber export news.csv --list news[/]"""
    with reading() as (_, tx):
        wanted = lists.get_list(tx.lists, of) if of else None
        people = tx.subscribers.each(wanted)
        if file is None:
            table.write(people, sys.stdout)
            return
        part = file.with_name(f".{file.name}.part")
        try:
            with part.open("w", encoding="utf-8", newline="") as out:
                count = table.write(people, out)
            part.replace(file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise InputError(f"it can't be written ({error.strerror})", where=str(file)) from error
        errors.print(f"{count} written to {file}")
