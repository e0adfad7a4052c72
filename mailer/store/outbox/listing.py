"""Lists of deliveries, page by page, in the order of their addresses.

That is the order of the index that keeps the addresses of an edition unique, so a page without a
state costs as much as the rows that it returns. Some states have small indexes of their own, which
have another order. So the deliveries of a few states are collected and sorted, if there are not too
many; otherwise there are enough of them to find some soon in the order of addresses.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, union_all

from mailer.model.deliveries import IN_FLIGHT_STATES, UNDELIVERED_STATES, Delivery, DeliveryState
from mailer.model.editions import Edition
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.outbox.statements import in_doubt, is_in_flight_of, queued

MAX_SORTED = 10_000
"""Number of deliveries up to which those of some states are sorted for each page."""

BATCH = 1000

_columns = schema.delivery.c


class DeliveryListQueries(SqlStore):
    """The part of ``OutboxStore`` that lists deliveries."""

    def list_deliveries(
        self,
        edition: Edition,
        states: Sequence[DeliveryState] = (),
        limit: int = 100,
        after: str = "",
    ) -> list[Delivery]:
        """Return up to `limit` deliveries of an edition in these states, or in any state if no
        state is given, in the order of their addresses, beginning after the address `after`."""
        statement = (
            select(schema.delivery)
            .where(_columns.edition_id == edition.id)
            .order_by(_columns.address)
        )
        if states and DeliveryState.SENT not in states:
            ids = _select_ids(edition, states)
            if self._count_up_to(ids, MAX_SORTED) <= MAX_SORTED:
                # Written so that it fits no index: the rows are found by their ids.
                address = func.coalesce(_columns.address, "")
                statement = (
                    select(schema.delivery)
                    .where(_columns.id.in_(ids), address > after)
                    .order_by(address)
                )
                return self._fetch_deliveries(statement.limit(limit))
        if states:
            # Written so that it fits no index of a state, which has another order.
            state = func.coalesce(_columns.state, "")
            statement = statement.where(state.in_([state.value for state in states]))
        return self._fetch_deliveries(statement.where(_columns.address > after).limit(limit))

    def _count_up_to(self, statement: Select[Any], maximum: int) -> int:
        """Count the rows of a statement, up to one more than `maximum`."""
        rows = statement.limit(maximum + 1).subquery()
        return int(self._db.scalar(select(func.count()).select_from(rows)) or 0)

    def iterate_deliveries(
        self, edition: Edition, states: Sequence[DeliveryState] = ()
    ) -> Iterator[Delivery]:
        """Yield all deliveries of an edition in these states, or in any state if no state is given,
        in the order of their addresses. They are read in batches, so that memory does not grow with
        their number."""
        after = ""
        while batch := self.list_deliveries(edition, states, BATCH, after):
            yield from batch
            after = batch[-1].address

    def list_in_doubt(
        self, edition: Edition | None, limit: int, after: tuple[int, str] = (0, "")
    ) -> list[Delivery]:
        """Return up to `limit` deliveries in doubt, of an edition or of all (None), in the order of
        editions and addresses. `after` is the edition and the address after which they begin."""
        edition_id, address = after
        statement = select(schema.delivery).where(
            in_doubt,
            _columns.edition_id >= edition_id,
            or_(_columns.edition_id > edition_id, _columns.address > address),
        )
        if edition is not None:
            statement = statement.where(_columns.edition_id == edition.id)
        return self._fetch_deliveries(
            statement.order_by(_columns.edition_id, _columns.address).limit(limit)
        )

    def _fetch_deliveries(self, statement: Select[Any]) -> list[Delivery]:
        return [build_delivery(row) for row in self._db.execute(statement)]


def _select_ids(edition: Edition, states: Sequence[DeliveryState]) -> Select[Any]:
    """Select the ids of an edition's deliveries in these states, none of which is sent, by the
    indexes of the states."""
    is_of_edition = _columns.edition_id == edition.id
    conditions: list[ColumnElement[bool]] = []
    if DeliveryState.QUEUED in states:
        conditions.append(and_(is_of_edition, queued))
    if DeliveryState.IN_DOUBT in states:
        conditions.append(and_(is_of_edition, in_doubt))
    for group, is_in_group in (
        (IN_FLIGHT_STATES, is_in_flight_of(edition.id)),
        (UNDELIVERED_STATES, and_(is_of_edition, schema.is_in_state(*schema.UNDELIVERED))),
    ):
        if chosen := [state.value for state in states if state in group]:
            conditions.append(and_(is_in_group, _columns.state.in_(chosen)))
    selected = union_all(*(select(_columns.id).where(condition) for condition in conditions))
    return select(selected.subquery().c.id)


def build_delivery(row: Row[Any]) -> Delivery:
    """Build a delivery from a row."""
    return Delivery(
        id=row.id,
        edition_id=row.edition_id,
        subscriber_id=row.subscriber_id,
        address=row.address,
        name=row.name,
        language=row.language,
        stories=row.stories,
        state=DeliveryState(row.state),
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        reply=row.reply,
        updated_at=row.updated_at,
        requeued_for=row.requeued_for,
        doubts=row.doubts,
        fields=row.fields,
    )
