"""Correcting and killing releases."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.release.group import BY_LANGUAGE_HELP, YesOption, app
from mailer.cli.release.story import (
    describe_reach,
    find_queued_articles,
    format_heading,
    import_story,
    list_fingerprints,
    parse_by_language,
)
from mailer.cli.sending import ProgressOption, ProgressStyle, deliver_editions
from mailer.cli.transactions import open_for_writing
from mailer.errors import Refused, UsageError
from mailer.model.articles import Article
from mailer.model.edition_states import PRIOR_RECIPIENT_ROLES
from mailer.model.editions import ChangeNote, Edition

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.app.release_corrections import CorrectionResult
    from mailer.store import SqlTransaction


@app.command("correct")
def correct_release(
    paths: Annotated[
        list[Path],
        typer.Argument(help="The corrected files; or the slug, if they were added already."),
    ],
    changed: Annotated[
        list[str],
        typer.Option(help=f"What changed, as recipients read it; {BY_LANGUAGE_HELP}."),
    ],
    why: Annotated[
        list[str], typer.Option(help=f"Why, as recipients read it; {BY_LANGUAGE_HELP}.")
    ],
    yes: YesOption = False,
    progress: ProgressOption = ProgressStyle.BAR,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send the new version of a release to exactly the recipients of an earlier version.

    Remaining sends of the earlier version stop; recipients who have not yet received it get only
    the new version. The press page, the archive and the feeds mark the correction.

    Example: mailer release correct open-day.md --changed "Ten towns, not twelve." \\
    --why "We had counted two twice." --dry-run"""
    from mailer.app import release_corrections

    out = Output(json or progress is ProgressStyle.LINES)
    change = ChangeNote(parse_by_language(changed, "--changed"), parse_by_language(why, "--why"))

    def prepare_correction(
        mailer: "Mailer", tx: "SqlTransaction"
    ) -> "tuple[list[Article], CorrectionResult]":
        story_articles = import_story(mailer, tx, paths, resolve_actor(by), create_topics=False)
        return story_articles, release_corrections.correct_release(
            mailer, tx, story_articles[0].slug, change, resolve_actor(by).name
        )

    with open_for_writing(True, out if dry_run else None) as (mailer, tx):
        story_articles, previewed = prepare_correction(mailer, tx)
        out.print_note(
            f"{format_heading(find_queued_articles(tx, story_articles[0].slug))}, corrected"
        )
        _print_preview(out, previewed)
        if dry_run and json:
            out.print_json(previewed)
    if dry_run:
        return
    _confirm_sending(yes, sum(plan.planned for _, plan in previewed.begun))
    with open_for_writing(False, out) as (mailer, tx):
        articles_again, correction = prepare_correction(mailer, tx)
        if list_fingerprints(story_articles) != list_fingerprints(articles_again) or _list_reach(
            previewed
        ) != _list_reach(correction):
            raise Refused(
                "the release changed while you looked at it: its text or its recipients differ",
                hint="check it again",
            )
    deliver_editions([edition for edition, _ in correction.begun], out, progress)


@app.command("kill")
def kill_release(
    slug: Annotated[str, typer.Argument(help="The story's slug.")],
    why: Annotated[
        list[str] | None, typer.Option(help=f"Why, as recipients read it; {BY_LANGUAGE_HELP}.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Confirm the kill that another person requested.")
    ] = False,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Withdraw the request to kill the release.")
    ] = False,
    yes: YesOption = False,
    progress: ProgressOption = ProgressStyle.BAR,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Kill a release permanently. This takes two people: one requests it, another confirms it.

    The request (--why) pauses what is being sent. The confirmation removes the story from every
    edition not yet sent, closes its page and its archive entries, stops queued deliveries, and asks
    its recipients not to use it.

    Example: mailer release kill open-day --why "It is not true." --by Ana
    mailer release kill open-day --confirm --by Ben"""
    if [bool(why), confirm, take_back].count(True) != 1:
        raise UsageError(
            "give exactly one of --why, --confirm and --take-back",
            hint="one person requests the kill by --why, another confirms it by --confirm",
        )
    from mailer.app import release_corrections

    out = Output(json or progress is ProgressStyle.LINES)
    if why or take_back:
        with open_for_writing(dry_run, out) as (mailer, tx):
            if why:
                reasons = parse_by_language(why, "--why")
                changed_editions, warnings = release_corrections.request_kill(
                    mailer, tx, slug, reasons, resolve_actor(by).name
                )
                message = (
                    f"{slug}: kill requested by {resolve_actor(by).name}; another person confirms it: "
                    f"mailer release kill {slug} --confirm --by …"
                )
            else:
                changed_editions = release_corrections.withdraw_kill(
                    mailer, tx, slug, resolve_actor(by).name
                )
                warnings = ()
                message = f"{slug}: the request to kill it is withdrawn"
            out.print_record({"slug": slug, "editions": changed_editions}, message)
            new_state = "paused" if why else "resumed"
            for edition in changed_editions:
                out.print_note(f"edition {edition.id} is {new_state}")
            for warning in warnings:
                out.print_note(f"note: {warning}")
        return
    with open_for_writing(True, out if dry_run else None) as (mailer, tx):
        story = find_queued_articles(tx, slug)
        kill_request = tx.releases.find_kill(slug)
        previewed = release_corrections.confirm_kill(mailer, tx, slug, resolve_actor(by).name)
        assert kill_request
        out.print_note(
            f"{format_heading(story)} is killed: {kill_request.reason} ({kill_request.asked_by})"
        )
        _print_preview(out, previewed)
        if dry_run and json:
            out.print_json(previewed)
    if dry_run:
        return
    _confirm_sending(yes, sum(plan.planned for _, plan in previewed.begun))
    with open_for_writing(False, out) as (mailer, tx):
        correction = release_corrections.confirm_kill(mailer, tx, slug, resolve_actor(by).name)
    deliver_editions([edition for edition, _ in correction.begun], out, progress)


def _list_reach(correction: "CorrectionResult") -> list[int]:
    return [plan.planned for _, plan in correction.begun]


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
        out.print_note(
            f"edition {edition.id} ({edition.role}) is sent with the new text when its embargo ends"
        )
    for warning in correction.warnings:
        out.print_note(f"note: {warning}")
    if not correction.warnings:
        out.print_note("checks: nothing found")


def _describe_role(edition: Edition) -> str:
    if edition.role in PRIOR_RECIPIENT_ROLES:
        return str(edition.role)
    return f"{edition.role}, to people without an earlier version"


def _confirm_sending(is_confirmed: bool, count: int) -> None:
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for confirmation on",
            hint="check it with --dry-run, then give --yes",
        )
    if not typer.confirm(f"Send to {count} now?", err=True):
        raise typer.Abort
