"""Statements that select the stories that members have got in other editions of a list.

``own_stories.py`` fills the table of shared stories, which these statements read.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true, union

from mailer.model.deliveries import UNDELIVERED_STATES, DeliveryState
from mailer.model.subscribers import ConsentAction
from mailer.store import schema
from mailer.store.outbox import plan_tables


def _is_delivered() -> ColumnElement[bool]:
    """Return the condition that a delivery brings a shared story, and did not fail."""
    return and_(
        schema.delivery.c.stories.bitwise_and(plan_tables.shared_story.c.theirs) != 0,
        schema.delivery.c.state.not_in(_FAILED_STATES),
    )


_FAILED_STATES = [
    state.value for state in UNDELIVERED_STATES if state is not DeliveryState.DIVERTED
]
"""The states of deliveries that bring nothing. A diverted delivery counts as received, so that safe
mode changes no other edition."""


def select_received_by_changed(changed_ids: Select[tuple[int]]) -> Select[Any]:
    """Select (subscriber_id, story) of stories that members who changed their frequency got in
    editions of another frequency."""
    return _select_received_by_ids(changed_ids).where(plan_tables.shared_story.c.to_everyone == 0)


def select_received_by_person(subscriber_id: int, changed: ColumnElement[bool]) -> Select[Any]:
    """Select (subscriber_id, story) of stories that one member got in other editions: in those of
    another frequency only if the member changed theirs."""
    own_id = select(schema.subscriber.c.id).where(schema.subscriber.c.id == subscriber_id)
    return _select_received_by_ids(own_id).where(
        or_(
            plan_tables.shared_story.c.to_everyone == 1,
            select(schema.past_frequency.c.subscriber_id).where(changed).exists(),
        )
    )


def _select_received_by_ids(subscriber_ids: Select[tuple[int]]) -> Select[Any]:
    """Select (subscriber_id, story) of these subscribers. They are looked up by their addresses,
    present and earlier, and those of people who were merged into them, since there is no index over
    the subscribers of deliveries."""
    consent, alias = schema.consent.c, schema.subscriber_alias.c
    people = union(
        select(
            schema.subscriber.c.id.label("subscriber_id"),
            schema.subscriber.c.id.label("recipient_id"),
            schema.subscriber.c.address,
        ).where(schema.subscriber.c.id.in_(subscriber_ids)),
        select(consent.subscriber_id, consent.subscriber_id, consent.address).where(
            consent.subscriber_id.in_(subscriber_ids),
            consent.act == ConsentAction.NEW_ADDRESS.value,
            consent.address.is_not(None),
        ),
        select(alias.subscriber_id, alias.old_id, consent.address)
        .select_from(
            schema.subscriber_alias.join(schema.consent, consent.subscriber_id == alias.old_id)
        )
        .where(
            alias.subscriber_id.in_(subscriber_ids),
            consent.act.in_([ConsentAction.NEW_ADDRESS.value, ConsentAction.MERGED.value]),
            consent.address.is_not(None),
        ),
    ).subquery()
    # EXISTS, so that SQLite looks up the few people, and does not read whole editions.
    has_delivery = (
        select(schema.delivery.c.id)
        .where(
            schema.delivery.c.edition_id == plan_tables.shared_story.c.edition_id,
            schema.delivery.c.address == people.c.address,
            schema.delivery.c.subscriber_id == people.c.recipient_id,
            _is_delivered(),
        )
        .exists()
    )
    return (
        select(people.c.subscriber_id, plan_tables.shared_story.c.ours)
        .select_from(people.join(plan_tables.shared_story, true()))
        .where(has_delivery)
    )


def select_received_by_everyone() -> Select[Any]:
    """Select (subscriber_id, story) of stories that anyone got in an urgent edition, or before
    one."""
    return (
        select(schema.delivery.c.subscriber_id, plan_tables.shared_story.c.ours)
        .select_from(plan_tables.shared_story)
        .join(
            schema.delivery,
            schema.delivery.c.edition_id == plan_tables.shared_story.c.edition_id,
        )
        .where(plan_tables.shared_story.c.to_everyone == 1, _is_delivered())
    )
