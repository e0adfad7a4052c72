"""``mailer blackout``: days on which no digest is sent."""

from typing import Annotated

import typer

from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, check_number, resolve_actor
from mailer.cli.output import Output
from mailer.cli.schedule.rules import parse_day
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.digests import schedules
from mailer.schedules.holidays import Blackout

app = CommandGroup(help="Blackouts: days on which no digest is sent.")

BlackoutNumber = Annotated[
    int, typer.Argument(help="The blackout's number.", min=1, callback=check_number)
]


@app.command("add")
def add_blackout(
    first: Annotated[str, typer.Argument(help="The first day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Argument(help="The last day; default: the first.")] = "",
    reason: Annotated[str, typer.Option(help="The reason shown to staff.")] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add days on which no digest is sent.

    On these days, each schedule follows its --on-free-day rule.

    Example: mailer blackout add 2026-12-24 2027-01-03 --reason 'the office is closed'"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        first_day = parse_day(first, "FIRST")
        blackout_days = Blackout(
            first_day, parse_day(last, "LAST") if last else first_day, " ".join(reason.split())
        )
        blackout = schedules.add_blackout(tx, actor, blackout_days, mailer.clock())
        out.print_record(
            blackout, f"blackout {blackout.id}: {blackout_days.first} to {blackout_days.last}"
        )


@app.command("list")
def list_blackouts(json: JsonOption = False) -> None:
    """List the blackouts.

    Example: mailer blackout list"""
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


@app.command("remove")
def remove_blackout(
    number: BlackoutNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove a blackout.

    Example: mailer blackout remove 1"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        blackout = schedules.lift_blackout(tx, actor, number)
        out.print_record(blackout, f"removed blackout {blackout.id}")
