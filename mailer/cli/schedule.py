"""``mailer schedule`` and ``mailer blackout``: when digests are sent."""

from datetime import date, datetime
from typing import Annotated, Any

import typer

from mailer import digests, zones
from mailer.cli.options import (
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.digests import schedules
from mailer.digests.calendar import OccurrenceAction, PlannedOccurrence
from mailer.errors import InputError
from mailer.model.digests import ApprovalRule, DigestPolicy
from mailer.model.edition_states import SendTimeBasis
from mailer.model.schedules import NewSchedule, OccurrenceState, Schedule
from mailer.schedules import durations, observances, rule_syntax
from mailer.schedules.holidays import Blackout, OnFreeDay

app = typer.Typer(
    no_args_is_help=True,
    help="Schedules: when a digest is sent, by rule.\n\n"
    "A rule is 'daily', 'weekdays', 'weekly on Tue and Thu', 'every 2 weeks on Monday', "
    "'monthly on the first Monday', "
    "'yearly on 18 December', '2027-12-18', 'RRULE:FREQ=…', or days around an observance: "
    "'migrants-day: each weekday from 7 days before, then on the day'.",
)
blackout_app = typer.Typer(
    no_args_is_help=True, help="Blackouts: days on which no schedule sends anything."
)

Digest = Annotated[str, typer.Argument(help="The digest's name.")]
Number = Annotated[int, typer.Argument(help="Its number.", min=1, max=2**63 - 1)]


@app.command("add")
def add_schedule(
    digest: Digest,
    rule: Annotated[str, typer.Argument(help="Which days; see `mailer schedule --help`.")],
    at: Annotated[str, typer.Option(help="The time of day, HH:MM.")] = "09:00",
    zone: Annotated[str, typer.Option(help="An IANA zone; else the office's own.")] = "",
    cutoff: Annotated[
        str, typer.Option(help="How long before that it is assembled: 90m, 2h, 1d.")
    ] = "1h",
    holidays: Annotated[
        str, typer.Option(help="Heed the public holidays of GB, or of a part: GB-SCT.")
    ] = "",
    on_free_day: Annotated[
        OnFreeDay,
        typer.Option(
            help="On a holiday or blackout: skip, or go to the working day before or after."
        ),
    ] = OnFreeDay.SKIP,
    start: Annotated[str, typer.Option(help="Count from this day; else today.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Give a digest a schedule; it may have several.

    Example: [bold]mailer schedule add weekly 'weekly on Thu' --at 09:00 --holidays GB[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        digests.get_digest(tx, digest)
        zone = zone or mailer.settings.defaults.time_zone
        now = mailer.clock()
        first_day = (
            _parse_day(start, "--start") if start else now.astimezone(zones.get_zone(zone)).date()
        )
        new_schedule = NewSchedule(
            digest,
            schedules.parse_timing(rule, at, zone, first_day, on_free_day),
            durations.parse_duration(cutoff, "--cutoff"),
            holidays,
        )
        known_observances = observances.parse_observances(mailer.settings.read_observances())
        schedule = schedules.add_schedule(
            tx, resolve_actor(""), new_schedule, known_observances, now
        )
        calendar = mailer.build_calendar(tx, digests.get_digest(tx, digest))
        upcoming = [
            planned
            for planned in calendar.list_upcoming(now, 50)
            if planned.schedule.id == schedule.id
        ]
        first_note = (
            f"; the first {upcoming[0].occurrence.wall:%a %d %b %Y %H:%M}" if upcoming else ""
        )
        out.print_record(
            _to_json(schedule),
            f"schedule {schedule.id}: {_describe_schedule(schedule)}{first_note}",
        )


def _parse_day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no day", where=option, hint="as YYYY-MM-DD") from error


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
    return f"{rule_syntax.format_rule(timing.rule)}, at {timing.at:%H:%M} {timing.zone}, {free_day_rule} {free_day_names}"


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
        "cutoff": durations.format_duration(definition.cutoff),
        "created_at": schedule.created_at,
    }


@app.command("list")
def list_schedules(json: JsonOption = False) -> None:
    """List all schedules. Example: [bold]mailer schedule list[/]"""
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
            empty="no schedule yet: mailer schedule add weekly 'weekly on Thu' --at 09:00",
        )


@app.command("preview")
def preview_schedule(
    digest: Digest,
    count: Annotated[int, typer.Option(help="How many.", min=1, max=400)] = 8,
    json: JsonOption = False,
) -> None:
    """Show the next occurrences of a digest, and what will happen at each.

    Example: [bold]mailer schedule preview weekly[/]"""
    with open_for_reading() as (mailer, tx):
        stored_digest = digests.get_digest(tx, digest)
        calendar, now = mailer.build_calendar(tx, stored_digest), mailer.clock()
        occurrences = calendar.list_upcoming(now, count)
        out = Output(json)
        for step in calendar.list_due_steps(now):
            if step.action is not OccurrenceAction.SKIP:
                local_time = f"{step.planned.occurrence.wall:%a %d %b %Y %H:%M}"
                out.print_note(
                    f"overdue: {local_time}; see in `mailer status` whether a worker runs"
                )
        print_occurrences(
            occurrences,
            stored_digest.settings.policy,
            out,
            f"no occurrence is to come: mailer schedule add {digest} …",
        )


def print_occurrences(
    occurrences: list[PlannedOccurrence], policy: DigestPolicy, out: Output, empty: str
) -> None:
    """Occurrences, as a table or as JSON."""
    out.print_table(
        [describe_occurrence(planned, policy) for planned in occurrences],
        {"local time": "", "zone": "", "sent (UTC)": "", "what happens": "", "note": ""},
        [
            (
                f"{planned.occurrence.wall:%a %d %b %Y %H:%M}",
                planned.occurrence.zone,
                "" if planned.occurrence.skipped else _format_utc(planned.starts_at),
                describe_outcome(planned, policy),
                _describe_move(planned),
            )
            for planned in occurrences
        ],
        empty=empty,
    )


def describe_outcome(planned: PlannedOccurrence, policy: DigestPolicy) -> str:
    """In words: what was made of it, or when it is assembled, approved and sent, by the clocks of
    its zone."""
    saved_occurrence = planned.saved
    if planned.occurrence.skipped:
        return "skipped"
    if saved_occurrence is not None and saved_occurrence.state is OccurrenceState.ON_HOLD:
        return "held for a person"
    if saved_occurrence is not None and saved_occurrence.edition_id:
        return f"edition {saved_occurrence.edition_id} was made"
    approval = {
        ApprovalRule.NONE: "",
        ApprovalRule.ANYONE: ", approved by a person",
        ApprovalRule.OTHER: ", approved by another person",
    }[policy.approval]

    def format_local_time(moment: datetime) -> str:
        local_moment = moment.astimezone(zones.get_zone(planned.occurrence.zone))
        same_day = local_moment.date() == planned.occurrence.wall.date()
        return f"{local_moment:%H:%M}" if same_day else f"{local_moment:%a %d %b %H:%M}"

    sending_text = f"sent {format_local_time(planned.starts_at)}"
    if policy.send_time is SendTimeBasis.READER and not planned.is_immediate:
        sending_text = f"sent {planned.occurrence.wall:%H:%M} by each one's own clock, from {format_local_time(planned.starts_at)}"
    if planned.cutoff_at == planned.starts_at:
        return f"assembled{approval} and {sending_text}"
    return f"assembled {format_local_time(planned.cutoff_at)}{approval}, {sending_text}"


def _format_utc(moment: datetime) -> str:
    return f"{moment:%a %d %b %H:%M}"


def _describe_move(planned: PlannedOccurrence) -> str:
    occurrence = planned.occurrence
    moved_by_staff = planned.saved is not None and planned.saved.moved_to is not None
    if moved_by_staff:
        return occurrence.note
    if planned.original.day != occurrence.wall.date():
        return f"moved from {planned.original.day:%a %d %b}: {occurrence.note}"
    return occurrence.note


def describe_occurrence(planned: PlannedOccurrence, policy: DigestPolicy) -> dict[str, Any]:
    """An occurrence, for scripts."""
    occurrence = planned.occurrence
    return {
        "schedule": planned.schedule.id,
        "day": occurrence.day,
        "named": occurrence.rule_time,
        "local": occurrence.wall,
        "weekday": f"{occurrence.wall:%A}",
        "zone": occurrence.zone,
        "send_at": planned.starts_at,
        "assemble_at": planned.cutoff_at,
        "skipped": occurrence.skipped,
        "edition": planned.saved.edition_id if planned.saved else None,
        "what_happens": describe_outcome(planned, policy),
        "note": occurrence.note,
    }


@app.command("remove")
def remove_schedule(
    number: Number, json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a schedule; editions that it has led to stay.

    Example: [bold]mailer schedule remove 2[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (_, tx):
        schedule = schedules.get_schedule(tx, number)
        tx.schedules.remove_schedule(schedule)
        out.print_record(
            _to_json(schedule), f"removed schedule {schedule.id}: {_describe_schedule(schedule)}"
        )


@blackout_app.command("add")
def add_blackout(
    first: Annotated[str, typer.Argument(help="The first day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Argument(help="The last day; else only the first.")] = "",
    reason: Annotated[str, typer.Option(help="As it will be told.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Let no schedule send anything on these days; each does what it does on free days.

    Example: [bold]mailer blackout add 2026-12-24 2027-01-03 --reason 'the office is closed'[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        first_day = _parse_day(first, "FIRST")
        blackout_days = Blackout(
            first_day, _parse_day(last, "LAST") if last else first_day, " ".join(reason.split())
        )
        blackout = schedules.add_blackout(tx, resolve_actor(""), blackout_days, mailer.clock())
        out.print_record(
            blackout, f"blackout {blackout.id}: {blackout_days.first} to {blackout_days.last}"
        )


@blackout_app.command("list")
def list_blackouts(json: JsonOption = False) -> None:
    """List the blackouts. Example: [bold]mailer blackout list[/]"""
    with open_for_reading() as (_, tx):
        all_blackouts = tx.schedules.list_blackouts()
        Output(json).print_table(
            all_blackouts,
            {"number": "right", "first": "", "last": "", "reason": ""},
            [
                (blackout.id, blackout.days.first, blackout.days.last, blackout.days.reason)
                for blackout in all_blackouts
            ],
            empty="no blackout",
        )


@blackout_app.command("remove")
def remove_blackout(
    number: Number, json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a blackout. Example: [bold]mailer blackout remove 1[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (_, tx):
        blackout = schedules.lift_blackout(tx, resolve_actor(""), number)
        out.print_record(blackout, f"removed blackout {blackout.id}")
