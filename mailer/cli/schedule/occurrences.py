"""Changing single occurrences of a digest (moving, skipping, sending early), without changing the
rule."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from mailer import digests, zones
from mailer.actor import Actor
from mailer.cli.options import (
    ByOption,
    DigestSlug,
    DryRunOption,
    JsonOption,
    LimitOption,
    parse_local_time,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.schedule.group import OCCURRENCES, app
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.digests import occurrence_texts, occurrences
from mailer.model.edition_states import EditionState
from mailer.model.schedules import OccurrenceState, SavedOccurrence
from mailer.schedules.local_time import describe_wall_time
from mailer.store import SqlTransaction

When = Annotated[
    str,
    typer.Argument(
        help="The occurrence's original date; add the time if there are several that day: "
        "2026-12-18, '2026-12-18 09:00'."
    ),
]
Reason = Annotated[str, typer.Option(help="The reason shown to staff.")]


@app.command("move", rich_help_panel=OCCURRENCES)
def move_occurrence(
    digest: DigestSlug,
    when: When,
    new_time: Annotated[str, typer.Option("--to", help="The new local time: '2026-12-17 16:00'.")],
    reason: Reason = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Move an occurrence to another time in its zone, even if it was skipped or is on hold.

    If the occurrence's edition exists already, the edition gets the new time and keeps its
    approval.

    Example: mailer schedule move weekly 2026-12-25 --to '2026-12-24 12:00'"""
    wall_time = parse_local_time(new_time, "--to")
    _change_occurrence(
        digest,
        when,
        occurrences.move_occurrence,
        (wall_time,),
        reason,
        resolve_actor(by),
        Output(json),
        dry_run=dry_run,
    )


@app.command("skip", rich_help_panel=OCCURRENCES)
def skip_occurrence(
    digest: DigestSlug,
    when: When,
    reason: Reason = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Skip an occurrence.

    If the occurrence's edition exists already, the edition is cancelled, and the next edition may
    have the stories.

    Example: mailer schedule skip weekly 2026-12-25 --reason 'the office is closed'"""
    _change_occurrence(
        digest,
        when,
        occurrences.skip_occurrence,
        (),
        reason,
        resolve_actor(by),
        Output(json),
        dry_run=dry_run,
    )


@app.command("restore", rich_help_panel=OCCURRENCES)
def restore_occurrence(
    digest: DigestSlug,
    when: When,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Undo moving or skipping an occurrence, so that it is due at its original time again.

    Example: mailer schedule restore weekly 2026-12-25"""
    _change_occurrence(
        digest,
        when,
        occurrences.restore_occurrence,
        (),
        "",
        resolve_actor(by),
        Output(json),
        dry_run=dry_run,
    )


@app.command("send-now", rich_help_panel=OCCURRENCES)
def send_occurrence_now(
    digest: DigestSlug,
    when: When,
    reason: Reason = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send an occurrence early, even if it is on hold.

    The worker assembles the edition at once, and sends the edition when it is approved.

    Example: mailer schedule send-now weekly 2026-12-18"""
    out = Output(json)
    _change_occurrence(
        digest,
        when,
        occurrences.send_now,
        (),
        reason,
        resolve_actor(by),
        out,
        dry_run=dry_run,
    )
    out.print_note("the worker assembles the edition at its next check and sends it when approved")


def _change_occurrence(
    digest_slug: str,
    when: str,
    change: Callable[..., SavedOccurrence],
    arguments: tuple[Any, ...],
    reason: str,
    actor: Actor,
    out: Output,
    *,
    dry_run: bool,
) -> None:
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        digest = digests.get_digest(tx, digest_slug)
        now = mailer.clock()
        planned = mailer.build_calendar(tx, digest).find_occurrence(when, now)
        saved_occurrence = change(tx, actor, planned, *arguments, now, reason=reason)
        wall_time = saved_occurrence.moved_to or saved_occurrence.rule_time
        local_text = describe_wall_time(wall_time, zones.get_zone(saved_occurrence.zone))
        out.print_record(
            _to_json(tx, saved_occurrence),
            f"{digest_slug}, {local_text} {saved_occurrence.zone}: {saved_occurrence.state}",
        )
        texts = occurrence_texts.find_texts(tx, planned)
        if texts and saved_occurrence.state is OccurrenceState.SKIPPED:
            out.print_note(
                f"note: {occurrence_texts.describe_unused_texts(texts)}, unless the occurrence is "
                "restored"
            )


@app.command("history", rich_help_panel=OCCURRENCES)
def show_history(
    digest: Annotated[str, typer.Argument(help="The digest's slug; default: all digests.")] = "",
    limit: LimitOption = 20,
    json: JsonOption = False,
) -> None:
    """Show the outcome of occurrences, of one digest or of all, latest first, with what staff
    changed at single occurrences. Changes of a schedule's rule are not in it.

    Example: mailer schedule history weekly"""
    with open_for_reading() as (_, tx):
        if digest:
            digests.get_digest(tx, digest)
        records = [_to_json(tx, record) for record in tx.schedules.list_occurrences(digest, limit)]
        Output(json).print_table(
            records,
            {
                **({} if digest else {"digest": ""}),
                "occurrence": "",
                "moved to": "",
                "zone": "",
                "outcome": "",
                "edition": "right",
                "actor": "",
                "reason": "",
            },
            [
                (
                    *(() if digest else (record["digest"],)),
                    f"{record['rule_time']:%a %d %b %Y %H:%M}",
                    f"{record['moved_to']:%a %d %b %Y %H:%M}" if record["moved_to"] else "",
                    record["zone"],
                    record["outcome"],
                    record["edition"],
                    record["actor"],
                    record["reason"],
                )
                for record in records
            ],
            empty="no occurrence has come yet: "
            + (f"mailer schedule preview {digest}" if digest else "mailer schedule list"),
        )


def _to_json(tx: SqlTransaction, saved_occurrence: SavedOccurrence) -> dict[str, Any]:
    """Describe an occurrence for scripts; `outcome` is the state of its edition, if it has one."""
    edition = (
        tx.editions.find_edition(saved_occurrence.edition_id)
        if saved_occurrence.edition_id
        else None
    )
    current_state = edition.state if edition else saved_occurrence.state
    reason = saved_occurrence.reason
    if edition and edition.state in {
        EditionState.SKIPPED,
        EditionState.ON_HOLD,
        EditionState.EXPIRED,
    }:
        reason = edition.reason
    return {
        "digest": saved_occurrence.digest_slug,
        "rule_time": saved_occurrence.rule_time,
        "zone": saved_occurrence.zone,
        "state": saved_occurrence.state,
        "outcome": current_state,
        "moved_to": saved_occurrence.moved_to,
        "edition": saved_occurrence.edition_id,
        "reason": reason,
        "actor": saved_occurrence.actor,
        "updated_at": saved_occurrence.updated_at,
    }
