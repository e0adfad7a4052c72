"""Media contacts and their beats."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, insert, or_, select

from mailer.model.contacts import Contact, ContactProfile, ContactQuery, FollowUp, Trust
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionRole
from mailer.model.subscribers import MembershipState, Subscriber
from mailer.store import schema
from mailer.store.audience.subscribers import SubscriberQueries
from mailer.store.base import SqlStore
from mailer.store.upsert import build_upsert

_SELECT = (
    select(schema.contact, schema.subscriber.c.address)
    .join(schema.subscriber, schema.subscriber.c.id == schema.contact.c.subscriber_id)
    .order_by(schema.contact.c.outlet_key, schema.subscriber.c.address)
)


class ContactQueries(SqlStore):
    """The part of :class:`mailer.model.stores.audience.SubscriberStore` for media contacts."""

    def find_contact(self, subscriber: Subscriber) -> Contact | None:
        row = self._db.execute(
            select(schema.contact).where(schema.contact.c.subscriber_id == subscriber.id)
        ).one_or_none()
        if row is None:
            return None
        return Contact(
            subscriber, _build_profile(row, self._fetch_beats([subscriber.id])), row.updated_at
        )

    def list_release_recipients(self, slug: str) -> list[Contact]:
        """Return the contacts who were sent an edition of a story's release."""
        recipient_ids = (
            select(schema.delivery.c.subscriber_id)
            .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
            .join(schema.edition_story, schema.edition_story.c.edition_id == schema.edition.c.id)
            .where(
                schema.edition_story.c.slug == slug,
                schema.edition.c.role != EditionRole.PLAIN.value,
                schema.is_in_state(DeliveryState.SENT.value),
            )
        )
        return self._fetch_contacts(
            _SELECT.where(schema.contact.c.subscriber_id.in_(recipient_ids))
        )

    def find_contacts(self, query: ContactQuery) -> list[Contact]:
        """Return the contacts that match, by outlet, then by address."""
        statement = _SELECT
        if query.list:
            statement = (
                statement.join(
                    schema.membership,
                    schema.membership.c.subscriber_id == schema.contact.c.subscriber_id,
                )
                .join(schema.mailing_list, schema.mailing_list.c.id == schema.membership.c.list_id)
                .where(
                    schema.mailing_list.c.slug == query.list,
                    schema.membership.c.state == MembershipState.ACTIVE.value,
                )
            )
        if query.outlet:
            statement = statement.where(schema.contact.c.outlet_key == query.outlet.casefold())
        if query.beat:
            beat_writer_ids = select(schema.contact_beat.c.subscriber_id).where(
                schema.contact_beat.c.beat == query.beat
            )
            statement = statement.where(schema.contact.c.subscriber_id.in_(beat_writer_ids))
        if query.trust:
            statement = statement.where(schema.contact.c.trust == query.trust.value)
        if query.after:
            statement = statement.where(_is_after(query.after))
        return self._fetch_contacts(statement.limit(query.limit))

    def _fetch_contacts(self, statement: Select[Any]) -> list[Contact]:
        rows = self._db.execute(statement).all()
        beats = self._fetch_beats([row.subscriber_id for row in rows])
        subscriber_store = SubscriberQueries(self._db, self._key)
        contacts = []
        for row in rows:
            subscriber = subscriber_store.find_subscriber(row.address)
            assert subscriber is not None
            contacts.append(Contact(subscriber, _build_profile(row, beats), row.updated_at))
        return contacts

    def _fetch_beats(self, subscriber_ids: Sequence[int]) -> dict[int, list[str]]:
        beats: dict[int, list[str]] = {}
        for start in range(0, len(subscriber_ids), 500):
            batch = subscriber_ids[start : start + 500]
            for subscriber_id, beat in self._db.execute(
                select(schema.contact_beat.c.subscriber_id, schema.contact_beat.c.beat)
                .where(schema.contact_beat.c.subscriber_id.in_(batch))
                .order_by(schema.contact_beat.c.beat)
            ):
                beats.setdefault(subscriber_id, []).append(beat)
        return beats

    def save_contact(
        self, subscriber: Subscriber, profile: ContactProfile, now: datetime
    ) -> Contact:
        values = {
            "outlet": profile.outlet,
            "outlet_key": profile.outlet.casefold(),
            "trust": profile.trust.value,
            "follow_up": profile.follow_up.value,
            "note": profile.note,
            "updated_at": now,
        }
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.contact)
            .values(subscriber_id=subscriber.id, **values)
            .on_conflict_do_update(index_elements=["subscriber_id"], set_=values)
        )
        self._db.execute(
            delete(schema.contact_beat).where(schema.contact_beat.c.subscriber_id == subscriber.id)
        )
        if profile.beats:
            self._db.execute(
                insert(schema.contact_beat),
                [{"subscriber_id": subscriber.id, "beat": beat} for beat in profile.beats],
            )
        return Contact(subscriber, profile, now)

    def remove_contact(self, subscriber: Subscriber) -> None:
        for table in (schema.contact_beat, schema.contact):
            self._db.execute(delete(table).where(table.c.subscriber_id == subscriber.id))


def _is_after(address: str) -> ColumnElement[bool]:
    """Return the condition that a contact comes after the one with this address. The condition on
    the outlet alone is for the index."""
    outlet_key = (
        select(schema.contact.c.outlet_key)
        .join(schema.subscriber, schema.subscriber.c.id == schema.contact.c.subscriber_id)
        .where(schema.subscriber.c.address == address)
        .correlate(None)
        .scalar_subquery()
    )
    return and_(
        schema.contact.c.outlet_key >= outlet_key,
        or_(schema.contact.c.outlet_key > outlet_key, schema.subscriber.c.address > address),
    )


def _build_profile(row: Row[Any], beats: dict[int, list[str]]) -> ContactProfile:
    return ContactProfile(
        outlet=row.outlet,
        beats=tuple(beats.get(row.subscriber_id, ())),
        trust=Trust(row.trust),
        follow_up=FollowUp(row.follow_up),
        note=row.note,
    )
