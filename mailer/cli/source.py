"""``mailer source``: where articles come from by themselves."""

from pathlib import Path
from typing import Annotated

import typer

from mailer import sources
from mailer.app import open_mailer
from mailer.articles import Kind, check_web_address
from mailer.cli.options import DryRunOption, JsonOption, reading, settings, writing
from mailer.cli.output import Output, moment
from mailer.errors import InputError, PartlyDone, UsageError
from mailer.intake import extra
from mailer.schedules.records import parse_duration, spell_duration
from mailer.sources import Arrival, Order, SourceKind

app = typer.Typer(
    no_args_is_help=True,
    help="Sources: feeds, WordPress sites and folders that articles come from.",
)

Name = Annotated[str, typer.Argument(help="The source's name.")]


@app.command("add")
def add(
    name: Name,
    feed: Annotated[str, typer.Option(help="The address of an RSS or Atom feed.")] = "",
    wordpress: Annotated[str, typer.Option(help="The address of a WordPress site.")] = "",
    folder: Annotated[
        Path | None, typer.Option(help="A folder of Markdown and Word files to watch.")
    ] = None,
    every: Annotated[str, typer.Option(help="How often to look: 5m to 7d.")] = "30m",
    queue: Annotated[
        bool, typer.Option("--queue", help="Queue what it brings; else somebody does.")
    ] = False,
    kind: Annotated[Kind, typer.Option(help="Of what doesn't say.")] = Kind.NEWS,
    language: Annotated[str, typer.Option(help="Of what doesn't say; else the default.")] = "",
    topic: Annotated[list[str] | None, typer.Option(help="Of all it brings; repeatable.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Let articles come from somewhere: `mailer worker` looks there when it is time.

    What comes is a draft until somebody queues it with `mailer article queue`, unless the source
    may --queue. Only addresses on the public internet are fetched.

    Example: [bold]mailer source add our-site --wordpress https://www.example.org/ --every 15m[/]"""
    given = [
        (SourceKind.FEED, feed),
        (SourceKind.WORDPRESS, wordpress),
        (SourceKind.FOLDER, str(folder.resolve()) if folder else ""),
    ]
    named = [(kind, place) for kind, place in given if place]
    if len(named) != 1:
        raise UsageError("say where it is", hint="with one of --feed, --wordpress and --folder")
    of, place = named[0]
    if of is not SourceKind.FOLDER:
        check_web_address(place, f"--{of}")
        extra.package("httpcore")
        from mailer.intake.fetching.guard import PUBLIC

        PUBLIC.check_written(place)
    elif not Path(place).is_dir():
        raise InputError("there is no such folder", where=place, hint="make it first")
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        if unknown := tx.articles.unknown_topics(topic or []):
            raise InputError(f"there is no topic {unknown[0]!r}", hint="see `mailer topic list`")
        made = sources.add(
            tx.sources,
            Order(
                name,
                of,
                place,
                parse_duration(every, "--every"),
                Arrival.QUEUE if queue else Arrival.DRAFT,
                kind,
                language,
                tuple(topic or ()),
            ),
            mailer.clock(),
        )
        out.record(made, f"source {name}: looked at every {spell_duration(made.order.every)}")


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List sources and what came of the last look. Example: [bold]mailer source list[/]"""
    with reading() as (_, tx):
        found = tx.sources.sources()
        Output(json).table(
            found,
            {"source": "", "kind": "", "place": "", "": "", "looked": "", "then": "", "next": ""},
            [
                (
                    one.order.name,
                    one.order.kind,
                    one.order.place,
                    one.state,
                    moment(one.looked_at),
                    one.said,
                    moment(one.next_at),
                )
                for one in found
            ],
            empty="no source yet: mailer source add NAME --feed ADDRESS",
        )


@app.command("show")
def show(name: Name, json: JsonOption = False) -> None:
    """Show a source. Example: [bold]mailer source show our-site[/]"""
    with reading() as (_, tx):
        known = sources.get(tx.sources, name)
        out = Output(json)
        if json:
            out.json(known)
            return
        out.record(known.order)
        out.record(
            {
                "state": known.state,
                "looked at": known.looked_at,
                "said": known.said,
                "failures": known.failures,
                "next": known.next_at,
            }
        )


@app.command("poll")
def poll(name: Name, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Look at a source now. A dry run fetches it, says what it would bring, and takes nothing in.

    Example: [bold]mailer source poll our-site[/]"""
    extra.package("httpcore")
    from mailer.app import arrivals

    out = Output(json)
    with open_mailer(settings()) as mailer:
        with mailer.store.read() as tx:
            known = sources.get(tx.sources, name)
        brought = arrivals.look(mailer, known, keep=not dry_run)
    if dry_run:
        out.note("dry run: nothing was written")
    if brought is None:
        out.record({"source": name, "unchanged": True}, f"{name}: unchanged")
        return
    out.record(
        {
            "source": name,
            "articles": [
                {"outcome": outcome, "slug": one.slug, "language": one.language, "left_out": left}
                for outcome, one, left in brought.taken
            ],
            "unchanged": brought.unchanged,
            "kept": brought.kept,
            "problems": brought.problems,
        },
        f"{name}: {brought}",
    )
    for outcome, one, left in brought.taken:
        out.note(f"{outcome}: {one.slug} ({one.language}, {one.state}) {one.title}")
        for said in arrivals.said_of(left):
            out.note(f"  {said}")
    for kept in brought.kept:
        out.note(f"changed there, and kept as it is queued: {kept}")
    for problem in brought.problems:
        out.note(f"refused: {problem}")
    if brought.problems:
        raise PartlyDone(
            f"{len(brought.problems)} of what it has was refused",
            where=name,
            hint=("nothing was written" if dry_run else "the rest is in")
            + "; what was refused is tried again when its source has changed",
        )


@app.command("resume")
def resume(name: Name, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Look at a source again that has failed or was gone.

    Example: [bold]mailer source resume our-site[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = sources.let_go_on(tx.sources, sources.get(tx.sources, name), mailer.clock())
        out.record(known, f"source {name} is looked at next")


@app.command("remove")
def remove(name: Name, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Remove a source; the articles that it brought stay.

    Example: [bold]mailer source remove our-site[/]"""
    out = Output(json)
    with writing(dry_run, out) as (_, tx):
        known = sources.get(tx.sources, name)
        tx.sources.remove(known)
        out.record(known, f"source {name}: removed")
