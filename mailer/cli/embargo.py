"""``mailer embargo``: until when stories are kept in."""

from textwrap import shorten
from typing import Annotated

import typer

from mailer import embargoes
from mailer.audience.lists import check_line
from mailer.cli.options import By, DryRunOption, JsonOption, actor, reading, writing
from mailer.cli.output import Output, moment
from mailer.embargoes import Effect, Embargo
from mailer.store import Transaction

SHOWN = 80
"""Characters of a detail that the log shows."""

app = typer.Typer(no_args_is_help=True, help="Embargoes: until when stories are kept in.")

Slug = Annotated[str, typer.Argument(help="The story's slug.")]
Until = Annotated[str, typer.Argument(help="Local time, such as '2026-12-18 00:01'.")]
Zone = Annotated[str, typer.Option(help="Whose clocks, such as Europe/London; else the office's.")]
Reason = Annotated[str, typer.Option(help="Why, for the log.")]


@app.command("set")
def set_(
    slug: Slug,
    until: Until,
    zone: Zone = "",
    reason: Reason = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put a story under embargo, or move the one that it has: the same as `move`.

    Example: [bold]mailer embargo set open-day '2026-12-18 00:01'[/]"""
    _put(slug, until, zone, reason, by, json=json, dry_run=dry_run)


@app.command("move")
def move(
    slug: Slug,
    until: Until,
    zone: Zone = "",
    reason: Reason = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Move an embargo. What states the old one is stopped: editions not yet sent are drafts again,
    and advance copies that are being sent are paused. The release goes when it ends now.

    Example: [bold]mailer embargo move open-day '2026-12-18 09:00' --zone Africa/Nairobi[/]"""
    _put(slug, until, zone, reason, by, json=json, dry_run=dry_run)


def _put(
    slug: str, until: str, zone: str, reason: str, by: str, *, json: bool, dry_run: bool
) -> None:
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        terms = embargoes.read_terms(until, zone or mailer.settings.defaults.time_zone)
        reason = check_line(reason, "--reason", required=False)
        made, effect = embargoes.put(
            tx.embargoes, slug, terms, mailer.clock(), by=actor(by), reason=reason
        )
        said = f"{slug} is embargoed until {made.terms}, {moment(made.until)}"
        out.record({"embargo": made, "effect": effect}, said)
        _tell(out, effect, made)
        _tell_who_has_it(tx, out, made)


def _tell_who_has_it(tx: Transaction, out: Output, made: Embargo) -> None:
    """How many have the story already, and think of another embargo than it has now."""
    freely, otherwise = tx.embargoes.who_has(made.slug, made.ends)
    if made.lifted_at:
        if otherwise:
            out.note(
                f"{_people(otherwise)} an advance copy that says it is embargoed; no mail is sent "
                "to them"
            )
        return
    if freely:
        out.note(
            f"{_people(freely)} it without an embargo: what is out can't be taken back, but "
            f"killed: mailer release kill {made.slug} --why …"
        )
    if otherwise:
        out.note(
            f"{_people(otherwise)} an advance copy with the old time; tell them: mailer release "
            f"correct {made.slug} --changed 'The embargo has moved.' --why …"
        )


def _people(count: int) -> str:
    return "1 person has" if count == 1 else f"{count:,} people have"


@app.command("lift")
def lift(
    slug: Slug,
    reason: Reason = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """End an embargo at once: the story's page opens, and what waits for it goes.

    Example: [bold]mailer embargo lift open-day --reason "it is out elsewhere"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        reason = check_line(reason, "--reason", required=False)
        made, effect = embargoes.lift(
            tx.embargoes, slug, mailer.clock(), by=actor(by), reason=reason
        )
        out.record({"embargo": made, "effect": effect}, f"{slug} is free")
        _tell(out, effect, made)
        _tell_who_has_it(tx, out, made)


def _tell(out: Output, effect: Effect, made: Embargo) -> None:
    when = "now" if made.lifted_at else "when it ends"
    for numbers, said in (
        (effect.voided, "a draft again, as it stated the old one"),
        (effect.paused, "paused: what is out of it states the old one"),
        (effect.moved, f"sent by the worker {when}"),
    ):
        for number in numbers:
            out.note(f"edition {number} is {said}")


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List embargoes, the soonest to end first. Example: [bold]mailer embargo list[/]"""
    with reading() as (mailer, tx):
        found = tx.embargoes.all()
        now = mailer.clock()
        Output(json).table(
            found,
            {"story": "", "until": "", "that is": "", "": "", "by": "", "reason": ""},
            [
                (
                    one.slug,
                    str(one.terms),
                    moment(one.ends),
                    "held" if one.holds(now) else ("lifted" if one.lifted_at else "ended"),
                    one.set_by,
                    one.reason,
                )
                for one in found
            ],
            empty="no embargo: mailer embargo set STORY '2026-12-18 00:01'",
        )


@app.command("log")
def log(slug: Slug, json: JsonOption = False) -> None:
    """Show what was done about an embargo: who set and moved it, what was refused, and who looked
    at its private page. --json has long details whole.

    Example: [bold]mailer embargo log open-day[/]"""
    with reading() as (_, tx):
        embargoes.get(tx.embargoes, slug)
        found = tx.embargoes.happenings(slug)
        Output(json).table(
            found,
            {"when": "", "what": "", "who": "", "detail": ""},
            [
                (moment(one.at), one.what, one.who, shorten(one.detail, SHOWN, placeholder=" …"))
                for one in found
            ],
        )
