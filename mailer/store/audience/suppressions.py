"""Suppressions, stored under the keyed hash of their address."""

import sys
from collections.abc import Iterator, Sequence

from sqlalchemy import Row, delete, or_, select

from mailer.errors import NextStep, NotFound
from mailer.model.suppressions import Suppression, SuppressionReason
from mailer.store import schema
from mailer.store.audience.consents import ConsentQueries
from mailer.store.upsert import build_upsert
from mailer.tokens import hash_address

EXPORT_BATCH = 2000


class SuppressionQueries(ConsentQueries):
    """The part of :class:`mailer.model.stores.audience.SubscriberStore` for suppressions."""

    def list_suppressions(
        self, reason: SuppressionReason | None = None, limit: int = 50, after: str = ""
    ) -> tuple[list[Suppression], str]:
        """Return up to `limit` suppressions, the newest first, beginning after the one of the
        address `after`, and the key of the next page: the last one's address, or an empty string if
        there are no more. The key of a suppression without an address is its hash. Raises NotFound
        if `after` is not suppressed."""
        columns = schema.suppression.c
        statement = select(schema.suppression).order_by(
            columns.created_at.desc(), columns.address_key
        )
        if reason:
            statement = statement.where(columns.reason == reason.value)
        if after:
            key = hash_address(self._key, after) if "@" in after else after
            created_at = self._db.scalar(
                select(columns.created_at).where(columns.address_key == key)
            )
            if created_at is None:
                raise NotFound(
                    f"{after} is not suppressed", next_steps=[NextStep("list_suppressions")]
                )
            # The condition on the time alone is for the index.
            is_later = or_(columns.created_at < created_at, columns.address_key > key)
            statement = statement.where(columns.created_at <= created_at, is_later)
        rows = self._db.execute(statement.limit(min(limit + 1, sys.maxsize))).all()
        next_key = ""
        if len(rows) > limit:
            last_row = rows[limit - 1]
            next_key = last_row.address or last_row.address_key
        return [_build_suppression(row) for row in rows[:limit]], next_key

    def iterate_suppressions(self) -> Iterator[Suppression]:
        """Iterate over all suppressions. Batches keep memory use independent of their number."""
        last_key = ""
        while True:
            rows = self._db.execute(
                select(schema.suppression)
                .where(schema.suppression.c.address_key > last_key)
                .order_by(schema.suppression.c.address_key)
                .limit(EXPORT_BATCH)
            ).all()
            yield from map(_build_suppression, rows)
            if not rows:
                return
            last_key = rows[-1].address_key

    def find_suppression(self, address: str) -> Suppression | None:
        row = self._db.execute(
            select(schema.suppression).where(
                schema.suppression.c.address_key == hash_address(self._key, address)
            )
        ).one_or_none()
        return _build_suppression(row) if row else None

    def find_suppressed_addresses(self, addresses: Sequence[str]) -> frozenset[str]:
        """Return the given addresses (a few thousand at most) that must not be mailed."""
        addresses_by_key = {hash_address(self._key, address): address for address in addresses}
        statement = select(schema.suppression.c.address_key).where(
            schema.suppression.c.address_key.in_(addresses_by_key)
        )
        return frozenset(addresses_by_key[key] for key in self._db.scalars(statement))

    def add_suppressions(self, suppressions: Sequence[Suppression]) -> None:
        if suppressions:
            # A suppression that another transaction has added in the meantime stays.
            self._db.execute(
                build_upsert(self._db.dialect.name, schema.suppression).on_conflict_do_nothing(),
                [
                    {
                        "address_key": hash_address(self._key, entry.address),
                        "address": entry.address,
                        "reason": entry.reason.value,
                        "detail": entry.detail,
                        "created_at": entry.created_at,
                    }
                    for entry in suppressions
                ],
            )

    def remove_suppression(self, address: str) -> bool:
        key = hash_address(self._key, address)
        result = self._db.execute(
            delete(schema.suppression).where(schema.suppression.c.address_key == key)
        )
        return bool(result.rowcount)


def _build_suppression(row: Row[tuple[object, ...]]) -> Suppression:
    return Suppression(row.address or "", SuppressionReason(row.reason), row.detail, row.created_at)
