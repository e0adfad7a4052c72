"""``mailer embargo``: times before which only trusted contacts get a story."""

from typing import TYPE_CHECKING, Annotated

import typer

from mailer import embargoes
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, StorySlug, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.model.embargoes import Embargo, EmbargoEffect
from mailer.text_breaks import shorten_text

if TYPE_CHECKING:
    from mailer.store import SqlTransaction

DETAIL_LENGTH = 80
"""Maximum length of a detail in the log's table."""

app = CommandGroup(help="Embargoes: times before which only trusted contacts get a story.")

ReasonOption = Annotated[str, typer.Option(help="The reason, for the log.")]


@app.command("set")
def set_embargo(
    slug: StorySlug,
    until: Annotated[
        str,
        typer.Argument(help="The local time when the embargo ends, such as '2026-12-18 00:01'."),
    ],
    zone: Annotated[str, typer.Option(help="An IANA time zone; default: the office's.")] = "",
    reason: ReasonOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put a story under embargo, or move its embargo to another time.

    Moving an embargo stops every mail that states the old time. Unsent editions return to draft,
    and advance copies that are being sent are paused. The worker sends the release at the new time.

    Example: mailer embargo set open-day '2026-12-18 00:01' --zone Europe/London"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        terms = embargoes.read_terms(until, zone or mailer.settings.defaults.time_zone)
        embargo, effect = embargoes.set_embargo(
            tx, actor, slug, terms, mailer.clock(), reason=reason
        )
        message = f"{slug} is embargoed until {embargo.terms}, {format_moment(embargo.until)}"
        out.print_record({"embargo": embargo, "effect": effect}, message)
        _note_effect(out, effect, embargo)
        _note_recipients(tx, out, embargo)


def _note_recipients(tx: "SqlTransaction", out: Output, embargo: Embargo) -> None:
    """Note how many recipients have the story without an embargo, or with an embargo that differs
    from the present one."""
    without_embargo, with_old_time = tx.embargoes.count_recipients(embargo.slug, embargo.ends_at)
    if embargo.lifted_at:
        if with_old_time:
            out.print_note(
                f"{_count_people(with_old_time)} an advance copy that says it is embargoed; no "
                "mail is sent to them"
            )
        return
    if without_embargo:
        out.print_note(
            f"{_count_people(without_embargo)} it without an embargo; mails can't be taken back, "
            f"but the release can be killed: mailer release kill {embargo.slug} --why …"
        )
    if with_old_time:
        out.print_note(
            f"{_count_people(with_old_time)} an advance copy with the old time; tell them: mailer "
            f"release correct {embargo.slug} --changed 'The embargo has moved.' --why …"
        )


def _count_people(count: int) -> str:
    return "1 person has" if count == 1 else f"{count:,} people have"


@app.command("lift")
def lift_embargo(
    slug: StorySlug,
    reason: ReasonOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """End an embargo at once. The story's page opens, and waiting editions are sent.

    Example: mailer embargo lift open-day --reason "it is out elsewhere"
    """
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        embargo, effect = embargoes.lift_embargo(tx, actor, slug, mailer.clock(), reason=reason)
        out.print_record({"embargo": embargo, "effect": effect}, f"{slug} is no longer embargoed")
        _note_effect(out, effect, embargo)
        _note_recipients(tx, out, embargo)


def _note_effect(out: Output, effect: EmbargoEffect, embargo: Embargo) -> None:
    when = "now" if embargo.lifted_at else "when it ends"
    for edition_ids, description in (
        (effect.voided, "a draft again, as it states the old embargo"),
        (effect.paused, "paused, as its sent mails state the old embargo"),
        (effect.moved, f"sent by the worker {when}"),
    ):
        for edition_id in edition_ids:
            out.print_note(f"edition {edition_id} is {description}")


@app.command("list")
def list_embargoes(json: JsonOption = False) -> None:
    """List embargoes. The embargo that ends next comes first.

    Example: mailer embargo list"""
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
                    "embargoed"
                    if embargo.is_active(now)
                    else ("lifted" if embargo.lifted_at else "ended"),
                    embargo.set_by,
                    embargo.reason,
                )
                for embargo in all_embargoes
            ],
            empty="no embargo yet: mailer embargo set STORY '2026-12-18 00:01'",
        )


@app.command("log")
def show_log(slug: StorySlug, json: JsonOption = False) -> None:
    """Show an embargo's log: every change of the embargo, and every attempt to send that was
    refused.

    The log also shows who opened an advance copy. Corrections and kills are in the log even if the
    story was never embargoed. --json shows long details in full.

    Example: mailer embargo log open-day"""
    with open_for_reading() as (_, tx):
        events = embargoes.list_log(tx, slug)
        Output(json).print_table(
            events,
            {"time": "", "event": "", "actor": "", "detail": ""},
            [
                (
                    format_moment(event.at),
                    event.event_type,
                    event.actor,
                    shorten_text(event.detail, DETAIL_LENGTH),
                )
                for event in events
            ],
        )
