"""The preferences that subscribers save by themselves: the lists that they want, and their topics,
frequency, language and time zone.

Their signed link has proved that the address is theirs, so joining a list needs no confirmation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailer.actor import Actor
from mailer.audience.preferences import change_membership
from mailer.audience.subscribers import (
    edit_subscriber,
    subscribe_person,
    unsubscribe_person,
)
from mailer.errors import InputError
from mailer.model.lists import Frequency, MailingList, Visibility
from mailer.model.subscribers import (
    ConsentAction,
    Evidence,
    LawfulBasis,
    Membership,
    MembershipState,
    Subscriber,
    Wording,
)
from mailer.model.transaction import Transaction

NO_TOPIC_CHOSEN = "no_topic_chosen"
"""The code of the error for a list without a topic; its `value` is the list's slug."""


@dataclass(frozen=True, slots=True)
class ListPreferences:
    """The preferences for one list. `topics` are slugs; unknown slugs are ignored. A
    `frequency` that the list does not serve leaves the stored one."""

    topics: tuple[str, ...]
    frequency: str = ""


@dataclass(frozen=True, slots=True)
class OwnPreferences:
    """The preferences of one subscriber. `lists` has the lists that they want, by slug. An empty
    `language` leaves the stored one."""

    language: str
    time_zone: str
    lists: Mapping[str, ListPreferences]


def is_on_list(membership: Membership | None) -> bool:
    """Check whether a membership is confirmed, or waits for confirmation."""
    return membership is not None and membership.state is not MembershipState.UNSUBSCRIBED


def select_visible_lists(
    mailing_lists: Iterable[MailingList], memberships: Mapping[str, Membership]
) -> list[MailingList]:
    """Return the lists that a subscriber with these `memberships` may choose: those that they are
    on, and those that anyone may join. A closed list can only be left."""
    return [
        mailing_list
        for mailing_list in mailing_lists
        if _may_choose(mailing_list, memberships.get(mailing_list.slug))
    ]


def _may_choose(mailing_list: MailingList, membership: Membership | None) -> bool:
    if mailing_list.is_closed:
        return membership is not None and membership.state is MembershipState.ACTIVE
    return mailing_list.visibility is Visibility.PUBLIC or is_on_list(membership)


def save_preferences(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    own_preferences: OwnPreferences,
    now: datetime,
    *,
    wording: Wording,
    source: str,
    edition_id: int = 0,
) -> None:
    """Save a subscriber's preferences: the subscriber joins and leaves lists that they may choose.

    The log of consent records the `wording` that the subscriber agreed to. `edition_id` is the
    edition whose link they used, or 0. Raises InputError, with
    the code NO_TOPIC_CHOSEN for a list without a topic, and Refused if the address is
    suppressed."""
    person = subscriber.person
    memberships = _map_memberships(tx, subscriber)
    person_changes = {
        "language": own_preferences.language or person.language,
        "time_zone": own_preferences.time_zone,
    }
    edit_subscriber(tx, actor, person.address, person_changes)
    for mailing_list in select_visible_lists(tx.lists.list_mailing_lists(), memberships):
        membership = memberships.get(mailing_list.slug)
        is_active = membership is not None and membership.state is MembershipState.ACTIVE
        choice = own_preferences.lists.get(mailing_list.slug)
        if choice is None:
            if is_active:
                unsubscribe_person(
                    tx,
                    actor,
                    subscriber,
                    mailing_list,
                    now,
                    source=source,
                    edition_id=edition_id,
                )
            continue
        changes: dict[str, Any] = {
            "topics": _check_topics(
                tx,
                choice.topics,
                mailing_list,
                membership.topics if is_active and membership else (),
            ),
            "language": "",
        }
        if choice.frequency in mailing_list.frequencies:
            changes["frequency"] = Frequency(choice.frequency)
        if not is_active:
            evidence = Evidence(ConsentAction.CONFIRMED, source, LawfulBasis.CONSENT, wording)
            subscribe_person(
                tx, actor, person, mailing_list, (), now, evidence=evidence, rejoin=True
            )
        change_membership(tx, actor, subscriber, mailing_list, changes, now, source=source)


def _map_memberships(tx: Transaction, subscriber: Subscriber) -> dict[str, Membership]:
    """Return a subscriber's memberships by the list's slug."""
    return {
        membership.list: membership for membership in tx.subscribers.list_memberships(subscriber)
    }


def _check_topics(
    tx: Transaction,
    topics: Iterable[str],
    mailing_list: MailingList,
    earlier_topics: Sequence[str],
) -> tuple[str, ...]:
    """Return the topics chosen on a list, or () for all topics, including those added later. The
    page offers the topics that are not hidden, and the reader's `earlier_topics`; choosing all of
    these is choosing all, unless the reader has chosen just these before: someone who changes
    something else gets no topic that was hidden or is added later.

    Raises InputError if no topic is chosen."""
    existing_topics = tx.lists.list_topics()
    chosen_topics = tuple(
        slug for slug in topics if slug in {topic.slug for topic in existing_topics}
    )
    offered_topics = {
        topic.slug
        for topic in existing_topics
        if not topic.is_hidden or topic.slug in {*earlier_topics}
    }
    if offered_topics and not chosen_topics:
        raise InputError(
            "no topic was chosen", code=NO_TOPIC_CHOSEN, field="topics", value=mailing_list.slug
        )
    is_unchanged = {*chosen_topics} == {*earlier_topics}
    return () if {*chosen_topics} >= offered_topics and not is_unchanged else chosen_topics


def unsubscribe_from_all(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    now: datetime,
    *,
    source: str,
    edition_id: int = 0,
) -> list[MailingList]:
    """Unsubscribe a person from every list that they are on. `edition_id` is the edition whose link
    they used, or 0. Returns these lists."""
    memberships = _map_memberships(tx, subscriber)
    left_lists = [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if is_on_list(memberships.get(mailing_list.slug))
    ]
    for mailing_list in left_lists:
        unsubscribe_person(
            tx, actor, subscriber, mailing_list, now, source=source, edition_id=edition_id
        )
    return left_lists
