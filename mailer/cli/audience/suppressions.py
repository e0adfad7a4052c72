"""``mailer suppression``."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mailer.app import open_mailer
from mailer.audience import arrivals, suppressions
from mailer.audience.rows import RowOutcome
from mailer.audience.suppressions import Reason
from mailer.cli.bulk import Tally, bar, size_of, transactions, write_whole
from mailer.cli.options import DryRunOption, JsonOption, reading, settings, writing
from mailer.cli.output import Output, errors
from mailer.errors import UsageError
from mailer.intake import suppressions as files

app = typer.Typer(no_args_is_help=True, help="Addresses that must not be mailed.")

OUTCOMES = (RowOutcome.SUPPRESSED, RowOutcome.UNCHANGED, RowOutcome.REFUSED)


@app.command("add")
def suppress(
    address: str,
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.MANUAL,
    detail: Annotated[str, typer.Option(help="More, for whoever asks later.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop all mail to an address, from the next message on.

    Example: [bold]mailer suppression add someone@example.org --detail "asked by phone"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        made, new = suppressions.suppress(tx.suppressions, address, reason, detail, mailer.clock())
        said = "suppressed" if new else "suppressed already"
        out.record(made, f"{made.address}: {said} ({made.reason})")


@app.command("remove")
def release(address: str, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Let an address be mailed again. Example: [bold]mailer suppression remove a@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        freed = suppressions.release(tx.suppressions, address, mailer.clock())
        out.record({"address": freed}, f"{freed} may be mailed again")


@app.command("list")
def list_suppressions(
    reason: Annotated[Reason | None, typer.Option(help="Only those for this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: JsonOption = False,
) -> None:
    """List suppressed addresses with their reasons, the newest first.

    Example: [bold]mailer suppression list --reason complaint[/]"""
    with reading() as (_, tx):
        found = tx.suppressions.suppressions(reason, limit)
        counts = tx.suppressions.count()
    out = Output(json)
    out.table(
        found,
        {"address": "", "reason": "", "detail": "", "since": ""},
        [(o.address or "(only its hash)", o.reason, o.detail, o.created_at) for o in found],
        empty=f"no address is suppressed ({reason})" if reason else "no address is suppressed",
    )
    more = (counts.get(reason, 0) if reason else sum(counts.values())) - len(found)
    if more > 0:
        out.note(f"… and {more} more; --limit shows them, `mailer suppression export` writes them")


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV with address, reason, detail; or an address a line.")
    ],
    reason: Annotated[Reason, typer.Option(help="Where a line gives none.")] = Reason.MANUAL,
    source: Annotated[str, typer.Option(help="For the log; else the file's name.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="Write what became of each line to this CSV file.")
    ] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop all mail to the addresses of a file, a thousand a transaction.

    An address to which it was stopped already keeps its reason. Refused lines are named (exit
    code 4).

    Example: [bold]mailer suppression import bounced.csv --reason bounce[/]"""
    if reason not in files.REASONS:
        raise UsageError(
            f"{reason} keeps no address", where="--reason", hint=f"use {', '.join(files.REASONS)}"
        )
    out = Output(json)
    with ExitStack() as stack:
        mailer = stack.enter_context(open_mailer(settings()))
        tally = Tally(stack, report, OUTCOMES)
        shown = stack.enter_context(bar(size_of(file), "importing"))
        begin = stack.enter_context(transactions(mailer, out, dry_run=dry_run))
        said = source.strip() or f"import of {file.name}"
        for batch in files.batches(file, reason, mailer.clock()):
            with begin() as tx:
                results = arrivals.suppress(
                    tx.suppressions, batch.rows, mailer.clock(), source=said
                )
            tally.add([*batch.refused, *results], batch.passed_over)
            shown.show(batch.bytes_read, f"{tally.rows:,} lines")
    tally.tell(out, file, dry_run=dry_run)


@app.command("export")
def export_(
    file: Annotated[Path | None, typer.Argument(help="Where to; else stdout.")] = None,
) -> None:
    """Export suppressed addresses as CSV that `import` reads back.

    Example: [bold]mailer suppression export suppressed.csv[/]"""
    hashes = 0

    def write(out: TextIO) -> int:
        nonlocal hashes
        written, hashes = files.write(tx.suppressions.each(), out)
        return written

    with reading() as (_, tx):
        if file is None:
            write(sys.stdout)
        else:
            errors.print(f"{write_whole(file, write)} written to {file}")
    if hashes:
        errors.print(f"{hashes} more are only a hash here, of people who were erased")
