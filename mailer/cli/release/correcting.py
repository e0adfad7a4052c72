"""Correcting a release, and taking one back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer.app import Mailer, corrections
from mailer.app.corrections import Correction
from mailer.articles import Article
from mailer.cli.options import By, DryRunOption, JsonOption, actor, writing
from mailer.cli.output import Output
from mailer.cli.release.common import (
    IN_LANGUAGES,
    Yes,
    app,
    contacts,
    content,
    heading,
    queued,
    spoken,
    take_in,
)
from mailer.cli.sending import Show, deliver
from mailer.editions import TO_WHO_HAS_IT, Change, Edition
from mailer.errors import Refused, UsageError
from mailer.store import Transaction

Progress = Annotated[
    Show, typer.Option(help="A bar on a terminal; or a JSON object a line on stdout; or none.")
]


@app.command("correct")
def correct(
    paths: Annotated[
        list[Path], typer.Argument(help="The corrected files; or the slug, if it is in already.")
    ],
    changed: Annotated[
        list[str],
        typer.Option(help=f"What has changed, as recipients read it; {IN_LANGUAGES}."),
    ],
    why: Annotated[list[str], typer.Option(help=f"Why, as recipients read it; {IN_LANGUAGES}.")],
    yes: Yes = False,
    progress: Progress = Show.BAR,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send the new version of a release to exactly those who have got an earlier one.

    What is left of the earlier one is stopped; whoever was still to get it gets the new version as
    their first. The correction is marked on the press page, in the archive and in the feeds.

    Example: [bold]mailer release correct open-day.md --changed "Ten towns, not twelve." \\
    --why "We had counted two twice." --dry-run[/]"""
    out = Output(json or progress is Show.LINES)

    change = Change(spoken(changed, "--changed"), spoken(why, "--why"))

    def go(mailer: Mailer, tx: Transaction) -> tuple[list[Article], Correction]:
        taken = take_in(mailer, tx, paths, actor(by), create_topics=False)
        return taken, corrections.correct(mailer, tx, taken[0].slug, change, actor(by))

    with writing(True, out if dry_run else None) as (mailer, tx):
        taken, seen = go(mailer, tx)
        out.note(f"{heading(queued(tx, taken[0].slug))}, corrected")
        _tell(out, seen)
        if dry_run and json:
            out.json(seen)
    if dry_run:
        return
    _ask(yes, sum(plan.planned for _, plan in seen.begun))
    with writing(False, out) as (mailer, tx):
        taken_again, done = go(mailer, tx)
        if content(taken) != content(taken_again) or _reach(seen) != _reach(done):
            raise Refused(
                "it is not what it was a moment ago: its text, or who gets it, has changed",
                hint="look at it once more",
            )
    deliver([one for one, _ in done.begun], out, progress)


@app.command("kill")
def kill(
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
    progress: Progress = Show.BAR,
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
    out = Output(json or progress is Show.LINES)
    if why or take_back:
        with writing(dry_run, out) as (mailer, tx):
            if why:
                reasons = spoken(why, "--why")
                moved, warnings = corrections.ask_kill(mailer, tx, slug, reasons, actor(by))
                said = (
                    f"{slug}: asked for by {actor(by)}; another person confirms: "
                    f"mailer release kill {slug} --confirm --by …"
                )
            else:
                moved = corrections.take_back_kill(mailer, tx, slug, actor(by))
                warnings = ()
                said = f"{slug} is not to be killed"
            out.record({"slug": slug, "editions": moved}, said)
            word = "paused" if why else "going on"
            for one in moved:
                out.note(f"edition {one.id} is {word}")
            for warning in warnings:
                out.note(f"note: {warning}")
        return
    with writing(True, out if dry_run else None) as (mailer, tx):
        story = queued(tx, slug)
        asked = tx.kills.find(slug)
        seen = corrections.kill(mailer, tx, slug, actor(by))
        assert asked
        out.note(f"{heading(story)} is taken back: {asked.reason} ({asked.asked_by})")
        _tell(out, seen)
        if dry_run and json:
            out.json(seen)
    if dry_run:
        return
    _ask(yes, sum(plan.planned for _, plan in seen.begun))
    with writing(False, out) as (mailer, tx):
        done = corrections.kill(mailer, tx, slug, actor(by))
    deliver([one for one, _ in done.begun], out, progress)


def _reach(made: Correction) -> list[int]:
    return [plan.planned for _, plan in made.begun]


def _tell(out: Output, made: Correction) -> None:
    for one in made.stopped:
        out.note(f"edition {one.id} ({one.role}) is {one.state}: {one.reason}")
    for one, plan in made.begun:
        out.note(f"edition {one.id} ({_named(one)}) to {contacts(plan)}")
    for one in made.wait:
        out.note(f"edition {one.id} ({one.role}) goes with the new text when its embargo ends")
    for warning in made.warnings:
        out.note(f"note: {warning}")
    if not made.warnings:
        out.note("checks: nothing found")


def _named(one: Edition) -> str:
    if one.role in TO_WHO_HAS_IT:
        return str(one.role)
    return f"{one.role}, the new version as their first"


def _ask(yes: bool, count: int) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to say yes", hint="look at it with --dry-run, then give --yes"
        )
    if not typer.confirm(f"Send to {count} now?", err=True):
        raise typer.Abort
