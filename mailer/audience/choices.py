"""What subscribers choose for themselves, and staff for them: on a list, for a while, for good."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mailer import languages
from mailer.audience import addresses
from mailer.audience.consent import Act, Entry
from mailer.audience.lists import Frequency, MailingList, Visibility
from mailer.audience.subscribers import (
    STAFF,
    Membership,
    MembershipState,
    Subscriber,
    SubscriberStore,
    membership_of,
    merge,
    note,
    spell,
)
from mailer.errors import InputError, NotFound, Refused

LONGEST_PAUSE = timedelta(weeks=52)


def change(
    store: SubscriberStore,
    subscriber: Subscriber,
    mailing_list: MailingList,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    source: str = STAFF,
) -> Membership:
    """Change `topics` (slugs that exist), `language` or `frequency` of an active membership.
    Raises NotFound where there is none, InputError for a frequency that no digest serves."""
    known = _active(store, subscriber, mailing_list)
    wanted = replace(known, **changes)
    if wanted.frequency not in mailing_list.frequencies:
        raise InputError(
            f"no digest of the list {mailing_list.slug!r} is {wanted.frequency}",
            where="frequency",
            hint=f"choose one of {', '.join(mailing_list.frequencies)}",
        )
    wanted = replace(
        wanted,
        topics=tuple(sorted({*wanted.topics})),
        language=languages.normalise(wanted.language) if wanted.language else "",
    )
    if wanted != known:
        store.set_membership(subscriber, mailing_list, wanted)
        note(
            store, subscriber, Act.CHANGED, now,
            source=source, mailing_list=mailing_list.slug, detail=spell(wanted),
        )  # fmt: skip
    return wanted


def pause(
    store: SubscriberStore,
    subscriber: Subscriber,
    lists: Iterable[MailingList],
    length: timedelta | None,
    now: datetime,
    *,
    source: str = STAFF,
) -> datetime | None:
    """Send nothing of these lists for a while; None: go on at once. Until when. From the commit on
    the gate holds it, also for what is being sent."""
    if length is not None and not timedelta() < length <= LONGEST_PAUSE:
        raise InputError(
            "it is not between a week and a year", where="pause", hint="such as 4 weeks"
        )
    until = now + length if length else None
    for one in lists:
        known = membership_of(store, subscriber, one.slug)
        if (
            known is None
            or known.state is not MembershipState.ACTIVE
            or known.paused_until == until
        ):
            continue
        store.set_membership(subscriber, one, replace(known, paused_until=until))
        act = Act.PAUSED if until else Act.RESUMED
        detail = f"until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        note(store, subscriber, act, now, source=source, mailing_list=one.slug, detail=detail)
    return until


class LogStore(SubscriberStore, Protocol):
    """Subscribers, and the log of what they did."""

    def history(self, address: str) -> list[Entry]: ...


def come_back(
    store: LogStore,
    subscriber: Subscriber,
    mailing_list: MailingList,
    now: datetime,
    *,
    source: str,
) -> Membership:
    """Take a leaving back, with the topics that they had. Raises NotFound for one who never was
    on the list, Refused for an address that must not be mailed, and for one whom staff took off a
    list that not everybody may join."""
    known = membership_of(store, subscriber, mailing_list.slug)
    if known is None:
        raise NotFound(f"{subscriber.address} was not on the list {mailing_list.slug!r}")
    if reason := store.suppression_reason(subscriber.address):
        raise Refused(f"{subscriber.address} must not be mailed ({reason})")
    if known.state is not MembershipState.UNSUBSCRIBED:
        return known
    left = [
        one.source
        for one in store.history(subscriber.address)
        if one.act is Act.LEFT and one.list == mailing_list.slug
    ]
    if mailing_list.visibility is Visibility.PRIVATE and left[-1:] == [STAFF]:
        raise Refused(f"{subscriber.address} was taken off the list {mailing_list.slug!r}")
    back = replace(known, state=MembershipState.ACTIVE, joined_at=now, left_at=None)
    back = replace(back, paused_until=None)
    store.set_membership(subscriber, mailing_list, back)
    note(store, subscriber, Act.RETURNED, now, source=source, mailing_list=mailing_list.slug)
    return back


def change_address(
    store: SubscriberStore,
    subscriber: Subscriber,
    address: str,
    now: datetime,
    *,
    source: str = STAFF,
) -> Subscriber:
    """A person's new address. Where it is a subscriber's already, the two become one. Raises
    Refused for an address that must not be mailed."""
    address = addresses.normalise(address)
    if address == subscriber.address:
        return subscriber
    if reason := store.suppression_reason(address):
        raise Refused(
            f"{address} must not be mailed ({reason})",
            hint="`mailer suppression remove` if that is no longer so",
        )
    if other := store.find_subscriber(address):
        return merge_people(store, subscriber, other, now, source=source)
    moved = store.edit_subscriber(subscriber, replace(subscriber.person, address=address))
    note(store, subscriber, Act.NEW_ADDRESS, now, source=source, detail="the old one")
    note(store, moved, Act.NEW_ADDRESS, now, source=source, detail="the new one")
    return moved


def merge_people(
    store: SubscriberStore,
    gone: Subscriber,
    kept: Subscriber,
    now: datetime,
    *,
    source: str = STAFF,
) -> Subscriber:
    """Make one person of two: `kept`'s address stays, and `gone`'s links lead to them.

    On a list that both are on, what happened last counts: who left after the other had joined has
    left. Topics and tags add up; for all else `kept`'s own wins. Raises Refused where the two are
    one, or `kept`'s address must not be mailed."""
    if gone.id == kept.id:
        raise InputError("they are the same person already", where="address")
    if reason := store.suppression_reason(kept.address):
        raise Refused(f"{kept.address} must not be mailed ({reason})")
    # By their numbers, as imports lock them.
    found = {one.id: store.memberships(one) for one in sorted((gone, kept), key=lambda one: one.id)}
    theirs = {one.list: one for one in found[kept.id]}
    for one in found[gone.id]:
        both = theirs.get(one.list)
        store.set_membership(kept, store.list_named(one.list), _merged(both, one))
    person = merge(gone.person, kept.person)
    note(store, gone, Act.MERGED, now, source=source, detail="into another address of theirs")
    store.alias(gone.id, kept)
    store.remove_subscriber(gone)
    kept = store.edit_subscriber(kept, replace(person, address=kept.address))
    note(store, kept, Act.MERGED, now, source=source, detail="with another address of theirs")
    return kept


def _merged(kept: Membership | None, gone: Membership) -> Membership:
    if kept is None:
        return gone
    if kept.state is not gone.state:
        return max(kept, gone, key=_last)
    topics = {*kept.topics, *gone.topics} if kept.topics and gone.topics else set()
    return replace(
        kept, topics=tuple(sorted(topics)), joined_at=min(kept.joined_at, gone.joined_at)
    )


def _last(one: Membership) -> tuple[bool, datetime]:
    """When something last happened to it; one that was never confirmed comes first."""
    return one.state is not MembershipState.PENDING, max(
        one.joined_at, one.left_at or one.joined_at
    )


def _active(
    store: SubscriberStore, subscriber: Subscriber, mailing_list: MailingList
) -> Membership:
    known = membership_of(store, subscriber, mailing_list.slug)
    if known is None or known.state is not MembershipState.ACTIVE:
        raise NotFound(f"{subscriber.address} is not on the list {mailing_list.slug!r}")
    return known


def frequencies(some: Iterable[MailingList]) -> tuple[Frequency, ...]:
    """Those that every one of these lists serves."""
    found = [{*one.frequencies} for one in some]
    common = set.intersection(*found) if found else {Frequency.EVERY}
    return tuple(one for one in Frequency if one in common)
