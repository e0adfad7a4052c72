"""``mailer schedule`` and ``mailer blackout``: when digests are sent."""

from datetime import date, datetime
from typing import Annotated, Any

import typer

from mailer import digests, zones
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output
from mailer.digests import ApprovalRule, Policy
from mailer.digests.calendar import Do, Planned
from mailer.editions import SendTime
from mailer.errors import InputError
from mailer.schedules import observances, records, spelling
from mailer.schedules.free_days import Blackout, OnFreeDay
from mailer.schedules.records import NewSchedule, OccurrenceState, Schedule

app = typer.Typer(
    no_args_is_help=True,
    help="Schedules: when a digest is sent, by rule.\n\n"
    "A rule is 'daily', 'weekdays', 'weekly on Tue and Thu', 'every 2 weeks on Monday', "
    "'monthly on the first Monday', "
    "'yearly on 18 December', '2027-12-18', 'RRULE:FREQ=…', or days around an observance: "
    "'migrants-day: each weekday from 7 days before, then on the day'.",
)
blackouts = typer.Typer(
    no_args_is_help=True, help="Blackouts: days on which no schedule sends anything."
)

Digest = Annotated[str, typer.Argument(help="The digest's name.")]
Number = Annotated[int, typer.Argument(help="Its number.", min=1, max=2**63 - 1)]


