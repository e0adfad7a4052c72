"""The log of consent, and the wordings that people were shown."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select

from mailer.audience.consent import Act, Basis, Entry, Wording
from mailer.store.prepared import Inserted, moment
from mailer.store.schema import consent, subscriber, subscriber_alias, wording
from mailer.store.upsert import upsert
from mailer.tokens import address_key

# An import logs a line for each of its rows.
_LOG = Inserted(
    consent, "at", "act", "list", "subscriber_id", "address_key", "address", "source", "basis",
    "wording_id", "detail",
)  # fmt: skip

_WORDING = select(wording.c.id).where(wording.c.key == bindparam("shown"))


class Consents:
    """Implements ``audience.consent.ConsentStore``. Entries are only added: triggers see to it."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def log(self, entries: Sequence[Entry]) -> None:
        shown = {one.wording for one in entries if one.wording}
        ids = {one: wording_id(self._db, one, entries[0].at) for one in shown}
        moments = {at: moment(self._db, at) for at in {one.at for one in entries}}
        rows = [
            (
                moments[one.at],
                one.act.value,
                one.list,
                one.subscriber_id,
                address_key(self._key, one.address),
                one.address,
                one.source,
                one.basis.value if one.basis else "",
                ids[one.wording] if one.wording else None,
                one.detail,
            )
            for one in entries
        ]
        _LOG.run(self._db, rows)

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
    key = {"shown": shown.key}
    found = db.scalar(_WORDING, key)
    if found is None:
        db.execute(
            upsert(db.dialect.name, wording)
            .values(key=shown.key, language=shown.language, text=shown.text, first_used_at=now)
            .on_conflict_do_nothing()
        )
        found = db.scalar(_WORDING, key)
    assert found is not None
    return int(found)
