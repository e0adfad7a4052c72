"""The removal of data whose retention has ended, a few rows at a time.

Confirmations and rate limits are removed by their own stores (``audience/confirmations.py``).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, true, union, update

from mailer.model.edition_states import EditionState
from mailer.model.editions import MESSAGE_TYPE
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.records import erase_wire_address, erased_values
from mailer.store.base import SqlStore
from mailer.store.search import sqlite

_ENDED = schema.edition.c.state.in_([EditionState.SENT.value, EditionState.CANCELLED.value])


class SqlRetentionStore(SqlStore):
    """The statements with which the worker removes old data."""

    # ---- addresses in deliveries ----------------------------------------------------------------

    def find_uncleared_edition(self, before: datetime) -> int | None:
        """Return the id of an edition that finished before a moment and whose deliveries still hold
        addresses, or None."""
        return self._db.scalar(
            select(schema.edition.c.id)
            .where(_ENDED, schema.edition.c.finished_at < before, schema.is_uncleared)
            .order_by(schema.edition.c.finished_at)
            .limit(1)
        )

    def clear_addresses(
        self, edition_id: int, after: str, limit: int, now: datetime
    ) -> tuple[int, str]:
        """Clear the names and addresses of up to `limit` deliveries of an edition, starting after
        the address `after` in the database's order. The outcomes of the deliveries stay.

        Returns the number of cleared deliveries and the last address. The last address is empty if
        no delivery is left after `after`. An edition without addresses counts as cleared."""
        has_address = and_(
            schema.delivery.c.edition_id == edition_id,
            schema.delivery.c.address.not_like(f"{schema.ERASED}%"),
        )
        rows = self._db.execute(
            select(schema.delivery.c.id, schema.delivery.c.address)
            .where(has_address, schema.delivery.c.address > after)
            .order_by(schema.delivery.c.address)
            .limit(limit)
        ).all()
        if rows:
            ids = [row.id for row in rows]
            for row in rows:
                if not row.address.isascii():
                    erase_wire_address(self._db, [row.id], row.address)
            self._db.execute(
                update(schema.delivery).where(schema.delivery.c.id.in_(ids)).values(**erased_values)
            )
            return len(rows), str(rows[-1].address)
        if self._db.scalar(select(schema.delivery.c.id).where(has_address).limit(1)) is None:
            self._db.execute(
                update(schema.edition)
                .where(schema.edition.c.id == edition_id)
                .values(cleared_at=now)
            )
        return 0, ""

    # ---- people ---------------------------------------------------------------------------------

    def list_lapsed_addresses(self, before: datetime, limit: int, address: str = "") -> list[str]:
        """Return the addresses of people who are on no list and left their last list before a
        moment. People with a later request that waits for confirmation are not included. `address`
        limits the result to one address."""
        still_member = (
            select(schema.membership.c.list_id)
            .where(
                schema.membership.c.subscriber_id == schema.subscriber.c.id,
                or_(
                    schema.membership.c.state != MembershipState.UNSUBSCRIBED.value,
                    func.coalesce(schema.membership.c.left_at, schema.membership.c.joined_at)
                    >= before,
                ),
            )
            .exists()
        )
        awaits_confirmation = (
            select(schema.confirmation.c.id)
            .where(schema.confirmation.c.address_key == schema.subscriber.c.address_key)
            .exists()
        )
        is_moving = (
            select(schema.confirmation.c.id)
            .where(schema.confirmation.c.subscriber_id == schema.subscriber.c.id)
            .exists()
        )
        # Two statements, each with an index of its own.
        left_ids = [
            select(schema.membership.c.subscriber_id).where(condition)
            for condition in (
                schema.membership.c.left_at < before,
                # An import may not say when they left: its day is that of joining.
                and_(schema.has_left_unknown_day, schema.membership.c.joined_at < before),
            )
        ]
        addresses = self._db.scalars(
            select(schema.subscriber.c.address)
            .where(
                schema.subscriber.c.id.in_(union(*left_ids)),
                ~still_member,
                ~awaits_confirmation,
                ~is_moving,
                schema.subscriber.c.address == address if address else true(),
            )
            .order_by(schema.subscriber.c.id)
            .limit(limit)
        )
        return list(addresses)

    # ---- the log of consent ---------------------------------------------------------------------

    def has_erased_entries(self, before: datetime) -> bool:
        """Check whether the log has an entry of an erased person that is older than a moment."""
        return (
            self._db.scalar(select(schema.consent.c.id).where(_is_erased_before(before)).limit(1))
            is not None
        )

    def delete_erased_entries(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` entries of erased people. Returns the number of deleted entries."""
        old_entry_ids = (
            select(schema.consent.c.id)
            .where(_is_erased_before(before))
            .order_by(schema.consent.c.at)
            .limit(limit)
        )
        return self._db.execute(
            delete(schema.consent).where(schema.consent.c.id.in_(old_entry_ids))
        ).rowcount

    # ---- the index of searches -------------------------------------------------------------------

    def has_deleted_search_terms(self) -> bool:
        """Check whether the index of searches may still hold parts of deleted people's names and
        addresses. PostgreSQL's VACUUM removes them, as it removes the deleted rows."""
        return self._db.dialect.name == "sqlite" and sqlite.has_deleted_rows(
            self._db, schema.subscriber.c.search_text
        )

    def clear_search_terms(self) -> bool:
        """Take a step of clearing them. Returns whether there is more to do."""
        return self._db.dialect.name == "sqlite" and sqlite.merge_deleted_rows(
            self._db, schema.subscriber.c.search_text
        )

    # ---- notices and service mails --------------------------------------------------------------

    def find_expired_edition(self, before: datetime) -> int | None:
        """Return the id of an edition that is not a mailing (such as a notice) and that finished
        before a moment. The newest edition is never returned: SQLite would reuse its id, and links
        contain the ids of editions."""
        newest_id = select(func.max(schema.edition.c.id)).scalar_subquery()
        return self._db.scalar(
            select(schema.edition.c.id)
            .where(
                schema.is_no_mailing,
                _ENDED,
                schema.edition.c.finished_at < before,
                schema.edition.c.id < newest_id,
            )
            .order_by(schema.edition.c.finished_at)
            .limit(1)
        )

    def delete_edition_rows(self, edition_id: int, limit: int) -> int:
        """Delete up to `limit` deliveries of an edition. If none is left, delete the edition with
        its bodies and events. Returns the number of deleted rows."""
        delivery_ids = (
            select(schema.delivery.c.id)
            .where(schema.delivery.c.edition_id == edition_id)
            .limit(limit)
        )
        deleted_count = self._db.execute(
            delete(schema.delivery).where(schema.delivery.c.id.in_(delivery_ids))
        ).rowcount
        if deleted_count < limit:
            self._delete_attached_mails(edition_id)
            self._db.execute(delete(schema.edition).where(schema.edition.c.id == edition_id))
            deleted_count += 1
        return deleted_count

    def _delete_attached_mails(self, edition_id: int) -> None:
        """Delete the mails that are attached to a notice. Other files belong to releases."""
        attachments = self._db.scalars(
            select(schema.edition_body.c.attachments).where(
                schema.edition_body.c.edition_id == edition_id
            )
        )
        hashes = [
            attachment["sha256"]
            for body_attachments in attachments
            for attachment in body_attachments
            if attachment["media_type"] == MESSAGE_TYPE
        ]
        if hashes:
            self._db.execute(delete(schema.file).where(schema.file.c.sha256.in_(hashes)))


def _is_erased_before(before: datetime) -> ColumnElement[bool]:
    return and_(schema.consent.c.address.is_(None), schema.consent.c.at < before)
