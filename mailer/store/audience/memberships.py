"""Memberships as their table has them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row

from mailer.audience.lists import Frequency
from mailer.audience.subscribers import Membership, MembershipState
from mailer.store.audience.topic_sets import TopicSets
from mailer.store.schema import membership

SELECTED: tuple[ColumnElement[Any], ...] = (
    membership.c.state,
    membership.c.topic_set_id,
    membership.c.language.label("chosen_language"),
    membership.c.joined_at,
    membership.c.left_at,
    membership.c.frequency,
    membership.c.paused_until,
)
"""What :func:`record` needs of a row, under names that a subscriber's columns leave free."""


def record(row: Row[Any], mailing_list: str, topics: Mapping[int, tuple[str, ...]]) -> Membership:
    """`topics` are those of combinations, by their numbers."""
    return Membership(
        list=mailing_list,
        state=MembershipState(row.state),
        topics=topics.get(row.topic_set_id, ()),
        language=row.chosen_language,
        joined_at=row.joined_at,
        left_at=row.left_at,
        frequency=Frequency(row.frequency),
        paused_until=row.paused_until,
    )


def columns(wanted: Membership, sets: TopicSets) -> dict[str, Any]:
    """A membership's fields for the table."""
    return {
        "state": wanted.state.value,
        "topic_set_id": sets.id_of(wanted.topics),
        "language": wanted.language,
        "joined_at": wanted.joined_at,
        "left_at": wanted.left_at,
        "frequency": wanted.frequency.value,
        "paused_until": wanted.paused_until,
    }
