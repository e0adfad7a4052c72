"""Segments, and the members of a list that they select."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, update

from mailer.audience.segments import from_plain, to_plain
from mailer.model.edition_states import OPEN_STATES
from mailer.model.lists import MailingList
from mailer.model.segments import Filter, ListMember, Segment
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.segment_conditions import build_condition, mailed_language, members
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.base import SqlStore
from mailer.store.slug_lookup import get_inserted_id


class SegmentQueries(SqlStore):
    """Implements :class:`mailer.model.stores.audience.SegmentStore`, except for bulk changes."""

    def list_segments(self) -> list[Segment]:
        rows = self._db.execute(select(schema.segment).order_by(schema.segment.c.slug))
        return [
            Segment(row.id, row.slug, row.name, from_plain(row.tree), row.created_at)
            for row in rows
        ]

    def save_segment(self, slug: str, name: str, tree: Filter, now: datetime) -> Segment:
        plain_tree = to_plain(tree)
        existing_row = self._db.execute(
            select(schema.segment).where(schema.segment.c.slug == slug)
        ).one_or_none()
        if existing_row:
            self._db.execute(
                update(schema.segment)
                .where(schema.segment.c.id == existing_row.id)
                .values(name=name, tree=plain_tree)
            )
            return Segment(existing_row.id, slug, name, tree, existing_row.created_at)
        result = self._db.execute(
            insert(schema.segment).values(slug=slug, name=name, tree=plain_tree, created_at=now)
        )
        return Segment(get_inserted_id(result), slug, name, tree, now)

    def remove_segment(self, segment: Segment) -> None:
        self._db.execute(delete(schema.segment).where(schema.segment.c.id == segment.id))

    def count_segment_uses(self, segment: Segment) -> Mapping[str, int]:
        """Return the number of digests and editions that name a segment. Sent editions count, too,
        because their reports still name the segment."""

        def count_uses(table: Table, *conditions: ColumnElement[bool]) -> int:
            statement = select(func.count()).select_from(table)
            return int(
                self._db.scalar(statement.where(table.c.segment_id == segment.id, *conditions)) or 0
            )

        open_states = [state.value for state in OPEN_STATES]
        return {
            "digests": count_uses(schema.digest),
            "open editions": count_uses(schema.edition, schema.edition.c.state.in_(open_states)),
            "earlier editions": count_uses(
                schema.edition, schema.edition.c.state.not_in(open_states)
            ),
        }

    def list_topic_slugs(self) -> frozenset[str]:
        return frozenset(self._db.scalars(select(schema.topic.c.slug)))

    def count_members(self, mailing_list: MailingList, tree: Filter) -> int:
        statement = (
            select(func.count())
            .select_from(members)
            .where(*build_member_conditions(mailing_list, tree))
        )
        return int(self._db.scalar(statement) or 0)

    def sample_members(
        self, mailing_list: MailingList, tree: Filter, limit: int
    ) -> list[ListMember]:
        """Return up to `limit` members of a list that match a filter, chosen at random."""
        rows = self._db.execute(
            select(
                schema.subscriber.c.address,
                schema.subscriber.c.name,
                schema.subscriber.c.country,
                mailed_language.label("language"),
                schema.membership.c.topic_set_id,
                schema.membership.c.joined_at,
            )
            .select_from(members)
            .where(*build_member_conditions(mailing_list, tree))
            .order_by(func.random())
            .limit(limit)
        ).all()
        topics = SqlTopicSetStore(self._db).find_slugs(
            row.topic_set_id for row in rows if row.topic_set_id
        )
        return [
            ListMember(
                address=row.address,
                name=row.name,
                language=row.language,
                country=row.country,
                topics=topics.get(row.topic_set_id, ()),
                joined_at=row.joined_at,
            )
            for row in rows
        ]


def build_member_conditions(
    mailing_list: MailingList, tree: Filter
) -> tuple[ColumnElement[bool], ...]:
    """Build the conditions for a list's active members that match a filter, over
    :data:`members`."""
    return (
        schema.membership.c.list_id == mailing_list.id,
        schema.membership.c.state == MembershipState.ACTIVE.value,
        build_condition(tree),
    )
