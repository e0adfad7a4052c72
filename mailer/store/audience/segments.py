"""Segments: the closed tree as an SQL condition, built of bound values only."""

from collections.abc import Mapping
from datetime import UTC, datetime, time

from sqlalchemy import (
    ColumnElement,
    Connection,
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

from mailer.audience.lists import MailingList
from mailer.audience.segments import (
    All,
    Among,
    AnyOf,
    Field,
    Filter,
    Joined,
    Member,
    Not,
    Segment,
    from_plain,
    to_plain,
)
from mailer.audience.subscribers import MembershipState
from mailer.editions import OPEN
from mailer.store.audience.topic_sets import TopicSets
from mailer.store.ids import new_id
from mailer.store.schema import (
    contact,
    contact_beat,
    database_now,
    digest,
    edition,
    mailing_list,
    membership,
    segment,
    subscriber,
    subscriber_tag,
    topic,
    topic_set_topic,
)

mailed_language = func.coalesce(
    func.nullif(membership.c.language, ""),
    func.nullif(subscriber.c.language, ""),
    mailing_list.c.language,
)
"""What a member reads: chosen on the list, else their own, else the list's."""

paused = and_(
    membership.c.paused_until.is_not(None),
    # A subquery, so that SQLite works it out once a statement.
    membership.c.paused_until > select(database_now()).scalar_subquery(),
)
"""Whether a member has asked for nothing to be sent for now."""

members = membership.join(subscriber, subscriber.c.id == membership.c.subscriber_id).join(
    mailing_list, mailing_list.c.id == membership.c.list_id
)


def condition(tree: Filter) -> ColumnElement[bool]:
    """The tree over :data:`members`."""
    match tree:
        case Among(Field.TOPIC, values):
            chose = select(topic_set_topic.c.topic_set_id).join(
                topic, topic.c.id == topic_set_topic.c.topic_id
            )
            return or_(
                membership.c.topic_set_id.is_(None),
                membership.c.topic_set_id.in_(chose.where(topic.c.slug.in_(values))),
            )
        case Among(Field.LANGUAGE, values):
            return mailed_language.in_(values)
        case Among(Field.COUNTRY, values):
            return subscriber.c.country.in_(values)
        case Among(Field.TAG, values):
            tagged = select(subscriber_tag.c.subscriber_id).where(subscriber_tag.c.tag.in_(values))
            return subscriber.c.id.in_(tagged)
        case Among(Field.FREQUENCY, values):
            return membership.c.frequency.in_(values)
        case Among(Field.BEAT, values):
            wrote = select(contact_beat.c.subscriber_id).where(contact_beat.c.beat.in_(values))
            return subscriber.c.id.in_(wrote)
        case Among(Field.OUTLET | Field.TRUST | Field.FOLLOW_UP as field, values):
            known = select(contact.c.subscriber_id).where(_OF_CONTACT[field].in_(values))
            return subscriber.c.id.in_(known)
        case Joined(before, day):
            midnight = datetime.combine(day, time(), UTC)
            if before:
                return membership.c.joined_at < midnight
            return membership.c.joined_at >= midnight
        case Not(term):
            return not_(condition(term))
        case All(terms):
            return and_(true(), *map(condition, terms))
        case AnyOf(terms):
            return or_(*map(condition, terms))
        case _:
            raise TypeError(tree)


_OF_CONTACT = {
    Field.OUTLET: contact.c.outlet_key,
    Field.TRUST: contact.c.trust,
    Field.FOLLOW_UP: contact.c.follow_up,
}


class Segments:
    """Implements ``audience.segments.SegmentStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def segments(self) -> list[Segment]:
        rows = self._db.execute(select(segment).order_by(segment.c.slug))
        return [
            Segment(row.id, row.slug, row.name, from_plain(row.tree), row.created_at)
            for row in rows
        ]

    def save_segment(self, slug: str, name: str, tree: Filter, now: datetime) -> Segment:
        plain = to_plain(tree)
        known = self._db.execute(select(segment).where(segment.c.slug == slug)).one_or_none()
        if known:
            self._db.execute(
                update(segment).where(segment.c.id == known.id).values(name=name, tree=plain)
            )
            return Segment(known.id, slug, name, tree, known.created_at)
        made = self._db.execute(
            insert(segment).values(slug=slug, name=name, tree=plain, created_at=now)
        )
        return Segment(new_id(made), slug, name, tree, now)

    def remove_segment(self, known: Segment) -> None:
        self._db.execute(delete(segment).where(segment.c.id == known.id))

    def segment_uses(self, known: Segment) -> Mapping[str, int]:
        """Digests and editions that name it: a sent edition's report still says to whom it went."""

        def count(table: Table, *more: ColumnElement[bool]) -> int:
            wanted = select(func.count()).select_from(table)
            return int(self._db.scalar(wanted.where(table.c.segment_id == known.id, *more)) or 0)

        open_states = [state.value for state in OPEN]
        return {
            "digests": count(digest),
            "open editions": count(edition, edition.c.state.in_(open_states)),
            "earlier editions": count(edition, edition.c.state.not_in(open_states)),
        }

    def topic_slugs(self) -> frozenset[str]:
        return frozenset(self._db.scalars(select(topic.c.slug)))

    def count_members(self, mailing_list_: MailingList, tree: Filter) -> int:
        wanted = select(func.count()).select_from(members).where(*active(mailing_list_, tree))
        return int(self._db.scalar(wanted) or 0)

    def sample_members(self, mailing_list_: MailingList, tree: Filter, limit: int) -> list[Member]:
        """Some of them, at random."""
        rows = self._db.execute(
            select(
                subscriber.c.address,
                subscriber.c.name,
                subscriber.c.country,
                mailed_language.label("language"),
                membership.c.topic_set_id,
                membership.c.joined_at,
            )
            .select_from(members)
            .where(*active(mailing_list_, tree))
            .order_by(func.random())
            .limit(limit)
        ).all()
        topics = TopicSets(self._db).slugs(row.topic_set_id for row in rows if row.topic_set_id)
        return [
            Member(
                address=row.address,
                name=row.name,
                language=row.language,
                country=row.country,
                topics=topics.get(row.topic_set_id, ()),
                joined_at=row.joined_at,
            )
            for row in rows
        ]


def active(mailing_list_: MailingList, tree: Filter) -> tuple[ColumnElement[bool], ...]:
    """A list's active members in a filter, over :data:`members`."""
    return (
        membership.c.list_id == mailing_list_.id,
        membership.c.state == MembershipState.ACTIVE.value,
        condition(tree),
    )
