"""One change to many members of a list: what it makes of each.

Who gets what is theirs to choose: such a change is for what staff have to put right, and the log of
consent says of each whom it concerned that it was staff.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mailer import languages
from mailer.audience.lists import check_line, get_topics
from mailer.audience.subscribers import describe_membership
from mailer.errors import InputError, UsageError
from mailer.model.lists import MailingList
from mailer.model.segments import BulkChange, BulkMember, BulkOutcome, BulkResult
from mailer.model.subscribers import ConsentAction, ConsentEntry, MembershipState
from mailer.model.transaction import Transaction


def check_change(tx: Transaction, change: BulkChange, mailing_list: MailingList) -> BulkChange:
    """The change with all of it in canonical form. Raises NotFound for a topic that isn't there,
    InputError for what can't be, UsageError for what doesn't fit together."""
    added_topics = {topic.slug for topic in get_topics(tx, sorted(change.add_topics))}
    removed_topics = {topic.slug for topic in get_topics(tx, sorted(change.remove_topics))}
    added_tags = frozenset(check_line(tag, "--add-tag") for tag in change.add_tags)
    removed_tags = frozenset(check_line(tag, "--remove-tag") for tag in change.remove_tags)
    if conflicts := sorted(added_topics & removed_topics) or sorted(added_tags & removed_tags):
        raise UsageError(f"{conflicts[0]!r} can't be added and removed")
    if change.all_topics and (added_topics or removed_topics):
        raise UsageError("all topics are wanted, and some", hint="leave --all-topics out")
    if change.frequency and change.frequency not in mailing_list.frequencies:
        raise InputError(
            f"no digest of the list {mailing_list.slug!r} is {change.frequency}",
            where="--frequency",
            hint=f"use one of {', '.join(mailing_list.frequencies)}",
        )
    checked = replace(
        change,
        add_topics=frozenset(added_topics),
        remove_topics=frozenset(removed_topics),
        add_tags=added_tags,
        remove_tags=removed_tags,
        language=languages.normalise_tag(change.language) if change.language else change.language,
    )
    empty_change = BulkChange(checked.topics)
    if checked == empty_change:
        raise UsageError("nothing to change was given", hint="see --help")
    if checked.unsubscribe and checked != replace(empty_change, unsubscribe=True):
        raise UsageError("who is unsubscribed can't be changed too", hint="do one, then the other")
    return checked


def apply_change(change: BulkChange, member: BulkMember, now: datetime) -> BulkResult:
    """What the change makes of a member. Who follows all topics goes on to when one is added, and
    follows all the others when one is removed. Nobody is left with none: none chosen means all."""
    membership = member.membership
    if change.unsubscribe:
        unsubscribed = replace(membership, state=MembershipState.UNSUBSCRIBED, left_at=now)
        return BulkResult(BulkOutcome.CHANGED, member, replace(member, membership=unsubscribed))
    topics = _change_topics(change, frozenset(membership.topics))
    if topics is None:
        return BulkResult(
            BulkOutcome.SKIPPED, member, member, "follows nothing else, and none chosen means all"
        )
    new_membership = replace(
        membership,
        topics=tuple(sorted(topics)),
        language=membership.language if change.language is None else change.language,
        frequency=change.frequency or membership.frequency,
    )
    tags = ({*member.tags} | change.add_tags) - change.remove_tags
    after = replace(member, membership=new_membership, tags=tuple(sorted(tags)))
    outcome = BulkOutcome.UNCHANGED if after == member else BulkOutcome.CHANGED
    return BulkResult(outcome, member, after)


def _change_topics(change: BulkChange, chosen: frozenset[str]) -> frozenset[str] | None:
    """The topics that somebody has chosen then, empty for all; None where nothing would be left."""
    if change.all_topics:
        return frozenset()
    if not chosen and not change.remove_topics:
        return chosen
    if not change.remove_topics and not change.add_topics:
        return chosen
    remaining = ((chosen or change.topics) - change.remove_topics) | change.add_topics
    return remaining or None


def change_members(
    tx: Transaction,
    mailing_list: MailingList,
    subscriber_ids: Sequence[int],
    change: BulkChange,
    now: datetime,
    *,
    source: str,
    write: bool = True,
) -> list[BulkResult]:
    """Change those of some subscribers who are on the list now, and log what of it concerns what
    they get: one line each. Without `write` only what would become of them is told."""
    results = [
        apply_change(change, member, now)
        for member in tx.segments.list_members(mailing_list, subscriber_ids)
    ]
    changed = [result for result in results if result.outcome is BulkOutcome.CHANGED]
    if write and changed:
        tx.segments.save_members(
            mailing_list, [(result.before, result.after) for result in changed]
        )
        tx.segments.log_consent(
            [
                ConsentEntry(
                    at=now,
                    act=ConsentAction.LEFT if change.unsubscribe else ConsentAction.CHANGED,
                    subscriber_id=result.after.id,
                    address=result.after.address,
                    source=source,
                    list=mailing_list.slug,
                    detail=""
                    if change.unsubscribe
                    else describe_membership(result.after.membership),
                )
                for result in changed
                if result.before.membership != result.after.membership
            ]
        )
    return results
