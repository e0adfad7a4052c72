"""Subscribers, their tags and their memberships."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, delete, insert, select, update

from mailer.model.lists import Frequency, MailingList
from mailer.model.subscribers import (
    ListedSubscriber,
    Membership,
    MembershipState,
    Person,
    Subscriber,
)
from mailer.store import schema
from mailer.store.audience import memberships
from mailer.store.audience.field_values import decode_values, encode_values
from mailer.store.audience.lists import SqlListStore
from mailer.store.audience.past_frequencies import record_past_frequencies
from mailer.store.audience.records import PersonalDataQueries
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.slug_lookup import get_inserted_id
from mailer.tokens import hash_address
from mailer.words import build_line_text

EXPORT_BATCH = 2000

# Statements that every public page runs are built once, since building takes SQLAlchemy two thirds
# of such a statement's time.
_BY_ID = select(schema.subscriber).where(schema.subscriber.c.id == bindparam("number"))
_BY_ADDRESS = select(schema.subscriber).where(
    schema.subscriber.c.address == bindparam("of_address")
)
_BY_MERGED_ID = select(schema.subscriber).where(
    schema.subscriber.c.id
    == select(schema.subscriber_alias.c.subscriber_id)
    .where(schema.subscriber_alias.c.old_id == bindparam("number"))
    .scalar_subquery()
)
# A transaction that may write locks the subscribers that it finds against changes, merging and
# erasure until it ends. Rows that refer to them may still be added. SQLite needs no lock, as it has
# one writer at a time.
_LOCKED_STATEMENTS = {
    statement: statement.with_for_update(key_share=True)
    for statement in (_BY_ID, _BY_ADDRESS, _BY_MERGED_ID)
}
_TAGS = (
    select(schema.subscriber_tag.c.subscriber_id, schema.subscriber_tag.c.tag)
    .where(schema.subscriber_tag.c.subscriber_id.in_(bindparam("owners", expanding=True)))
    .order_by(schema.subscriber_tag.c.tag)
)
_EDIT = update(schema.subscriber).where(schema.subscriber.c.id == bindparam("number"))
_MEMBERSHIPS = (
    select(schema.mailing_list.c.slug, *memberships.MEMBERSHIP_COLUMNS)
    .join(schema.membership, schema.mailing_list.c.id == schema.membership.c.list_id)
    .where(schema.membership.c.subscriber_id == bindparam("number"))
    .order_by(schema.membership.c.list_id)  # in the order in which the gate locks them
)
_LOCKED_MEMBERSHIPS = _MEMBERSHIPS.with_for_update(of=schema.membership)
_SET_MEMBERSHIP = update(schema.membership).where(
    schema.membership.c.list_id == bindparam("of_list"),
    schema.membership.c.subscriber_id == bindparam("number"),
)
_END_MEMBERSHIP = _SET_MEMBERSHIP.values(
    state=MembershipState.UNSUBSCRIBED.value, left_at=bindparam("left_at")
)


class SubscriberQueries(PersonalDataQueries):
    """The part of :class:`mailer.model.stores.audience.SubscriberStore` for subscribers and
    memberships."""

    def find_subscriber(self, address: str) -> Subscriber | None:
        return self._fetch_subscriber(_BY_ADDRESS, {"of_address": address})

    def find_subscriber_by_id(self, subscriber_id: int) -> Subscriber | None:
        """Return the subscriber with this id. If this subscriber was merged into another, return
        the other."""
        parameters = {"number": subscriber_id}
        return self._fetch_subscriber(_BY_ID, parameters) or self._fetch_subscriber(
            _BY_MERGED_ID, parameters
        )

    def _fetch_subscriber(
        self, base_statement: Select[Any], parameters: dict[str, Any]
    ) -> Subscriber | None:
        statement = base_statement if self._is_reading else _LOCKED_STATEMENTS[base_statement]
        row = self._db.execute(statement, parameters).one_or_none()
        return _build_subscriber(row, self._fetch_tags([row.id]).get(row.id, ())) if row else None

    @property
    def _is_reading(self) -> bool:
        return bool(self._db.get_execution_options().get("reading", False))

    def add_alias(self, old_id: int, survivor: Subscriber) -> None:
        """Redirect links and requests of an old id, and of its earlier aliases, to a subscriber."""
        self._db.execute(
            update(schema.confirmation)
            .where(schema.confirmation.c.subscriber_id == old_id)
            .values(subscriber_id=survivor.id)
        )
        self._db.execute(
            update(schema.subscriber_alias)
            .where(schema.subscriber_alias.c.subscriber_id == old_id)
            .values(subscriber_id=survivor.id)
        )
        self._db.execute(
            insert(schema.subscriber_alias).values(old_id=old_id, subscriber_id=survivor.id)
        )
        self._move_past_frequencies(old_id, survivor)
        # If the survivor has no profile as a journalist, they get the duplicate's.
        own_contact = select(schema.contact.c.subscriber_id).where(
            schema.contact.c.subscriber_id == survivor.id
        )
        if self._db.scalar(own_contact) is None:
            for table in (schema.contact, schema.contact_beat):
                self._db.execute(
                    update(table)
                    .where(table.c.subscriber_id == old_id)
                    .values(subscriber_id=survivor.id)
                )

    def _move_past_frequencies(self, old_id: int, survivor: Subscriber) -> None:
        """Give a subscriber the earlier frequencies of the one who is merged into them, each with
        the later of two ends."""
        past = schema.past_frequency.c
        rows = self._db.execute(
            select(past.list_id, past.frequency, past.subscriber_id, past.until)
            .where(past.subscriber_id.in_([old_id, survivor.id]))
            .order_by(past.list_id, past.frequency)
        ).all()
        own_ends = {
            (row.list_id, row.frequency): row.until
            for row in rows
            if row.subscriber_id == survivor.id
        }
        for row in rows:
            own_end = own_ends.get((row.list_id, row.frequency))
            if row.subscriber_id == old_id and (own_end is None or own_end < row.until):
                frequencies = {survivor.id: Frequency(row.frequency)}
                record_past_frequencies(self._db, row.list_id, frequencies, row.until)

    def get_list(self, slug: str) -> MailingList:
        return SqlListStore(self._db, self._key).get_list(slug)

    def _fetch_tags(self, subscriber_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        tags_by_subscriber: dict[int, list[str]] = {}
        for start in range(0, len(subscriber_ids), 500):
            batch = list(subscriber_ids[start : start + 500])
            for subscriber_id, tag in self._db.execute(_TAGS, {"owners": batch}):
                tags_by_subscriber.setdefault(subscriber_id, []).append(tag)
        return {subscriber_id: tuple(tags) for subscriber_id, tags in tags_by_subscriber.items()}

    def add_subscriber(self, person: Person, source: str, now: datetime) -> Subscriber:
        result = self._db.execute(
            insert(schema.subscriber).values(
                source=source, created_at=now, **build_person_columns(person, self._key)
            )
        )
        subscriber_id = get_inserted_id(result)
        self._set_tags(subscriber_id, person)
        return Subscriber(subscriber_id, person, source, now)

    def edit_subscriber(self, subscriber: Subscriber, person: Person) -> Subscriber:
        if person == subscriber.person:
            return subscriber
        self._db.execute(
            _EDIT, {"number": subscriber.id, **build_person_columns(person, self._key)}
        )
        if person.tags != subscriber.person.tags:
            self._db.execute(
                delete(schema.subscriber_tag).where(
                    schema.subscriber_tag.c.subscriber_id == subscriber.id
                )
            )
            self._set_tags(subscriber.id, person)
        return Subscriber(subscriber.id, person, subscriber.source, subscriber.created_at)

    def _set_tags(self, subscriber_id: int, person: Person) -> None:
        if person.tags:
            self._db.execute(
                insert(schema.subscriber_tag),
                [{"subscriber_id": subscriber_id, "tag": tag} for tag in person.tags],
            )

    def remove_subscriber(self, subscriber: Subscriber) -> None:
        for table in (
            schema.subscriber_tag,
            schema.membership,
            schema.past_frequency,
            schema.confirmation,
            schema.subscriber_alias,
        ):
            self._db.execute(delete(table).where(table.c.subscriber_id == subscriber.id))
        self._db.execute(delete(schema.subscriber).where(schema.subscriber.c.id == subscriber.id))

    def list_memberships(self, subscriber: Subscriber) -> Sequence[Membership]:
        """Return a subscriber's memberships.

        A transaction that may write locks the memberships until it ends. If a member unsubscribes
        in the meantime, that change waits for the lock, so outdated data cannot resubscribe
        them."""
        statement = _MEMBERSHIPS if self._is_reading else _LOCKED_MEMBERSHIPS
        result = self._db.execute(statement, {"number": subscriber.id})
        rows = sorted(result, key=lambda row: str(row.slug))
        topics = SqlTopicSetStore(self._db).find_slugs(
            row.topic_set_id for row in rows if row.topic_set_id
        )
        return [memberships.build_membership(row, row.slug, topics) for row in rows]

    def set_membership(
        self, subscriber: Subscriber, mailing_list: MailingList, membership: Membership
    ) -> None:
        values = memberships.build_membership_columns(membership, SqlTopicSetStore(self._db))
        key_parameters = {"of_list": mailing_list.id, "number": subscriber.id}
        result = self._db.execute(_SET_MEMBERSHIP, {**key_parameters, **values})
        if not result.rowcount:
            self._db.execute(
                insert(schema.membership).values(
                    list_id=mailing_list.id, subscriber_id=subscriber.id, **values
                )
            )

    def record_past_frequency(
        self,
        subscriber: Subscriber,
        mailing_list: MailingList,
        frequency: Frequency,
        now: datetime,
    ) -> None:
        """Record that a member had another frequency until now."""
        record_past_frequencies(self._db, mailing_list.id, {subscriber.id: frequency}, now)

    def end_membership(
        self, subscriber: Subscriber, mailing_list: MailingList, now: datetime
    ) -> None:
        """Mark a membership as unsubscribed, and leave its choices as they are."""
        self._db.execute(
            _END_MEMBERSHIP,
            {"of_list": mailing_list.id, "number": subscriber.id, "left_at": now},
        )

    def find_suppression_reason(self, address: str) -> str | None:
        return self._db.scalar(
            select(schema.suppression.c.reason).where(
                schema.suppression.c.address_key == hash_address(self._key, address)
            )
        )

    def iterate_subscribers(
        self, mailing_list: MailingList | None = None
    ) -> Iterator[ListedSubscriber]:
        """Iterate over all subscribers, or over a list's subscribers with their memberships, in the
        order of ids. Batches keep memory use independent of the audience's size."""
        last_id = 0
        while batch := self.list_subscribers(mailing_list, last_id, EXPORT_BATCH):
            yield from batch
            last_id = batch[-1].subscriber.id

    def list_subscribers(
        self, mailing_list: MailingList | None, after_id: int, limit: int
    ) -> list[ListedSubscriber]:
        """Return up to `limit` subscribers, or members of a list with their memberships, in the
        order of ids, beginning after `after_id`."""
        statement = self._select_listed(mailing_list, after_id).limit(limit)
        return self._fetch_listed(statement, mailing_list)

    def _select_listed(self, mailing_list: MailingList | None, after_id: int) -> Select[Any]:
        statement = (
            select(schema.subscriber, schema.suppression.c.reason.label("suppressed"))
            .outerjoin(
                schema.suppression,
                schema.suppression.c.address_key == schema.subscriber.c.address_key,
            )
            .where(schema.subscriber.c.id > after_id)
            .order_by(schema.subscriber.c.id)
        )
        if mailing_list is None:
            return statement
        return statement.join(
            schema.membership,
            and_(
                schema.membership.c.subscriber_id == schema.subscriber.c.id,
                schema.membership.c.list_id == mailing_list.id,
            ),
        ).add_columns(*memberships.MEMBERSHIP_COLUMNS)

    def _fetch_listed(
        self,
        statement: Select[Any],
        mailing_list: MailingList | None,
        parameters: Mapping[str, Any] | None = None,
    ) -> list[ListedSubscriber]:
        """Fetch the rows of a statement that :meth:`_select_listed` made."""
        rows = self._db.execute(statement, parameters).all()
        tags = self._fetch_tags([row.id for row in rows])
        people = [_build_subscriber(row, tags.get(row.id, ())) for row in rows]
        if mailing_list is None:
            return [
                ListedSubscriber(person, None, row.suppressed or "")
                for person, row in zip(people, rows, strict=True)
            ]
        topics = SqlTopicSetStore(self._db).find_slugs(
            row.topic_set_id for row in rows if row.topic_set_id
        )
        return [
            ListedSubscriber(
                person,
                memberships.build_membership(row, mailing_list.slug, topics),
                row.suppressed or "",
            )
            for person, row in zip(people, rows, strict=True)
        ]


PERSON_COLUMNS = (
    "address", "address_key", "name", "language", "country", "time_zone", "fields", "search_text",
)  # fmt: skip


def build_person_columns(person: Person, key: bytes) -> dict[str, Any]:
    """Build the columns of a person, in the order of :data:`PERSON_COLUMNS`."""
    return {
        "address": person.address,
        "address_key": hash_address(key, person.address),
        "name": person.name,
        "language": person.language,
        "country": person.country,
        "time_zone": person.time_zone,
        "fields": encode_values(person.fields),
        "search_text": build_line_text(person.name, person.address),
    }


def _build_subscriber(row: Row[Any], tags: tuple[str, ...]) -> Subscriber:
    return Subscriber(
        id=row.id,
        person=Person(
            row.address,
            row.name,
            row.language,
            row.country,
            row.time_zone,
            tags,
            decode_values(row.fields),
        ),
        source=row.source,
        created_at=row.created_at,
    )
