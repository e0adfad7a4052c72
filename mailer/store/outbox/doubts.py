"""Deliveries in doubt: which of them are sent again and when, and which wait for a person.

A delivery counts its attempts that ended in doubt (``delivery.doubts``). While the edition's rule
is to resend, a delivery in doubt is queued again once ``next_attempt_at`` has come, until
:data:`MAX_DOUBTS` attempts ended in doubt. From then on, only a person can have it sent again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update

from mailer.actor import WORKER
from mailer.model.deliveries import MAX_DOUBTS, RETRY_DELAYS, DeliveryState
from mailer.model.edition_states import EditionKind, InDoubtPolicy
from mailer.model.editions import Edition
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions import revert
from mailer.store.outbox.statements import in_doubt, may_be_resent, released_values
from mailer.tokens import hash_address

_MAX_PARAMETERS = 10_000
"""Values in one statement. SQLite takes 32,766."""

T = TypeVar("T")

doubted_after_death = {
    "state": DeliveryState.IN_DOUBT.value,
    "doubts": schema.delivery.c.doubts + 1,
    # A dead worker leaves many deliveries in doubt at once, so the first resend does not wait.
    "next_attempt_at": case(
        (schema.delivery.c.doubts == 0, schema.database_now()),
        else_=schema.database_now(RETRY_DELAYS[1].total_seconds()),
    ),
}
"""The values of a delivery that was on the wire when its worker died."""


class DoubtQueries(SqlStore):
    """The part of ``OutboxStore`` about deliveries in doubt."""

    def find_due_doubts(self, edition_ids: Sequence[int]) -> list[int]:
        """Return those of the editions that have a delivery in doubt to be sent again now."""
        statement = (
            select(schema.delivery.c.edition_id)
            .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
            .where(
                schema.delivery.c.edition_id.in_(edition_ids),
                schema.edition.c.in_doubt == InDoubtPolicy.RESEND.value,
                _is_due_again(),
            )
            .distinct()
        )
        return list(self._db.scalars(statement)) if edition_ids else []

    def apply_in_doubt_rule(self, edition: Edition, now: datetime) -> int:
        """Queue deliveries in doubt again if the edition's rule is to resend and their time has
        come, and return their number."""
        if not self.has_resend_rule(edition):
            return 0
        count = self._db.execute(
            update(schema.delivery)
            .where(schema.delivery.c.edition_id == edition.id, _is_due_again())
            .values(
                **released_values,
                state=DeliveryState.QUEUED.value,
                next_attempt_at=schema.database_now(),
            )
        ).rowcount
        if count:
            detail = f"{count} queued again: the rule is to resend"
            revert.insert_event(self._db, edition.id, "in doubt", detail, now, WORKER)
        return count

    def has_resend_rule(self, edition: Edition) -> bool:
        """Check whether the edition's stored rule is to resend deliveries in doubt. A person may
        have changed the rule since `edition` was read."""
        rule = select(schema.edition.c.in_doubt).where(schema.edition.c.id == edition.id)
        return self._db.scalar(rule) == InDoubtPolicy.RESEND.value

    def mark_in_doubt_sent(
        self, edition: Edition, reply: str, delivery_ids: Sequence[int] | None = None
    ) -> int:
        """Mark deliveries in doubt (only `delivery_ids`, if given) as accepted, and return their
        number."""
        total = 0
        for chosen in _choose_ids(delivery_ids):
            total += self._db.execute(
                update(schema.delivery)
                .where(schema.delivery.c.edition_id == edition.id, in_doubt, *chosen)
                .values(**released_values, state=DeliveryState.SENT.value, reply=reply)
            ).rowcount
        return total

    def find_states_by_address(
        self, edition: Edition, addresses: Iterable[str]
    ) -> dict[str, tuple[int, DeliveryState]]:
        """Return (id, state) of an edition's delivery to each of these addresses. An address
        without a delivery is left out."""
        addresses_by_key = {hash_address(self._key, address): address for address in addresses}
        deliveries: dict[str, tuple[int, DeliveryState]] = {}
        for keys in _split(list(addresses_by_key)):
            rows = self._db.execute(
                select(
                    schema.delivery.c.address_key, schema.delivery.c.id, schema.delivery.c.state
                ).where(
                    schema.delivery.c.edition_id == edition.id,
                    schema.delivery.c.address_key.in_(keys),
                )
            )
            for address_key, delivery_id, state in rows:
                deliveries[addresses_by_key[address_key]] = (delivery_id, DeliveryState(state))
        return deliveries

    def count_in_doubt(self, edition_ids: Sequence[int] | None = None) -> Mapping[int, int]:
        """Count the deliveries in doubt of these editions, or of all editions (None), by edition.
        An edition without any is left out."""
        statement = (
            select(schema.delivery.c.edition_id, func.count())
            .where(in_doubt)
            .group_by(schema.delivery.c.edition_id)
        )
        if edition_ids is not None:
            statement = statement.where(schema.delivery.c.edition_id.in_(edition_ids))
        return dict(self._db.execute(statement).all())

    def count_service_mails_in_doubt(self, since: datetime) -> int:
        """Count the notices and service mails in doubt since then about which only a person can
        decide."""
        count = self._db.scalar(
            select(func.count())
            .select_from(schema.delivery)
            .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
            .where(
                in_doubt,
                schema.delivery.c.updated_at > since,
                schema.edition.c.kind.not_in([EditionKind.MAILING.value, EditionKind.TEST.value]),
                or_(
                    schema.delivery.c.doubts >= MAX_DOUBTS,
                    schema.edition.c.in_doubt != InDoubtPolicy.RESEND.value,
                ),
            )
        )
        return int(count or 0)

    def count_undecided(self, edition: Edition) -> tuple[int, datetime | None]:
        """Return (deliveries in doubt that only a person can decide, when the first of the others
        is sent again)."""
        if not self.has_resend_rule(edition):
            return self.count_in_doubt([edition.id]).get(edition.id, 0), None
        undecided, next_resend_at = self._db.execute(
            select(
                func.count(case((schema.delivery.c.doubts >= MAX_DOUBTS, 1))),
                func.min(
                    case((schema.delivery.c.doubts < MAX_DOUBTS, schema.delivery.c.next_attempt_at))
                ),
            ).where(schema.delivery.c.edition_id == edition.id, in_doubt)
        ).one()
        return int(undecided), next_resend_at


def _is_due_again() -> ColumnElement[bool]:
    return and_(may_be_resent, schema.delivery.c.next_attempt_at <= schema.database_now())


def _choose_ids(delivery_ids: Sequence[int] | None) -> Iterable[tuple[ColumnElement[bool], ...]]:
    """Yield the conditions of one statement after the other: one without a condition for all
    deliveries, or one for each batch of ids."""
    if delivery_ids is None:
        yield ()
        return
    for ids in _split(delivery_ids):
        yield (schema.delivery.c.id.in_(ids),)


def _split(values: Sequence[T]) -> Iterable[Sequence[T]]:
    return (
        values[start : start + _MAX_PARAMETERS] for start in range(0, len(values), _MAX_PARAMETERS)
    )
