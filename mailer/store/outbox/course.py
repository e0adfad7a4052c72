"""The course of a release: whom its editions reach, by who is trusted and who has it already."""

from sqlalchemy import ColumnElement, Select, and_, or_, select

from mailer.audience.contacts import Trust
from mailer.editions import Edition, EditionState, Role
from mailer.outbox import UNDONE, DeliveryState, Exclusion
from mailer.store.schema import contact, delivery, edition, edition_story, in_state, membership

_GOING = (EditionState.SENDING.value, EditionState.PAUSED.value)
_reached = or_(
    in_state(DeliveryState.SENT.value, DeliveryState.IN_DOUBT.value),
    and_(in_state(*(state.value for state in UNDONE)), edition.c.state.in_(_GOING)),
)
"""Deliveries that somebody has got, may have got, or will get."""


def reached(known: Edition) -> Select[tuple[int]]:
    """Who has got, or will get, this release by another of its editions."""
    return (
        select(delivery.c.subscriber_id)
        .join(edition, edition.c.id == delivery.c.edition_id)
        .join(edition_story, edition_story.c.edition_id == edition.c.id)
        .where(
            edition_story.c.slug.in_(known.stories),
            edition.c.role != Role.PLAIN.value,
            edition.c.id != known.id,
            _reached,
        )
    )


def left_out(known: Edition) -> list[tuple[ColumnElement[bool], Exclusion]]:
    """Which members an edition leaves out for what it is in the course of a release, and why: the
    first that holds."""
    found: list[tuple[ColumnElement[bool], Exclusion]] = []
    if known.role is Role.ADVANCE:
        trusted = select(contact.c.subscriber_id).where(contact.c.trust == Trust.TRUSTED.value)
        found.append((membership.c.subscriber_id.not_in(trusted), Exclusion.UNTRUSTED))
    if known.role is not Role.PLAIN:
        found.append((membership.c.subscriber_id.in_(reached(known)), Exclusion.HAS_IT))
    return found
