"""Sending releases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from mailer import releases
from mailer.audience.lists import get_list
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.release.confirmation import confirm_sending
from mailer.cli.release.group import YesOption, app
from mailer.cli.release.story import (
    describe_reach,
    format_heading,
    import_story,
)
from mailer.cli.sending import ProgressOption, ProgressStyle, deliver_editions
from mailer.cli.transactions import open_for_writing
from mailer.model.articles import Article

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.releases import ReleaseEditions, ReleasePreview
    from mailer.store import SqlTransaction


@app.command("send")
def send_release(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="The files of the release, one for each language; or the release's slug."
        ),
    ],
    list_slug: Annotated[str, typer.Option("--to", help="The list of media contacts.")],
    segment: Annotated[
        str, typer.Option(help="Only members in this segment; default: the whole list.")
    ] = "",
    language: Annotated[
        str,
        typer.Option(help="Fallback language for readers whose own language has no translation."),
    ] = "",
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Add topics that do not exist yet.")
    ] = False,
    yes: YesOption = False,
    progress: ProgressOption = ProgressStyle.BAR,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import a release, check it, approve it in your name, and send it at once.

    The command shows the recipient count, the check results and the send times, then asks for
    confirmation. Under an embargo, trusted contacts get an advance copy now, and the worker sends
    the release to the others when the embargo ends. Releases are urgent: they get most of the
    connections while newsletters are being sent.

    Example: mailer release send open-day.md --to press --dry-run"""
    out = Output(json or progress is ProgressStyle.LINES)
    actor = resolve_actor(by)

    def read_request(
        mailer: "Mailer", tx: "SqlTransaction"
    ) -> tuple[list[Article], dict[str, Any]]:
        """Import the story, and return it with the other arguments of the verbs in
        `mailer.releases`."""
        story_articles = import_story(mailer, tx, paths, actor, create_topics=create_topics)
        return story_articles, {
            "slug": story_articles[0].slug,
            "mailing_list": get_list(tx, list_slug),
            "renderer": mailer.renderer,
            "now": mailer.clock(),
            "default_language": mailer.settings.defaults.language,
            "segment": segment,
            "language": language,
        }

    # The preview is undone: no other writer waits while a person reads it.
    with open_for_writing(actor, True, out if dry_run else None) as (mailer, tx):
        mailer.guard.check_database()
        mailer.check_relays()
        story_articles, request = read_request(mailer, tx)
        preview = releases.preview_release(tx, actor, **request)
        _print_preview(mailer, out, preview, list_slug)
    if dry_run:
        if json:
            out.print_json(_to_json(preview.editions, story_articles))
        return
    if not yes:
        first_edition = preview.editions.advance or preview.editions.release
        confirm_sending(preview.editions.reaches[first_edition.id].planned)
    with open_for_writing(actor, False, out) as (mailer, tx):
        _, request = read_request(mailer, tx)
        release_plan = releases.confirm_release(
            tx, actor, **request, fingerprint=preview.fingerprint
        )
    if release_plan.embargo is not None:
        edition_id = release_plan.release.id
        out.print_note(
            f"edition {edition_id} is sent when the embargo ends, if `mailer worker` runs"
        )
    deliver_editions(list(release_plan.started), out, progress)


# ---- the preview ------------------------------------------------------------------------------


def _print_preview(
    mailer: "Mailer", out: Output, preview: "ReleasePreview", list_slug: str
) -> None:
    release_plan, running_editions = preview.editions, preview.running
    heading = format_heading(list(preview.articles), release_plan.release.name)
    out.print_note(f"{heading} to the list {list_slug!r}")
    if release_plan.embargo is not None:
        out.print_note("embargoed until")
        ends = release_plan.embargo.ends_at
        for city, zone in mailer.settings.press.times.items():
            local_end = ends.astimezone(ZoneInfo(zone))
            out.print_note(f"  {local_end:%A %d %B %Y, %H:%M} {city}")
    if release_plan.advance is not None:
        plan = release_plan.reaches[release_plan.advance.id]
        out.print_note(
            f"advance copy, edition {release_plan.advance.id}, now: {describe_reach(plan)}"
        )
    plan = release_plan.reaches[release_plan.release.id]
    appointment = release_plan.release.appointment
    time_text = (
        "now"
        if appointment is None
        else f"{format_moment(appointment.moment)}, when the embargo ends"
    )
    out.print_note(
        f"release, edition {release_plan.release.id}, {time_text}: {describe_reach(plan)}"
    )
    for warning in release_plan.warnings:
        out.print_note(f"note: {warning}")
    if not release_plan.warnings:
        out.print_note("checks: nothing found")
    if running_editions:
        names = ", ".join(
            f"{edition.id} ({edition.name}, {edition.priority})" for edition in running_editions
        )
        out.print_note(f"being sent already: {names}; a release is urgent and overtakes the others")


def _to_json(release_plan: "ReleaseEditions", story_articles: list[Article]) -> dict[str, Any]:
    return {
        "slug": story_articles[0].slug,
        "languages": [article.language for article in story_articles],
        "embargo": release_plan.embargo,
        "advance": release_plan.advance,
        "release": release_plan.release,
        "reaches": {str(edition_id): plan for edition_id, plan in release_plan.reaches.items()},
        "warnings": release_plan.warnings,
    }
