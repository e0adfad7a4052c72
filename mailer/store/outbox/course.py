"""The course of a release: whom its editions reach, by who is trusted and who has it already."""

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select

from mailer.audience.contacts import Trust
from mailer.audience.subscribers import MembershipState
from mailer.editions import TO_WHO_HAS_IT, Edition, EditionState, Role
from mailer.outbox import UNDONE, DeliveryState, Exclusion
from mailer.store.schema import (
    contact,
    delivery,
    edition,
    edition_event,
    edition_story,
    in_state,
    membership,
    subscriber,
    subscriber_alias,
    suppression,
)

_GOING = (EditionState.SENDING.value, EditionState.PAUSED.value)
_has_it = in_state(DeliveryState.SENT.value, DeliveryState.IN_DOUBT.value)
"""Deliveries that somebody has got, or may have got."""
_reached = or_(
    in_state(DeliveryState.SENT.value, DeliveryState.IN_DOUBT.value, DeliveryState.ON_WIRE.value),
    and_(in_state(*(state.value for state in UNDONE)), edition.c.state.in_(_GOING)),
)
"""Deliveries that somebody has got, may have got, or will get."""


_person = func.coalesce(
    select(subscriber_alias.c.subscriber_id)
    .where(subscriber_alias.c.old_id == delivery.c.subscriber_id)
    .scalar_subquery(),
    delivery.c.subscriber_id,
)
"""Whose a delivery is now: who was merged into somebody else has their number."""


def _course(known: Edition, *which: ColumnElement[bool]) -> Select[tuple[int]]:
    """Whom the other editions of this release went to."""
    return (
        select(_person.label("subscriber_id"))
        .join(edition, edition.c.id == delivery.c.edition_id)
        .join(edition_story, edition_story.c.edition_id == edition.c.id)
        .where(
            edition_story.c.slug.in_(known.stories),
            edition.c.role != Role.PLAIN.value,
            edition.c.id != known.id,
            *which,
        )
    )


def who_has_it(known: Edition) -> Select[tuple[int]]:
    """Who has got, or may have got, an earlier version of what this edition corrects or takes
    back: by an edition of the same list that was made before it, and began before it. A release
    that waited for its embargo was made before, and begins with the corrected version."""
    return _course(
        known,
        _has_it,
        edition.c.id < known.id,
        edition.c.id.not_in(_begun_after(known)),
        edition.c.list_id == _list_of(known.id),
    )


def _begun_after(known: Edition) -> Select[tuple[int]]:
    """Editions of these stories that began after this one, which may not have begun. By the order
    of their events: clocks of two machines differ."""
    first = func.min(edition_event.c.id)
    began = edition_event.c.what == EditionState.SENDING.value
    mine = select(first).where(edition_event.c.edition_id == known.id, began).scalar_subquery()
    return (
        select(edition_event.c.edition_id)
        .join(edition_story, edition_story.c.edition_id == edition_event.c.edition_id)
        .where(edition_story.c.slug.in_(known.stories), began)
        .group_by(edition_event.c.edition_id)
        .having(first > mine)
    )


def _list_of(number: int) -> ColumnElement[int]:
    mine = edition.alias("mine")
    return select(mine.c.list_id).where(mine.c.id == number).scalar_subquery()


def reached(known: Edition) -> Select[tuple[int]]:
    """Who has got, or will get, this release by another of its editions."""
    return _course(known, _reached)


def left_out(known: Edition) -> list[tuple[ColumnElement[bool], Exclusion]]:
    """Which members an edition leaves out for what it is in the course of a release, and why: the
    first that holds."""
    member = membership.c.subscriber_id
    if known.role is Role.PLAIN:
        return []
    if known.role in TO_WHO_HAS_IT:
        return [(member.not_in(who_has_it(known)), Exclusion.HAS_NOTHING)]
    found: list[tuple[ColumnElement[bool], Exclusion]] = []
    if known.role is Role.ADVANCE:
        trusted = select(contact.c.subscriber_id).where(contact.c.trust == Trust.TRUSTED.value)
        found.append((member.not_in(trusted), Exclusion.UNTRUSTED))
    found.append((member.in_(reached(known)), Exclusion.HAS_IT))
    return found


def late(known: Edition) -> Select[tuple[int]]:
    """Whom an edition in the course of a release that has begun should reach, and has no delivery
    for. Of those who were to get another edition of a release that was stopped, and did not get it:
    nobody who came to the list since."""
    has_row = select(_person).where(delivery.c.edition_id == known.id)
    may_be_mailed = (
        select(membership.c.subscriber_id)
        .join(subscriber, subscriber.c.id == membership.c.subscriber_id)
        .where(
            membership.c.list_id == _list_of(known.id),
            membership.c.state == MembershipState.ACTIVE.value,
            membership.c.paused_until.is_(None),
            subscriber.c.address_key.not_in(select(suppression.c.address_key)),
            *(not_(which) for which, _ in left_out(known)),
        )
    )
    if known.role in TO_WHO_HAS_IT:
        found = who_has_it(known)
    else:
        stopped = in_state(DeliveryState.CANCELLED.value)
        found = _course(
            known, stopped, edition.c.id < known.id, edition.c.list_id == _list_of(known.id)
        )
        others = found.subquery("stopped")
        found = select(others.c.subscriber_id).where(others.c.subscriber_id.not_in(reached(known)))
    people = found.subquery("late")
    return select(people.c.subscriber_id).where(
        people.c.subscriber_id.not_in(has_row), people.c.subscriber_id.in_(may_be_mailed)
    )
