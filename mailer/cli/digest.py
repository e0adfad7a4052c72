"""``mailer digest``: standing orders for editions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

import typer

from mailer import digests, editions
from mailer.cli import digest_help
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import (
    ByOption,
    DigestSlug,
    DryRunOption,
    JsonOption,
    parse_changes,
    parse_pairs,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.digests import run_ups
from mailer.digests.calendar import PlannedOccurrence
from mailer.errors import UsageError
from mailer.model.articles import ArticleKind
from mailer.model.digests import (
    DEFAULT_KINDS,
    ApprovalRule,
    DigestPolicy,
    DigestSettings,
    StoryChoice,
    WhenEmpty,
    WhenLate,
)
from mailer.model.edition_states import ArchiveVisibility, SendTimeBasis
from mailer.model.editions import Edition
from mailer.model.lists import Frequency
from mailer.plain_data import to_plain_data
from mailer.schedules import durations, rule_syntax
from mailer.store import SqlTransaction

app = CommandGroup(help="Digests: standing orders for editions.")


@app.command("add")
def add_digest(
    slug: DigestSlug,
    list_slug: Annotated[str, typer.Option("--list", help="The list that gets the editions.")],
    name: Annotated[str, typer.Option(help=digest_help.NAME)] = "",
    segment: Annotated[str, typer.Option(help=digest_help.SEGMENT)] = "",
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic of stories; repeatable; default: all topics.")
    ] = None,
    kind: Annotated[
        list[ArticleKind] | None,
        typer.Option(help="A kind of article; repeatable; default: all but press releases."),
    ] = None,
    template: Annotated[str, typer.Option(help=digest_help.TEMPLATE)] = "digest",
    subject: Annotated[str, typer.Option(help=digest_help.SUBJECT)] = "",
    name_in: Annotated[
        list[str] | None, typer.Option(help="LANGUAGE=the name in that language; repeatable.")
    ] = None,
    subject_in: Annotated[
        list[str] | None, typer.Option(help="LANGUAGE=the subject in that language; repeatable.")
    ] = None,
    language: Annotated[str, typer.Option(help=digest_help.LANGUAGE)] = "",
    fewest: Annotated[int, typer.Option(help=digest_help.FEWEST)] = 1,
    most: Annotated[int, typer.Option(help=digest_help.MOST)] = 20,
    when_empty: Annotated[WhenEmpty, typer.Option(help=digest_help.WHEN_EMPTY)] = (WhenEmpty.SKIP),
    frequency: Annotated[Frequency, typer.Option(help=digest_help.FREQUENCY)] = Frequency.EVERY,
    archive: Annotated[
        ArchiveVisibility, typer.Option(help=digest_help.ARCHIVE)
    ] = ArchiveVisibility.PUBLIC,
    sender: Annotated[str, typer.Option(help=digest_help.SENDER)] = "",
    link_tag: Annotated[
        list[str] | None, typer.Option(help=f"{digest_help.LINK_TAG}; repeatable.")
    ] = None,
    approval: Annotated[
        ApprovalRule, typer.Option(help=digest_help.APPROVAL)
    ] = ApprovalRule.ANYONE,
    when_late: Annotated[WhenLate, typer.Option(help=digest_help.WHEN_LATE)] = WhenLate.WAIT,
    remind: Annotated[
        list[str] | None, typer.Option(help=f"{digest_help.REMIND}; repeatable.")
    ] = None,
    approve_by: Annotated[str, typer.Option(help=digest_help.APPROVE_BY)] = "30m",
    grace: Annotated[str, typer.Option(help=digest_help.GRACE)] = "6h",
    quiet: Annotated[str, typer.Option(help=digest_help.QUIET)] = "15m",
    longest_wait: Annotated[str, typer.Option(help=digest_help.LONGEST_WAIT)] = "2h",
    send_time: Annotated[
        SendTimeBasis, typer.Option(help=digest_help.SEND_TIME)
    ] = SendTimeBasis.OFFICE,
    approver: Annotated[
        list[str] | None, typer.Option(help=f"{digest_help.APPROVER}; repeatable.")
    ] = None,
    watcher: Annotated[
        list[str] | None, typer.Option(help=f"{digest_help.WATCHER}; repeatable.")
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a digest.

    Example: mailer digest add weekly --list news --name "The week" --most 8"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        digest = digests.add_digest(
            tx,
            actor,
            DigestSettings(
                slug=slug,
                name=name or slug.replace("-", " ").capitalize(),
                list=list_slug,
                segment=segment,
                topics=tuple(topic or ()),
                kinds=tuple(kind or DEFAULT_KINDS),
                template=template,
                subject=subject,
                names=parse_pairs(name_in, "--name-in"),
                subjects=parse_pairs(subject_in, "--subject-in"),
                language=language or mailer.settings.defaults.language,
                fewest=fewest,
                most=most,
                when_empty=when_empty,
                frequency=frequency,
                archive=archive,
                sender=sender,
                link_tags=parse_pairs(link_tag, "--link-tag"),
                policy=DigestPolicy(
                    approval=approval,
                    when_late=when_late,
                    send_time=send_time,
                    grace=durations.parse_duration(grace, "--grace"),
                    quiet=durations.parse_duration(quiet, "--quiet"),
                    longest_wait=durations.parse_duration(longest_wait, "--longest-wait"),
                    approve_by=durations.parse_duration(approve_by, "--approve-by"),
                    reminders=_parse_durations(remind or []),
                    approvers=tuple(filter(None, approver or ())),
                    watchers=tuple(filter(None, watcher or ())),
                ),
            ),
            mailer.clock(),
            templates=mailer.settings.template_names,
            senders=mailer.settings.senders,
        )
        out.print_record(digest, f"digest {slug}: {digest.settings.name}, to {list_slug!r}")


def _parse_durations(texts: list[str]) -> tuple[timedelta, ...]:
    """Parse reminders. An empty text is none. Raises InputError."""
    return tuple(durations.parse_duration(text, "--remind") for text in texts if text.strip())


def _parse_change(text: str | None, option: str) -> timedelta | None:
    """Parse a duration, if it is to change. Raises InputError."""
    return None if text is None else durations.parse_duration(text, option)


@app.command("list")
def list_digests(json: JsonOption = False) -> None:
    """List the digests.

    Example: mailer digest list"""
    with open_for_reading() as (_, tx):
        all_digests = tx.digests.list_digests(counted=True)
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
def show_digest(slug: DigestSlug, json: JsonOption = False) -> None:
    """Show a digest, and the stories of its next edition.

    Example: mailer digest show weekly"""
    with open_for_reading() as (mailer, tx):
        digest = digests.get_digest(tx, slug, counted=True)
        choice = digests.choose_stories(
            digest.settings, tx.digests.list_candidate_stories(digest), mailer.clock()
        )
        slugs = [story.slug for story in choice.stories]
        waiting = [story.slug for story in choice.waiting]
        out = Output(json)
        run_up_texts = _describe_run_ups(tx, slug)
        if json:
            out.print_json(
                {"digest": digest, "next": slugs, "waiting": waiting, "run_ups": run_up_texts}
            )
            return
        digest_settings, policy = digest.settings, digest.settings.policy
        fields = {**to_plain_data(digest_settings), **to_plain_data(policy)}
        del fields["policy"]
        fields["approve_by"] = durations.format_duration(policy.approve_by)
        fields["quiet"] = durations.format_duration(policy.quiet)
        fields["longest_wait"] = durations.format_duration(policy.longest_wait)
        fields["grace"] = durations.format_duration(policy.grace)
        fields["reminders"] = [durations.format_duration(interval) for interval in policy.reminders]
        out.print_record(fields)
        out.print_record({"next": slugs, "waiting": waiting, "too_few": choice.too_few})
        for text in run_up_texts:
            out.print_note(f"note: {text}")
        _print_other_kinds(choice, out)


def _describe_run_ups(tx: SqlTransaction, slug: str) -> list[str]:
    """Say of each run-up of a digest whether its editions share the stories."""
    return [
        f"schedule {schedule.id} ({rule_syntax.format_rule(schedule.settings.timing.rule)}): {text}"
        for schedule in tx.schedules.list_schedules()
        if schedule.settings.digest_slug == slug
        and (text := run_ups.describe_sharing(schedule.settings))
    ]


def _print_other_kinds(choice: StoryChoice, out: Output) -> None:
    """Name the stories that the digest leaves out because of their kind."""
    for story in choice.other_kinds:
        kinds = ", ".join(dict.fromkeys(article.kind.value for article in story.articles))
        out.print_note(f"note: {story.slug} ({kinds}) is of a kind that this digest does not take")


@app.command("edit")
def edit_digest(
    slug: DigestSlug,
    list_slug: Annotated[
        str | None, typer.Option("--list", help="The list that gets the editions.")
    ] = None,
    name: Annotated[str | None, typer.Option(help=digest_help.NAME)] = None,
    segment: Annotated[str | None, typer.Option(help=digest_help.SEGMENT)] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help=f"A topic of stories{digest_help.REPLACES}")
    ] = None,
    all_topics: Annotated[
        bool, typer.Option("--all-topics", help="Choose stories of any topic.")
    ] = False,
    kind: Annotated[
        list[ArticleKind] | None, typer.Option(help=f"A kind of article{digest_help.REPLACES}")
    ] = None,
    template: Annotated[str | None, typer.Option(help=digest_help.TEMPLATE)] = None,
    subject: Annotated[str | None, typer.Option(help=digest_help.SUBJECT)] = None,
    name_in: Annotated[
        list[str] | None,
        typer.Option(help=f"LANGUAGE=the name in that language{digest_help.MERGES}"),
    ] = None,
    subject_in: Annotated[
        list[str] | None,
        typer.Option(help=f"LANGUAGE=the subject in that language{digest_help.MERGES}"),
    ] = None,
    language: Annotated[str | None, typer.Option(help=digest_help.LANGUAGE)] = None,
    fewest: Annotated[int | None, typer.Option(help=digest_help.FEWEST)] = None,
    most: Annotated[int | None, typer.Option(help=digest_help.MOST)] = None,
    when_empty: Annotated[WhenEmpty | None, typer.Option(help=digest_help.WHEN_EMPTY)] = None,
    frequency: Annotated[Frequency | None, typer.Option(help=digest_help.FREQUENCY)] = None,
    archive: Annotated[ArchiveVisibility | None, typer.Option(help=digest_help.ARCHIVE)] = None,
    sender: Annotated[str | None, typer.Option(help=digest_help.SENDER)] = None,
    link_tag: Annotated[
        list[str] | None, typer.Option(help=f"{digest_help.LINK_TAG}{digest_help.MERGES}")
    ] = None,
    approval: Annotated[ApprovalRule | None, typer.Option(help=digest_help.APPROVAL)] = None,
    when_late: Annotated[WhenLate | None, typer.Option(help=digest_help.WHEN_LATE)] = None,
    remind: Annotated[
        list[str] | None,
        typer.Option(help=f"{digest_help.REMIND}{digest_help.REPLACES} Empty: never."),
    ] = None,
    approve_by: Annotated[str | None, typer.Option(help=digest_help.APPROVE_BY)] = None,
    grace: Annotated[str | None, typer.Option(help=digest_help.GRACE)] = None,
    quiet: Annotated[str | None, typer.Option(help=digest_help.QUIET)] = None,
    longest_wait: Annotated[str | None, typer.Option(help=digest_help.LONGEST_WAIT)] = None,
    send_time: Annotated[SendTimeBasis | None, typer.Option(help=digest_help.SEND_TIME)] = None,
    approver: Annotated[
        list[str] | None, typer.Option(help=f"{digest_help.APPROVER}{digest_help.REPLACES}")
    ] = None,
    watcher: Annotated[
        list[str] | None, typer.Option(help=f"{digest_help.WATCHER}{digest_help.REPLACES}")
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a digest. Its existing editions keep their content.

    Changed rules for approval, lateness and notices apply to existing editions, too.

    Example: mailer digest edit weekly --most 10"""
    options = {
        "list": list_slug,
        "name": name,
        "segment": segment,
        "template": template,
        "subject": subject,
        "language": language,
        "fewest": fewest,
        "most": most,
        "when_empty": when_empty,
        "topics": () if all_topics else tuple(topic) if topic else None,
        "names": parse_changes(name_in, "--name-in"),
        "subjects": parse_changes(subject_in, "--subject-in"),
        "kinds": tuple(kind) if kind else None,
        "frequency": frequency,
        "archive": archive,
        "sender": sender,
        "link_tags": parse_changes(link_tag, "--link-tag"),
        "approval": approval,
        "when_late": when_late,
        "send_time": send_time,
        "grace": _parse_change(grace, "--grace"),
        "approve_by": _parse_change(approve_by, "--approve-by"),
        "quiet": _parse_change(quiet, "--quiet"),
        "longest_wait": _parse_change(longest_wait, "--longest-wait"),
        "reminders": None if remind is None else _parse_durations(remind),
        "approvers": None if approver is None else tuple(filter(None, approver)),
        "watchers": None if watcher is None else tuple(filter(None, watcher)),
    }
    changes: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if not changes:
        raise UsageError("no change was given", hint="see `mailer digest edit --help`")
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        digest = digests.edit_digest(
            tx,
            actor,
            slug,
            changes,
            mailer.clock(),
            templates=mailer.settings.template_names,
            senders=mailer.settings.senders,
        )
        out.print_record(digest, f"digest {slug} changed")


