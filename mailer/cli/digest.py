"""``mailer digest``: standing orders."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from mailer import digests
from mailer.audience.lists import Frequency
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output, plain
from mailer.digests import ApprovalRule, Order, Policy, WhenEmpty, WhenLate
from mailer.editions import Archive, SendTime
from mailer.errors import UsageError
from mailer.schedules import records

app = typer.Typer(no_args_is_help=True, help="Digests: standing orders for editions.")

Slug = Annotated[str, typer.Argument(help="The digest's name.")]
Approvers = Annotated[
    list[str] | None,
    typer.Option(help="Address that is asked to approve; repeatable; else those of the settings."),
]
Watchers = Annotated[
    list[str] | None, typer.Option(help="Address that is told of all else; repeatable.")
]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Repeatable; none means all.")]


@app.command("add")
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
    frequency: Annotated[
        Frequency, typer.Option(help="Goes to those of the list who chose this.")
    ] = Frequency.EVERY,
    archive: Annotated[
        Archive, typer.Option(help="Whether its editions stand in the public archive.")
    ] = Archive.PUBLIC,
    approval: Annotated[
        ApprovalRule, typer.Option(help="Who must approve: none, anyone, or other than an author.")
    ] = ApprovalRule.ANYONE,
    when_late: Annotated[
        WhenLate, typer.Option(help="Not approved in time: wait for it, or go back to draft.")
    ] = WhenLate.WAIT,
    remind: Annotated[
        list[str] | None, typer.Option(help="Remind approvers so long before: 4h. Repeatable.")
    ] = None,
    grace: Annotated[
        str, typer.Option(help="How late it may be sent when the worker was not running.")
    ] = "6h",
    send_time: Annotated[
        SendTime, typer.Option(help="By the office's clock, or by each reader's own.")
    ] = SendTime.OFFICE,
    approver: Approvers = None,
    watcher: Watchers = None,
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
                frequency=frequency,
                archive=archive,
                policy=Policy(
                    approval=approval,
                    when_late=when_late,
                    send_time=send_time,
                    grace=records.parse_duration(grace, "--grace"),
                    reminders=_lengths(remind or []),
                    approvers=tuple(approver or ()),
                    watchers=tuple(watcher or ()),
                ),
            ),
            mailer.clock(),
        )
        out.record(made, f"digest {slug}: {made.order.name}, to {to!r}")


def _lengths(texts: list[str]) -> tuple[timedelta, ...]:
    return tuple(records.parse_duration(one, "--remind") for one in texts)


@app.command("edit")
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
    frequency: Annotated[Frequency | None, typer.Option()] = None,
    archive: Annotated[Archive | None, typer.Option()] = None,
    approval: Annotated[ApprovalRule | None, typer.Option()] = None,
    when_late: Annotated[WhenLate | None, typer.Option()] = None,
    remind: Annotated[list[str] | None, typer.Option(help="Repeatable; empty: never.")] = None,
    grace: Annotated[str | None, typer.Option()] = None,
    send_time: Annotated[SendTime | None, typer.Option()] = None,
    approver: Approvers = None,
    watcher: Watchers = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a digest; editions that it has made stay.

    Example: [bold]mailer digest edit weekly --most 10[/]"""
    given = {
        "list": to, "name": name, "segment": segment, "template": template, "subject": subject,
        "language": language, "fewest": fewest, "most": most, "when_empty": when_empty,
        "topics": () if all_topics else tuple(topic) if topic else None,
        "frequency": frequency, "archive": archive,
        "approval": approval, "when_late": when_late, "send_time": send_time,
        "grace": None if grace is None else records.parse_duration(grace, "--grace"),
        "reminders": None if remind is None else _lengths([one for one in remind if one]),
        "approvers": None if approver is None else tuple(one for one in approver if one),
        "watchers": None if watcher is None else tuple(one for one in watcher if one),
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


@app.command("show")
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
        order, policy = known.order, known.order.policy
        shown = {**plain(order), **plain(policy)}
        del shown["policy"]
        shown["grace"] = records.spell_duration(policy.grace)
        shown["reminders"] = [records.spell_duration(one) for one in policy.reminders]
        out.record(shown)
        out.record({"next": slugs, "waiting": waiting, "too_few": choice.too_few})


@app.command("assemble")
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
