"""``mailer source``: feeds, sites and folders that bring articles."""

from pathlib import Path
from typing import Annotated

import typer

from mailer import sources
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import load_settings, open_for_reading, open_for_writing
from mailer.counts import count_noun
from mailer.errors import InputError, PartlyDone, UsageError
from mailer.model.articles import ArticleKind
from mailer.model.sources import OnImport, SourceKind, SourceSettings
from mailer.schedules.durations import format_duration, parse_duration

app = CommandGroup(
    help="Sources: feeds, sites and folders that bring articles.",
)

Name = Annotated[str, typer.Argument(help="The source's name.")]


@app.command("add")
def add_source(
    name: Name,
    feed: Annotated[str, typer.Option(help="The address of an RSS or Atom feed.")] = "",
    wordpress: Annotated[str, typer.Option(help="The address of a WordPress site.")] = "",
    folder: Annotated[
        Path | None, typer.Option(help="A folder of Markdown and Word files to watch.")
    ] = None,
    every: Annotated[
        str, typer.Option(help="Time between two polls of the source, from 5m to 7d.")
    ] = "30m",
    queue: Annotated[
        bool,
        typer.Option("--queue", help="Queue the source's articles at once; default: make drafts."),
    ] = False,
    kind: Annotated[
        ArticleKind, typer.Option(help="Kind of articles that state no kind.")
    ] = ArticleKind.NEWS,
    language: Annotated[
        str,
        typer.Option(help="Language of articles that state no language; default: the office's."),
    ] = "",
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic for all articles of the source; repeatable.")
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a source, which `mailer worker` polls.

    The source's articles become drafts, which staff queue with `mailer article queue`. With
    --queue, the articles are queued at once. Only addresses on the public internet are fetched, on
    the ports 80, 443, 8080 and 8443. A server inside the office's network can write its articles
    into a --folder.

    Example: mailer source add our-site --wordpress https://www.example.org/ --every 15m"""
    options = [
        (SourceKind.FEED, feed),
        (SourceKind.WORDPRESS, wordpress),
        (SourceKind.FOLDER, str(folder.resolve()) if folder else ""),
    ]
    locations = [(kind, place) for kind, place in options if place]
    if len(locations) != 1:
        raise UsageError(
            "the source has no address or several",
            hint="give one of --feed, --wordpress and --folder",
        )
    source_kind, place = locations[0]
    if source_kind is not SourceKind.FOLDER:
        from mailer.intake import extra

        extra.import_package("httpcore")
    elif not Path(place).is_dir():
        raise InputError("there is no such folder", where=place, hint="make it first")
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        source = sources.add_source(
            tx,
            actor,
            SourceSettings(
                name,
                source_kind,
                place,
                parse_duration(every, "--every"),
                OnImport.QUEUE if queue else OnImport.DRAFT,
                kind,
                language,
                tuple(topic or ()),
            ),
            mailer.clock(),
        )
        if source_kind is not SourceKind.FOLDER:
            from mailer.intake.fetching.guard import PUBLIC_GUARD

            PUBLIC_GUARD.check_url(place)
        out.print_record(
            source, f"source {name}: polled every {format_duration(source.settings.every)}"
        )


@app.command("list")
def list_sources(json: JsonOption = False) -> None:
    """List sources with the result of the last poll.

    Example: mailer source list"""
    with open_for_reading() as (_, tx):
        all_sources = tx.sources.list_sources()
        Output(json).print_table(
            all_sources,
            {
                "source": "",
                "kind": "",
                "place": "",
                "state": "",
                "polled": "",
                "result": "",
                "next": "",
            },
            [
                (
                    source.settings.name,
                    source.settings.kind,
                    source.settings.place,
                    source.state,
                    format_moment(source.last_read_at),
                    source.last_result,
                    format_moment(source.next_at),
                )
                for source in all_sources
            ],
            empty="no source yet: mailer source add NAME --feed ADDRESS",
        )


@app.command("show")
def show_source(name: Name, json: JsonOption = False) -> None:
    """Show a source.

    Example: mailer source show our-site"""
    with open_for_reading() as (_, tx):
        source = sources.get_source(tx, name)
        out = Output(json)
        if json:
            out.print_json(source)
            return
        out.print_record(source.settings)
        out.print_record(
            {
                "state": source.state,
                "polled": source.last_read_at,
                "result": source.last_result,
                "failures": source.failures,
                "next": source.next_at,
            }
        )


@app.command("poll")
def poll_source(
    name: Name, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Poll a source now. A dry run shows what the source would bring, and saves nothing.

    Example: mailer source poll our-site"""
    from mailer.app import open_mailer
    from mailer.intake.source_reader import SourceReader

    out = Output(json)
    actor = resolve_actor(by)
    with open_mailer(load_settings()) as mailer:
        with mailer.store.read() as tx:
            source = sources.get_source(tx, name)
        poll_result = sources.poll_source(
            mailer.store,
            actor,
            source,
            SourceReader(mailer.settings),
            mailer.clock,
            save=not dry_run,
        )
    if dry_run:
        out.print_note("dry run: nothing was written")
    if poll_result is None:
        out.print_record({"source": name, "unchanged": True}, f"{name}: unchanged")
        return
    out.print_record(
        {
            "source": name,
            "articles": [
                {
                    "outcome": outcome,
                    "slug": article.slug,
                    "language": article.language,
                    "left_out": omissions,
                }
                for outcome, article, omissions in poll_result.imported
            ],
            "unchanged": poll_result.unchanged,
            "kept": poll_result.changed_after_queueing,
            "problems": poll_result.problems,
        },
        f"{name}: {poll_result}",
    )
    for outcome, article, omissions in poll_result.imported:
        out.print_note(
            f"{outcome}: {article.slug} ({article.language}, {article.state}) {article.title}"
        )
        for omission in sources.describe_omissions(omissions):
            out.print_note(f"  {omission}")
        for gap in poll_result.gaps.get((article.slug, article.language), ()):
            out.print_note(f"  {gap}")
    for queued_article in poll_result.changed_after_queueing:
        out.print_note(
            f"changed at the source, but already queued here, so not updated: {queued_article}"
        )
    for problem in poll_result.problems:
        out.print_note(f"refused: {problem}")
    if poll_result.problems:
        raise PartlyDone(
            count_noun(len(poll_result.problems), "entry was refused", "entries were refused"),
            where=name,
            hint=("nothing was written" if dry_run else "the others were imported")
            + "; a refused entry is tried again when it changes at the source",
        )


@app.command("resume")
def resume_source(
    name: Name, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Resume polling a source whose polls failed, or which was permanently gone.

    Example: mailer source resume our-site"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        source = sources.resume_source(tx, actor, sources.get_source(tx, name), mailer.clock())
        out.print_record(source, f"source {name} is polled next")


@app.command("remove")
def remove_source(
    name: Name, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a source. Its articles stay.

    Example: mailer source remove our-site"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        source = sources.remove_source(tx, actor, name)
        out.print_record(source, f"source {name}: removed")
