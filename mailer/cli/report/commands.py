"""The commands of ``mailer report``. They only read."""

from typing import Annotated

import typer

from mailer import reports, zones
from mailer.audience import lists
from mailer.cli.options import EditionNumber, JsonOption
from mailer.cli.output import Output
from mailer.cli.report import tables
from mailer.cli.report.group import (
    CsvOption,
    ListArgument,
    SinceOption,
    StepOption,
    UntilOption,
    app,
    check_formats,
    parse_period,
    parse_times,
)
from mailer.cli.transactions import open_for_reading


@app.command("list")
def report_list(
    slug: ListArgument,
    since: SinceOption = "",
    until: UntilOption = "",
    per: StepOption = None,
    csv: CsvOption = False,
    json: JsonOption = False,
) -> None:
    """Report a list's readers, who joined and left, and its mails.

    CSV has a line for each part of the period; JSON has everything.

    Example: mailer report list news --since 2026-01-01 --per month"""
    from mailer.delivery.reply_report import describe_reply

    check_formats(csv, json)
    with open_for_reading() as (mailer, tx):
        zone = zones.get_zone(mailer.settings.defaults.time_zone)
        times = parse_times(since, until, per, zone, mailer.clock())
        mailing_list = lists.get_list(tx, slug)
        report = reports.report_list(tx, mailing_list, times.period, times.parts, describe_reply)
        if json:
            Output(as_json=True).print_json(report)
        elif csv:
            tables.write_parts(report.list, report.parts, zone)
        else:
            tables.print_list_report(Output(), report, zone)


@app.command("topics")
def report_topics(
    slug: ListArgument,
    since: SinceOption = "",
    until: UntilOption = "",
    csv: CsvOption = False,
    json: JsonOption = False,
) -> None:
    """Report the readers of each topic on a list, and the stories that its editions carried.

    Readers who chose no topic get all topics; they are counted apart.

    Example: mailer report topics news --since 2026-01-01 --csv"""
    check_formats(csv, json)
    with open_for_reading() as (mailer, tx):
        zone = zones.get_zone(mailer.settings.defaults.time_zone)
        period = parse_period(since, until, zone, mailer.clock())
        report = reports.report_topics(tx, lists.get_list(tx, slug), period)
        if json:
            Output(as_json=True).print_json(report)
        elif csv:
            tables.write_topics(report)
        else:
            tables.print_topic_report(Output(), report, zone)


@app.command("edition")
def report_edition(number: EditionNumber, csv: CsvOption = False, json: JsonOption = False) -> None:
    """Report an edition's mails, failures by reason, and the readers who left by its links.

    Example: mailer report edition 3"""
    from mailer.delivery.reply_report import describe_reply

    check_formats(csv, json)
    with open_for_reading() as (_, tx):
        report = reports.report_edition(tx, number, describe_reply)
        if json:
            Output(as_json=True).print_json(report)
        elif csv:
            tables.write_edition(report)
        else:
            tables.print_edition_report(Output(), report)


@app.command("growth")
def report_growth(
    slug: Annotated[str, typer.Argument(help="The list's slug; default: every list.")] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    per: StepOption = None,
    csv: CsvOption = False,
    json: JsonOption = False,
) -> None:
    """Report how lists grew: who joined, who left, and the readers at the end of each part.

    Example: mailer report growth news --since 2026-01-01 --per month --csv"""
    check_formats(csv, json)
    with open_for_reading() as (mailer, tx):
        zone = zones.get_zone(mailer.settings.defaults.time_zone)
        times = parse_times(since, until, per, zone, mailer.clock())
        chosen_lists = [lists.get_list(tx, slug)] if slug else tx.lists.list_mailing_lists()
        growth_reports = [
            reports.report_growth(tx, mailing_list, times.period, times.parts)
            for mailing_list in chosen_lists
        ]
        if json:
            Output(as_json=True).print_json(growth_reports)
        elif csv:
            tables.write_growth(growth_reports, zone)
        else:
            tables.print_growth_reports(Output(), growth_reports, zone)
