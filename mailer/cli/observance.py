"""``mailer observance``: named days, as schedules count from them."""

import calendar
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import languages
from mailer.cli.options import DryRunOption, JsonOption, load_settings, parse_pairs
from mailer.cli.output import Output
from mailer.config import Settings
from mailer.errors import InputError, NotFound, UsageError
from mailer.schedules import observances
from mailer.schedules.observances import Observance

app = typer.Typer(
    no_args_is_help=True,
    help="Observances: named days by rule, which schedules can count from.",
)

Slug = Annotated[str, typer.Argument(help="The observance's name, such as migrants-day.")]
Year = Annotated[int | None, typer.Option(help="The year; else this one.", min=1900, max=9998)]
Language = Annotated[str, typer.Option(help="The language of the names.")]


def _read_observances(settings: Settings) -> dict[str, Observance]:
    return observances.parse_observances(settings.read_observances())


def _choose_year(year: int | None) -> int:
    return year if year is not None else date.today().year  # noqa: DTZ011  (a default for people)


@app.command("list")
def list_observances(
    year: Year = None,
    language: Language = "en",
    month: Annotated[int | None, typer.Option(min=1, max=12, help="Only that month's.")] = None,
    json: JsonOption = False,
) -> None:
    """List a year's observances, in the order of their dates.

    Example: [bold]mailer observance list --year 2027 --month 12[/]"""
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
        empty="none in that time",
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
def show_observance(slug: Slug, year: Year = None, json: JsonOption = False) -> None:
    """Show an observance: its rule, its next five dates, its names.

    Example: [bold]mailer observance show migrants-day[/]"""
    observance = _read_observances(load_settings()).get(slug)
    if observance is None:
        raise NotFound(f"there is no observance {slug!r}", hint="see `mailer observance list`")
    first = _choose_year(year)
    days = [day for at in range(first, first + 5) if (day := observance.find_date(at)) is not None]
    record = {**_to_json(observance), "dates": days}
    if json:
        Output(json).print_json(record)
        return
    names = record.pop("names")
    fields = {**record, "dates": [f"{day:%a %d %b %Y}" for day in days], **names}
    Output(json).print_record({key: value for key, value in fields.items() if value})


@app.command("add")
def add_observance(
    slug: Slug,
    rule: Annotated[
        str, typer.Option(help="Such as '18 december' or 'third thursday of november'.")
    ],
    name: Annotated[list[str], typer.Option(help="LANGUAGE=NAME; English is needed, others help.")],
    source: Annotated[str, typer.Option(help="Where the day is laid down.")] = "",
    since: Annotated[int, typer.Option(help="Its first year.", min=0, max=9999)] = 0,
    until: Annotated[int, typer.Option(help="Its last year.", min=0, max=9999)] = 0,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add an observance of your own, to config/observances.toml. To change one, edit the file.

    Example: [bold]mailer observance add founders-day --rule '5 december' --name 'en=Our day'[/]"""
    settings = load_settings()
    names = parse_pairs(name, "--name", languages.normalise_tag)
    observance = observances.check_observance(
        Observance(slug, rule.lower(), names, source, since, until)
    )
    _append_observances(settings, [observance], Output(json), dry_run=dry_run)


@app.command("import")
def import_observances(
    file: Annotated[Path, typer.Argument(help="An iCalendar file (.ics); - for stdin.")],
    language: Language = "en",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add the all-day events of an iCalendar file to config/observances.toml.

    Yearly events are kept by their rule, single ones in their year alone. What is known already is
    left as it is; what can't be kept is named.

    Example: [bold]mailer observance import days.ics --dry-run[/]"""
    from mailer.intake import calendars  # 50 ms, which other commands need not wait for

    settings = load_settings()
    out = Output(json)
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InputError(f"it can't be read ({error.strerror})", where=str(file)) from error
    imported = calendars.read_calendar(data, languages.normalise_tag(language))
    for reason in imported.left_out:
        out.print_note(f"left out: {reason}")
    known_observances = _read_observances(settings)
    new_observances = [
        observance
        for observance in imported.observances
        if observance.slug not in known_observances
    ]
    if len(new_observances) < len(imported.observances):
        out.print_note(f"{len(imported.observances) - len(new_observances)} are known already")
    _append_observances(settings, new_observances, out, dry_run=dry_run)


@app.command("export")
def export_observances(
    language: Language = "en",
    year: Year = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Repeatable.")] = None,
) -> None:
    """Write the observances as an iCalendar file to stdout, to be published or subscribed to.

    Example: [bold]mailer observance export --language fr > days.ics[/]"""
    from mailer.intake import calendars

    settings = load_settings()
    known_observances = _read_observances(settings)
    if missing := [
        missing_slug for missing_slug in only or [] if missing_slug not in known_observances
    ]:
        raise UsageError(f"there is no observance {missing[0]!r}", hint="see `observance list`")
    selected = (
        [known_observances[slug] for slug in only] if only else list(known_observances.values())
    )
    domain = settings.sender.address.rpartition("@")[2]
    language = languages.normalise_tag(language)
    sys.stdout.buffer.write(
        calendars.export_calendar(selected, language, _choose_year(year), domain)
    )
    sys.stdout.buffer.flush()


def _append_observances(
    settings: Settings, new_observances: list[Observance], out: Output, *, dry_run: bool
) -> None:
    """Append to the organisation's own file, whole or not at all."""
    file = settings.own_observances_file
    own_slugs = {slug for slug, (_, where) in settings.read_observances().items() if where == file}
    if duplicates := [
        observance.slug for observance in new_observances if observance.slug in own_slugs
    ]:
        raise InputError(
            f"there is an observance {duplicates[0]!r} already",
            where=str(file),
            hint="edit it there",
        )
    if new_observances and not dry_run:
        before = file.read_text("utf-8") if file.exists() else _FILE_HEADER
        text = (
            before.rstrip("\n")
            + "\n\n"
            + "\n".join(observances.to_toml(observance) for observance in new_observances)
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".new")
        temporary.write_text(text, "utf-8")
        temporary.replace(file)
    lines = [
        f"{observance.slug}: {observance.rule}, {observance.get_name('en')}"
        for observance in new_observances
    ] or ["nothing to add"]
    out.print_record([_to_json(observance) for observance in new_observances], "\n".join(lines))
    if dry_run:
        out.print_note("dry run: nothing was written")


_FILE_HEADER = (
    "# Observances of our own. One with the name of one that comes with the mailer wins over it.\n"
)
