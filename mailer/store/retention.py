"""What has been kept long enough, a few rows at a time.

Confirmations, and what strangers have used up of their limits, are dropped by their own stores
(``audience/confirmations.py``).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, true, update

from mailer.audience.subscribers import MembershipState
from mailer.editions import EditionState, Kind
from mailer.store.audience.records import erase_wire, erased
from mailer.store.schema import (
    ERASED,
    confirmation,
    consent,
    delivery,
    edition,
    membership,
    subscriber,
)

_ENDED = edition.c.state.in_([EditionState.SENT.value, EditionState.CANCELLED.value])


class Retention:
    """What the worker takes out."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    # ---- addresses in deliveries ----------------------------------------------------------------

    def uncleared(self, before: datetime) -> int | None:
        """An edition that has finished before a moment, whose deliveries still hold addresses."""
        return self._db.scalar(
            select(edition.c.id)
            .where(_ENDED, edition.c.finished_at < before, edition.c.cleared_at.is_(None))
            .order_by(edition.c.id)
            .limit(1)
        )

    def clear(self, number: int, after: str, limit: int, now: datetime) -> tuple[int, str]:
        """Take names and addresses out of up to `limit` of an edition's deliveries, those behind
        the address `after` in the database's order; what became of the messages stays. How many,
        and the last of these addresses: empty when none was left behind `after`. When none is left
        at all, the edition counts as cleared."""
        named = and_(delivery.c.edition_id == number, delivery.c.address.not_like(f"{ERASED}%"))
        rows = self._db.execute(
            select(delivery.c.id, delivery.c.address)
            .where(named, delivery.c.address > after)
            .order_by(delivery.c.address)
            .limit(limit)
        ).all()
        if rows:
            ids = [row.id for row in rows]
            for row in rows:
                if not row.address.isascii():
                    erase_wire(self._db, [row.id], row.address)
            self._db.execute(update(delivery).where(delivery.c.id.in_(ids)).values(**erased))
            return len(rows), str(rows[-1].address)
        if self._db.scalar(select(delivery.c.id).where(named).limit(1)) is None:
            self._db.execute(update(edition).where(edition.c.id == number).values(cleared_at=now))
        return 0, ""

    # ---- people ---------------------------------------------------------------------------------

    def left(self, before: datetime, limit: int, address: str = "") -> list[str]:
        """Addresses of people who are on no list, and left the last one before a moment. Whoever
        has asked for something since, which waits for an answer, is not among them. `address`: no
        other than this one."""
        stays = (
            select(membership.c.list_id)
            .where(
                membership.c.subscriber_id == subscriber.c.id,
                or_(
                    membership.c.state != MembershipState.UNSUBSCRIBED.value,
                    func.coalesce(membership.c.left_at, membership.c.joined_at) >= before,
                ),
            )
            .exists()
        )
        asks = (
            select(confirmation.c.id)
            .where(confirmation.c.address_key == subscriber.c.address_key)
            .exists()
        )
        moves = select(confirmation.c.subscriber_id).where(confirmation.c.subscriber_id != 0)
        found = self._db.scalars(
            select(subscriber.c.address)
            .where(
                subscriber.c.id.in_(
                    select(membership.c.subscriber_id).where(membership.c.left_at < before)
                ),
                ~stays,
                ~asks,
                subscriber.c.id.not_in(moves),
                subscriber.c.address == address if address else true(),
            )
            .order_by(subscriber.c.id)
            .limit(limit)
        )
        return list(found)

    # ---- the log of consent ---------------------------------------------------------------------

    def any_erased(self, before: datetime) -> bool:
        """Whether the log holds an entry of somebody erased that is older than a moment."""
        return self._db.scalar(select(consent.c.id).where(_erased(before)).limit(1)) is not None

    def drop_erased(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` entries of people who were erased; how many."""
        old = select(consent.c.id).where(_erased(before)).order_by(consent.c.at).limit(limit)
        return self._db.execute(delete(consent).where(consent.c.id.in_(old))).rowcount

    # ---- notices and service mails --------------------------------------------------------------

    def outlived(self, before: datetime) -> int | None:
        """An edition of no list's own, such as a notice, that has finished before a moment. Never
        the newest of all: SQLite would give its number again, and links carry numbers."""
        newest = select(func.max(edition.c.id)).scalar_subquery()
        return self._db.scalar(
            select(edition.c.id)
            .where(
                edition.c.kind != Kind.MAILING.value,
                _ENDED,
                edition.c.finished_at < before,
                edition.c.id < newest,
            )
            .order_by(edition.c.id)
            .limit(1)
        )

    def drop(self, number: int, limit: int) -> int:
        """Delete up to `limit` of an edition's deliveries; when there are no more, the edition with
        its bodies and events. How many rows."""
        some = select(delivery.c.id).where(delivery.c.edition_id == number).limit(limit)
        gone = self._db.execute(delete(delivery).where(delivery.c.id.in_(some))).rowcount
        if gone < limit:
            self._db.execute(delete(edition).where(edition.c.id == number))
            gone += 1
        return gone


def _erased(before: datetime) -> ColumnElement[bool]:
    return and_(consent.c.address.is_(None), consent.c.at < before)
