"""Changing many members of a list, a few thousand in a transaction."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from mailer.audience.bulk import Member
from mailer.audience.lists import MailingList
from mailer.audience.segments import Filter
from mailer.audience.subscribers import MembershipState
from mailer.store.audience import memberships
from mailer.store.audience.consents import Consents
from mailer.store.audience.segments import active, members
from mailer.store.audience.topic_sets import TopicSets
from mailer.store.schema import membership, subscriber, subscriber_tag

PAGE = 100_000
"""How many numbers are fetched at once. The filter is asked once a page: it may have to gather a
million tags each time."""


class Bulk(Consents):
    """Implements ``audience.bulk.BulkStore``."""

    def ids(self, mailing_list: MailingList, tree: Filter, after: int) -> Sequence[int]:
        """The numbers of a list's active members in a filter, ascending, those after a number, a
        page of them: memory does not grow with the list."""
        return self._db.scalars(
            select(membership.c.subscriber_id)
            .select_from(members)
            .where(*active(mailing_list, tree), membership.c.subscriber_id > after)
            .order_by(membership.c.subscriber_id)
            .limit(PAGE)
        ).all()

    def members(self, mailing_list: MailingList, ids: Sequence[int]) -> list[Member]:
        """Those of some subscribers, a few thousand at most, who are on the list. A transaction
        that may write keeps them as they are until it ends: who leaves meanwhile, waits, and has
        left then."""
        wanted = (
            select(subscriber.c.id, subscriber.c.address, *memberships.SELECTED)
            .join(membership, membership.c.subscriber_id == subscriber.c.id)
            .where(
                membership.c.list_id == mailing_list.id,
                membership.c.subscriber_id.in_(ids),
                membership.c.state == MembershipState.ACTIVE.value,
            )
            .order_by(membership.c.subscriber_id)
        )
        if not self._db.get_execution_options().get("reading", False):
            wanted = wanted.with_for_update(of=membership)  # SQLite has one writer at a time
        rows = self._db.execute(wanted).all()
        topics = TopicSets(self._db).slugs(row.topic_set_id for row in rows if row.topic_set_id)
        tags: dict[int, list[str]] = {}
        for owner, tag in self._db.execute(
            select(subscriber_tag.c.subscriber_id, subscriber_tag.c.tag)
            .where(subscriber_tag.c.subscriber_id.in_([row.id for row in rows]))
            .order_by(subscriber_tag.c.tag)
        ):
            tags.setdefault(owner, []).append(tag)
        return [
            Member(
                row.id,
                row.address,
                tuple(sorted(tags.get(row.id, ()))),
                memberships.record(row, mailing_list.slug, topics),
            )
            for row in rows
        ]

    def write(self, mailing_list: MailingList, changed: Sequence[tuple[Member, Member]]) -> None:
        sets = TopicSets(self._db)
        sets.prepare(after.membership.topics for _, after in changed)
        theirs = [
            {"b_subscriber": after.id, **memberships.columns(after.membership, sets)}
            for before, after in changed
            if before.membership != after.membership
        ]
        if theirs:
            self._db.execute(
                update(membership).where(
                    membership.c.list_id == mailing_list.id,
                    membership.c.subscriber_id == bindparam("b_subscriber"),
                ),
                theirs,
            )
        fresh = [
            {"subscriber_id": after.id, "tag": tag}
            for before, after in changed
            for tag in {*after.tags} - {*before.tags}
        ]
        if fresh:
            self._db.execute(insert(subscriber_tag), fresh)
        gone = [
            {"b_subscriber": after.id, "b_tag": tag}
            for before, after in changed
            for tag in {*before.tags} - {*after.tags}
        ]
        if gone:
            self._db.execute(
                delete(subscriber_tag).where(
                    subscriber_tag.c.subscriber_id == bindparam("b_subscriber"),
                    subscriber_tag.c.tag == bindparam("b_tag"),
                ),
                gone,
            )
