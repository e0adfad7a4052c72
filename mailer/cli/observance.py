"""``mailer observance``: named days to count from."""

import calendar
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import languages
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import DryRunOption, JsonOption, parse_pairs
from mailer.cli.output import Output
from mailer.cli.transactions import load_settings
from mailer.config import Settings
from mailer.errors import InputError, NextStep, NotFound, UsageError
from mailer.regular_files import read_bounded, read_regular_file
from mailer.schedules import observances
from mailer.schedules.observances import Observance
from mailer.schedules.own_observances import add_observances, select_new_observances

app = CommandGroup(
    help="Observances: named days that schedules can count from.",
)

Slug = Annotated[str, typer.Argument(help="The observance's slug, such as migrants-day.")]
Year = Annotated[int | None, typer.Option(help="The year; default: this year.", min=1900, max=9998)]
Language = Annotated[str, typer.Option(help="The language of the names.")]


def _read_observances(settings: Settings) -> dict[str, Observance]:
    return observances.parse_observances(settings.read_observances())


def _choose_year(year: int | None) -> int:
    """Return `year`, or this year if none is given."""
    return year if year is not None else date.today().year  # noqa: DTZ011  (a default for people)


@app.command("add")
def add_observance(
    slug: Slug,
    rule: Annotated[
        str, typer.Option(help="The day, such as '18 december' or 'third thursday of november'.")
    ],
    name: Annotated[
        list[str], typer.Option(help="LANGUAGE=NAME; repeatable; English is required.")
    ],
    source: Annotated[str, typer.Option(help="The resolution or law that names the day.")] = "",
    since: Annotated[
        int, typer.Option(help="The first year of the observance.", min=0, max=9999)
    ] = 0,
    until: Annotated[
        int, typer.Option(help="The last year of the observance.", min=0, max=9999)
    ] = 0,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add an observance to config/observances.toml. To change an observance, edit that file.

    Example: mailer observance add founders-day --rule '5 december' --name 'en=Our day'"""
    settings = load_settings()
    names = parse_pairs(name, "--name", languages.normalise_tag)
    observance = observances.check_observance(
        Observance(slug, rule.lower(), names, source, since, until)
    )
    _add_observances(settings, [observance], Output(json), dry_run=dry_run)


@app.command("import")
def import_observances(
    file: Annotated[Path, typer.Argument(help="An iCalendar file (.ics), or - for stdin.")],
    language: Language = "en",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add the all-day events of an iCalendar file to config/observances.toml.

    A yearly event is saved with a rule, and a single event for its year only. Existing observances
    stay as they are. Events that can't be saved are listed.

    Example: mailer observance import days.ics --dry-run"""
    from mailer.intake import calendars

    settings = load_settings()
    out = Output(json)
    try:
        data = (
            read_bounded(sys.stdin.buffer, MAX_CALENDAR_BYTES, "stdin")
            if str(file) == "-"
            else read_regular_file(file, MAX_CALENDAR_BYTES)
        )
    except OSError as error:
        raise InputError(f"the file can't be read ({error.strerror})", where=str(file)) from error
    imported = calendars.read_calendar(data, languages.normalise_tag(language))
    for reason in imported.left_out:
        out.print_note(f"left out: {reason}")
    for note in imported.notes:
        out.print_note(note)
    new_observances = select_new_observances(imported.observances, _read_observances(settings))
    if len(new_observances) < len(imported.observances):
        out.print_note(f"{len(imported.observances) - len(new_observances)} exist already")
    _add_observances(settings, new_observances, out, dry_run=dry_run)


@app.command("list")
def list_observances(
    year: Year = None,
    language: Language = "en",
    month: Annotated[int | None, typer.Option(min=1, max=12, help="Only this month.")] = None,
    json: JsonOption = False,
) -> None:
    """List a year's observances by date.

    Example: mailer observance list --year 2027 --month 12"""
    language = languages.normalise_tag(language)
    dated = [
        (day, observance)
        for observance in _read_observances(load_settings()).values()
        if (day := observance.find_date(_choose_year(year))) is not None
        and month in {None, day.month}
    ]
    dated.sort(key=lambda pair: (pair[0], pair[1].slug))
    Output(json).print_table(
        [
            {**_to_json(observance), "date": day, "name": observance.get_name(language)}
            for day, observance in dated
        ],
        {"date": "", "observance": "", "name": "", "source": ""},
        [
            (
                f"{calendar.day_abbr[day.weekday()]} {day}",
                observance.slug,
                observance.get_name(language),
                observance.source,
            )
            for day, observance in dated
        ],
        empty="no observance in that time",
    )


def _to_json(observance: Observance) -> dict[str, Any]:
    return {
        "slug": observance.slug,
        "rule": observance.rule,
        "source": observance.source,
        "since": observance.since or None,
        "until": observance.until or None,
        "names": dict(observance.names),
    }


@app.command("show")
def show_observance(
    slug: Slug,
    year: Annotated[
        int | None,
        typer.Option(help="The first of the five years; default: this year.", min=1900, max=9998),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show an observance: its rule, its dates in five years and its names.

    Example: mailer observance show migrants-day"""
    observance = _read_observances(load_settings()).get(slug)
    if observance is None:
        raise NotFound(
            f"there is no observance {slug!r}", next_steps=[NextStep("list_observances")]
        )
    first = _choose_year(year)
    days = [day for at in range(first, first + 5) if (day := observance.find_date(at)) is not None]
    record = {**_to_json(observance), "dates": days}
    if json:
        Output(json).print_json(record)
        return
    names = record.pop("names")
    fields = {**record, "dates": [f"{day:%a %d %b %Y}" for day in days], **names}
    Output(json).print_record({key: value for key, value in fields.items() if value})


@app.command("export")
def export_observances(
    language: Language = "en",
    year: Year = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this observance; repeatable.")
    ] = None,
) -> None:
    """Write the observances to stdout as an iCalendar file that people can subscribe to.

    Example: mailer observance export --language fr > days.ics"""
    from mailer.intake import calendars

    settings = load_settings()
    known_observances = _read_observances(settings)
    if missing := [slug for slug in only or [] if slug not in known_observances]:
        raise UsageError(
            f"there is no observance {missing[0]!r}", next_steps=[NextStep("list_observances")]
        )
    selected = (
        [known_observances[slug] for slug in only] if only else list(known_observances.values())
    )
    domain = settings.sender.address.rpartition("@")[2]
    language = languages.normalise_tag(language)
    sys.stdout.buffer.write(
        calendars.export_calendar(selected, language, _choose_year(year), domain)
    )
    sys.stdout.buffer.flush()


def _add_observances(
    settings: Settings, new_observances: list[Observance], out: Output, *, dry_run: bool
) -> None:
    add_observances(
        settings.own_observances_file,
        settings.read_observances(),
        new_observances,
        write=not dry_run,
    )
    lines = [
        f"{observance.slug}: {observance.rule}, {observance.get_name('en')}"
        for observance in new_observances
    ] or ["nothing to add"]
    out.print_record([_to_json(observance) for observance in new_observances], "\n".join(lines))
    if dry_run:
        out.print_note("dry run: nothing was written")


MAX_CALENDAR_BYTES = 5_000_000
"""Maximum size of an iCalendar file: some ten thousand events."""
