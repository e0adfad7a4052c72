"""People from files, and into files."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from mailer.app import open_mailer
from mailer.audience import lists
from mailer.audience.consent import Basis, check_basis
from mailer.audience.rows import Column, RowState
from mailer.cli.bulk import Tally, bar, size_of, transactions, write_whole
from mailer.cli.options import DryRunOption, JsonOption, pairs, reading, settings
from mailer.cli.output import Output, errors
from mailer.cli.subscriber.common import app
from mailer.errors import UsageError
from mailer.intake import table
from mailer.intake.exports import Origin, export


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header.")],
    to: Annotated[str, typer.Option("--list", help="The list to put them on.")],
    source: Annotated[
        str, typer.Option(help="Where these people agreed, or how you know them. Required.")
    ] = "",
    basis: Annotated[str, typer.Option(help=f"Lawful basis: {', '.join(Basis)}. Required.")] = "",
    from_: Annotated[
        Origin | None, typer.Option("--from", help="The program that has written the file.")
    ] = None,
    state: Annotated[
        RowState | None, typer.Option(help="How those stand of whom the file doesn't say it.")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help=f"HEADER=COLUMN, where COLUMN is {', '.join(Column)}."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what became of each line to this CSV file.")
    ] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import people from a file onto a list, a thousand rows a transaction.

    Known people are updated where the file tells more. Nobody who left or must not be mailed is
    brought back; who is unsubscribed in the file is remembered as having left, who is suppressed
    is never mailed. Source and basis go into the log of consent. Refused rows are named by line
    (exit code 4). A file of Mailchimp's is known by its name: subscribed_, unsubscribed_, cleaned_.

    Example: [bold]mailer subscriber import people.csv --list news --source "fair in May" \
--basis consent --map "E-Mail 1=address"[/]"""
    if not source.strip():
        raise UsageError(
            "an import must name its source",
            where="--source",
            hint="say where these people agreed, such as --source 'cards from the fair in May'",
        )
    if not basis.strip():
        raise UsageError(
            "an import must name its lawful basis",
            where="--basis",
            hint=f"one of {', '.join(Basis)} (GDPR Article 6(1)(a) to (f))",
        )
    lawful = check_basis(basis)
    out = Output(json)
    with ExitStack() as stack:
        with reading() as (_, tx):
            list_ = lists.get_list(tx.lists, to)
            topics = frozenset(topic.slug for topic in tx.lists.topics())
        columns = pairs(mapping, "--map")
        tally = Tally(stack, report)
        shown = stack.enter_context(bar(size_of(file), "importing"))
        mailer = stack.enter_context(open_mailer(settings()))
        begin = stack.enter_context(transactions(mailer, out, dry_run=dry_run))
        opens = (
            export(from_, columns, topics, state)
            if from_
            else table.plain(columns, topics, state or RowState.ACTIVE)
        )
        for batch in table.read_file(file, opens):
            with begin() as tx:
                results = tx.rows.bring_in(
                    batch.rows, list_, source.strip(), mailer.clock(), lawful
                )
            tally.add([*batch.refused, *results], batch.passed_over)
            shown.show(batch.bytes_read, f"{tally.rows:,} rows")
    if from_ is Origin.LISTMONK and state is None:
        out.note(
            "listmonk doesn't say here who left this list: export those too, and import them with "
            "--state unsubscribed"
        )
    tally.tell(out, file, dry_run=dry_run)


@app.command("export")
def export_(
    file: Annotated[Path | None, typer.Argument(help="Where to; else stdout.")] = None,
    of: Annotated[str, typer.Option("--list", help="Only this list's, with their topics.")] = "",
) -> None:
    """Export people as CSV that `import` reads back: of a list also who left it, and when.

    Example: [bold]mailer subscriber export news.csv --list news[/]"""
    with reading() as (_, tx):
        wanted = lists.get_list(tx.lists, of) if of else None
        people = tx.subscribers.each(wanted)
        if file is None:
            table.write(people, sys.stdout)
            return
        count = write_whole(file, lambda out: table.write(people, out))
        errors.print(f"{count} written to {file}")
