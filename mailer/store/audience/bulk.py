"""Bulk changes to a list's members, a few thousand in each transaction."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from mailer.model.lists import MailingList
from mailer.model.segments import BulkMember, Filter
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience import memberships
from mailer.store.audience.consents import ConsentQueries
from mailer.store.audience.segments import build_member_conditions, members
from mailer.store.audience.topic_sets import SqlTopicSetStore

PAGE = 100_000
"""The number of ids in a page. Pages are large because the filter runs once for each page, and may
have to collect a million tags each time."""


class BulkQueries(ConsentQueries):
    """The part of :class:`mailer.model.stores.audience.SegmentStore` for bulk changes."""

    def list_member_ids(
        self, mailing_list: MailingList, segment_filter: Filter, after_id: int
    ) -> Sequence[int]:
        """Return the next page of ids of a list's active members that match a filter: the ids after
        `after_id`, in ascending order. Pages keep memory use independent of the list's size."""
        return self._db.scalars(
            select(schema.membership.c.subscriber_id)
            .select_from(members)
            .where(
                *build_member_conditions(mailing_list, segment_filter),
                schema.membership.c.subscriber_id > after_id,
            )
            .order_by(schema.membership.c.subscriber_id)
            .limit(PAGE)
        ).all()

    def list_members(
        self, mailing_list: MailingList, subscriber_ids: Sequence[int]
    ) -> list[BulkMember]:
        """Return the given subscribers (a few thousand at most) who are on the list.

        In a transaction that may write, the members' rows stay locked until its end. The request of
        a member who unsubscribes in the meantime waits for the lock, and takes effect
        afterwards."""
        statement = (
            select(
                schema.subscriber.c.id, schema.subscriber.c.address, *memberships.MEMBERSHIP_COLUMNS
            )
            .join(schema.membership, schema.membership.c.subscriber_id == schema.subscriber.c.id)
            .where(
                schema.membership.c.list_id == mailing_list.id,
                schema.membership.c.subscriber_id.in_(subscriber_ids),
                schema.membership.c.state == MembershipState.ACTIVE.value,
            )
            .order_by(schema.membership.c.subscriber_id)
        )
        if not self._db.get_execution_options().get("reading", False):
            statement = statement.with_for_update(
                of=schema.membership
            )  # SQLite has one writer at a time
        rows = self._db.execute(statement).all()
        topics = SqlTopicSetStore(self._db).find_slugs(
            row.topic_set_id for row in rows if row.topic_set_id
        )
        tags: dict[int, list[str]] = {}
        for subscriber_id, tag in self._db.execute(
            select(schema.subscriber_tag.c.subscriber_id, schema.subscriber_tag.c.tag)
            .where(schema.subscriber_tag.c.subscriber_id.in_([row.id for row in rows]))
            .order_by(schema.subscriber_tag.c.tag)
        ):
            tags.setdefault(subscriber_id, []).append(tag)
        return [
            BulkMember(
                row.id,
                row.address,
                tuple(sorted(tags.get(row.id, ()))),
                memberships.build_membership(row, mailing_list.slug, topics),
            )
            for row in rows
        ]

    def save_members(
        self, mailing_list: MailingList, changes: Sequence[tuple[BulkMember, BulkMember]]
    ) -> None:
        topic_sets = SqlTopicSetStore(self._db)
        topic_sets.prepare_ids(after.membership.topics for _, after in changes)
        membership_rows = [
            {
                "b_subscriber": after.id,
                **memberships.build_membership_columns(after.membership, topic_sets),
            }
            for before, after in changes
            if before.membership != after.membership
        ]
        if membership_rows:
            self._db.execute(
                update(schema.membership).where(
                    schema.membership.c.list_id == mailing_list.id,
                    schema.membership.c.subscriber_id == bindparam("b_subscriber"),
                ),
                membership_rows,
            )
        added_tags = [
            {"subscriber_id": after.id, "tag": tag}
            for before, after in changes
            for tag in {*after.tags} - {*before.tags}
        ]
        if added_tags:
            self._db.execute(insert(schema.subscriber_tag), added_tags)
        removed_tags = [
            {"b_subscriber": after.id, "b_tag": tag}
            for before, after in changes
            for tag in {*before.tags} - {*after.tags}
        ]
        if removed_tags:
            self._db.execute(
                delete(schema.subscriber_tag).where(
                    schema.subscriber_tag.c.subscriber_id == bindparam("b_subscriber"),
                    schema.subscriber_tag.c.tag == bindparam("b_tag"),
                ),
                removed_tags,
            )
