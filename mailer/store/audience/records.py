"""What else is stored about a person, and taking it out."""

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

from mailer.audience import addresses
from mailer.audience.confirmations import Answer, Confirmation
from mailer.audience.erasure import Mailed
from mailer.audience.subscribers import Subscriber
from mailer.audience.suppressions import Reason
from mailer.editions import Kind
from mailer.store.audience.confirmations import Confirmations
from mailer.store.audience.consents import Consents
from mailer.store.schema import (
    ERASED,
    confirmation,
    consent,
    contact,
    contact_beat,
    delivery,
    edition,
    embargo_event,
    subscriber_alias,
    suppression,
)
from mailer.store.upsert import upsert
from mailer.tokens import address_key

erased: dict[str, Any] = {
    "address": ERASED + delivery.c.address_key,
    "name": "",
    "reply": func.replace(delivery.c.reply, delivery.c.address, "(erased)"),
}
"""A delivery without its name and address."""


def erase_wire(db: Connection, ids: "Sequence[int] | Select[tuple[int]]", address: str) -> None:
    """Take an internationalised address as relays repeat it, its domain in A-labels, out of the
    replies of its deliveries."""
    shorter = func.replace(delivery.c.reply, addresses.wire(address), "(erased)")
    db.execute(update(delivery).where(delivery.c.id.in_(ids)).values(reply=shorter))


class Records(Consents):
    """The part of ``audience.erasure.RecordStore`` that isn't the subscriber."""

    def addresses_of(self, known: Subscriber) -> Sequence[str]:
        """The address that they have, those that they had, and those of whom they were merged
        with."""
        had = self._db.scalars(
            select(consent.c.address)
            .where(
                or_(
                    consent.c.subscriber_id == known.id,
                    consent.c.subscriber_id.in_(_merged_into(known)),
                ),
                consent.c.address.is_not(None),
            )
            .distinct()
        )
        return sorted({known.address, *had})

    def mailed(self, known: Subscriber) -> list[Mailed]:
        """The editions that they got, or were to get, the newest first: all that are kept of their
        present and former addresses, and what was asked of the present one."""
        rows = self._db.execute(
            select(edition.c.name, delivery.c.state, delivery.c.updated_at)
            # Each edition is asked for its address: no index over all addresses is needed. Ordered
            # by the delivery's number, SQLite would look at every delivery instead (181 ms of a
            # million).
            .join(delivery, delivery.c.edition_id == edition.c.id)
            .where(
                delivery.c.address.in_(self.addresses_of(known)),
                or_(
                    _sent_to(known),
                    and_(edition.c.kind == Kind.SERVICE.value, delivery.c.address == known.address),
                ),
            )
            .order_by(edition.c.id.desc(), delivery.c.address)
        )
        return [Mailed(row.name, row.state, row.updated_at) for row in rows]

    def waiting(self, known: Subscriber) -> list[Confirmation]:
        """What they were asked, or are to be, and what they have answered of late."""
        return Confirmations(self._db, self._key).of_person(known.id, known.address)

    def as_contact(self, known: Subscriber) -> dict[str, Any] | None:
        """What is known of them as a journalist, and each look at an advance copy's page that was
        written down."""
        row = self._db.execute(
            select(contact.c.outlet, contact.c.trust, contact.c.follow_up, contact.c.note).where(
                contact.c.subscriber_id == known.id
            )
        ).one_or_none()
        looks = self._db.execute(
            select(embargo_event.c.at, embargo_event.c.slug, embargo_event.c.what)
            .where(embargo_event.c.who == known.address)
            .order_by(embargo_event.c.id)
        ).all()
        if row is None and not looks:
            return None
        beats = select(contact_beat.c.beat).where(contact_beat.c.subscriber_id == known.id)
        return {
            **(dict(row._mapping) if row else {}),
            "beats": sorted(self._db.scalars(beats)),
            "looks": [dict(one._mapping) for one in looks],
        }

    def erase_address(self, address: str, of: Subscriber | None = None) -> None:
        """Take an address out of the log, of deliveries, of suppressions and of what its owner was
        asked. With `of` only where it stands for this person: it is another's now."""
        key = address_key(self._key, address)
        logged: ColumnElement[bool] = true()
        mailed: ColumnElement[bool] = true()
        if of is None:
            self._db.execute(delete(confirmation).where(confirmation.c.address_key == key))
            self._db.execute(
                update(suppression)
                .where(suppression.c.address_key == key)
                .values(address=None, detail="")
            )
        else:
            merged = _merged_into(of)
            logged = or_(consent.c.subscriber_id == of.id, consent.c.subscriber_id.in_(merged))
            mailed = _sent_to(of)
        self._db.execute(
            update(consent)
            .where(consent.c.address_key == key, logged)
            .values(address=None, detail="")
        )
        theirs = (
            select(delivery.c.id)
            .select_from(edition.join(delivery, delivery.c.edition_id == edition.c.id))
            .where(delivery.c.address == address, mailed)
        )
        if of is None:
            self._db.execute(
                update(embargo_event)
                .where(embargo_event.c.who == address)
                .values(who=f"{ERASED}{key}")
            )
        if not address.isascii():
            erase_wire(self._db, theirs, address)
        self._db.execute(update(delivery).where(delivery.c.id.in_(theirs)).values(**erased))

    def erase_asked(self, known: Subscriber) -> None:
        """Take out of the letters that asked whether an address is this person's new one to whom
        they went. They prove nothing of whose it is: nothing else of that address is touched."""
        asked = (
            select(delivery.c.id)
            .select_from(
                confirmation.join(delivery, delivery.c.subscriber_id == confirmation.c.id).join(
                    edition, edition.c.id == delivery.c.edition_id
                )
            )
            .where(
                confirmation.c.subscriber_id == known.id,
                delivery.c.address == confirmation.c.address,
                edition.c.kind == Kind.SERVICE.value,
                edition.c.template == Answer.NEW_ADDRESS.value,
            )
        )
        self._db.execute(update(delivery).where(delivery.c.id.in_(asked)).values(**erased))

    def suppress_hash(self, address: str, now: datetime) -> None:
        """Keep no more of an address than the hash that stops mail to it."""
        row = upsert(self._db.dialect.name, suppression).values(
            address_key=address_key(self._key, address),
            address=None,
            reason=Reason.ERASED.value,
            detail="",
            created_at=now,
        )
        self._db.execute(
            row.on_conflict_do_update(
                index_elements=["address_key"], set_={"address": None, "detail": ""}
            )
        )


def _sent_to(known: Subscriber) -> ColumnElement[bool]:
    """A delivery, with its edition, was made for this person. Of a service mail `subscriber_id` may
    be the number of what it asks about."""
    return and_(
        edition.c.kind != Kind.SERVICE.value,
        or_(
            delivery.c.subscriber_id == known.id,
            delivery.c.subscriber_id.in_(_merged_into(known)),
        ),
    )


def _merged_into(known: Subscriber) -> Select[tuple[int]]:
    return select(subscriber_alias.c.old_id).where(subscriber_alias.c.subscriber_id == known.id)
