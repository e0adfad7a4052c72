"""Find the members that each edition of a release reaches, given who is trusted and who already has
the release."""

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select

from mailer.model.contacts import Trust
from mailer.model.deliveries import UNFINISHED_STATES, DeliveryState, Exclusion
from mailer.model.edition_states import PRIOR_RECIPIENT_ROLES, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.subscribers import MembershipState
from mailer.store import schema

_BEGUN_STATES = (EditionState.SENDING.value, EditionState.PAUSED.value)
_was_received = schema.is_in_state(DeliveryState.SENT.value, DeliveryState.IN_DOUBT.value)
"""The condition that a delivery was or may have been received."""
_is_or_will_be_received = or_(
    schema.is_in_state(
        DeliveryState.SENT.value, DeliveryState.IN_DOUBT.value, DeliveryState.ON_WIRE.value
    ),
    and_(
        schema.is_in_state(*(state.value for state in UNFINISHED_STATES)),
        schema.edition.c.state.in_(_BEGUN_STATES),
    ),
)
"""The condition that a delivery was, may have been or will be received."""


_current_subscriber_id = func.coalesce(
    select(schema.subscriber_alias.c.subscriber_id)
    .where(schema.subscriber_alias.c.old_id == schema.delivery.c.subscriber_id)
    .scalar_subquery(),
    schema.delivery.c.subscriber_id,
)
"""The id of a delivery's present subscriber. If the subscriber was merged into another, this is the
other's id."""


def _select_release_recipients(
    edition: Edition, *conditions: ColumnElement[bool]
) -> Select[tuple[int]]:
    """Select the recipients of the other editions of this release."""
    return (
        select(_current_subscriber_id.label("subscriber_id"))
        .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
        .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
        .where(
            schema.edition_story.c.slug.in_(edition.stories),
            schema.edition.c.role != EditionRole.PLAIN.value,
            schema.edition.c.id != edition.id,
            *conditions,
        )
    )


def select_past_recipients(edition: Edition) -> Select[tuple[int]]:
    """Select the people who have received, or may have received, an earlier version of the release
    that this edition corrects or kills. They got it from an edition of the same list that was
    created before this edition and also started before this edition. (A release that waits for its
    embargo is created earlier than its correction, but starts later and sends the corrected
    version.)"""
    return _select_release_recipients(
        edition,
        _was_received,
        schema.edition.c.id < edition.id,
        schema.edition.c.id.not_in(_select_editions_begun_after(edition)),
        schema.edition.c.list_id == _select_list_id(edition.id),
    )


def _select_editions_begun_after(edition: Edition) -> Select[tuple[int]]:
    """Select editions of these stories that started after `edition`; there are none if `edition`
    has not started. The order of their events decides, since the clocks of two machines may
    differ."""
    first_event_id = func.min(schema.edition_event.c.id)
    began = schema.edition_event.c.event_type == EditionState.SENDING.value
    own_first_event_id = (
        select(first_event_id)
        .where(schema.edition_event.c.edition_id == edition.id, began)
        .scalar_subquery()
    )
    return (
        select(schema.edition_event.c.edition_id)
        .join(
            schema.edition_story,
            schema.edition_story.c.edition_id == schema.edition_event.c.edition_id,
        )
        .where(schema.edition_story.c.slug.in_(edition.stories), began)
        .group_by(schema.edition_event.c.edition_id)
        .having(first_event_id > own_first_event_id)
    )


def _select_list_id(edition_id: int) -> ColumnElement[int]:
    own_edition = schema.edition.alias("mine")
    return select(own_edition.c.list_id).where(own_edition.c.id == edition_id).scalar_subquery()


def select_reached_subscribers(edition: Edition) -> Select[tuple[int]]:
    """Select the people who have received, or will receive, this release from another of its
    editions."""
    return _select_release_recipients(edition, _is_or_will_be_received)


def list_exclusions(edition: Edition) -> list[tuple[ColumnElement[bool], Exclusion]]:
    """Return conditions for the members that an edition leaves out because of its role in a
    release, each with its reason. The first condition that applies counts."""
    member = schema.membership.c.subscriber_id
    if edition.role is EditionRole.PLAIN:
        return []
    if edition.role in PRIOR_RECIPIENT_ROLES:
        return [(member.not_in(select_past_recipients(edition)), Exclusion.HAS_NOTHING)]
    exclusions: list[tuple[ColumnElement[bool], Exclusion]] = []
    if edition.role is EditionRole.ADVANCE:
        trusted = select(schema.contact.c.subscriber_id).where(
            schema.contact.c.trust == Trust.TRUSTED.value
        )
        exclusions.append((member.not_in(trusted), Exclusion.UNTRUSTED))
    exclusions.append((member.in_(select_reached_subscribers(edition)), Exclusion.HAS_IT))
    return exclusions


def select_late_recipients(edition: Edition) -> Select[tuple[int]]:
    """Select the people who should get a started edition of a release and have no delivery of it.
    These are people who have an earlier version that this edition corrects or kills, or whose
    deliveries of an earlier edition were cancelled. People who joined the list later are left
    out."""
    has_row = select(_current_subscriber_id).where(schema.delivery.c.edition_id == edition.id)
    may_be_mailed = (
        select(schema.membership.c.subscriber_id)
        .join(schema.subscriber, schema.subscriber.c.id == schema.membership.c.subscriber_id)
        .where(
            schema.membership.c.list_id == _select_list_id(edition.id),
            schema.membership.c.state == MembershipState.ACTIVE.value,
            schema.membership.c.paused_until.is_(None),
            schema.subscriber.c.address_key.not_in(select(schema.suppression.c.address_key)),
            *(not_(which) for which, _ in list_exclusions(edition)),
        )
    )
    if edition.role in PRIOR_RECIPIENT_ROLES:
        candidates = select_past_recipients(edition)
    else:
        stopped = schema.is_in_state(DeliveryState.CANCELLED.value)
        candidates = _select_release_recipients(
            edition,
            stopped,
            schema.edition.c.id < edition.id,
            schema.edition.c.list_id == _select_list_id(edition.id),
        )
        stopped_recipients = candidates.subquery("stopped")
        candidates = select(stopped_recipients.c.subscriber_id).where(
            stopped_recipients.c.subscriber_id.not_in(select_reached_subscribers(edition))
        )
    late_people = candidates.subquery("late")
    return select(late_people.c.subscriber_id).where(
        late_people.c.subscriber_id.not_in(has_row), late_people.c.subscriber_id.in_(may_be_mailed)
    )
