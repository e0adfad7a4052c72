"""Correcting a release, and taking one back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer import releases
from mailer.cli.options import By, DryRunOption, JsonOption, open_for_writing, resolve_actor
from mailer.cli.output import Output
from mailer.cli.release.common import (
    IN_LANGUAGES,
    Yes,
    app,
    describe_reach,
    format_heading,
    import_story,
    parse_by_language,
)
from mailer.cli.sending import ProgressStyle, deliver_editions
from mailer.errors import UsageError
from mailer.model.edition_states import PRIOR_RECIPIENT_ROLES
from mailer.model.editions import ChangeNote, Edition
from mailer.releases import CorrectionResult

ProgressOption = Annotated[
    ProgressStyle,
    typer.Option(help="A bar on a terminal; or a JSON object a line on stdout; or none."),
]


@app.command("correct")
def correct_release(
    paths: Annotated[
        list[Path], typer.Argument(help="The corrected files; or the slug, if it is in already.")
    ],
    changed: Annotated[
        list[str],
        typer.Option(help=f"What has changed, as recipients read it; {IN_LANGUAGES}."),
    ],
    why: Annotated[list[str], typer.Option(help=f"Why, as recipients read it; {IN_LANGUAGES}.")],
    yes: Yes = False,
    progress: ProgressOption = ProgressStyle.BAR,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send the new version of a release to exactly those who have got an earlier one.

    What is left of the earlier one is stopped; whoever was still to get it gets the new version as
    their first. The correction is marked on the press page, in the archive and in the feeds.

    Example: [bold]mailer release correct open-day.md --changed "Ten towns, not twelve." \\
    --why "We had counted two twice." --dry-run[/]"""
    out = Output(json or progress is ProgressStyle.LINES)

    change = ChangeNote(parse_by_language(changed, "--changed"), parse_by_language(why, "--why"))

    actor = resolve_actor(by)
    with open_for_writing(True, out if dry_run else None) as (mailer, tx):
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
    _confirm_sending(yes, sum(plan.planned for _, plan in preview.result.begun))
    with open_for_writing(False, out) as (mailer, tx):
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
        list[str] | None, typer.Option(help=f"Why, as recipients read it; {IN_LANGUAGES}.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Another person has asked for it: do it.")
    ] = False,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="It is not to be killed after all.")
    ] = False,
    yes: Yes = False,
    progress: ProgressOption = ProgressStyle.BAR,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take a release back for good. It takes two people: one says why, and what is being sent is
    paused; another confirms.

    Then the story leaves every edition that is not sent, its page and the archive close, what is
    queued of it is stopped, and whoever has got it is asked not to use it.

    Example: [bold]mailer release kill open-day --why "It is not true." --by Ana[/]
    [bold]mailer release kill open-day --confirm --by Ben[/]"""
    if [bool(why), confirm, take_back].count(True) != 1:
        raise UsageError(
            "give one of --why, --confirm and --take-back",
            hint="one person says --why, another gives --confirm",
        )
    out = Output(json or progress is ProgressStyle.LINES)
    if why or take_back:
        with open_for_writing(dry_run, out) as (mailer, tx):
            if why:
                reasons = parse_by_language(why, "--why")
                changed_editions, warnings = releases.request_kill(
                    tx, resolve_actor(by), slug, reasons, mailer.clock()
                )
                message = (
                    f"{slug}: asked for by {resolve_actor(by)}; another person confirms: "
                    f"mailer release kill {slug} --confirm --by …"
                )
            else:
                changed_editions = releases.withdraw_kill(
                    tx, resolve_actor(by), slug, mailer.clock()
                )
                warnings = ()
                message = f"{slug} is not to be killed"
            out.print_record({"slug": slug, "editions": changed_editions}, message)
            new_state = "paused" if why else "going on"
            for edition in changed_editions:
                out.print_note(f"edition {edition.id} is {new_state}")
            for warning in warnings:
                out.print_note(f"note: {warning}")
        return
    with open_for_writing(True, out if dry_run else None) as (mailer, tx):
        mailer.check_relays()
        story = releases.find_queued_articles(tx, slug)
        kill_request, previewed = releases.preview_kill(
            tx, resolve_actor(by), slug, mailer.renderer, mailer.clock()
        )
        out.print_note(
            f"{format_heading(story)} is taken back: {kill_request.reason} ({kill_request.asked_by})"
        )
        _print_preview(out, previewed)
        if dry_run and json:
            out.print_json(previewed)
    if dry_run:
        return
    _confirm_sending(yes, sum(plan.planned for _, plan in previewed.begun))
    with open_for_writing(False, out) as (mailer, tx):
        correction = releases.confirm_kill(
            tx, resolve_actor(by), slug, mailer.renderer, mailer.clock()
        )
    deliver_editions([edition for edition, _ in correction.begun], out, progress)


def _print_preview(out: Output, correction: CorrectionResult) -> None:
    for edition in correction.stopped:
        out.print_note(
            f"edition {edition.id} ({edition.role}) is {edition.state}: {edition.reason}"
        )
    for edition, plan in correction.begun:
        out.print_note(
            f"edition {edition.id} ({_describe_role(edition)}) to {describe_reach(plan)}"
        )
    for edition in correction.wait:
        out.print_note(
            f"edition {edition.id} ({edition.role}) goes with the new text when its embargo ends"
        )
    for warning in correction.warnings:
        out.print_note(f"note: {warning}")
    if not correction.warnings:
        out.print_note("checks: nothing found")


def _describe_role(edition: Edition) -> str:
    if edition.role in PRIOR_RECIPIENT_ROLES:
        return str(edition.role)
    return f"{edition.role}, the new version as their first"


def _confirm_sending(is_confirmed: bool, count: int) -> None:
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to say yes", hint="look at it with --dry-run, then give --yes"
        )
    if not typer.confirm(f"Send to {count} now?", err=True):
        raise typer.Abort
