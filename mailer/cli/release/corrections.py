"""Correcting and killing releases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer import releases
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.release.confirmation import confirm_sending
from mailer.cli.release.group import BY_LANGUAGE_HELP, YesOption, app
from mailer.cli.release.story import (
    describe_reach,
    format_heading,
    import_story,
    parse_by_language,
)
from mailer.cli.sending import ProgressOption, ProgressStyle, deliver_editions
from mailer.cli.transactions import open_for_writing
from mailer.errors import UsageError
from mailer.model.edition_states import PRIOR_RECIPIENT_ROLES
from mailer.model.editions import ChangeNote, Edition

if TYPE_CHECKING:
    from mailer.releases import CorrectionResult


@app.command("correct")
def correct_release(
    paths: Annotated[
        list[Path],
        typer.Argument(help="The corrected files, or the slug if they have been added already."),
    ],
    changed: Annotated[
        list[str],
        typer.Option(help=f"The change shown to recipients; {BY_LANGUAGE_HELP}."),
    ],
    why: Annotated[
        list[str], typer.Option(help=f"The reason shown to recipients; {BY_LANGUAGE_HELP}.")
    ],
    yes: YesOption = False,
    progress: ProgressOption = ProgressStyle.BAR,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send the new version of a release to exactly the recipients of an earlier version.

    Remaining sends of the earlier version stop; recipients who have not yet received the earlier
    version get only the new version. The press page, the archive and the feeds mark the correction.

    Example: mailer release correct open-day.md --changed "Ten towns, not twelve." \\
    --why "We had counted two twice." --dry-run"""
    out = Output(json or progress is ProgressStyle.LINES)
    change = ChangeNote(parse_by_language(changed, "--changed"), parse_by_language(why, "--why"))
    actor = resolve_actor(by)
    with open_for_writing(actor, True, out if dry_run else None) as (mailer, tx):
        mailer.guard.check_database()
        mailer.check_relays()
        slug = import_story(mailer, tx, paths, actor, create_topics=False)[0].slug
        preview = releases.preview_correction(
            tx, actor, slug, change, mailer.renderer, mailer.clock()
        )
        out.print_note(f"{format_heading(list(preview.articles))}, corrected")
        _print_preview(out, preview.result)
        if dry_run and json:
            out.print_json(preview.result)
    if dry_run:
        return
    if not yes:
        confirm_sending(sum(plan.planned for _, plan in preview.result.begun))
    with open_for_writing(actor, False, out) as (mailer, tx):
        slug = import_story(mailer, tx, paths, actor, create_topics=False)[0].slug
        correction = releases.confirm_correction(
            tx,
            actor,
            slug,
            change,
            mailer.renderer,
            mailer.clock(),
            fingerprint=preview.fingerprint,
        )
    deliver_editions([edition for edition, _ in correction.begun], out, progress)


@app.command("kill")
def kill_release(
    slug: Annotated[str, typer.Argument(help="The story's slug.")],
    why: Annotated[
        list[str] | None,
        typer.Option(help=f"The reason shown to recipients; {BY_LANGUAGE_HELP}."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Confirm the kill that another person requested.")
    ] = False,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Withdraw the request to kill the release.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the kill without asking.")] = False,
    progress: ProgressOption = ProgressStyle.BAR,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Kill a release permanently. One person requests the kill, and another confirms it.

    The request (--why) pauses the editions that are being sent. The confirmation removes the story
    from every unsent edition, closes the story's page and its archive entries, stops queued
    deliveries, and asks recipients not to use the story.

    The worker asks the approvers of the settings for the confirmation, which they can give by the
    link in their mail. On the command line, another login has to confirm.

    Example: mailer release kill open-day --why "It is not true."
    mailer release kill open-day --confirm"""
    if [bool(why), confirm, take_back].count(True) != 1:
        raise UsageError(
            "give exactly one of --why, --confirm and --take-back",
            hint="one person requests the kill with --why, another confirms it with --confirm",
        )
    out = Output(json or progress is ProgressStyle.LINES)
    actor = resolve_actor(by)
    if why or take_back:
        with open_for_writing(actor, dry_run, out) as (mailer, tx):
            if why:
                reasons = parse_by_language(why, "--why")
                changed_editions, warnings = releases.request_kill(
                    tx, actor, slug, reasons, mailer.clock()
                )
                confirming = (
                    "the worker asks the approvers to confirm it"
                    if mailer.staff_addresses.approvers
                    else "another login has to confirm it, as [notices] names no approvers"
                )
                message = f"{slug}: kill requested by {actor.name}; {confirming}"
            else:
                changed_editions = releases.withdraw_kill(tx, actor, slug, mailer.clock())
                warnings = ()
                message = f"{slug}: the request to kill it is withdrawn"
            out.print_record({"slug": slug, "editions": changed_editions}, message)
            new_state = "paused" if why else "resumed"
            for edition in changed_editions:
                out.print_note(f"edition {edition.id} is {new_state}")
            for warning in warnings:
                out.print_note(f"note: {warning}")
        return
    with open_for_writing(actor, True, out if dry_run else None) as (mailer, tx):
        mailer.guard.check_database()
        mailer.check_relays()
        kill_preview = releases.preview_kill(tx, actor, slug, mailer.renderer, mailer.clock())
        kill_request = kill_preview.request
        out.print_note(
            f"{format_heading(list(kill_preview.articles))} is killed: {kill_request.reason} "
            f"({kill_request.asked_by})"
        )
        _print_preview(out, kill_preview.result)
        if dry_run and json:
            out.print_json(kill_preview.result)
    if dry_run:
        return
    if not yes:
        confirm_sending(sum(plan.planned for _, plan in kill_preview.result.begun))
    with open_for_writing(actor, False, out) as (mailer, tx):
        correction = releases.confirm_kill(
            tx,
            actor,
            slug,
            mailer.renderer,
            mailer.clock(),
            fingerprint=kill_preview.fingerprint,
        )
    deliver_editions([edition for edition, _ in correction.begun], out, progress)


def _print_preview(out: Output, correction: "CorrectionResult") -> None:
    for edition in correction.stopped:
        out.print_note(
            f"edition {edition.id} ({edition.role}) is {edition.state}: {edition.reason}"
        )
    for edition, plan in correction.begun:
        out.print_note(
            f"edition {edition.id} ({_describe_role(edition)}) to {describe_reach(plan)}"
        )
    for edition in correction.wait:
        when = format_moment(edition.appointment.moment) if edition.appointment else "its start"
        out.print_note(
            f"edition {edition.id} ({edition.role}) gets the new text, and is sent at {when}"
        )
    for warning in correction.warnings:
        out.print_note(f"note: {warning}")
    if not correction.warnings:
        out.print_note("checks: nothing found")


def _describe_role(edition: Edition) -> str:
    if edition.role in PRIOR_RECIPIENT_ROLES:
        return str(edition.role)
    return f"{edition.role}, to people without an earlier version"
