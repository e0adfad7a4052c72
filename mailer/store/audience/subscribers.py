"""Subscribers, their tags and their memberships."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, delete, insert, select, update

from mailer.audience.lists import MailingList
from mailer.audience.subscribers import Membership, Person, Subscriber
from mailer.store.audience import memberships
from mailer.store.audience.lists import Lists
from mailer.store.audience.records import Records
from mailer.store.audience.topic_sets import TopicSets
from mailer.store.ids import new_id
from mailer.store.schema import (
    confirmation,
    contact,
    contact_beat,
    mailing_list,
    membership,
    subscriber,
    subscriber_alias,
    subscriber_tag,
    suppression,
)
from mailer.tokens import address_key

EXPORT_BATCH = 2000

# Statements that each public page runs are made once: SQLAlchemy takes two thirds of such a
# statement's time to put it together.
_BY_ID = select(subscriber).where(subscriber.c.id == bindparam("number"))
_BY_ADDRESS = select(subscriber).where(subscriber.c.address == bindparam("of_address"))
_MERGED = select(subscriber).where(
    subscriber.c.id
    == select(subscriber_alias.c.subscriber_id)
    .where(subscriber_alias.c.old_id == bindparam("number"))
    .scalar_subquery()
)
# In a transaction that may write, nobody else moves, merges or takes out whom it has found until it
# ends (SQLite has one writer at a time). Rows that refer to them may be made.
_LOCKED = {one: one.with_for_update(key_share=True) for one in (_BY_ID, _BY_ADDRESS, _MERGED)}
_TAGS = (
    select(subscriber_tag.c.subscriber_id, subscriber_tag.c.tag)
    .where(subscriber_tag.c.subscriber_id.in_(bindparam("owners", expanding=True)))
    .order_by(subscriber_tag.c.tag)
)
_EDIT = update(subscriber).where(subscriber.c.id == bindparam("number"))
_MEMBERSHIPS = (
    select(mailing_list.c.slug, *memberships.SELECTED)
    .join(membership, mailing_list.c.id == membership.c.list_id)
    .where(membership.c.subscriber_id == bindparam("number"))
    .order_by(membership.c.list_id)  # as the gate locks them
)
_LOCKED_MEMBERSHIPS = _MEMBERSHIPS.with_for_update(of=membership)
_SET_MEMBERSHIP = update(membership).where(
    membership.c.list_id == bindparam("of_list"), membership.c.subscriber_id == bindparam("number")
)


class Subscribers(Records):
    """Implements ``audience.subscribers.SubscriberStore`` and ``audience.erasure.RecordStore``."""

    def find_subscriber(self, address: str) -> Subscriber | None:
        return self._one(_BY_ADDRESS, {"of_address": address})

    def by_id(self, number: int) -> Subscriber | None:
        """The subscriber of this number, or whom that one was merged into."""
        wanted = {"number": number}
        return self._one(_BY_ID, wanted) or self._one(_MERGED, wanted)

    def _one(self, which: Select[Any], wanted: dict[str, Any]) -> Subscriber | None:
        statement = which if self._reads else _LOCKED[which]
        row = self._db.execute(statement, wanted).one_or_none()
        return _record(row, self._tags([row.id]).get(row.id, ())) if row else None

    @property
    def _reads(self) -> bool:
        return bool(self._db.get_execution_options().get("reading", False))

    def alias(self, old: int, kept: Subscriber) -> None:
        """Links that carry the old number, those that led to it, and what its owner has asked for
        lead to `kept`."""
        self._db.execute(
            update(confirmation)
            .where(confirmation.c.subscriber_id == old)
            .values(subscriber_id=kept.id)
        )
        self._db.execute(
            update(subscriber_alias)
            .where(subscriber_alias.c.subscriber_id == old)
            .values(subscriber_id=kept.id)
        )
        self._db.execute(insert(subscriber_alias).values(old_id=old, subscriber_id=kept.id))
        # Nor is it forgotten for whom they write, where only that is known.
        has = select(contact.c.subscriber_id).where(contact.c.subscriber_id == kept.id)
        if self._db.scalar(has) is None:
            for table in (contact, contact_beat):
                self._db.execute(
                    update(table).where(table.c.subscriber_id == old).values(subscriber_id=kept.id)
                )

    def list_named(self, slug: str) -> MailingList:
        return Lists(self._db).named(slug)

    def _tags(self, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        found: dict[int, list[str]] = {}
        for start in range(0, len(ids), 500):
            some = list(ids[start : start + 500])
            for owner, tag in self._db.execute(_TAGS, {"owners": some}):
                found.setdefault(owner, []).append(tag)
        return {owner: tuple(tags) for owner, tags in found.items()}

    def add_subscriber(self, person: Person, source: str, now: datetime) -> Subscriber:
        made = self._db.execute(
            insert(subscriber).values(
                source=source, created_at=now, **person_columns(person, self._key)
            )
        )
        number = new_id(made)
        self._set_tags(number, person)
        return Subscriber(number, person, source, now)

    def edit_subscriber(self, known: Subscriber, person: Person) -> Subscriber:
        if person == known.person:
            return known
        self._db.execute(_EDIT, {"number": known.id, **person_columns(person, self._key)})
        if person.tags != known.person.tags:
            self._db.execute(
                delete(subscriber_tag).where(subscriber_tag.c.subscriber_id == known.id)
            )
            self._set_tags(known.id, person)
        return Subscriber(known.id, person, known.source, known.created_at)

    def _set_tags(self, number: int, person: Person) -> None:
        if person.tags:
            self._db.execute(
                insert(subscriber_tag),
                [{"subscriber_id": number, "tag": tag} for tag in person.tags],
            )

    def remove_subscriber(self, known: Subscriber) -> None:
        for table in (subscriber_tag, membership, confirmation, subscriber_alias):
            self._db.execute(delete(table).where(table.c.subscriber_id == known.id))
        self._db.execute(delete(subscriber).where(subscriber.c.id == known.id))

    def memberships(self, known: Subscriber) -> Sequence[Membership]:
        """A transaction that may write keeps them as they are until it ends: whoever leaves in the
        meantime waits, and is not put back on the list by what was read before."""
        wanted = _MEMBERSHIPS if self._reads else _LOCKED_MEMBERSHIPS
        found = self._db.execute(wanted, {"number": known.id})
        rows = sorted(found, key=lambda row: str(row.slug))
        topics = TopicSets(self._db).slugs(row.topic_set_id for row in rows if row.topic_set_id)
        return [memberships.record(row, row.slug, topics) for row in rows]

    def set_membership(
        self, known: Subscriber, mailing_list_: MailingList, wanted: Membership
    ) -> None:
        values = memberships.columns(wanted, TopicSets(self._db))
        which = {"of_list": mailing_list_.id, "number": known.id}
        done = self._db.execute(_SET_MEMBERSHIP, {**which, **values})
        if not done.rowcount:
            self._db.execute(
                insert(membership).values(
                    list_id=mailing_list_.id, subscriber_id=known.id, **values
                )
            )

    def suppression_reason(self, address: str) -> str | None:
        return self._db.scalar(
            select(suppression.c.reason).where(
                suppression.c.address_key == address_key(self._key, address)
            )
        )

    def each(
        self, mailing_list_: MailingList | None = None
    ) -> Iterator[tuple[Subscriber, Membership | None]]:
        """Everyone, or everyone on a list with their membership there, by id, read in batches:
        memory does not grow with the audience."""
        last = 0
        while True:
            batch, last = self._batch(mailing_list_, last)
            yield from batch
            if not batch:
                return

    def _batch(
        self, mailing_list_: MailingList | None, last: int
    ) -> tuple[list[tuple[Subscriber, Membership | None]], int]:
        wanted = select(subscriber).where(subscriber.c.id > last).order_by(subscriber.c.id)
        if mailing_list_ is not None:
            wanted = wanted.join(
                membership,
                and_(
                    membership.c.subscriber_id == subscriber.c.id,
                    membership.c.list_id == mailing_list_.id,
                ),
            ).add_columns(*memberships.SELECTED)
        rows = self._db.execute(wanted.limit(EXPORT_BATCH)).all()
        if not rows:
            return [], last
        tags = self._tags([row.id for row in rows])
        people = [_record(row, tags.get(row.id, ())) for row in rows]
        if mailing_list_ is None:
            return [(person, None) for person in people], rows[-1].id
        topics = TopicSets(self._db).slugs(row.topic_set_id for row in rows if row.topic_set_id)
        return [
            (person, memberships.record(row, mailing_list_.slug, topics))
            for person, row in zip(people, rows, strict=True)
        ], rows[-1].id


def person_columns(person: Person, key: bytes) -> dict[str, Any]:
    """A person's fields as the table has them."""
    return {
        "address": person.address,
        "address_key": address_key(key, person.address),
        "name": person.name,
        "language": person.language,
        "country": person.country,
        "time_zone": person.time_zone,
    }


def _record(row: Row[Any], tags: tuple[str, ...]) -> Subscriber:
    return Subscriber(
        id=row.id,
        person=Person(row.address, row.name, row.language, row.country, row.time_zone, tags),
        source=row.source,
        created_at=row.created_at,
    )
