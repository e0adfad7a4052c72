"""Bulk changes to a list's members, a few thousand in each transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, delete, select, update

from mailer.model.lists import Frequency, MailingList
from mailer.model.segments import BulkMember, Filter
from mailer.model.subscribers import Membership, MembershipState
from mailer.store import schema
from mailer.store.audience import memberships
from mailer.store.audience.consents import ConsentQueries
from mailer.store.audience.past_frequencies import record_past_frequencies
from mailer.store.audience.segment_conditions import members
from mailer.store.audience.segments import build_member_conditions
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.prepared_statements import (
    PreparedInsert,
    PreparedStatement,
    among,
    create_moment_decoder,
    encode_moment,
    encode_numbers,
)

PAGE = 100_000
"""The number of ids in a page. Pages are large because the filter runs once for each page, and may
have to collect a million tags each time."""

_FREQUENCIES = {frequency.value: frequency for frequency in Frequency}

# Prepared, as a change of a list runs them for each of its members.
_list_id = bindparam("of_list", type_=BigInteger)
_subscriber_id = bindparam("number", type_=BigInteger)
_members = (
    select(
        schema.subscriber.c.id,
        schema.subscriber.c.address,
        schema.membership.c.topic_set_id,
        schema.membership.c.language,
        schema.membership.c.joined_at,
        schema.membership.c.left_at,
        schema.membership.c.frequency,
        schema.membership.c.paused_until,
    )
    .join(schema.membership, schema.membership.c.subscriber_id == schema.subscriber.c.id)
    .where(
        schema.membership.c.list_id == _list_id,
        among(schema.membership.c.subscriber_id, "ids"),
        schema.membership.c.state == MembershipState.ACTIVE.value,
    )
    .order_by(schema.membership.c.subscriber_id)
)
_MEMBERS = PreparedStatement(_members)
_LOCKED_MEMBERS = PreparedStatement(_members.with_for_update(of=schema.membership))
_TAGS = PreparedStatement(
    select(schema.subscriber_tag.c.subscriber_id, schema.subscriber_tag.c.tag).where(
        among(schema.subscriber_tag.c.subscriber_id, "ids")
    )
)
_CHANGE = PreparedStatement(
    update(schema.membership)
    .where(
        schema.membership.c.list_id == _list_id,
        schema.membership.c.subscriber_id == _subscriber_id,
    )
    .values(
        {
            name: bindparam(f"new_{name}", type_=schema.membership.c[name].type)
            for name in memberships.COLUMNS
        }
    )
)
_ADD_TAGS = PreparedInsert(schema.subscriber_tag, "subscriber_id", "tag")
_REMOVE_TAG = PreparedStatement(
    delete(schema.subscriber_tag).where(
        schema.subscriber_tag.c.subscriber_id == _subscriber_id,
        schema.subscriber_tag.c.tag == bindparam("old_tag", type_=String),
    )
)


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
        is_reading = self._db.get_execution_options().get("reading", False)
        ids = encode_numbers(self._db, subscriber_ids)
        rows = (_MEMBERS if is_reading else _LOCKED_MEMBERS).fetch_rows(
            self._db, {"of_list": mailing_list.id, "ids": ids}
        )
        tags: dict[int, tuple[str, ...]] = {}
        for subscriber_id, tag in _TAGS.fetch_rows(self._db, {"ids": ids}):
            tags[subscriber_id] = (*tags.get(subscriber_id, ()), tag)
        topics = SqlTopicSetStore(self._db).find_slugs({row[2] for row in rows if row[2]})
        decode_moment = create_moment_decoder(self._db)
        return [
            BulkMember(
                number,
                address,
                tuple(sorted(tags.get(number, ()))),
                Membership(
                    mailing_list.slug,
                    MembershipState.ACTIVE,
                    topics[set_id] if set_id else (),
                    language,
                    decode_moment(joined_at),
                    left_at and decode_moment(left_at),
                    _FREQUENCIES[frequency],
                    paused_until and decode_moment(paused_until),
                ),
            )
            for (
                number, address, set_id, language, joined_at, left_at, frequency, paused_until,
            ) in rows
        ]  # fmt: skip

    def save_members(
        self,
        mailing_list: MailingList,
        changes: Sequence[tuple[BulkMember, BulkMember]],
        now: datetime,
    ) -> None:
        """Save the members as they are after a change, which is made `now`."""
        topic_sets = SqlTopicSetStore(self._db)
        topic_sets.prepare_ids(after.membership.topics for _, after in changes)
        rows: list[dict[str, Any]] = []
        for before, after in changes:
            if before.membership == after.membership:
                continue
            values = memberships.build_membership_columns(after.membership, topic_sets)
            for column in memberships.MOMENT_COLUMNS:
                values[column] = encode_moment(self._db, values[column])
            row = {f"new_{column}": value for column, value in values.items()}
            rows.append({"of_list": mailing_list.id, "number": after.id, **row})
        past_frequencies = {
            before.id: before.membership.frequency
            for before, after in changes
            if before.membership.frequency is not after.membership.frequency
        }
        record_past_frequencies(self._db, mailing_list.id, past_frequencies, now)
        _CHANGE.run_many(self._db, rows)
        _ADD_TAGS.run(
            self._db,
            [
                (after.id, tag)
                for before, after in changes
                for tag in {*after.tags} - {*before.tags}
            ],
        )
        _REMOVE_TAG.run_many(
            self._db,
            [
                {"number": after.id, "old_tag": tag}
                for before, after in changes
                for tag in {*before.tags} - {*after.tags}
            ],
        )
