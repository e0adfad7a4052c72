"""Suppressions, kept under the keyed hash of their address."""

from sqlalchemy import Row, delete, insert, select

from mailer.audience.suppressions import Reason, Suppression
from mailer.store.audience.consents import Consents
from mailer.store.schema import suppression
from mailer.tokens import address_key


class Suppressions(Consents):
    """Implements ``audience.suppressions.SuppressionStore``."""

    def suppressions(self) -> list[Suppression]:
        rows = self._db.execute(select(suppression).order_by(suppression.c.created_at.desc()))
        return [_record(row) for row in rows]

    def find_suppression(self, address: str) -> Suppression | None:
        row = self._db.execute(
            select(suppression).where(suppression.c.address_key == address_key(self._key, address))
        ).one_or_none()
        return _record(row) if row else None

    def suppress(self, made: Suppression) -> None:
        self._db.execute(
            insert(suppression).values(
                address_key=address_key(self._key, made.address),
                address=made.address,
                reason=made.reason.value,
                detail=made.detail,
                created_at=made.created_at,
            )
        )

    def unsuppress(self, address: str) -> bool:
        key = address_key(self._key, address)
        done = self._db.execute(delete(suppression).where(suppression.c.address_key == key))
        return bool(done.rowcount)


def _record(row: Row[tuple[object, ...]]) -> Suppression:
    return Suppression(row.address or "", Reason(row.reason), row.detail, row.created_at)