@app.command("assemble")
def assemble_edition(
    slug: DigestSlug, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Make an edition of the stories that this digest has not run yet.

    The edition gets all stories that are ready, up to the digest's maximum, also those that a
    run-up on the calendar would spread over several editions. If there are too few stories, the
    edition is recorded as skipped or on hold, with the reason.

    Example: mailer digest assemble weekly"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        now = mailer.clock()
        edition, choice = digests.assemble_edition(tx, actor, slug, now)
        warnings: tuple[str, ...] = ()
        if edition.stories and not choice.too_few:
            edition, composition = editions.compose_edition(tx, actor, edition, mailer.renderer)
            warnings = composition.warnings if composition else ()
        message = f"edition {edition.id} ({edition.state}): {len(edition.stories)} "
        message += "story" if len(edition.stories) == 1 else "stories"
        if choice.too_few:
            message += f"; {choice.too_few}"
        if choice.waiting:
            message += f"; {len(choice.waiting)} wait for the next edition"
        out.print_record({"edition": edition, "waiting": len(choice.waiting)}, message)
        _print_other_kinds(choice, out)
        for warning in warnings:
            out.print_note(f"note: {warning}")
        if edition.stories:
            calendar = mailer.build_calendar(tx, digests.get_digest(tx, slug))
            _print_next_occurrence(calendar.list_upcoming(now, 1), edition, choice, out)
        if edition.content_hash and not dry_run:
            out.print_note(f"next: mailer edition preview {edition.id}, then approve and send it")


def _print_next_occurrence(
    upcoming: Sequence[PlannedOccurrence], edition: Edition, choice: StoryChoice, out: Output
) -> None:
    """Say that the stories of an edition are taken from the calendar's next one."""
    for planned in upcoming:
        when = f"{planned.occurrence.clock_time:%a %d %b %Y %H:%M}"
        waiting = f"the {len(choice.waiting)} that wait and " if choice.waiting else ""
        out.print_note(
            f"note: the calendar's next edition, of {when}, gets only {waiting}new stories; to "
            f"leave it these stories, use `mailer edition cancel {edition.id}`"
        )
