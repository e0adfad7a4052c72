"""Other data stored about a person, and its erasure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    or_,
    select,
    true,
    update,
)

from mailer import addresses
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind
from mailer.model.signup import Confirmation, ServiceMailKind
from mailer.model.subscribers import MailedEdition, Subscriber
from mailer.model.suppressions import SuppressionReason
from mailer.store import schema
from mailer.store.audience.confirmations import ConfirmationQueries
from mailer.store.audience.consents import ConsentQueries
from mailer.store.upsert import build_upsert
from mailer.tokens import hash_address

erased_values: dict[str, Any] = {
    "address": schema.ERASED + schema.delivery.c.address_key,
    "name": "",
    "fields": "",
    "reply": func.replace(schema.delivery.c.reply, schema.delivery.c.address, "(erased)"),
}
"""The values that replace those of a delivery whose address is erased."""


def erase_wire_address(
    db: Connection, delivery_ids: "Sequence[int] | Select[tuple[int]]", address: str
) -> None:
    """Erase an internationalised address from the replies of its deliveries. In a reply, a relay
    repeats the address with its domain in A-labels."""
    erased_reply = func.replace(
        schema.delivery.c.reply, addresses.to_wire_form(address), "(erased)"
    )
    db.execute(
        update(schema.delivery)
        .where(schema.delivery.c.id.in_(delivery_ids))
        .values(reply=erased_reply)
    )


class PersonalDataQueries(ConsentQueries):
    """The part of :class:`mailer.model.stores.audience.SubscriberStore` for data beyond the
    subscriber."""

    def list_addresses(self, subscriber: Subscriber) -> Sequence[str]:
        """Return the person's address, their earlier addresses, and the addresses of subscribers
        that were merged into them."""
        former_addresses = self._db.scalars(
            select(schema.consent.c.address)
            .where(
                schema.consent.c.subscriber_id.in_(self.list_own_ids(subscriber.id)),
                schema.consent.c.address.is_not(None),
            )
            .distinct()
        )
        return sorted({subscriber.address, *former_addresses})

    def list_mailed_editions(self, subscriber: Subscriber) -> list[MailedEdition]:
        """Return the editions that were delivered to the person or are planned for them, the newest
        first. All editions to their present and former addresses count, but service mails only to
        the present address."""
        rows = self._db.execute(
            select(schema.edition.c.name, schema.delivery.c.state, schema.delivery.c.updated_at)
            # The address is looked up in each edition, so no index over all addresses is needed.
            # Ordering by the delivery's id would make SQLite read every delivery (181 ms for a
            # million).
            .join(schema.delivery, schema.delivery.c.edition_id == schema.edition.c.id)
            .where(
                schema.delivery.c.address.in_(self.list_addresses(subscriber)),
                or_(
                    _is_sent_to(subscriber),
                    and_(
                        schema.edition.c.kind == EditionKind.SERVICE.value,
                        schema.delivery.c.address == subscriber.address,
                    ),
                ),
            )
            .order_by(schema.edition.c.id.desc(), schema.delivery.c.address)
        )
        return [MailedEdition(row.name, row.state, row.updated_at) for row in rows]

    def list_open_confirmations(self, subscriber: Subscriber) -> list[Confirmation]:
        """Return the person's confirmations: those that are open, and those that they have answered
        recently."""
        return ConfirmationQueries(self._db, self._key).list_for_subscriber(
            subscriber.id, subscriber.address
        )

    def describe_contact(self, subscriber: Subscriber) -> dict[str, Any] | None:
        """Return the person's profile as a journalist, and the recorded times at which they viewed
        advance copies."""
        row = self._db.execute(
            select(
                schema.contact.c.outlet,
                schema.contact.c.trust,
                schema.contact.c.follow_up,
                schema.contact.c.note,
            ).where(schema.contact.c.subscriber_id == subscriber.id)
        ).one_or_none()
        looks = self._db.execute(
            select(
                schema.embargo_event.c.at,
                schema.embargo_event.c.slug,
                schema.embargo_event.c.event_type,
            )
            .where(schema.embargo_event.c.actor == subscriber.address)
            .order_by(schema.embargo_event.c.id)
        ).all()
        if row is None and not looks:
            return None
        beats = select(schema.contact_beat.c.beat).where(
            schema.contact_beat.c.subscriber_id == subscriber.id
        )
        return {
            **(dict(row._mapping) if row else {}),
            "beats": sorted(self._db.scalars(beats)),
            "looks": [dict(look._mapping) for look in looks],
        }

    def erase_address(self, address: str, subscriber: Subscriber | None = None) -> None:
        """Erase an address from the log of consent, deliveries, suppressions and confirmations.
        With `subscriber`, erase it only from this person's records, because the address now belongs
        to another person."""
        key = hash_address(self._key, address)
        log_condition: ColumnElement[bool] = true()
        delivery_condition: ColumnElement[bool] = true()
        if subscriber is None:
            self._db.execute(
                delete(schema.confirmation).where(schema.confirmation.c.address_key == key)
            )
            self._db.execute(
                update(schema.suppression)
                .where(schema.suppression.c.address_key == key)
                .values(address=None, detail="")
            )
        else:
            log_condition = schema.consent.c.subscriber_id.in_(self.list_own_ids(subscriber.id))
            delivery_condition = _is_sent_to(subscriber)
        self._db.execute(
            update(schema.consent)
            .where(schema.consent.c.address_key == key, log_condition)
            .values(address=None, detail="")
        )
        delivery_ids = (
            select(schema.delivery.c.id)
            .select_from(
                schema.edition.join(
                    schema.delivery, schema.delivery.c.edition_id == schema.edition.c.id
                )
            )
            .where(
                # Each edition's index is searched. SQLite would read the whole index.
                schema.delivery.c.edition_id.in_(select(schema.edition.c.id)),
                schema.delivery.c.address == address,
                delivery_condition,
            )
        )
        if subscriber is None:
            self._db.execute(
                update(schema.embargo_event)
                .where(schema.embargo_event.c.actor == address)
                .values(actor=f"{schema.ERASED}{key}")
            )
        if not address.isascii():
            erase_wire_address(self._db, delivery_ids, address)
        self._db.execute(
            update(schema.delivery)
            .where(schema.delivery.c.id.in_(delivery_ids))
            .values(**erased_values)
        )

    def erase_address_requests(self, subscriber: Subscriber) -> None:
        """Erase the addresses of mails that asked to confirm a change to a new address of this
        person. Such a request does not prove that the new address is the person's, so other records
        of the address stay."""
        delivery_ids = (
            select(schema.delivery.c.id)
            .select_from(
                schema.confirmation.join(
                    schema.delivery, schema.delivery.c.subscriber_id == schema.confirmation.c.id
                ).join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
            )
            .where(
                schema.confirmation.c.subscriber_id == subscriber.id,
                schema.delivery.c.address == schema.confirmation.c.address,
                schema.edition.c.kind == EditionKind.SERVICE.value,
                schema.edition.c.template == ServiceMailKind.NEW_ADDRESS.value,
            )
        )
        self._db.execute(
            update(schema.delivery)
            .where(schema.delivery.c.id.in_(delivery_ids))
            .values(**erased_values)
        )

    def erase_test_mails(self, subscriber: Subscriber) -> None:
        """Erase the bodies of test mails that show the mail of this person, since they hold the
        person's name and address. Those that are not sent yet are cancelled."""
        test_editions = (
            select(schema.edition.c.id)
            .join(schema.delivery, schema.delivery.c.edition_id == schema.edition.c.id)
            .where(
                schema.edition.c.kind == EditionKind.TEST.value,
                or_(
                    schema.delivery.c.subscriber_id == subscriber.id,
                    schema.delivery.c.subscriber_id.in_(_select_merged_ids(subscriber)),
                ),
            )
        )
        edition_ids = list(self._db.scalars(test_editions.distinct()))
        self._db.execute(
            update(schema.delivery)
            .where(
                schema.delivery.c.edition_id.in_(edition_ids),
                schema.is_in_state(DeliveryState.QUEUED.value, DeliveryState.CLAIMED.value),
            )
            .values(
                state=DeliveryState.CANCELLED.value,
                worker_id=None,
                updated_at=schema.database_now(),
            )
        )
        self._db.execute(
            delete(schema.edition_body).where(schema.edition_body.c.edition_id.in_(edition_ids))
        )

    def suppress_address_hash(self, address: str, now: datetime) -> None:
        """Suppress an address by its keyed hash alone."""
        statement = build_upsert(self._db.dialect.name, schema.suppression).values(
            address_key=hash_address(self._key, address),
            address=None,
            reason=SuppressionReason.ERASED.value,
            detail="",
            created_at=now,
        )
        self._db.execute(
            statement.on_conflict_do_update(
                index_elements=["address_key"], set_={"address": None, "detail": ""}
            )
        )


def _is_sent_to(subscriber: Subscriber) -> ColumnElement[bool]:
    """Return the condition that a delivery, joined with its edition, is for this person. The
    edition's kind matters because the `subscriber_id` of a service mail may be the id of a
    confirmation."""
    return and_(
        schema.edition.c.kind != EditionKind.SERVICE.value,
        or_(
            schema.delivery.c.subscriber_id == subscriber.id,
            schema.delivery.c.subscriber_id.in_(_select_merged_ids(subscriber)),
        ),
    )


def _select_merged_ids(subscriber: Subscriber) -> Select[tuple[int]]:
    return select(schema.subscriber_alias.c.old_id).where(
        schema.subscriber_alias.c.subscriber_id == subscriber.id
    )
