"""The group of ``mailer report``, and the options that its commands share."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from mailer import reports
from mailer.cli.command_groups import CommandGroup
from mailer.errors import InputError, UsageError
from mailer.model.reports import Period, ReportStep

app = CommandGroup(help="Reports: readers, mails, and people who joined and left, in numbers.")

DEFAULT_LENGTH = timedelta(weeks=4)
"""The length of the period if --since is left out."""

SinceOption = Annotated[
    str,
    typer.Option(
        "--since", metavar="DAY", help="The first day, such as 2026-01-01; default: 4 weeks ago."
    ),
]
UntilOption = Annotated[
    str, typer.Option("--until", metavar="DAY", help="The last day; default: today.")
]
StepOption = Annotated[
    ReportStep | None,
    typer.Option("--per", help="The length of each part; default: by the length of the period."),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV on stdout.")]
ListArgument = Annotated[str, typer.Argument(help="The list's slug.")]


@dataclass(frozen=True, slots=True)
class ReportTimes:
    """The period of a report and its parts, in the office's time zone."""

    period: Period
    parts: list[Period]
    zone: ZoneInfo


def parse_times(
    since: str, until: str, step: ReportStep | None, zone: ZoneInfo, now: datetime
) -> ReportTimes:
    """Parse the options of a period and of its parts. Raises InputError."""
    period = parse_period(since, until, zone, now)
    parts = reports.split_period(period, step or reports.choose_step(period), zone)
    return ReportTimes(period, parts, zone)


def parse_period(since: str, until: str, zone: ZoneInfo, now: datetime) -> Period:
    """Parse the options of a period. Raises InputError."""
    first_day = (
        _parse_day(since, "--since") if since else (now - DEFAULT_LENGTH).astimezone(zone).date()
    )
    last_day = _parse_day(until, "--until") if until else None
    return reports.build_period(first_day, last_day, zone, now)


def _parse_day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a day", where=option, hint="write it as 2026-01-31"
        ) from error


def check_formats(csv: bool, json: bool) -> None:
    """Check that not both formats are asked for. Raises UsageError."""
    if csv and json:
        raise UsageError("--csv and --json exclude each other", hint="give one of them")
