"""``mailer segment``: saved filters over a list's members."""

from typing import Annotated

import typer

from mailer.audience import lists, segments
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output

app = typer.Typer(
    no_args_is_help=True,
    help="Segments: saved filters over a list's members.\n\n"
    "Fields: topic, language, country, tag, frequency, joined before/after DAY, and of media "
    "contacts outlet, beat, trust, follow_up; and, or, not, (…), in (a, b).",
)

Slug = Annotated[str, typer.Argument(help="The segment's name.")]
Of = Annotated[str, typer.Option("--list", help="The list whose members are meant.")]


@app.command("save")
def save(
    slug: Slug,
    where: Annotated[str, typer.Argument(help="The filter.")],
    name: Annotated[str, typer.Option(help="As staff see it.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Save a filter under a name; one of that name is replaced.

    Example: [bold]mailer segment save uk 'country = GB and not tag = staff'[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        made = segments.save(tx.segments, slug, name or slug, where, mailer.clock())
        out.record(_plain(made), f"{made.slug}: {segments.text(made.filter)}")


def _plain(segment: segments.Segment) -> dict[str, object]:
    return {
        "slug": segment.slug,
        "name": segment.name,
        "filter": segments.text(segment.filter),
        "tree": segments.to_plain(segment.filter),
        "created_at": segment.created_at,
    }


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the segments. Example: [bold]mailer segment list[/]"""
    with reading() as (_, tx):
        found = tx.segments.segments()
        Output(json).table(
            [_plain(one) for one in found],
            {"segment": "", "name": "", "filter": ""},
            [(one.slug, one.name, segments.text(one.filter)) for one in found],
            empty="no segment yet: mailer segment save uk 'country = GB'",
        )


@app.command("show")
def show(slug: Slug, json: JsonOption = False) -> None:
    """Show a segment. Example: [bold]mailer segment show uk[/]"""
    with reading() as (_, tx):
        Output(json).record(_plain(segments.get(tx.segments, slug)))


@app.command("count")
def count(slug: Slug, of: Of, json: JsonOption = False) -> None:
    """Count a list's active members in a segment.

    Example: [bold]mailer segment count uk --list news[/]"""
    with reading() as (_, tx):
        segment = segments.get(tx.segments, slug)
        list_ = lists.get_list(tx.lists, of)
        found = tx.segments.count_members(list_, segment.filter)
        everyone = tx.segments.count_members(list_, segments.All(()))
        data = {"segment": slug, "list": of, "members": found, "of": everyone}
        Output(json).record(data, f"{found} of the {everyone} members of {of!r}")


@app.command("sample")
def sample(
    slug: Slug,
    of: Of,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 10,
    json: JsonOption = False,
) -> None:
    """Show some members of a segment, at random.

    Example: [bold]mailer segment sample uk --list news --limit 5[/]"""
    with reading() as (_, tx):
        segment = segments.get(tx.segments, slug)
        found = tx.segments.sample_members(lists.get_list(tx.lists, of), segment.filter, limit)
        Output(json).table(
            found,
            {"address": "", "name": "", "language": "", "country": "", "topics": "", "joined": ""},
            [
                (m.address, m.name, m.language, m.country, m.topics or "all", m.joined_at)
                for m in found
            ],
            empty="nobody is in it",
        )


@app.command("remove")
def remove(slug: Slug, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Remove a segment that nothing uses. Example: [bold]mailer segment remove uk[/]"""
    out = Output(json)
    with writing(dry_run, out) as (_, tx):
        out.record(_plain(segments.remove(tx.segments, slug)), f"segment {slug} removed")
