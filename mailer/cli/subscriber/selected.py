"""One change to many members of a list."""

from contextlib import ExitStack
from typing import Annotated, Any

import typer

from mailer.app import open_mailer
from mailer.audience import bulk, lists, segments
from mailer.audience.bulk import BulkChange, BulkOutcome, BulkResult, Member
from mailer.audience.lists import Frequency
from mailer.audience.segments import All, Filter
from mailer.audience.subscribers import STAFF, MembershipState, spell
from mailer.cli.bulk import bar
from mailer.cli.options import JsonOption, settings
from mailer.cli.output import Output
from mailer.cli.subscriber.common import app
from mailer.errors import UsageError
from mailer.store import Transaction

BATCH = 2000
SAMPLE = 10

Many = Annotated[list[str] | None, typer.Option(help="Repeatable.")]


@app.command("change")
def change(
    of: Annotated[str, typer.Option("--list", help="The list whose members are meant.")],
    segment: Annotated[str, typer.Option(help="Only those in this segment.")] = "",
    where: Annotated[str, typer.Option(help="Only those in this filter.")] = "",
    add_topic: Many = None,
    remove_topic: Many = None,
    all_topics: Annotated[bool, typer.Option("--all-topics", help="They follow all.")] = False,
    add_tag: Many = None,
    remove_tag: Many = None,
    language: Annotated[
        str | None, typer.Option(help="What they read on this list; empty: their own.")
    ] = None,
    frequency: Annotated[Frequency | None, typer.Option(help="How often.")] = None,
    unsubscribe: Annotated[
        bool, typer.Option("--unsubscribe", help="Take them off the list.")
    ] = False,
    source: Annotated[str, typer.Option(help="For the log of consent: why.")] = STAFF,
    json: JsonOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of whom, and write nothing.")
    ] = False,
) -> None:
    """Change many members of a list at once, two thousand a transaction.

    Who follows all topics goes on to when one is added, and follows all others when one is removed.
    Nobody is left without any: none chosen means all. What concerns what they get is logged.

    Example: [bold]mailer subscriber change --list news --where 'country = GB' --add-topic health \
--dry-run[/]"""
    if segment and where:
        raise UsageError("a segment and a filter were given", hint="give one of them")
    out = Output(json)
    counts = dict.fromkeys(BulkOutcome, 0)
    sample: list[BulkResult] = []
    skipped: list[BulkResult] = []
    with ExitStack() as stack:
        mailer = stack.enter_context(open_mailer(settings()))
        with mailer.store.read() as tx:
            list_ = lists.get_list(tx.lists, of)
            tree = _tree(tx, segment, where)
            wanted = bulk.check(
                BulkChange(
                    topics=frozenset(one.slug for one in tx.lists.topics()),
                    add_topics=frozenset(add_topic or ()),
                    remove_topics=frozenset(remove_topic or ()),
                    all_topics=all_topics,
                    add_tags=frozenset(add_tag or ()),
                    remove_tags=frozenset(remove_tag or ()),
                    language=language,
                    frequency=frequency,
                    unsubscribe=unsubscribe,
                ),
                tx.lists,
                list_,
            )
            total = tx.segments.count_members(list_, tree)
        shown = stack.enter_context(bar(total, "changing"))
        now, last = mailer.clock(), 0
        while True:
            with mailer.store.read() as tx:
                page = tx.bulk.ids(list_, tree, last)
            for start in range(0, len(page), BATCH):
                ids = page[start : start + BATCH]
                with mailer.store.read() if dry_run else mailer.store.begin() as tx:
                    for one in bulk.carry_out(
                        tx.bulk, list_, ids, wanted, now, source=source, write=not dry_run
                    ):
                        counts[one.outcome] += 1
                        kept = skipped if one.outcome is BulkOutcome.SKIPPED else sample
                        if one.outcome is not BulkOutcome.UNCHANGED and len(kept) < SAMPLE:
                            kept.append(one)
                done = sum(counts.values())
                shown.show(done, f"{done:,} members")
            if not page:
                break
            last = page[-1]
    _tell(out, list_.slug, counts, sample, skipped, dry_run=dry_run)


def _tree(tx: Transaction, segment: str, where: str) -> Filter:
    if where:
        return segments.known_filter(tx.segments, where)
    return segments.get(tx.segments, segment).filter if segment else All(())


def _tell(
    out: Output,
    of: str,
    counts: dict[BulkOutcome, int],
    sample: list[BulkResult],
    skipped: list[BulkResult],
    *,
    dry_run: bool,
) -> None:
    data: dict[str, Any] = {"list": of}
    data |= {outcome.value: count for outcome, count in counts.items()}
    data["sample"] = [
        {"address": one.before.address, "before": _spelt(one.before), "after": _spelt(one.after)}
        for one in sample
    ]
    data["skipped_sample"] = [
        {"address": one.before.address, "reason": one.reason} for one in skipped
    ]
    out.record(data, ", ".join(f"{outcome} {count}" for outcome, count in counts.items()))
    for one in sample:
        out.note(f"{one.before.address}: {_spelt(one.before)} -> {_spelt(one.after)}")
    for one in skipped:
        out.note(f"{one.before.address}: skipped: {one.reason}")
    if dry_run:
        out.note("dry run: nothing was written")


def _spelt(member: Member) -> str:
    if member.membership.state is MembershipState.UNSUBSCRIBED:
        return "unsubscribed"
    said = spell(member.membership)
    return f"{said}; tags: {', '.join(member.tags)}" if member.tags else said
