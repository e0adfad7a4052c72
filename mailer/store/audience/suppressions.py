"""Suppressions, kept under the keyed hash of their address."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Row, delete, func, select

from mailer.audience.suppressions import Reason, Suppression
from mailer.store.audience.consents import Consents
from mailer.store.schema import suppression
from mailer.store.upsert import upsert
from mailer.tokens import address_key

EXPORT_BATCH = 2000


class Suppressions(Consents):
    """Implements ``audience.suppressions.SuppressionStore``."""

    def suppressions(
        self, reason: Reason | None = None, limit: int | None = None
    ) -> list[Suppression]:
        """The newest first."""
        wanted = select(suppression).order_by(
            suppression.c.created_at.desc(), suppression.c.address_key
        )
        if reason:
            wanted = wanted.where(suppression.c.reason == reason.value)
        return [_record(row) for row in self._db.execute(wanted.limit(limit))]

    def count(self) -> dict[Reason, int]:
        """How many there are, by their reason."""
        rows = self._db.execute(
            select(suppression.c.reason, func.count()).group_by(suppression.c.reason)
        )
        return {Reason(reason): number for reason, number in rows}

    def each(self) -> Iterator[Suppression]:
        """All of them, read in batches: memory does not grow with them."""
        last = ""
        while True:
            rows = self._db.execute(
                select(suppression)
                .where(suppression.c.address_key > last)
                .order_by(suppression.c.address_key)
                .limit(EXPORT_BATCH)
            ).all()
            yield from map(_record, rows)
            if not rows:
                return
            last = rows[-1].address_key

    def find_suppression(self, address: str) -> Suppression | None:
        row = self._db.execute(
            select(suppression).where(suppression.c.address_key == address_key(self._key, address))
        ).one_or_none()
        return _record(row) if row else None

    def suppressed_of(self, addresses: Sequence[str]) -> frozenset[str]:
        """Those of some addresses, a few thousand at most, that must not be mailed."""
        keys = {address_key(self._key, address): address for address in addresses}
        found = select(suppression.c.address_key).where(suppression.c.address_key.in_(keys))
        return frozenset(keys[key] for key in self._db.scalars(found))

    def suppress(self, made: Sequence[Suppression]) -> None:
        if made:
            # Where somebody else has done so meanwhile, theirs stays.
            self._db.execute(
                upsert(self._db.dialect.name, suppression).on_conflict_do_nothing(),
                [
                    {
                        "address_key": address_key(self._key, one.address),
                        "address": one.address,
                        "reason": one.reason.value,
                        "detail": one.detail,
                        "created_at": one.created_at,
                    }
                    for one in made
                ],
            )

    def unsuppress(self, address: str) -> bool:
        key = address_key(self._key, address)
        done = self._db.execute(delete(suppression).where(suppression.c.address_key == key))
        return bool(done.rowcount)


def _record(row: Row[tuple[object, ...]]) -> Suppression:
    return Suppression(row.address or "", Reason(row.reason), row.detail, row.created_at)
