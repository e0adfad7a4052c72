"""Changing many members of a list at once."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.audience import lists, segments
from mailer.audience.imports import bulk
from mailer.audience.subscribers import STAFF_SOURCE, describe_membership
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.subscriber.group import MANY_PEOPLE, app
from mailer.cli.transactions import load_settings
from mailer.errors import UsageError
from mailer.model.lists import Frequency
from mailer.model.reader_fields import ReaderFields
from mailer.model.segments import All, BulkChange, BulkMember, BulkOutcome, BulkResult, Filter
from mailer.model.subscribers import MembershipState

if TYPE_CHECKING:
    from mailer.store import SqlTransaction

BATCH_SIZE = 2000
"""Members that are changed in one transaction."""
SAMPLE_SIZE = 10
"""Maximum number of changed members, and of skipped ones, that are shown."""


@app.command("change", rich_help_panel=MANY_PEOPLE)
def change_members(
    list_slug: Annotated[str, typer.Option("--list", help="The list whose members are changed.")],
    segment: Annotated[str, typer.Option(help="Only members in this segment.")] = "",
    where: Annotated[str, typer.Option(help="Only members that this filter selects.")] = "",
    add_topic: Annotated[list[str] | None, typer.Option(help="A topic to add; repeatable.")] = None,
    remove_topic: Annotated[
        list[str] | None, typer.Option(help="A topic to remove; repeatable.")
    ] = None,
    all_topics: Annotated[
        bool, typer.Option("--all-topics", help="Give the members all topics.")
    ] = False,
    add_tag: Annotated[list[str] | None, typer.Option(help="A tag to add; repeatable.")] = None,
    remove_tag: Annotated[
        list[str] | None, typer.Option(help="A tag to remove; repeatable.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="The language of the list's mails; empty: each member's own."),
    ] = None,
    frequency: Annotated[
        Frequency | None, typer.Option(help="How often the members get mails.")
    ] = None,
    unsubscribe: Annotated[
        bool, typer.Option("--unsubscribe", help="Unsubscribe the members from the list.")
    ] = False,
    source: Annotated[str, typer.Option(help="The reason, for the log of consent.")] = STAFF_SOURCE,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change many members of a list at once.

    If a member follows all topics, adding a topic changes nothing, and removing a topic leaves all
    the other topics. A change that would leave a member without topics is skipped, because a member
    without topics gets all topics. Changes to topics and languages are logged.

    Example: mailer subscriber change --list news --where 'country = GB' --add-topic health \
--dry-run"""
    if segment and where:
        raise UsageError("both a segment and a filter were given", hint="give one of them")
    from mailer.app import open_mailer
    from mailer.cli.bulk import open_progress_bar

    out = Output(json)
    counts = dict.fromkeys(BulkOutcome, 0)
    sample: list[BulkResult] = []
    skipped: list[BulkResult] = []
    actor = resolve_actor(by)
    with ExitStack() as stack:
        mailer = stack.enter_context(open_mailer(load_settings()))
        with mailer.store.read() as tx:
            mailing_list = lists.get_list(tx, list_slug)
            member_filter = _choose_filter(tx, segment, where, mailer.reader_fields)
            bulk_change = bulk.check_change(
                tx,
                BulkChange(
                    topics=frozenset(topic.slug for topic in tx.lists.list_topics()),
                    add_topics=frozenset(add_topic or ()),
                    remove_topics=frozenset(remove_topic or ()),
                    all_topics=all_topics,
                    add_tags=frozenset(add_tag or ()),
                    remove_tags=frozenset(remove_tag or ()),
                    language=language,
                    frequency=frequency,
                    unsubscribe=unsubscribe,
                ),
                mailing_list,
            )
            total = tx.segments.count_members(mailing_list, member_filter)
        progress_bar = stack.enter_context(open_progress_bar(total, "changing"))
        now, last_id = mailer.clock(), 0
        while True:
            with mailer.store.read() as tx:
                page = tx.segments.list_member_ids(mailing_list, member_filter, last_id)
            for start in range(0, len(page), BATCH_SIZE):
                member_ids = page[start : start + BATCH_SIZE]
                with mailer.store.read() if dry_run else mailer.store.begin() as tx:
                    for bulk_result in bulk.change_members(
                        tx,
                        actor,
                        mailing_list,
                        member_ids,
                        bulk_change,
                        now,
                        source=source,
                        write=not dry_run,
                    ):
                        counts[bulk_result.outcome] += 1
                        results = skipped if bulk_result.outcome is BulkOutcome.SKIPPED else sample
                        if (
                            bulk_result.outcome is not BulkOutcome.UNCHANGED
                            and len(results) < SAMPLE_SIZE
                        ):
                            results.append(bulk_result)
                done_count = sum(counts.values())
                progress_bar.update_progress(done_count, f"{done_count:,} members")
            if not page:
                break
            last_id = page[-1]
    _print_summary(out, mailing_list.slug, counts, sample, skipped, dry_run=dry_run)


def _choose_filter(tx: "SqlTransaction", segment: str, where: str, fields: ReaderFields) -> Filter:
    if where:
        return segments.check_filter(tx, where, fields)
    if not segment:
        return All(())
    return segments.check_declared(segments.get_segment(tx, segment), fields).filter


def _print_summary(
    out: Output,
    list_slug: str,
    counts: dict[BulkOutcome, int],
    sample: list[BulkResult],
    skipped: list[BulkResult],
    *,
    dry_run: bool,
) -> None:
    data: dict[str, Any] = {"list": list_slug}
    data |= {outcome.value: count for outcome, count in counts.items()}
    data["sample"] = [
        {
            "address": bulk_result.before.address,
            "before": _describe_member(bulk_result.before),
            "after": _describe_member(bulk_result.after),
        }
        for bulk_result in sample
    ]
    data["skipped_sample"] = [
        {"address": bulk_result.before.address, "reason": bulk_result.reason}
        for bulk_result in skipped
    ]
    out.print_record(data, ", ".join(f"{outcome} {count}" for outcome, count in counts.items()))
    for bulk_result in sample:
        out.print_note(
            f"{bulk_result.before.address}: {_describe_member(bulk_result.before)} -> "
            f"{_describe_member(bulk_result.after)}"
        )
    for bulk_result in skipped:
        out.print_note(f"{bulk_result.before.address}: skipped: {bulk_result.reason}")
    if dry_run:
        out.print_note("dry run: nothing was written")


def _describe_member(member: BulkMember) -> str:
    if member.membership.state is MembershipState.UNSUBSCRIBED:
        return "unsubscribed"
    choices = describe_membership(member.membership)
    return f"{choices}; tags: {', '.join(member.tags)}" if member.tags else choices
