"""``mailer observance``: named days, as schedules count from them."""

import calendar
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import languages
from mailer.cli.options import DryRunOption, JsonOption, pairs, settings
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


def _known(ours: Settings) -> dict[str, Observance]:
    return observances.read(ours.observances())


def _this(year: int | None) -> int:
    return year if year is not None else date.today().year  # noqa: DTZ011  (a default for people)


@app.command("list")
def list_(
    year: Year = None,
    language: Language = "en",
    month: Annotated[int | None, typer.Option(min=1, max=12, help="Only that month's.")] = None,
    json: JsonOption = False,
) -> None:
    """List a year's observances, in the order of their dates.

    Example: [bold]mailer observance list --year 2027 --month 12[/]"""
    language = languages.normalise(language)
    dated = [
        (day, one)
        for one in _known(settings()).values()
        if (day := one.date(_this(year))) is not None and month in {None, day.month}
    ]
    dated.sort(key=lambda pair: (pair[0], pair[1].slug))
    Output(json).table(
        [{**_plain(one), "date": day, "name": one.name(language)} for day, one in dated],
        {"date": "", "observance": "", "name": "", "source": ""},
        [
            (f"{calendar.day_abbr[day.weekday()]} {day}", one.slug, one.name(language), one.source)
            for day, one in dated
        ],
        empty="none in that time",
    )


def _plain(one: Observance) -> dict[str, Any]:
    return {
        "slug": one.slug,
        "rule": one.rule,
        "source": one.source,
        "since": one.since or None,
        "until": one.until or None,
        "names": dict(one.names),
    }


@app.command("show")
def show(slug: Slug, year: Year = None, json: JsonOption = False) -> None:
    """Show an observance: its rule, its next five dates, its names.

    Example: [bold]mailer observance show migrants-day[/]"""
    one = _known(settings()).get(slug)
    if one is None:
        raise NotFound(f"there is no observance {slug!r}", hint="see `mailer observance list`")
    first = _this(year)
    days = [day for at in range(first, first + 5) if (day := one.date(at)) is not None]
    record = {**_plain(one), "dates": days}
    if json:
        Output(json).json(record)
        return
    names = record.pop("names")
    shown = {**record, "dates": [f"{day:%a %d %b %Y}" for day in days], **names}
    Output(json).record({key: value for key, value in shown.items() if value})


@app.command("add")
def add(
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
    ours = settings()
    names = pairs(name, "--name", languages.normalise)
    made = observances.check(Observance(slug, rule.lower(), names, source, since, until))
    _write(ours, [made], Output(json), dry_run=dry_run)


@app.command("import")
def import_(
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

    ours = settings()
    out = Output(json)
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InputError(f"it can't be read ({error.strerror})", where=str(file)) from error
    found = calendars.read(data, languages.normalise(language))
    for reason in found.left_out:
        out.note(f"left out: {reason}")
    known = _known(ours)
    fresh = [one for one in found.observances if one.slug not in known]
    if len(fresh) < len(found.observances):
        out.note(f"{len(found.observances) - len(fresh)} are known already")
    _write(ours, fresh, out, dry_run=dry_run)


@app.command("export")
def export(
    language: Language = "en",
    year: Year = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Repeatable.")] = None,
) -> None:
    """Write the observances as an iCalendar file to stdout, to be published or subscribed to.

    Example: [bold]mailer observance export --language fr > days.ics[/]"""
    from mailer.intake import calendars

    ours = settings()
    known = _known(ours)
    if missing := [one for one in only or [] if one not in known]:
        raise UsageError(f"there is no observance {missing[0]!r}", hint="see `observance list`")
    wanted = [known[slug] for slug in only] if only else list(known.values())
    domain = ours.sender.address.rpartition("@")[2]
    language = languages.normalise(language)
    sys.stdout.buffer.write(calendars.publish(wanted, language, _this(year), domain))
    sys.stdout.buffer.flush()


def _write(ours: Settings, made: list[Observance], out: Output, *, dry_run: bool) -> None:
    """Append to the organisation's own file, whole or not at all."""
    file = ours.own_observances
    mine = {slug for slug, (_, where) in ours.observances().items() if where == file}
    if twice := [one.slug for one in made if one.slug in mine]:
        raise InputError(
            f"there is an observance {twice[0]!r} already", where=str(file), hint="edit it there"
        )
    if made and not dry_run:
        before = file.read_text("utf-8") if file.exists() else _HEAD
        text = before.rstrip("\n") + "\n\n" + "\n".join(observances.table(one) for one in made)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".new")
        temporary.write_text(text, "utf-8")
        temporary.replace(file)
    said = [f"{one.slug}: {one.rule}, {one.name('en')}" for one in made] or ["nothing to add"]
    out.record([_plain(one) for one in made], "\n".join(said))
    if dry_run:
        out.note("dry run: nothing was written")


_HEAD = (
    "# Observances of our own. One with the name of one that comes with the mailer wins over it.\n"
)
