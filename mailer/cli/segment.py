"""``mailer segment``: saved filters over a list's members."""

from typing import Annotated

import typer

from mailer.audience import lists, segments
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.model.segments import All, Segment

app = CommandGroup(
    help="Segments: saved filters over a list's members.\n\n"
    "Fields: topic, language, country, tag, frequency, and the fields of the settings; joined or "
    "sent before/after DAY or within N days, sent never, refused last, refused N times within N "
    "days; for media contacts also outlet, beat, trust, follow_up. Combine conditions with and, "
    "or, not and parentheses; in (a, b) matches any of several values.",
)

Slug = Annotated[str, typer.Argument(help="The segment's slug.")]
ListOption = Annotated[str, typer.Option("--list", help="The list whose members are filtered.")]


@app.command("save")
def save_segment(
    slug: Slug,
    where: Annotated[str, typer.Argument(help="The filter.")],
    name: Annotated[str, typer.Option(help="The name that staff see; default: the slug.")] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Save a filter under a slug. An earlier filter with this slug is replaced.

    Example: mailer segment save uk 'country = GB and not tag = staff'"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        segment = segments.save_segment(
            tx, actor, slug, name or slug, where, mailer.clock(), mailer.reader_fields
        )
        out.print_record(
            _to_json(segment), f"{segment.slug}: {segments.format_filter(segment.filter)}"
        )


def _to_json(segment: Segment) -> dict[str, object]:
    return {
        "slug": segment.slug,
        "name": segment.name,
        "filter": segments.format_filter(segment.filter),
        "tree": segments.to_plain(segment.filter),
        "created_at": segment.created_at,
    }


@app.command("list")
def list_segments(json: JsonOption = False) -> None:
    """List the segments.

    Example: mailer segment list"""
    with open_for_reading() as (_, tx):
        all_segments = tx.segments.list_segments()
        Output(json).print_table(
            [_to_json(segment) for segment in all_segments],
            {"segment": "", "name": "", "filter": ""},
            [
                (segment.slug, segment.name, segments.format_filter(segment.filter))
                for segment in all_segments
            ],
            empty="no segment yet: mailer segment save uk 'country = GB'",
        )


@app.command("show")
def show_segment(slug: Slug, json: JsonOption = False) -> None:
    """Show a segment.

    Example: mailer segment show uk"""
    with open_for_reading() as (_, tx):
        Output(json).print_record(_to_json(segments.get_segment(tx, slug)))


@app.command("count")
def count_members(slug: Slug, list_slug: ListOption, json: JsonOption = False) -> None:
    """Count a list's active members in a segment.

    Example: mailer segment count uk --list news"""
    with open_for_reading() as (mailer, tx):
        segment = segments.get_segment(tx, slug)
        segments.check_declared(segment, mailer.reader_fields)
        mailing_list = lists.get_list(tx, list_slug)
        member_count = tx.segments.count_members(mailing_list, segment.filter)
        total_count = tx.segments.count_members(mailing_list, All(()))
        data = {"segment": slug, "list": list_slug, "members": member_count, "of": total_count}
        Output(json).print_record(
            data, f"{member_count} of the {total_count} members of {list_slug!r}"
        )


@app.command("sample")
def sample_members(
    slug: Slug,
    list_slug: ListOption,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The maximum number to show.")] = 10,
    json: JsonOption = False,
) -> None:
    """Show some members of a segment, chosen at random.

    Example: mailer segment sample uk --list news --limit 5"""
    with open_for_reading() as (mailer, tx):
        segment = segments.get_segment(tx, slug)
        segments.check_declared(segment, mailer.reader_fields)
        members = tx.segments.sample_members(lists.get_list(tx, list_slug), segment.filter, limit)
        Output(json).print_table(
            members,
            {"address": "", "name": "", "language": "", "country": "", "topics": "", "joined": ""},
            [
                (
                    member.address,
                    member.name,
                    member.language,
                    member.country,
                    member.topics or "all",
                    member.joined_at,
                )
                for member in members
            ],
            empty="no member is in it",
        )


@app.command("remove")
def remove_segment(
    slug: Slug, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a segment that is not in use.

    Example: mailer segment remove uk"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        out.print_record(
            _to_json(segments.remove_segment(tx, actor, slug)),
            f"segment {slug} removed",
        )
