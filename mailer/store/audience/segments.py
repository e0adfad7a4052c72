"""Segments: filters as SQL conditions, which contain bound values only."""

from collections.abc import Mapping
from datetime import UTC, datetime, time

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    true,
    update,
)

from mailer.audience.segments import from_plain, to_plain
from mailer.model.edition_states import OPEN_STATES
from mailer.model.lists import MailingList
from mailer.model.segments import (
    All,
    Among,
    AnyOf,
    Filter,
    FilterField,
    Joined,
    ListMember,
    Not,
    Segment,
)
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.base import SqlStore
from mailer.store.slug_lookup import get_inserted_id

mailed_language = func.coalesce(
    func.nullif(schema.membership.c.language, ""),
    func.nullif(schema.subscriber.c.language, ""),
    schema.mailing_list.c.language,
)
"""The language of a member's mails: the language that the member chose for the list, otherwise the
person's language, otherwise the list's."""

is_paused = and_(
    schema.membership.c.paused_until.is_not(None),
    # A subquery, so that SQLite evaluates it once for the statement.
    schema.membership.c.paused_until > select(schema.database_now()).scalar_subquery(),
)
"""The condition that a member has paused the list."""

members = schema.membership.join(
    schema.subscriber, schema.subscriber.c.id == schema.membership.c.subscriber_id
).join(schema.mailing_list, schema.mailing_list.c.id == schema.membership.c.list_id)


def build_condition(tree: Filter) -> ColumnElement[bool]:
    """Build the condition of a filter over :data:`members`."""
    match tree:
        case Among(FilterField.TOPIC, values):
            topic_set_ids = select(schema.topic_set_topic.c.topic_set_id).join(
                schema.topic, schema.topic.c.id == schema.topic_set_topic.c.topic_id
            )
            return or_(
                schema.membership.c.topic_set_id.is_(None),
                schema.membership.c.topic_set_id.in_(
                    topic_set_ids.where(schema.topic.c.slug.in_(values))
                ),
            )
        case Among(FilterField.LANGUAGE, values):
            return mailed_language.in_(values)
        case Among(FilterField.COUNTRY, values):
            return schema.subscriber.c.country.in_(values)
        case Among(FilterField.TAG, values):
            tagged_ids = select(schema.subscriber_tag.c.subscriber_id).where(
                schema.subscriber_tag.c.tag.in_(values)
            )
            return schema.subscriber.c.id.in_(tagged_ids)
        case Among(FilterField.FREQUENCY, values):
            return schema.membership.c.frequency.in_(values)
        case Among(FilterField.BEAT, values):
            beat_writer_ids = select(schema.contact_beat.c.subscriber_id).where(
                schema.contact_beat.c.beat.in_(values)
            )
            return schema.subscriber.c.id.in_(beat_writer_ids)
        case Among(FilterField.OUTLET | FilterField.TRUST | FilterField.FOLLOW_UP as field, values):
            contact_ids = select(schema.contact.c.subscriber_id).where(
                _CONTACT_COLUMNS[field].in_(values)
            )
            return schema.subscriber.c.id.in_(contact_ids)
        case Joined(before, day):
            midnight = datetime.combine(day, time(), UTC)
            if before:
                return schema.membership.c.joined_at < midnight
            return schema.membership.c.joined_at >= midnight
        case Not(term):
            return not_(build_condition(term))
        case All(terms):
            return and_(true(), *map(build_condition, terms))
        case AnyOf(terms):
            return or_(*map(build_condition, terms))
        case _:
            raise TypeError(tree)


_CONTACT_COLUMNS = {
    FilterField.OUTLET: schema.contact.c.outlet_key,
    FilterField.TRUST: schema.contact.c.trust,
    FilterField.FOLLOW_UP: schema.contact.c.follow_up,
}


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
