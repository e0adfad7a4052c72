"""``mailer digest``: standing orders."""

from typing import Annotated, Any

import typer

from mailer import digests
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output
from mailer.digests import Order, WhenEmpty
from mailer.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Digests: standing orders for editions.")

Slug = Annotated[str, typer.Argument(help="The digest's name.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Repeatable; none means all.")]


@app.command()
def add(
    slug: Slug,
    to: Annotated[str, typer.Option("--list", help="Who gets it.")],
    name: Annotated[str, typer.Option(help="As readers see it.")] = "",
    segment: Annotated[str, typer.Option(help="Only those of the list in this segment.")] = "",
    topic: Topics = None,
    template: Annotated[str, typer.Option(help="A folder of templates/email.")] = "digest",
    subject: Annotated[
        str, typer.Option(help="A template, such as '{{ edition.name }}: {{ lead_title }}'.")
    ] = "",
    language: Annotated[str, typer.Option(help="For readers of languages without text.")] = "",
    fewest: Annotated[int, typer.Option(help="Fewer stories: it is empty.")] = 1,
    most: Annotated[int, typer.Option(help="More stories wait for the next.")] = 20,
    when_empty: Annotated[WhenEmpty, typer.Option(help="Skip it, or hold it for a person.")] = (
        WhenEmpty.SKIP
    ),
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a digest.

    Example: [bold]mailer digest add weekly --list news --name "The week" --most 8[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        made = digests.add(
            tx.digests,
            Order(
                slug=slug,
                name=name or slug.replace("-", " ").capitalize(),
                list=to,
                segment=segment,
                topics=tuple(topic or ()),
                template=template,
                subject=subject,
                language=language or mailer.settings.defaults.language,
                fewest=fewest,
                most=most,
                when_empty=when_empty,
            ),
            mailer.clock(),
        )
        out.record(made, f"digest {slug}: {made.order.name}, to {to!r}")


@app.command()
def edit(
    slug: Slug,
    to: Annotated[str | None, typer.Option("--list")] = None,
    name: Annotated[str | None, typer.Option()] = None,
    segment: Annotated[str | None, typer.Option(help="Empty: the whole list.")] = None,
    topic: Topics = None,
    all_topics: Annotated[bool, typer.Option("--all-topics", help="Of any topic.")] = False,
    template: Annotated[str | None, typer.Option()] = None,
    subject: Annotated[str | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option()] = None,
    fewest: Annotated[int | None, typer.Option()] = None,
    most: Annotated[int | None, typer.Option()] = None,
    when_empty: Annotated[WhenEmpty | None, typer.Option()] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a digest; editions that it has made stay.

    Example: [bold]mailer digest edit weekly --most 10[/]"""
    given = {
        "list": to, "name": name, "segment": segment, "template": template, "subject": subject,
        "language": language, "fewest": fewest, "most": most, "when_empty": when_empty,
        "topics": () if all_topics else tuple(topic) if topic else None,
    }  # fmt: skip
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise UsageError("nothing to change was given", hint="see `mailer digest edit --help`")
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        changed = digests.edit(tx.digests, slug, changes, mailer.clock())
        out.record(changed, f"digest {slug} changed")


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the digests. Example: [bold]mailer digest list[/]"""
    with reading() as (_, tx):
        found = tx.digests.digests()
        Output(json).table(
            found,
            {"digest": "", "name": "", "list": "", "topics": "", "stories run": "right"},
            [
                (d.order.slug, d.order.name, d.order.list, d.order.topics or "all", d.stories_run)
                for d in found
            ],
            empty="no digest yet: mailer digest add weekly --list news",
        )


@app.command()
def show(slug: Slug, json: JsonOption = False) -> None:
    """Show a digest, and the stories that its next edition would hold.

    Example: [bold]mailer digest show weekly[/]"""
    with reading() as (mailer, tx):
        known = digests.get(tx.digests, slug)
        choice = digests.choose(known.order, tx.digests.candidates(known), mailer.clock())
        slugs = [story.slug for story in choice.stories]
        waiting = [story.slug for story in choice.waiting]
        out = Output(json)
        if json:
            out.json({"digest": known, "next": slugs, "waiting": waiting})
            return
        out.record(known.order)
        out.record({"next": slugs, "waiting": waiting, "too_few": choice.too_few})


@app.command()
def assemble(slug: Slug, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Make an edition of the stories that this digest has not run.

    Too few: it is recorded as skipped, or held, with the reason.

    Example: [bold]mailer digest assemble weekly[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        edition, choice = digests.assemble(tx.digests, slug, mailer.clock())
        warnings: tuple[str, ...] = ()
        if edition.stories and not choice.too_few:
            edition, composition = mailer.composed(tx, edition)
            warnings = composition.warnings if composition else ()
        said = f"edition {edition.id} ({edition.state}): {len(edition.stories)} stories"
        if choice.too_few:
            said += f"; {choice.too_few}"
        if choice.waiting:
            said += f"; {len(choice.waiting)} wait for the next"
        out.record({"edition": edition, "waiting": len(choice.waiting)}, said)
        for warning in warnings:
            out.note(f"note: {warning}")
        if edition.content_hash:
            out.note(f"next: mailer edition preview {edition.id}, then approve and send it")
