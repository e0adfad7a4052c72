"""Importing people from files, and exporting them to files."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from mailer.audience import lists
from mailer.audience.consent import check_basis
from mailer.audience.imports.people import EarlierLines, import_people
from mailer.audience.imports.topic_names import index_topics
from mailer.cli.bulk import (
    RowTally,
    get_file_size,
    open_progress_bar,
    open_transactions,
    write_file_atomically,
)
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output, error_console
from mailer.cli.subscriber.group import MANY_PEOPLE, app
from mailer.cli.table_options import (
    DatesOption,
    EncodingOption,
    IgnoreOption,
    MapOption,
    SheetOption,
    StatusOption,
    TableFileArgument,
    TopicNamesOption,
    build_choices,
    parse_topic_names,
    print_unknown_topics,
)
from mailer.cli.transactions import load_settings, open_for_reading
from mailer.errors import UsageError
from mailer.intake import table
from mailer.intake.exports import ExportOrigin, create_export_opener
from mailer.model.imports import RowState
from mailer.model.subscribers import STATED_BASES, LawfulBasis


@app.command("import", rich_help_panel=MANY_PEOPLE)
def import_subscribers(
    file: TableFileArgument,
    list_slug: Annotated[
        str, typer.Option("--list", help="The list that the people are added to.")
    ],
    source: Annotated[
        str,
        typer.Option(
            help="Where these people agreed to get mail, or how you know them.  [required]"
        ),
    ] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(LawfulBasis)}.  [required]")
    ] = "",
    from_: Annotated[
        ExportOrigin | None, typer.Option("--from", help="The program that wrote the file.")
    ] = None,
    state: Annotated[
        RowState | None, typer.Option(help="State of people whose row gives no state.")
    ] = None,
    mapping: MapOption = None,
    ignore: IgnoreOption = None,
    status: StatusOption = None,
    dates: DatesOption = None,
    topic: TopicNamesOption = None,
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Add topics that do not exist yet.")
    ] = False,
    sheet: SheetOption = "",
    encoding: EncodingOption = "",
    report: Annotated[
        Path | None, typer.Option(help="Write the outcome of each line to this CSV file.")
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add people from a file to a list, a thousand rows in each transaction.

    Existing subscribers are updated with the fields that the file has. People who left or must not
    be mailed are not added again. People who unsubscribed, bounced or complained according to the
    file are stored in that state, and get no mail. If a column looks like a status and is not
    understood, the file is refused: map the column with --map, or ignore it with --ignore. Source
    and basis go into the log of consent. Rows without a valid address are refused and listed by
    line (exit code 4); other values that can't be read are left out and listed. The state of the
    people in a Mailchimp file follows from the name of the file: subscribed_, unsubscribed_,
    cleaned_.

    A column whose header is the name or a label of a field in the settings holds that field. Values
    that the field's type does not allow are left out and listed.

    If two lines have the same address, the topics of both lines count, and of each other field the
    first value. A new person is left out if no topic of the row exists: say with --topic which
    topic a name means, or add the topics with --create-topics.

    Example: mailer subscriber import people.csv --list news --source "fair in May" \
--basis consent --map "E-Mail 1=address"
    """
    if not source.strip():
        raise UsageError(
            "an import must name its source",
            where="--source",
            hint="give the place where these people agreed: --source 'cards from the fair in May'",
        )
    if not basis.strip():
        raise UsageError(
            "an import must name its lawful basis",
            where="--basis",
            hint=f"one of {', '.join(STATED_BASES)} (GDPR Article 6(1)(a) to (f)), or unknown",
        )
    from mailer.app import open_mailer

    lawful_basis = check_basis(basis)
    out = Output(json)
    actor = resolve_actor(by)
    with ExitStack() as stack:
        with open_for_reading() as (reading_mailer, tx):
            fields = reading_mailer.reader_fields
            mailing_list = lists.get_list(tx, list_slug)
            own_names = parse_topic_names(tx, topic)
            topics = index_topics(tx.lists.list_topics(), own_names, may_create=create_topics)
        choices = build_choices(
            mapping, ignore, status, dates, sheet, encoding, topics, state, fields
        )
        tally = RowTally(stack, report)
        progress_bar = stack.enter_context(open_progress_bar(get_file_size(file), "importing"))
        mailer = stack.enter_context(open_mailer(load_settings()))
        begin_transaction = stack.enter_context(open_transactions(mailer, out, dry_run=dry_run))
        open_table = create_export_opener(from_, choices)
        earlier_lines = EarlierLines(fields)
        for batch in table.read_file(file, open_table):
            with begin_transaction() as tx:
                results = import_people(
                    tx,
                    actor,
                    batch.rows,
                    mailing_list,
                    mailer.clock(),
                    source=source,
                    basis=lawful_basis,
                    earlier_lines=earlier_lines,
                    new_topics={
                        slug: {mailer.settings.defaults.language: name}
                        for slug, name in topics.created.items()
                    },
                )
            tally.add_results([*batch.refused, *results], batch.passed_over, batch.notes)
            progress_bar.update_progress(batch.bytes_read, f"{tally.row_count:,} rows")
    if from_ is ExportOrigin.LISTMONK and state is None:
        out.print_note(
            "listmonk does not say in this file who left the list: export those people too, and "
            "import them with --state unsubscribed"
        )
    print_unknown_topics(tally, out)
    tally.print_summary(out, file, dry_run=dry_run)


@app.command("export", rich_help_panel=MANY_PEOPLE)
def export_subscribers(
    file: Annotated[Path | None, typer.Argument(help="The file to write; default: stdout.")] = None,
    list_slug: Annotated[
        str,
        typer.Option(
            "--list", help="Only people on this list and people who left it, with their topics."
        ),
    ] = "",
) -> None:
    """Export people as CSV that `mailer subscriber import` reads.

    A suppressed address has the state suppressed, and the reason. The last columns are the fields
    that the settings declare.

    Example: mailer subscriber export news.csv --list news"""
    with open_for_reading() as (mailer, tx):
        names = tuple(mailer.reader_fields)
        mailing_list = lists.get_list(tx, list_slug) if list_slug else None
        subscribers = tx.subscribers.iterate_exported(mailing_list)
        if file is None:
            table.write_subscribers(subscribers, sys.stdout, field_names=names)
            return
        count = write_file_atomically(
            file, lambda out: table.write_subscribers(subscribers, out, field_names=names)
        )
        error_console.print(f"{count} written to {file}")
