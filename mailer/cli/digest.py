"""``mailer digest``: standing orders."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from mailer import digests, editions
from mailer.cli.options import (
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output, to_plain_data
from mailer.errors import UsageError
from mailer.model.digests import ApprovalRule, DigestPolicy, DigestSettings, WhenEmpty, WhenLate
from mailer.model.edition_states import ArchiveVisibility, SendTimeBasis
from mailer.model.lists import Frequency
from mailer.schedules import durations

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
def add_digest(
    slug: Slug,
    list_slug: Annotated[str, typer.Option("--list", help="Who gets it.")],
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
        ArchiveVisibility, typer.Option(help="Whether its editions stand in the public archive.")
    ] = ArchiveVisibility.PUBLIC,
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
        SendTimeBasis, typer.Option(help="By the office's clock, or by each reader's own.")
    ] = SendTimeBasis.OFFICE,
    approver: Approvers = None,
    watcher: Watchers = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a digest.

    Example: [bold]mailer digest add weekly --list news --name "The week" --most 8[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        digest = digests.add_digest(
            tx,
            DigestSettings(
                slug=slug,
                name=name or slug.replace("-", " ").capitalize(),
                list=list_slug,
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
                policy=DigestPolicy(
                    approval=approval,
                    when_late=when_late,
                    send_time=send_time,
                    grace=durations.parse_duration(grace, "--grace"),
                    reminders=_parse_durations(remind or []),
                    approvers=tuple(approver or ()),
                    watchers=tuple(watcher or ()),
                ),
            ),
            mailer.clock(),
        )
        out.print_record(digest, f"digest {slug}: {digest.settings.name}, to {list_slug!r}")


def _parse_durations(texts: list[str]) -> tuple[timedelta, ...]:
    return tuple(durations.parse_duration(text, "--remind") for text in texts)


@app.command("edit")
def edit_digest(
    slug: Slug,
    list_slug: Annotated[str | None, typer.Option("--list")] = None,
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
    archive: Annotated[ArchiveVisibility | None, typer.Option()] = None,
    approval: Annotated[ApprovalRule | None, typer.Option()] = None,
    when_late: Annotated[WhenLate | None, typer.Option()] = None,
    remind: Annotated[list[str] | None, typer.Option(help="Repeatable; empty: never.")] = None,
    grace: Annotated[str | None, typer.Option()] = None,
    send_time: Annotated[SendTimeBasis | None, typer.Option()] = None,
    approver: Approvers = None,
    watcher: Watchers = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a digest; editions that it has made stay.

    Example: [bold]mailer digest edit weekly --most 10[/]"""
    options = {
        "list": list_slug, "name": name, "segment": segment, "template": template, "subject": subject,
        "language": language, "fewest": fewest, "most": most, "when_empty": when_empty,
        "topics": () if all_topics else tuple(topic) if topic else None,
        "frequency": frequency, "archive": archive,
        "approval": approval, "when_late": when_late, "send_time": send_time,
        "grace": None if grace is None else durations.parse_duration(grace, "--grace"),
        "reminders": None if remind is None else _parse_durations([one for one in remind if one]),
        "approvers": None if approver is None else tuple(one for one in approver if one),
        "watchers": None if watcher is None else tuple(one for one in watcher if one),
    }  # fmt: skip
    changes: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if not changes:
        raise UsageError("nothing to change was given", hint="see `mailer digest edit --help`")
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        digest = digests.edit_digest(tx, slug, changes, mailer.clock())
        out.print_record(digest, f"digest {slug} changed")


@app.command("list")
def list_digests(json: JsonOption = False) -> None:
    """List the digests. Example: [bold]mailer digest list[/]"""
    with open_for_reading() as (_, tx):
        all_digests = tx.digests.list_digests()
        Output(json).print_table(
            all_digests,
            {"digest": "", "name": "", "list": "", "topics": "", "stories run": "right"},
            [
                (
                    digest.settings.slug,
                    digest.settings.name,
                    digest.settings.list,
                    digest.settings.topics or "all",
                    digest.stories_run,
                )
                for digest in all_digests
            ],
            empty="no digest yet: mailer digest add weekly --list news",
        )


@app.command("show")
def show_digest(slug: Slug, json: JsonOption = False) -> None:
    """Show a digest, and the stories that its next edition would hold.

    Example: [bold]mailer digest show weekly[/]"""
    with open_for_reading() as (mailer, tx):
        digest = digests.get_digest(tx, slug)
        choice = digests.choose_stories(
            digest.settings, tx.digests.list_candidate_stories(digest), mailer.clock()
        )
        slugs = [story.slug for story in choice.stories]
        waiting = [story.slug for story in choice.waiting]
        out = Output(json)
        if json:
            out.print_json({"digest": digest, "next": slugs, "waiting": waiting})
            return
        digest_settings, policy = digest.settings, digest.settings.policy
        fields = {**to_plain_data(digest_settings), **to_plain_data(policy)}
        del fields["policy"]
        fields["grace"] = durations.format_duration(policy.grace)
        fields["reminders"] = [durations.format_duration(interval) for interval in policy.reminders]
        out.print_record(fields)
        out.print_record({"next": slugs, "waiting": waiting, "too_few": choice.too_few})


@app.command("assemble")
def assemble_edition(slug: Slug, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Make an edition of the stories that this digest has not run.

    Too few: it is recorded as skipped, or held, with the reason.

    Example: [bold]mailer digest assemble weekly[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition, choice = digests.assemble_edition(tx, resolve_actor(""), slug, mailer.clock())
        warnings: tuple[str, ...] = ()
        if edition.stories and not choice.too_few:
            edition, composition = editions.compose_edition(tx, edition, mailer.renderer)
            warnings = composition.warnings if composition else ()
        message = f"edition {edition.id} ({edition.state}): {len(edition.stories)} stories"
        if choice.too_few:
            message += f"; {choice.too_few}"
        if choice.waiting:
            message += f"; {len(choice.waiting)} wait for the next"
        out.print_record({"edition": edition, "waiting": len(choice.waiting)}, message)
        for warning in warnings:
            out.print_note(f"note: {warning}")
        if edition.content_hash:
            out.print_note(f"next: mailer edition preview {edition.id}, then approve and send it")
