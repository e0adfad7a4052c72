"""Sending a release at once."""

import sys
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from mailer.app import Mailer, press
from mailer.app.press import Course
from mailer.articles import Article
from mailer.audience.lists import get_list
from mailer.cli.options import By, DryRunOption, JsonOption, actor, writing
from mailer.cli.output import Output, moment
from mailer.cli.release.common import Yes, app, contacts, content, heading, queued, take_in
from mailer.cli.sending import Show, deliver
from mailer.editions import Edition, EditionState
from mailer.errors import Refused, UsageError
from mailer.store import Transaction


@app.command("send")
def send(
    paths: Annotated[
        list[Path], typer.Argument(help="The release, a file for each language; or its slug.")
    ],
    to: Annotated[str, typer.Option("--to", help="The list of media contacts.")],
    segment: Annotated[str, typer.Option(help="Only these of the list.")] = "",
    language: Annotated[str, typer.Option(help="For those whose own there is none in.")] = "",
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Add topics that aren't there yet.")
    ] = False,
    yes: Yes = False,
    progress: Annotated[
        Show, typer.Option(help="A bar on a terminal; or a JSON object a line on stdout; or none.")
    ] = Show.BAR,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take a release in, check it, approve it as whoever runs this, and send it at once.

    Under an embargo an advance copy goes now to the contacts who are trusted with it, and the
    release to all others by the worker when the embargo ends. First it says how many get it, what
    the checks found, and the times; then it asks. It passes newsletters that are being sent.

    Example: [bold]mailer release send open-day.md --to press --dry-run[/]"""
    out = Output(json or progress is Show.LINES)

    def go(mailer: Mailer, tx: Transaction) -> tuple[Course, list[Article]]:
        taken = take_in(mailer, tx, paths, actor(by), create_topics=create_topics)
        to_list = get_list(tx.lists, to)
        course = press.prepare(
            mailer, tx, taken[0].slug, to_list, segment=segment, language=language, actor=actor(by)
        )
        return press.let_go(mailer, tx, course, actor(by)), taken

    # Looked at first, and undone: nobody else waits to write while somebody reads.
    with writing(True, out if dry_run else None) as (mailer, tx):
        seen = go(mailer, tx)
        ahead = [
            one for one in tx.editions.recent([EditionState.SENDING], 1000)
            if one.id not in {one.id for one in _editions(seen[0])}
        ]  # fmt: skip
        _tell(mailer, out, seen[0], queued(tx, seen[1][0].slug), to, ahead)
    if dry_run:
        if json:
            out.json(_figures(*seen))
        return
    if not yes:
        _ask(seen[0])
    with writing(False, out) as (mailer, tx):
        course, taken = go(mailer, tx)
        if content(seen[1]) != content(taken) or _reach(seen[0]) != _reach(course):
            raise Refused(
                "it is not what it was a moment ago: its text, or who gets it, has changed",
                hint="look at it once more",
            )
        begun = [one for one in _editions(course) if one.state is EditionState.SENDING]
    if course.embargo is not None:
        number = course.release.id
        out.note(f"edition {number} goes when the embargo ends, while `mailer worker` runs")
    deliver(begun, out, progress)


def _reach(course: Course) -> list[object]:
    ends = course.embargo.ends if course.embargo else None
    return [ends, *(course.reaches[one.id].planned for one in _editions(course))]


def _editions(course: Course) -> list[Edition]:
    return [one for one in (course.advance, course.release) if one is not None]


def _ask(course: Course) -> None:
    first = course.advance or course.release
    now = course.reaches[first.id].planned
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to say yes", hint="look at it with --dry-run, then give --yes"
        )
    if not typer.confirm(f"Send to {now} now?", err=True):
        raise typer.Abort


# ---- telling ----------------------------------------------------------------------------------


def _tell(
    mailer: Mailer,
    out: Output,
    course: Course,
    story: list[Article],
    to: str,
    ahead: list[Edition],
) -> None:
    out.note(f"{heading(story, course.release.name)} to the list {to!r}")
    if course.embargo is not None:
        out.note("embargoed until")
        ends = course.embargo.ends
        for place, zone in mailer.settings.press.times.items():
            shown = ends.astimezone(ZoneInfo(zone))
            out.note(f"  {shown:%A %d %B %Y, %H:%M} {place}")
    if course.advance is not None:
        plan = course.reaches[course.advance.id]
        out.note(f"advance copy, edition {course.advance.id}, now: {contacts(plan)}")
    plan = course.reaches[course.release.id]
    when = course.release.appointment
    at = "now" if when is None else f"{moment(when.moment)}, when the embargo ends"
    out.note(f"release, edition {course.release.id}, {at}: {contacts(plan)}")
    for warning in course.warnings:
        out.note(f"note: {warning}")
    if not course.warnings:
        out.note("checks: nothing found")
    if ahead:
        names = ", ".join(f"{one.id} ({one.name}, {one.priority})" for one in ahead)
        out.note(f"being sent already: {names}; a release is urgent, and passes what is not")


def _figures(course: Course, taken: list[Article]) -> dict[str, Any]:
    return {
        "slug": taken[0].slug,
        "languages": [one.language for one in taken],
        "embargo": course.embargo,
        "advance": course.advance,
        "release": course.release,
        "reaches": {str(number): plan for number, plan in course.reaches.items()},
        "warnings": course.warnings,
    }
