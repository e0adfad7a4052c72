"""Deliveries that were refused because of us, not because of their recipients: queue them again,
and find out whether an edition has other deliveries left."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, literal, not_, select, update

from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import PER_RECIPIENT_KINDS
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.outbox.statements import is_in_flight_of, queued, released_values

_failed = schema.is_in_state(DeliveryState.FAILED.value)


class RefusedQueries(SqlStore):
    """The part of ``OutboxStore`` about repeated refusals with the same signature; see
    ``delivery/refusal_tracker.py``."""

    def queue_refused_again(self, edition_id: int, signatures: Sequence[str]) -> int:
        """Queue again an edition's deliveries that were refused with one of these signatures,
        whether they failed or were deferred. The last attempt of a failed delivery no longer
        counts. Deliveries that were queued again for the same signature before stay as they are.

        Returns the number of the queued deliveries that had failed."""
        failed_count = 0
        for condition, attempt in (
            (_failed, schema.delivery.c.attempt - 1),
            (queued, schema.delivery.c.attempt),
        ):
            count = self._db.execute(
                update(schema.delivery)
                .where(
                    schema.delivery.c.edition_id == edition_id,
                    condition,
                    schema.delivery.c.signature.in_(signatures),
                    schema.delivery.c.requeued_for != schema.delivery.c.signature,
                )
                .values(
                    **released_values,
                    state=DeliveryState.QUEUED.value,
                    attempt=attempt,
                    requeued_for=schema.delivery.c.signature,
                    next_attempt_at=schema.database_now(),
                )
            ).rowcount
            failed_count += count if condition is _failed else 0
        return failed_count

    def has_only_refused_left(self, edition_id: int, signatures: Sequence[str]) -> bool:
        """Check that an edition has unfinished deliveries, and that all of them were deferred after
        a refusal with one of these signatures."""
        in_edition = schema.delivery.c.edition_id == edition_id
        was_put_off = and_(
            schema.delivery.c.signature.in_(signatures),
            schema.delivery.c.requeued_for != schema.delivery.c.signature,
        )
        return (
            not self._has_any(is_in_flight_of(edition_id))
            and not self._has_any(in_edition, queued, not_(was_put_off))
            and self._has_any(in_edition, queued, was_put_off)
        )

    def has_other_domain(self, edition_id: int, domain: str) -> bool:
        """Check whether an edition has a delivery to a domain other than `domain`."""
        return self._has_any(
            schema.delivery.c.edition_id == edition_id,
            func.lower(schema.delivery.c.address).not_like(
                f"%@{domain.replace('%', '/%').replace('_', '/_')}", escape="/"
            ),
        )

    def has_deliveries_in(self, edition_id: int, *states: DeliveryState) -> bool:
        """Check whether an edition has a delivery in one of these states."""
        return self._has_any(
            schema.delivery.c.edition_id == edition_id,
            schema.is_in_state(*(state.value for state in states)),
        )

    def list_service_replies(self, limit: int) -> list[tuple[DeliveryState, str]]:
        """Return the states and replies of the service mails that were tried last, the latest
        first."""
        recent_editions = (
            select(schema.edition.c.id)
            .where(schema.edition.c.kind.in_([kind.value for kind in PER_RECIPIENT_KINDS]))
            .order_by(schema.edition.c.id.desc())
            .limit(limit)
        )
        edition_ids = list(self._db.scalars(recent_editions))
        rows = self._db.execute(
            select(schema.delivery.c.state, schema.delivery.c.reply)
            .where(schema.delivery.c.edition_id.in_(edition_ids), schema.delivery.c.reply != "")
            .order_by(schema.delivery.c.updated_at.desc(), schema.delivery.c.id.desc())
            .limit(limit)
        )
        return [(DeliveryState(state), reply) for state, reply in rows]

    def _has_any(self, *conditions: ColumnElement[bool]) -> bool:
        return self._db.scalar(select(literal(1)).where(*conditions).limit(1)) is not None