@app.command("add")
def add(
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
    with writing(dry_run, out) as (mailer, tx):
        digests.get(tx.digests, digest)
        zone = zone or mailer.settings.defaults.time_zone
        now = mailer.clock()
        first = _day(start, "--start") if start else now.astimezone(zones.zone(zone)).date()
        new = NewSchedule(
            digest,
            records.timing(rule, at, zone, first, on_free_day),
            records.parse_duration(cutoff, "--cutoff"),
            holidays,
        )
        known = observances.read(mailer.settings.observances())
        made = records.schedule(tx.schedules, new, known, now)
        calendar = mailer.calendar(tx, digests.get(tx.digests, digest))
        ahead = [one for one in calendar.upcoming(now, 50) if one.schedule.id == made.id]
        first_one = f"; the first {ahead[0].occurrence.wall:%a %d %b %Y %H:%M}" if ahead else ""
        out.record(_plain(made), f"schedule {made.id}: {_said(made)}{first_one}")


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no day", where=option, hint="as YYYY-MM-DD") from error


def _said(known: Schedule) -> str:
    timing = known.new.timing
    free = {
        OnFreeDay.SKIP: "skipped on",
        OnFreeDay.BEFORE: "the working day before",
        OnFreeDay.AFTER: "the working day after",
    }[timing.on_free_day]
    days = f"holidays of {known.new.place} and blackouts" if known.new.place else "blackouts"
    return f"{spelling.spell(timing.rule)}, at {timing.at:%H:%M} {timing.zone}, {free} {days}"


def _plain(known: Schedule) -> dict[str, Any]:
    new = known.new
    return {
        "id": known.id,
        "digest": new.digest,
        "rule": spelling.spell(new.timing.rule),
        "at": f"{new.timing.at:%H:%M}",
        "zone": new.timing.zone,
        "on_free_day": new.timing.on_free_day,
        "holidays": new.place,
        "cutoff": records.spell_duration(new.cutoff),
        "created_at": known.created_at,
    }


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List all schedules. Example: [bold]mailer schedule list[/]"""
    with reading() as (_, tx):
        found = tx.schedules.schedules()
        Output(json).table(
            [_plain(one) for one in found],
            {"number": "right", "digest": "", "schedule": "", "cut-off": ""},
            [
                (one.id, one.new.digest, _said(one), records.spell_duration(one.new.cutoff))
                for one in found
            ],
            empty="no schedule yet: mailer schedule add weekly 'weekly on Thu' --at 09:00",
        )


@app.command("preview")
def preview(
    digest: Digest,
    count: Annotated[int, typer.Option(help="How many.", min=1, max=400)] = 8,
    json: JsonOption = False,
) -> None:
    """Show the next occurrences of a digest, and what will happen at each.

    Example: [bold]mailer schedule preview weekly[/]"""
    with reading() as (mailer, tx):
        known = digests.get(tx.digests, digest)
        calendar, now = mailer.calendar(tx, known), mailer.clock()
        planned = calendar.upcoming(now, count)
        out = Output(json)
        for step in calendar.due(now):
            if step.do is not Do.SKIP:
                at = f"{step.planned.occurrence.wall:%a %d %b %Y %H:%M}"
                out.note(f"overdue: {at}; see in `mailer status` whether a worker runs")
        show(
            planned,
            known.order.policy,
            out,
            f"no occurrence is to come: mailer schedule add {digest} …",
        )


def show(planned: list[Planned], policy: Policy, out: Output, empty: str) -> None:
    """Occurrences, as a table or as JSON."""
    out.table(
        [occurrence(one, policy) for one in planned],
        {"local time": "", "zone": "", "sent (UTC)": "", "what happens": "", "note": ""},
        [
            (
                f"{one.occurrence.wall:%a %d %b %Y %H:%M}",
                one.occurrence.zone,
                "" if one.occurrence.skipped else _utc(one.starts),
                what_happens(one, policy),
                _note(one),
            )
            for one in planned
        ],
        empty=empty,
    )


def what_happens(one: Planned, policy: Policy) -> str:
    """In words: what was made of it, or when it is assembled, approved and sent, by the clocks of
    its zone."""
    kept = one.kept
    if one.occurrence.skipped:
        return "skipped"
    if kept is not None and kept.state is OccurrenceState.HELD:
        return "held for a person"
    if kept is not None and kept.edition:
        return f"edition {kept.edition} was made"
    approval = {
        ApprovalRule.NONE: "",
        ApprovalRule.ANYONE: ", approved by a person",
        ApprovalRule.OTHER: ", approved by another person",
    }[policy.approval]

    def by_clock(moment: datetime) -> str:
        local = moment.astimezone(zones.zone(one.occurrence.zone))
        same_day = local.date() == one.occurrence.wall.date()
        return f"{local:%H:%M}" if same_day else f"{local:%a %d %b %H:%M}"

    sent = f"sent {by_clock(one.starts)}"
    if policy.send_time is SendTime.READER and not one.at_once:
        sent = (
            f"sent {one.occurrence.wall:%H:%M} by each one's own clock, from {by_clock(one.starts)}"
        )
    if one.cutoff == one.starts:
        return f"assembled{approval} and {sent}"
    return f"assembled {by_clock(one.cutoff)}{approval}, {sent}"


def _utc(moment: datetime) -> str:
    return f"{moment:%a %d %b %H:%M}"


def _note(one: Planned) -> str:
    occurrence = one.occurrence
    moved_by_staff = one.kept is not None and one.kept.moved_to is not None
    if moved_by_staff:
        return occurrence.note
    if one.rule.day != occurrence.wall.date():
        return f"moved from {one.rule.day:%a %d %b}: {occurrence.note}"
    return occurrence.note


def occurrence(one: Planned, policy: Policy) -> dict[str, Any]:
    """An occurrence, for scripts."""
    named = one.occurrence
    return {
        "schedule": one.schedule.id,
        "day": named.day,
        "named": named.named,
        "local": named.wall,
        "weekday": f"{named.wall:%A}",
        "zone": named.zone,
        "send_at": one.starts,
        "assemble_at": one.cutoff,
        "skipped": named.skipped,
        "edition": one.kept.edition if one.kept else None,
        "what_happens": what_happens(one, policy),
        "note": named.note,
    }


@app.command("remove")
def remove(number: Number, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Remove a schedule; editions that it has led to stay.

    Example: [bold]mailer schedule remove 2[/]"""
    out = Output(json)
    with writing(dry_run, out) as (_, tx):
        known = records.get(tx.schedules, number)
        tx.schedules.remove(known)
        out.record(_plain(known), f"removed schedule {known.id}: {_said(known)}")


@blackouts.command("add")
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
    with writing(dry_run, out) as (mailer, tx):
        begin = _day(first, "FIRST")
        days = Blackout(begin, _day(last, "LAST") if last else begin, " ".join(reason.split()))
        made = records.black_out(tx.schedules, days, mailer.clock())
        out.record(made, f"blackout {made.id}: {days.first} to {days.last}")


@blackouts.command("list")
def list_blackouts(json: JsonOption = False) -> None:
    """List the blackouts. Example: [bold]mailer blackout list[/]"""
    with reading() as (_, tx):
        found = tx.schedules.blackouts()
        Output(json).table(
            found,
            {"number": "right", "first": "", "last": "", "reason": ""},
            [(one.id, one.days.first, one.days.last, one.days.reason) for one in found],
            empty="no blackout",
        )


@blackouts.command("remove")
def remove_blackout(
    number: Number, json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a blackout. Example: [bold]mailer blackout remove 1[/]"""
    out = Output(json)
    with writing(dry_run, out) as (_, tx):
        gone = records.lift(tx.schedules, number)
        out.record(gone, f"removed blackout {gone.id}")
