"""Bulk changes: the same change to many members of a list.

Subscribers choose their topics themselves. Staff use bulk changes to correct mistakes, and the log
of consent records staff as the source for each changed member.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mailer import languages
from mailer.actor import Actor
from mailer.audience.lists import check_line, get_topics
from mailer.audience.membership_counts import count_change
from mailer.audience.subscribers import describe_membership
from mailer.errors import InputError, UsageError
from mailer.model.lists import MailingList
from mailer.model.membership_counts import MembershipChangeKind
from mailer.model.segments import BulkChange, BulkMember, BulkOutcome, BulkResult
from mailer.model.subscribers import ConsentAction, ConsentEntry, MembershipState
from mailer.model.transaction import Transaction


def check_change(tx: Transaction, change: BulkChange, mailing_list: MailingList) -> BulkChange:
    """Return the change in canonical form. Raises NotFound for an unknown topic, InputError for an
    invalid value, and UsageError if parts of the change contradict each other."""
    added_topics = {topic.slug for topic in get_topics(tx, sorted(change.add_topics))}
    removed_topics = {topic.slug for topic in get_topics(tx, sorted(change.remove_topics))}
    added_tags = frozenset(check_line(tag, "add_tags") for tag in change.add_tags)
    removed_tags = frozenset(check_line(tag, "remove_tags") for tag in change.remove_tags)
    if conflicts := sorted(added_topics & removed_topics) or sorted(added_tags & removed_tags):
        raise UsageError(f"{conflicts[0]!r} can't be added and removed")
    if change.all_topics and (added_topics or removed_topics):
        raise UsageError(
            "all topics can't be combined with single topics",
            field="all_topics",
            hint="give either all topics, or topics to add and remove",
        )
    if change.frequency and change.frequency not in mailing_list.frequencies:
        raise InputError(
            f"no digest of the list {mailing_list.slug!r} is {change.frequency}",
            field="frequency",
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
        raise UsageError("nothing to change was given")
    if checked.unsubscribe and checked != replace(empty_change, unsubscribe=True):
        raise UsageError(
            "unsubscribing can't be combined with other changes",
            field="unsubscribe",
            hint="do one, then the other",
        )
    return checked


def apply_change(change: BulkChange, member: BulkMember, now: datetime) -> BulkResult:
    """Return the result of the change for one member.

    A member who follows all topics still follows all when a topic is added, and follows all other
    topics when a topic is removed. A change that would remove the last topic is skipped, because
    choosing no topic means all topics."""
    membership = member.membership
    if change.unsubscribe:
        unsubscribed = replace(membership, state=MembershipState.UNSUBSCRIBED, left_at=now)
        return BulkResult(BulkOutcome.CHANGED, member, replace(member, membership=unsubscribed))
    topics = _change_topics(change, frozenset(membership.topics))
    if topics is None:
        return BulkResult(
            BulkOutcome.SKIPPED,
            member,
            member,
            "would have no topic left, and no topic means all topics",
        )
    new_topics = tuple(sorted(topics))
    language = membership.language if change.language is None else change.language
    frequency = change.frequency or membership.frequency
    tags = tuple(sorted(({*member.tags} | change.add_tags) - change.remove_tags))
    is_kept = (new_topics, language, frequency) == (
        membership.topics,
        membership.language,
        membership.frequency,
    )
    if is_kept and tags == member.tags:
        return BulkResult(BulkOutcome.UNCHANGED, member, member)
    if not is_kept:
        membership = replace(membership, topics=new_topics, language=language, frequency=frequency)
    after = BulkMember(member.id, member.address, tags, membership)
    return BulkResult(BulkOutcome.CHANGED, member, after)


def _change_topics(change: BulkChange, chosen: frozenset[str]) -> frozenset[str] | None:
    """Return the chosen topics after the change. An empty result means all topics, None that no
    topic would be left."""
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
    actor: Actor,
    mailing_list: MailingList,
    subscriber_ids: Sequence[int],
    change: BulkChange,
    now: datetime,
    *,
    source: str,
    write: bool = True,
) -> list[BulkResult]:
    """Change the given subscribers who are on the list now, with an entry in the log of consent for
    each changed membership. Without `write`, nothing is saved.

    Returns the result for each member."""
    results = [
        apply_change(change, member, now)
        for member in tx.segments.list_members(mailing_list, subscriber_ids)
    ]
    changed = [result for result in results if result.outcome is BulkOutcome.CHANGED]
    if write and changed:
        tx.segments.save_members(
            mailing_list, [(result.before, result.after) for result in changed], now
        )
        if change.unsubscribe:
            count_change(
                tx,
                actor,
                mailing_list,
                MembershipChangeKind.LEFT,
                now,
                source=source,
                people=len(changed),
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
                    actor_key=actor.key,
                )
                for result in changed
                if result.before.membership != result.after.membership
            ]
        )
    return results
