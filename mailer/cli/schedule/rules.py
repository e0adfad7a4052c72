"""Adding, changing, listing and removing the schedules of digests."""

from datetime import date
from typing import Annotated, Any

import typer

from mailer import digests, zones
from mailer.app import Mailer
from mailer.cli.options import (
    ByOption,
    DigestSlug,
    DryRunOption,
    JsonOption,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.schedule.group import RULES, app
from mailer.cli.schedule.text_notes import print_unplaced_texts
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.digests import run_ups, schedules
from mailer.errors import InputError
from mailer.model.schedules import NewSchedule, Schedule
from mailer.schedules import durations, observances, rule_syntax
from mailer.schedules.holidays import OnFreeDay
from mailer.store import SqlTransaction

ScheduleName = Annotated[
    str,
    typer.Argument(
        metavar="SCHEDULE",
        help="The schedule's number, or the slug of a digest that has one schedule.",
    ),
]


@app.command("add", rich_help_panel=RULES)
def add_schedule(
    digest: DigestSlug,
    rule: Annotated[str, typer.Argument(help="The days; see `mailer schedule --help`.")],
    at: Annotated[
        str,
        typer.Option(
            help="The time of day, such as 17:30 or 9am, if the rule does not end with it; "
            "default: 09:00."
        ),
    ] = "",
    zone: Annotated[str, typer.Option(help="An IANA time zone; default: the office's.")] = "",
    cutoff: Annotated[
        str,
        typer.Option(help="Assemble the edition this long before the send time: 90m, 2h, 1d."),
    ] = "1h",
    holidays: Annotated[
        str, typer.Option(help="Observe the public holidays of a country or region: GB, GB-SCT.")
    ] = "",
    on_free_day: Annotated[
        OnFreeDay,
        typer.Option(
            help="On a holiday or blackout: skip, or move to the working day before or after."
        ),
    ] = OnFreeDay.SKIP,
    start: Annotated[
        str, typer.Option(help="The schedule's first day, YYYY-MM-DD; default: today.")
    ] = "",
    *,
    spread: Annotated[
        bool,
        typer.Option(
            "--spread/--no-spread",
            help="In a run-up, spread the stories over its days, or let each day take all of them.",
        ),
    ] = True,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a schedule to a digest. A digest may have several schedules.

    Example: mailer schedule add weekly 'every Thursday at 9am' --holidays GB"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        digests.get_digest(tx, digest)
        zone = zone or mailer.settings.defaults.time_zone
        now = mailer.clock()
        first_day = (
            parse_day(start, "--start") if start else now.astimezone(zones.get_zone(zone)).date()
        )
        new_schedule = NewSchedule(
            digest,
            schedules.parse_timing(rule, at, zone, first_day, on_free_day),
            durations.parse_duration(cutoff, "--cutoff"),
            holidays,
            spread,
        )
        known_observances = observances.parse_observances(mailer.settings.read_observances())
        schedule = schedules.add_schedule(tx, actor, new_schedule, known_observances, now)
        _print_schedule(mailer, tx, schedule, out, "the first")


@app.command("edit", rich_help_panel=RULES)
def edit_schedule(
    name: ScheduleName,
    rule: Annotated[
        str, typer.Option(help="The days, as for `mailer schedule add`; a time may follow.")
    ] = "",
    at: Annotated[str, typer.Option(help="The time of day, such as 17:30 or 9am.")] = "",
    zone: Annotated[str, typer.Option(help="An IANA time zone.")] = "",
    cutoff: Annotated[
        str, typer.Option(help="Assemble the edition this long before: 90m, 2h, 1d.")
    ] = "",
    holidays: Annotated[
        str | None,
        typer.Option(help="Observe the public holidays of a country or region; '' for none."),
    ] = None,
    on_free_day: Annotated[
        OnFreeDay | None, typer.Option(help="What happens on a holiday or blackout.")
    ] = None,
    start: Annotated[
        str, typer.Option(help="The first day of the rule, YYYY-MM-DD; default: as it is.")
    ] = "",
    *,
    spread: Annotated[
        bool | None,
        typer.Option(
            "--spread/--no-spread",
            help="In a run-up, spread the stories over its days, or let each day take all of them.",
        ),
    ] = None,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a schedule from now on; what is not named stays.

    A day that has its edition already, or that was moved or skipped, stays as it was decided.

    Example: mailer schedule edit 2 --rule 'every Friday' --at 10am"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        now = mailer.clock()
        schedule = schedules.find_schedule(tx, name)
        settings = schedules.change_settings(
            schedule.settings,
            now,
            rule=rule,
            at=at,
            zone=zone,
            start=parse_day(start, "--start") if start else None,
            cutoff=durations.parse_duration(cutoff, "--cutoff") if cutoff else None,
            region=holidays,
            on_free_day=on_free_day,
            spread=spread,
        )
        known_observances = observances.parse_observances(mailer.settings.read_observances())
        schedule = schedules.edit_schedule(tx, actor, schedule.id, settings, known_observances, now)
        _print_schedule(mailer, tx, schedule, out, "next")


def _print_schedule(
    mailer: Mailer, tx: SqlTransaction, schedule: Schedule, out: Output, word: str
) -> None:
    """Print a schedule with its next occurrence, and days before it that are skipped."""
    digest = digests.get_digest(tx, schedule.settings.digest_slug)
    calendar = mailer.build_calendar(tx, digest)
    upcoming = [
        planned
        for planned in calendar.list_upcoming(mailer.clock(), 50)
        if planned.schedule.id == schedule.id
    ]
    note = ""
    for planned in upcoming:
        day_text = f"{planned.occurrence.clock_time:%a %d %b %Y %H:%M}"
        if not planned.occurrence.skipped:
            note += f"; {word} {day_text}"
            break
        if planned.saved is not None:
            note += f"; not {day_text}: {planned.occurrence.note}"
    out.print_record(
        _to_json(schedule), f"schedule {schedule.id}: {_describe_schedule(schedule)}{note}"
    )
    print_unplaced_texts(tx, calendar, mailer.clock(), out)


def parse_day(text: str, option: str) -> date:
    """Parse a day written as YYYY-MM-DD. Raises InputError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a day", where=option, hint="write it as YYYY-MM-DD"
        ) from error


def _describe_schedule(schedule: Schedule) -> str:
    timing = schedule.settings.timing
    free_day_rule = {
        OnFreeDay.SKIP: "skipped on",
        OnFreeDay.BEFORE: "the working day before",
        OnFreeDay.AFTER: "the working day after",
    }[timing.on_free_day]
    free_day_names = (
        f"holidays of {schedule.settings.region} and blackouts"
        if schedule.settings.region
        else "blackouts"
    )
    rule_text = rule_syntax.format_rule(timing.rule)
    words = f"{rule_text}, at {timing.at:%H:%M} {timing.zone}, {free_day_rule} {free_day_names}"
    sharing = run_ups.describe_sharing(schedule.settings)
    return f"{words}; {sharing}" if sharing else words


def _to_json(schedule: Schedule) -> dict[str, Any]:
    definition = schedule.settings
    return {
        "id": schedule.id,
        "digest": definition.digest_slug,
        "rule": rule_syntax.format_rule(definition.timing.rule),
        "at": f"{definition.timing.at:%H:%M}",
        "zone": definition.timing.zone,
        "on_free_day": definition.timing.on_free_day,
        "holidays": definition.region,
        "spread": definition.spread,
        "cutoff": durations.format_duration(definition.cutoff),
        "created_at": schedule.created_at,
    }


@app.command("list", rich_help_panel=RULES)
def list_schedules(json: JsonOption = False) -> None:
    """List all schedules.

    Example: mailer schedule list"""
    with open_for_reading() as (_, tx):
        all_schedules = tx.schedules.list_schedules()
        Output(json).print_table(
            [_to_json(schedule) for schedule in all_schedules],
            {"number": "right", "digest": "", "schedule": "", "cut-off": ""},
            [
                (
                    schedule.id,
                    schedule.settings.digest_slug,
                    _describe_schedule(schedule),
                    durations.format_duration(schedule.settings.cutoff),
                )
                for schedule in all_schedules
            ],
            empty="no schedule yet: mailer schedule add weekly 'every Thursday at 9am'",
        )


@app.command("remove", rich_help_panel=RULES)
def remove_schedule(
    name: ScheduleName,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove a schedule. Existing editions stay; texts written ahead for its days are named.

    Example: mailer schedule remove 2"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        schedule = schedules.remove_schedule(tx, actor, schedules.find_schedule(tx, name).id)
        out.print_record(
            _to_json(schedule), f"removed schedule {schedule.id}: {_describe_schedule(schedule)}"
        )
        digest = digests.get_digest(tx, schedule.settings.digest_slug)
        print_unplaced_texts(tx, mailer.build_calendar(tx, digest), mailer.clock(), out)
