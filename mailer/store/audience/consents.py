"""The log of consent, and the wordings that people were shown."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select

from mailer.model.subscribers import (
    ConsentAction,
    ConsentEntry,
    LawfulBasis,
    LeavingCount,
    LeavingReason,
    Wording,
)
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.prepared_statements import PreparedInsert, encode_moment
from mailer.store.schema.consent import gave_reason
from mailer.store.upsert import build_upsert
from mailer.tokens import hash_address

# Prepared, as an import logs an entry for each of its rows.
_LOG = PreparedInsert(
    schema.consent,
    "at",
    "act",
    "list",
    "subscriber_id",
    "address_key",
    "address",
    "source",
    "basis",
    "wording_id",
    "detail",
    "actor_key",
    "reason",
    "edition_id",
)

_WORDING = select(schema.wording.c.id).where(schema.wording.c.key == bindparam("shown"))


class ConsentQueries(SqlStore):
    """The log of consent. Triggers ensure that entries are only added."""

    def log_consent(self, entries: Sequence[ConsentEntry]) -> None:
        wordings = {entry.wording for entry in entries if entry.wording}
        wording_ids = {
            shown_wording: find_or_create_wording(self._db, shown_wording, entries[0].at)
            for shown_wording in wordings
        }
        encoded_moments = {
            at: encode_moment(self._db, at) for at in {entry.at for entry in entries}
        }
        rows = [
            (
                encoded_moments[entry.at],
                entry.act.value,
                entry.list,
                entry.subscriber_id,
                hash_address(self._key, entry.address),
                entry.address,
                entry.source,
                entry.basis.value if entry.basis else "",
                wording_ids[entry.wording] if entry.wording else None,
                entry.detail,
                entry.actor_key,
                entry.reason.value if entry.reason else "",
                entry.edition_id,
            )
            for entry in entries
        ]
        _LOG.run(self._db, rows)

    def list_own_ids(self, subscriber_id: int) -> list[int]:
        """Return the id of a subscriber and those of the subscribers that were merged into it."""
        merged_ids = self._db.scalars(
            select(schema.subscriber_alias.c.old_id).where(
                schema.subscriber_alias.c.subscriber_id == subscriber_id
            )
        )
        return [subscriber_id, *merged_ids]

    def list_consent_entries(self, address: str) -> list[ConsentEntry]:
        """Return the entries of this address, and the entries of its present owner under the
        owner's former addresses."""
        key = hash_address(self._key, address)
        owner_id = self._db.scalar(
            select(schema.subscriber.c.id).where(schema.subscriber.c.address == address)
        )
        # PostgreSQL would read the whole log if the statement had a subquery for the ids.
        ids = [] if owner_id is None else self.list_own_ids(owner_id)
        rows = self._db.execute(
            select(schema.consent, schema.wording.c.language, schema.wording.c.text)
            .outerjoin(schema.wording, schema.wording.c.id == schema.consent.c.wording_id)
            .where(
                or_(
                    schema.consent.c.address_key == key,
                    schema.consent.c.subscriber_id.in_(ids),
                )
            )
            .order_by(schema.consent.c.id)
        )
        return [
            ConsentEntry(
                at=row.at,
                act=ConsentAction(row.act),
                subscriber_id=row.subscriber_id,
                address=row.address or "",
                source=row.source,
                list=row.list,
                basis=LawfulBasis(row.basis) if row.basis else None,
                wording=Wording(row.language, row.text) if row.text is not None else None,
                detail=row.detail,
                actor_key=row.actor_key,
                reason=LeavingReason(row.reason) if row.reason else None,
                edition_id=row.edition_id,
            )
            for row in rows
        ]

    def count_leaving_reasons(
        self, since: datetime, until: datetime | None = None, list_slug: str = ""
    ) -> list[LeavingCount]:
        """Count the reasons that people gave since a moment and before another, by list and
        reason."""
        conditions = [schema.consent.c.at >= since]
        if until is not None:
            conditions.append(schema.consent.c.at < until)
        if list_slug:
            conditions.append(schema.consent.c.list == list_slug)
        return self._count_reasons(*conditions)

    def count_reasons_by_edition(self, edition_id: int) -> list[LeavingCount]:
        """Count the reasons that people gave behind the link of an edition."""
        return self._count_reasons(schema.consent.c.edition_id == edition_id)

    def _count_reasons(self, *conditions: ColumnElement[bool]) -> list[LeavingCount]:
        columns = schema.consent.c
        rows = self._db.execute(
            select(columns.list, columns.reason, func.count())
            .where(gave_reason, *conditions)
            .group_by(columns.list, columns.reason)
            .order_by(columns.list, func.count().desc(), columns.reason)
        )
        return [LeavingCount(slug, LeavingReason(reason), count) for slug, reason, count in rows]


def find_or_create_wording(db: Connection, wording: Wording, now: datetime) -> int:
    """Return the id of a wording. The wording is stored at its first use."""
    parameters = {"shown": wording.key}
    record_id = db.scalar(_WORDING, parameters)
    if record_id is None:
        db.execute(
            build_upsert(db.dialect.name, schema.wording)
            .values(
                key=wording.key, language=wording.language, text=wording.text, first_used_at=now
            )
            .on_conflict_do_nothing()
        )
        record_id = db.scalar(_WORDING, parameters)
    assert record_id is not None
    return int(record_id)
