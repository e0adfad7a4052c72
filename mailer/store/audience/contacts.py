"""Media contacts and their beats."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select

from mailer.audience.contacts import Contact, FollowUp, Query, Standing, Trust
from mailer.audience.subscribers import MembershipState, Subscriber
from mailer.editions import Role
from mailer.outbox import DeliveryState
from mailer.store.audience.subscribers import Subscribers
from mailer.store.schema import (
    contact,
    contact_beat,
    delivery,
    edition,
    edition_story,
    in_state,
    mailing_list,
    membership,
    subscriber,
)
from mailer.store.upsert import upsert

_SELECT = (
    select(contact, subscriber.c.address)
    .join(subscriber, subscriber.c.id == contact.c.subscriber_id)
    .order_by(contact.c.outlet_key, subscriber.c.address)
)


class Contacts:
    """Implements ``audience.contacts.ContactStore``."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def find(self, known: Subscriber) -> Contact | None:
        row = self._db.execute(
            select(contact).where(contact.c.subscriber_id == known.id)
        ).one_or_none()
        if row is None:
            return None
        return Contact(known, _standing(row, self._beats([known.id])), row.updated_at)

    def who_got(self, slug: str) -> list[Contact]:
        """Contacts to whom an edition of a story's release was sent."""
        got = (
            select(delivery.c.subscriber_id)
            .join(edition, edition.c.id == delivery.c.edition_id)
            .join(edition_story, edition_story.c.edition_id == edition.c.id)
            .where(
                edition_story.c.slug == slug,
                edition.c.role != Role.PLAIN.value,
                in_state(DeliveryState.SENT.value),
            )
        )
        return self._found(_SELECT.where(contact.c.subscriber_id.in_(got)))

    def matching(self, query: Query) -> list[Contact]:
        """By outlet, then by address."""
        wanted = _SELECT
        if query.list:
            wanted = (
                wanted.join(membership, membership.c.subscriber_id == contact.c.subscriber_id)
                .join(mailing_list, mailing_list.c.id == membership.c.list_id)
                .where(
                    mailing_list.c.slug == query.list,
                    membership.c.state == MembershipState.ACTIVE.value,
                )
            )
        if query.outlet:
            wanted = wanted.where(contact.c.outlet_key == query.outlet.casefold())
        if query.beat:
            writes = select(contact_beat.c.subscriber_id).where(contact_beat.c.beat == query.beat)
            wanted = wanted.where(contact.c.subscriber_id.in_(writes))
        if query.trust:
            wanted = wanted.where(contact.c.trust == query.trust.value)
        return self._found(wanted)

    def _found(self, wanted: Select[Any]) -> list[Contact]:
        rows = self._db.execute(wanted).all()
        beats = self._beats([row.subscriber_id for row in rows])
        people = Subscribers(self._db, self._key)
        found = []
        for row in rows:
            known = people.find_subscriber(row.address)
            assert known is not None
            found.append(Contact(known, _standing(row, beats), row.updated_at))
        return found

    def _beats(self, numbers: Sequence[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for start in range(0, len(numbers), 500):
            some = numbers[start : start + 500]
            for owner, beat in self._db.execute(
                select(contact_beat.c.subscriber_id, contact_beat.c.beat)
                .where(contact_beat.c.subscriber_id.in_(some))
                .order_by(contact_beat.c.beat)
            ):
                found.setdefault(owner, []).append(beat)
        return found

    def keep(self, known: Subscriber, standing: Standing, now: datetime) -> Contact:
        values = {
            "outlet": standing.outlet,
            "outlet_key": standing.outlet.casefold(),
            "trust": standing.trust.value,
            "follow_up": standing.follow_up.value,
            "note": standing.note,
            "updated_at": now,
        }
        self._db.execute(
            upsert(self._db.dialect.name, contact)
            .values(subscriber_id=known.id, **values)
            .on_conflict_do_update(index_elements=["subscriber_id"], set_=values)
        )
        self._db.execute(delete(contact_beat).where(contact_beat.c.subscriber_id == known.id))
        if standing.beats:
            self._db.execute(
                insert(contact_beat),
                [{"subscriber_id": known.id, "beat": beat} for beat in standing.beats],
            )
        return Contact(known, standing, now)

    def remove(self, known: Subscriber) -> None:
        for table in (contact_beat, contact):
            self._db.execute(delete(table).where(table.c.subscriber_id == known.id))


def _standing(row: Row[Any], beats: dict[int, list[str]]) -> Standing:
    return Standing(
        outlet=row.outlet,
        beats=tuple(beats.get(row.subscriber_id, ())),
        trust=Trust(row.trust),
        follow_up=FollowUp(row.follow_up),
        note=row.note,
    )
