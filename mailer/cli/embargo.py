"""``mailer embargo``: until when stories are kept in."""

from textwrap import shorten
from typing import Annotated

import typer

from mailer import embargoes
from mailer.audience.lists import check_line
from mailer.cli.options import (
    By,
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output, format_moment
from mailer.model.embargoes import Embargo, EmbargoEffect
from mailer.store import SqlTransaction

DETAIL_LENGTH = 80
"""Characters of a detail that the log shows."""

app = typer.Typer(no_args_is_help=True, help="Embargoes: until when stories are kept in.")

Slug = Annotated[str, typer.Argument(help="The story's slug.")]
Until = Annotated[str, typer.Argument(help="Local time, such as '2026-12-18 00:01'.")]
Zone = Annotated[str, typer.Option(help="Whose clocks, such as Europe/London; else the office's.")]
Reason = Annotated[str, typer.Option(help="Why, for the log.")]


@app.command("set")
def set_embargo(
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
    _save_embargo(slug, until, zone, reason, by, json=json, dry_run=dry_run)


@app.command("move")
def move_embargo(
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
    _save_embargo(slug, until, zone, reason, by, json=json, dry_run=dry_run)


def _save_embargo(
    slug: str, until: str, zone: str, reason: str, by: str, *, json: bool, dry_run: bool
) -> None:
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        terms = embargoes.read_terms(until, zone or mailer.settings.defaults.time_zone)
        reason = check_line(reason, "--reason", required=False)
        embargo, effect = embargoes.set_embargo(
            tx, resolve_actor(by), slug, terms, mailer.clock(), reason=reason
        )
        message = f"{slug} is embargoed until {embargo.terms}, {format_moment(embargo.until)}"
        out.print_record({"embargo": embargo, "effect": effect}, message)
        _note_effect(out, effect, embargo)
        _note_recipients(tx, out, embargo)


def _note_recipients(tx: SqlTransaction, out: Output, embargo: Embargo) -> None:
    """How many have the story already, and think of another embargo than it has now."""
    without_embargo, with_old_time = tx.embargoes.count_recipients(embargo.slug, embargo.ends_at)
    if embargo.lifted_at:
        if with_old_time:
            out.print_note(
                f"{_count_people(with_old_time)} an advance copy that says it is embargoed; no mail is sent "
                "to them"
            )
        return
    if without_embargo:
        out.print_note(
            f"{_count_people(without_embargo)} it without an embargo: what is out can't be taken back, but "
            f"killed: mailer release kill {embargo.slug} --why …"
        )
    if with_old_time:
        out.print_note(
            f"{_count_people(with_old_time)} an advance copy with the old time; tell them: mailer release "
            f"correct {embargo.slug} --changed 'The embargo has moved.' --why …"
        )


def _count_people(count: int) -> str:
    return "1 person has" if count == 1 else f"{count:,} people have"


@app.command("lift")
def lift_embargo(
    slug: Slug,
    reason: Reason = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """End an embargo at once: the story's page opens, and what waits for it goes.

    Example: [bold]mailer embargo lift open-day --reason "it is out elsewhere"[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        reason = check_line(reason, "--reason", required=False)
        embargo, effect = embargoes.lift_embargo(
            tx, resolve_actor(by), slug, mailer.clock(), reason=reason
        )
        out.print_record({"embargo": embargo, "effect": effect}, f"{slug} is free")
        _note_effect(out, effect, embargo)
        _note_recipients(tx, out, embargo)


def _note_effect(out: Output, effect: EmbargoEffect, embargo: Embargo) -> None:
    when = "now" if embargo.lifted_at else "when it ends"
    for edition_ids, description in (
        (effect.voided, "a draft again, as it stated the old one"),
        (effect.paused, "paused: what is out of it states the old one"),
        (effect.moved, f"sent by the worker {when}"),
    ):
        for edition_id in edition_ids:
            out.print_note(f"edition {edition_id} is {description}")


@app.command("list")
def list_embargoes(json: JsonOption = False) -> None:
    """List embargoes, the soonest to end first. Example: [bold]mailer embargo list[/]"""
    with open_for_reading() as (mailer, tx):
        all_embargoes = tx.embargoes.list_embargoes()
        now = mailer.clock()
        Output(json).print_table(
            all_embargoes,
            {"story": "", "until": "", "that is": "", "": "", "by": "", "reason": ""},
            [
                (
                    embargo.slug,
                    str(embargo.terms),
                    format_moment(embargo.ends_at),
                    "held"
                    if embargo.is_active(now)
                    else ("lifted" if embargo.lifted_at else "ended"),
                    embargo.set_by,
                    embargo.reason,
                )
                for embargo in all_embargoes
            ],
            empty="no embargo: mailer embargo set STORY '2026-12-18 00:01'",
        )


@app.command("log")
def show_log(slug: Slug, json: JsonOption = False) -> None:
    """Show what was done about an embargo: who set and moved it, what was refused, and who looked
    at its private page. --json has long details whole.

    Example: [bold]mailer embargo log open-day[/]"""
    with open_for_reading() as (_, tx):
        embargoes.get_embargo(tx, slug)
        events = tx.embargoes.list_events(slug)
        Output(json).print_table(
            events,
            {"when": "", "what": "", "who": "", "detail": ""},
            [
                (
                    format_moment(event.at),
                    event.what,
                    event.who,
                    shorten(event.detail, DETAIL_LENGTH, placeholder=" …"),
                )
                for event in events
            ],
        )
