"""The log of consent, and the wordings that people were shown."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select

from mailer.audience.consent import Act, Basis, Entry, Wording
from mailer.store.schema import consent, subscriber, subscriber_alias, wording
from mailer.store.upsert import upsert
from mailer.tokens import address_key


class Consents:
    """Implements ``audience.consent.ConsentStore``. Entries are only added: triggers see to it."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def log(self, entries: Sequence[Entry]) -> None:
        shown = {one.wording for one in entries if one.wording}
        ids = {one: wording_id(self._db, one, entries[0].at) for one in shown}
        rows = [
            {
                "at": one.at,
                "act": one.act.value,
                "list": one.list,
                "subscriber_id": one.subscriber_id,
                "address_key": address_key(self._key, one.address),
                "address": one.address,
                "source": one.source,
                "basis": one.basis.value if one.basis else "",
                "wording_id": ids[one.wording] if one.wording else None,
                "detail": one.detail,
            }
            for one in entries
        ]
        if rows:
            self._db.execute(insert(consent), rows)

    def history(self, address: str) -> list[Entry]:
        """Entries of this address, and of whoever has it now under their former ones."""
        key = address_key(self._key, address)
        owner = select(subscriber.c.id).where(subscriber.c.address == address)
        merged = select(subscriber_alias.c.old_id).where(
            subscriber_alias.c.subscriber_id.in_(owner)
        )
        rows = self._db.execute(
            select(consent, wording.c.language, wording.c.text)
            .outerjoin(wording, wording.c.id == consent.c.wording_id)
            .where(
                or_(
                    consent.c.address_key == key,
                    consent.c.subscriber_id.in_(owner.union_all(merged)),
                )
            )
            .order_by(consent.c.id)
        )
        return [
            Entry(
                at=row.at,
                act=Act(row.act),
                subscriber_id=row.subscriber_id,
                address=row.address or "",
                source=row.source,
                list=row.list,
                basis=Basis(row.basis) if row.basis else None,
                wording=Wording(row.language, row.text) if row.text is not None else None,
                detail=row.detail,
            )
            for row in rows
        ]


def wording_id(db: Connection, shown: Wording, now: datetime) -> int:
    """The number of a wording, which is kept when it is used for the first time."""
    known = select(wording.c.id).where(wording.c.key == shown.key)
    found = db.scalar(known)
    if found is None:
        db.execute(
            upsert(db, wording)
            .values(key=shown.key, language=shown.language, text=shown.text, first_used_at=now)
            .on_conflict_do_nothing()
        )
        found = db.scalar(known)
    assert found is not None
    return int(found)
