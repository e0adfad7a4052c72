"""Choices that subscribers make for themselves, or that staff make for them: topics, language and
frequency on a list, pauses, resubscribing, and a new address."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mailer import addresses, languages
from mailer.actor import Actor
from mailer.audience.lists import check_open, get_list
from mailer.audience.membership_counts import count_change, is_active
from mailer.audience.subscribers import (
    STAFF_SOURCE,
    describe_membership,
    find_membership,
    is_other_frequency,
    log_consent_action,
    merge_persons,
)
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.model.lists import Frequency, MailingList, Visibility
from mailer.model.membership_counts import MembershipChangeKind
from mailer.model.subscribers import (
    ConsentAction,
    Membership,
    MembershipState,
    Subscriber,
)
from mailer.model.transaction import Transaction

LONGEST_PAUSE = timedelta(weeks=52)


def change_membership(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    mailing_list: MailingList,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
) -> Membership:
    """Change `topics` (existing slugs), `language` or `frequency` of an active membership. Raises
    NotFound if there is no such membership, InputError for a frequency that no digest serves."""
    membership = _get_active_membership(tx, subscriber, mailing_list)
    changed = replace(membership, **changes)
    if changed.frequency not in mailing_list.frequencies:
        raise InputError(
            f"no digest of the list {mailing_list.slug!r} is {changed.frequency}",
            field="frequency",
            hint=f"choose {' or '.join(mailing_list.frequencies)}",
        )
    changed = replace(
        changed,
        topics=tuple(sorted({*changed.topics})),
        language=languages.normalise_tag(changed.language) if changed.language else "",
    )
    if changed != membership:
        if is_other_frequency(membership, changed):
            tx.subscribers.record_past_frequency(
                subscriber, mailing_list, membership.frequency, now
            )
        tx.subscribers.set_membership(subscriber, mailing_list, changed)
        log_consent_action(
            tx,
            actor,
            subscriber,
            ConsentAction.CHANGED,
            now,
            source=source,
            mailing_list=mailing_list.slug,
            detail=describe_membership(changed),
        )
    return changed


def pause_memberships(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    mailing_lists: Iterable[MailingList],
    duration: timedelta | None,
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
) -> datetime | None:
    """Pause a subscriber's mails of these lists for `duration`, or resume them at once if
    `duration` is None. Once this is committed, the gate observes the pause, even for editions that
    are being sent.

    Returns the end of the pause."""
    if duration is not None and not timedelta() < duration <= LONGEST_PAUSE:
        raise InputError(
            "it is not between a week and a year", field="pause", hint="such as 4 weeks"
        )
    until = now + duration if duration else None
    for mailing_list in mailing_lists:
        membership = find_membership(tx, subscriber, mailing_list.slug)
        if (
            membership is None
            or membership.state is not MembershipState.ACTIVE
            or membership.paused_until == until
        ):
            continue
        tx.subscribers.set_membership(
            subscriber, mailing_list, replace(membership, paused_until=until)
        )
        act = ConsentAction.PAUSED if until else ConsentAction.RESUMED
        detail = f"until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        log_consent_action(
            tx,
            actor,
            subscriber,
            act,
            now,
            source=source,
            mailing_list=mailing_list.slug,
            detail=detail,
        )
    return until


def restore_membership(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    mailing_list: MailingList,
    now: datetime,
    *,
    source: str,
) -> Membership:
    """Resubscribe a person who unsubscribed, with their earlier topics. Raises NotFound if the
    person never was on the list. Raises Refused if the address is suppressed, if the list is
    closed, or if staff removed the person from a private list."""
    membership = find_membership(tx, subscriber, mailing_list.slug)
    if membership is None:
        raise NotFound(f"{subscriber.address} was not on the list {mailing_list.slug!r}")
    if reason := tx.subscribers.find_suppression_reason(subscriber.address):
        raise Refused(f"{subscriber.address} must not be mailed ({reason})")
    if membership.state is not MembershipState.UNSUBSCRIBED:
        return membership
    check_open(mailing_list)
    unsubscribe_sources = [
        entry.source
        for entry in tx.subscribers.list_consent_entries(subscriber.address)
        if entry.act is ConsentAction.LEFT and entry.list == mailing_list.slug
    ]
    if mailing_list.visibility is Visibility.PRIVATE and unsubscribe_sources[-1:] == [STAFF_SOURCE]:
        raise Refused(f"staff removed {subscriber.address} from the list {mailing_list.slug!r}")
    restored = replace(membership, state=MembershipState.ACTIVE, joined_at=now, left_at=None)
    restored = replace(restored, paused_until=None)
    tx.subscribers.set_membership(subscriber, mailing_list, restored)
    count_change(tx, actor, mailing_list, MembershipChangeKind.RETURNED, now, source=source)
    log_consent_action(
        tx,
        actor,
        subscriber,
        ConsentAction.RETURNED,
        now,
        source=source,
        mailing_list=mailing_list.slug,
    )
    return restored


def change_address(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    address: str,
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
) -> Subscriber:
    """Change a person's address. If another subscriber has it already, the two are merged. Raises
    Refused if the new address is suppressed."""
    address = addresses.normalise_address(address)
    if address == subscriber.address:
        return subscriber
    if reason := tx.subscribers.find_suppression_reason(address):
        raise Refused(
            f"{address} must not be mailed ({reason})",
            hint="lift the suppression if its reason no longer holds",
            next_steps=[NextStep("lift_suppression", address=address)],
        )
    if other := tx.subscribers.find_subscriber(address):
        return merge_subscribers(tx, actor, subscriber, other, now, source=source)
    moved = tx.subscribers.edit_subscriber(subscriber, replace(subscriber.person, address=address))
    log_consent_action(
        tx, actor, subscriber, ConsentAction.NEW_ADDRESS, now, source=source, detail="the old one"
    )
    log_consent_action(
        tx, actor, moved, ConsentAction.NEW_ADDRESS, now, source=source, detail="the new one"
    )
    return moved


def merge_subscribers(
    tx: Transaction,
    actor: Actor,
    duplicate: Subscriber,
    survivor: Subscriber,
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
) -> Subscriber:
    """Merge `duplicate` into `survivor`: the survivor's address stays, and the duplicate's links
    lead to the survivor.

    If both are on the same list, the last event decides: if one of them unsubscribed after the
    other had joined, the merged person is unsubscribed. Topics and tags are united; other fields of
    the survivor win. Raises InputError if the two are the same person, Refused if the survivor's
    address is suppressed."""
    if duplicate.id == survivor.id:
        raise InputError("they are the same person already", field="address")
    if reason := tx.subscribers.find_suppression_reason(survivor.address):
        raise Refused(f"{survivor.address} must not be mailed ({reason})")
    # Locked in the order of their numbers, as in imports, to avoid deadlocks.
    memberships_by_id = {
        subscriber.id: tx.subscribers.list_memberships(subscriber)
        for subscriber in sorted((duplicate, survivor), key=lambda subscriber: subscriber.id)
    }
    survivor_memberships = {
        membership.list: membership for membership in memberships_by_id[survivor.id]
    }
    for membership in memberships_by_id[duplicate.id]:
        survivor_membership = survivor_memberships.get(membership.list)
        merged_membership = _merge_memberships(survivor_membership, membership)
        mailing_list = tx.subscribers.get_list(membership.list)
        for earlier in filter(None, (survivor_membership, membership)):
            if is_other_frequency(earlier, merged_membership):
                tx.subscribers.record_past_frequency(survivor, mailing_list, earlier.frequency, now)
        tx.subscribers.set_membership(survivor, mailing_list, merged_membership)
        count_change(
            tx,
            actor,
            mailing_list,
            MembershipChangeKind.MERGED,
            now,
            source=source,
            people=is_active(survivor_membership)
            + is_active(membership)
            - is_active(merged_membership),
        )
    person = merge_persons(duplicate.person, survivor.person)
    log_consent_action(
        tx,
        actor,
        duplicate,
        ConsentAction.MERGED,
        now,
        source=source,
        detail="into another address of theirs",
    )
    tx.subscribers.add_alias(duplicate.id, survivor)
    tx.subscribers.remove_subscriber(duplicate)
    survivor = tx.subscribers.edit_subscriber(survivor, replace(person, address=survivor.address))
    log_consent_action(
        tx,
        actor,
        survivor,
        ConsentAction.MERGED,
        now,
        source=source,
        detail="with another address of theirs",
    )
    return survivor


def _merge_memberships(survivor: Membership | None, duplicate: Membership) -> Membership:
    if survivor is None:
        return duplicate
    if survivor.state is not duplicate.state:
        return max(survivor, duplicate, key=_rank_by_last_change)
    topics = (
        {*survivor.topics, *duplicate.topics} if survivor.topics and duplicate.topics else set()
    )
    return replace(
        survivor,
        topics=tuple(sorted(topics)),
        joined_at=min(survivor.joined_at, duplicate.joined_at),
    )


def _rank_by_last_change(membership: Membership) -> tuple[bool, datetime]:
    """Return a sort key for memberships by their last event; memberships that were never confirmed
    come first."""
    return membership.state is not MembershipState.PENDING, max(
        membership.joined_at, membership.left_at or membership.joined_at
    )


def get_active_lists(
    tx: Transaction, subscriber: Subscriber, list_slug: str = ""
) -> list[MailingList]:
    """Return the lists whose mails a subscriber gets, or only `list_slug`. Raises NotFound if the
    subscriber gets mails of none of these lists, or if there is no such list."""
    if list_slug:
        get_list(tx, list_slug)
    active_lists = [
        tx.subscribers.get_list(membership.list)
        for membership in tx.subscribers.list_memberships(subscriber)
        if membership.state is MembershipState.ACTIVE
        and (not list_slug or membership.list == list_slug)
    ]
    if not active_lists:
        list_text = f"the list {list_slug!r}" if list_slug else "any list"
        raise NotFound(f"{subscriber.address} is not on {list_text}")
    return active_lists


def _get_active_membership(
    tx: Transaction, subscriber: Subscriber, mailing_list: MailingList
) -> Membership:
    membership = find_membership(tx, subscriber, mailing_list.slug)
    if membership is None or membership.state is not MembershipState.ACTIVE:
        raise NotFound(f"{subscriber.address} is not on the list {mailing_list.slug!r}")
    return membership


def find_common_frequencies(mailing_lists: Iterable[MailingList]) -> tuple[Frequency, ...]:
    """Return the frequencies that every one of these lists serves."""
    frequency_sets = [{*mailing_list.frequencies} for mailing_list in mailing_lists]
    common = set.intersection(*frequency_sets) if frequency_sets else {Frequency.EVERY}
    return tuple(frequency for frequency in Frequency if frequency in common)
