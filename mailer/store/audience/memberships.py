"""Conversion of memberships from and to rows of their table."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row

from mailer.model.lists import Frequency
from mailer.model.subscribers import Membership, MembershipState
from mailer.store import schema
from mailer.store.audience.topic_sets import SqlTopicSetStore

MEMBERSHIP_COLUMNS: tuple[ColumnElement[Any], ...] = (
    schema.membership.c.state,
    schema.membership.c.topic_set_id,
    schema.membership.c.language.label("chosen_language"),
    schema.membership.c.joined_at,
    schema.membership.c.left_at,
    schema.membership.c.frequency,
    schema.membership.c.paused_until,
)
"""The columns for :func:`build_membership`, under names that differ from a subscriber's columns."""


def build_membership(
    row: Row[Any], list_slug: str, topics_by_set: Mapping[int, tuple[str, ...]]
) -> Membership:
    """Build a membership from a row. `topics_by_set` has the topics of each combination, by its
    id."""
    return Membership(
        list=list_slug,
        state=MembershipState(row.state),
        topics=topics_by_set.get(row.topic_set_id, ()),
        language=row.chosen_language,
        joined_at=row.joined_at,
        left_at=row.left_at,
        frequency=Frequency(row.frequency),
        paused_until=row.paused_until,
    )


COLUMNS = (
    "state", "topic_set_id", "language", "frequency", "paused_until", "joined_at", "left_at",
)  # fmt: skip
"""The columns of a membership, without its list and its subscriber."""

MOMENT_COLUMNS = ("paused_until", "joined_at", "left_at")


def build_membership_columns(
    membership: Membership, topic_sets: SqlTopicSetStore
) -> dict[str, Any]:
    """Build the columns of a membership, in the order of :data:`COLUMNS`."""
    return {
        "state": membership.state.value,
        "topic_set_id": topic_sets.find_or_create_id(membership.topics),
        "language": membership.language,
        "frequency": membership.frequency.value,
        "paused_until": membership.paused_until,
        "joined_at": membership.joined_at,
        "left_at": membership.left_at,
    }
