"""``mailer suppression``: addresses that must not be mailed."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mailer.audience import suppressions
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, LimitOption, resolve_actor
from mailer.cli.output import Output, error_console
from mailer.cli.paging import print_next_page
from mailer.cli.table_options import DatesOption, EncodingOption, SheetOption
from mailer.cli.transactions import load_settings, open_for_reading, open_for_writing
from mailer.errors import UsageError
from mailer.model.suppressions import SuppressionReason

app = CommandGroup(help="Addresses that must not be mailed.")

Address = Annotated[str, typer.Argument(help="The mail address.")]


@app.command("add")
def suppress_address(
    address: Address,
    reason: Annotated[
        SuppressionReason, typer.Option(help="Why the address must not be mailed.")
    ] = SuppressionReason.MANUAL,
    detail: Annotated[str, typer.Option(help="Details for colleagues.")] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop all mail to an address, from the next message on.

    Example: mailer suppression add ana@example.org --detail "asked by phone"
    """
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        suppression, is_new = suppressions.suppress_address(
            tx, actor, address, reason, detail, mailer.clock()
        )
        message = "suppressed" if is_new else "suppressed already"
        out.print_record(suppression, f"{suppression.address}: {message} ({suppression.reason})")


@app.command("import")
def import_suppressions(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV file or a spreadsheet with address, reason and detail; or one address "
            "on each line."
        ),
    ],
    reason: Annotated[
        SuppressionReason, typer.Option(help="Reason for lines that give no reason.")
    ] = SuppressionReason.MANUAL,
    source: Annotated[
        str, typer.Option(help="Where the addresses come from; default: the file's name.")
    ] = "",
    report: Annotated[
        Path | None, typer.Option(help="Write the outcome of each line to this CSV file.")
    ] = None,
    dates: DatesOption = None,
    sheet: SheetOption = "",
    encoding: EncodingOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop all mail to the addresses in a file.

    An address that is suppressed already keeps its reason. A reason or date that can't be read is
    left out and listed; the day of the import takes the place of the date. Lines without a valid
    address are refused and listed (exit code 4).

    Example: mailer suppression import bounced.csv --reason bounce"""
    from mailer.app import open_mailer
    from mailer.audience.imports import decisions
    from mailer.cli.bulk import RowTally, get_file_size, open_progress_bar, open_transactions
    from mailer.intake import suppressions as files
    from mailer.intake.csv_reader import FileChoices
    from mailer.model.imports import RowOutcome

    if reason not in files.REASONS:
        raise UsageError(
            f"{reason} keeps no address", where="--reason", hint=f"use {', '.join(files.REASONS)}"
        )
    out = Output(json)
    outcomes = (RowOutcome.SUPPRESSED, RowOutcome.UNCHANGED, RowOutcome.REFUSED)
    actor = resolve_actor(by)
    with ExitStack() as stack:
        mailer = stack.enter_context(open_mailer(load_settings()))
        tally = RowTally(stack, report, outcomes)
        progress_bar = stack.enter_context(open_progress_bar(get_file_size(file), "importing"))
        begin_transaction = stack.enter_context(open_transactions(mailer, out, dry_run=dry_run))
        import_source = source.strip() or f"import of {file.name}"
        for batch in files.read_suppressions(
            file,
            reason,
            mailer.clock(),
            choices=FileChoices(encoding, sheet),
            date_order=dates,
        ):
            with begin_transaction() as tx:
                results = decisions.suppress_rows(
                    tx, actor, batch.rows, mailer.clock(), source=import_source
                )
            results = [
                replace(result, omitted=batch.omitted.get(result.line, ())) for result in results
            ]
            tally.add_results([*batch.refused, *results], batch.passed_over, batch.notes)
            progress_bar.update_progress(batch.bytes_read, f"{tally.row_count:,} lines")
    tally.print_summary(out, file, dry_run=dry_run)


@app.command("list")
def list_suppressions(
    reason: Annotated[
        SuppressionReason | None, typer.Option(help="Only addresses suppressed for this reason.")
    ] = None,
    limit: LimitOption = 50,
    after: Annotated[
        str, typer.Option("--after", metavar="ADDRESS", help="Begin after this address.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """List suppressed addresses with their reasons, newest first. If there are more than --limit, a
    note gives the command for the next ones.

    Example: mailer suppression list --reason complaint"""
    with open_for_reading() as (_, tx):
        matching_suppressions, next_key = suppressions.list_suppressions(
            tx, reason, after=after, limit=limit
        )
    out = Output(json)
    out.print_table(
        matching_suppressions,
        {"address": "", "reason": "", "detail": "", "since": ""},
        [
            (
                suppression.address or "(only its hash)",
                suppression.reason,
                suppression.detail,
                suppression.created_at,
            )
            for suppression in matching_suppressions
        ],
        empty=f"no address is suppressed ({reason})" if reason else "no address is suppressed",
    )
    if next_key:
        print_next_page(out, next_key, "; `mailer suppression export` writes all to a file")


@app.command("remove")
def release_address(
    address: Address, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Allow mail to an address again.

    Example: mailer suppression remove ana@example.org"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        freed_address = suppressions.lift_suppression(tx, actor, address, mailer.clock())
        out.print_record({"address": freed_address}, f"{freed_address} may be mailed again")


@app.command("export")
def export_suppressions(
    file: Annotated[Path | None, typer.Argument(help="The file to write; default: stdout.")] = None,
) -> None:
    """Export suppressed addresses as CSV that `mailer suppression import` reads.

    Example: mailer suppression export suppressed.csv"""
    from mailer.cli.bulk import write_file_atomically
    from mailer.intake import suppressions as files

    hash_count = 0

    def write_csv(out: TextIO) -> int:
        nonlocal hash_count
        written_count, hash_count = files.write_suppressions(
            tx.subscribers.iterate_suppressions(), out
        )
        return written_count

    with open_for_reading() as (_, tx):
        if file is None:
            write_csv(sys.stdout)
        else:
            error_console.print(f"{write_file_atomically(file, write_csv)} written to {file}")
    if hash_count:
        error_console.print(
            f"{hash_count} more are stored as a hash only: those people were erased"
        )
