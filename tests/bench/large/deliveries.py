"""The deliveries of the large data set: nearly all were sent, some failed, a few are in doubt."""

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, case, insert, literal, select, update

from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from mailer.store import schema
from tests.bench.large.history import UID
from tests.bench.large.row_copies import compute_moment

if TYPE_CHECKING:
    from tests.bench.large.dataset import LargeScale

ROWS_IN_TRANSACTION = 500_000
ACCEPTED = "250 2.0.0 Ok: queued"
REFUSED = "550 5.1.1 no such mailbox"
EXPIRED = "451 4.2.1 try again later"

_delivery, _edition, _person = schema.delivery.c, schema.edition.c, schema.subscriber.c


def add_past_deliveries(mailer: Mailer, model_id: int, scale: "LargeScale") -> None:
    """Add the deliveries of past editions, each to as many people, in turns."""
    per_edition = scale.deliveries_of_edition
    step = max(1, ROWS_IN_TRANSACTION // per_edition)
    first = _edition.id * per_edition % (scale.people - per_edition + 1)
    chance = (_person.id * 7919 + _edition.id) % 1000
    is_in_doubt = and_(_edition.id % 10 == 3, _person.id == first + 1)
    values = {
        "edition_id": _edition.id,
        "address": _person.address,
        "address_key": _person.address_key,
        "subscriber_id": _person.id,
        "name": _person.name,
        "language": literal("en"),
        "stories": literal(3),
        "state": _choose_state(chance, is_in_doubt),
        "attempt": literal(1),
        "doubts": case((is_in_doubt, 3), else_=0),
        "next_attempt_at": _edition.planned_at,
        "reply": _choose_reply(chance, is_in_doubt),
        "updated_at": _edition.planned_at,
    }
    for start in range(model_id, model_id + scale.editions, step):
        is_chosen = and_(
            _edition.id >= start,
            _edition.id < start + step,
            (_edition.id == model_id) | _edition.uid.like(f"{UID}%"),
        )
        with mailer.store.begin() as tx:
            tx.connection.execute(
                insert(schema.delivery).from_select(
                    [*values],
                    select(*(value.label(f"new_{name}") for name, value in values.items()))
                    .select_from(schema.edition, schema.subscriber)
                    .where(is_chosen, _person.id > first, _person.id <= first + per_edition)
                    .order_by(_edition.id, _person.id),
                )
            )
            tx.connection.execute(
                insert(schema.delivery_count).from_select(
                    ["edition_id", "language", "deliveries"],
                    select(_edition.id, literal("en"), literal(per_edition)).where(is_chosen),
                )
            )


def settle_deliveries(mailer: Mailer, edition_id: int, share: float) -> None:
    """Settle a `share` of an edition's queued deliveries as a relay would. Of those that are left,
    a few are in doubt; all of them, if everything was settled."""
    chance = (_delivery.subscriber_id * 7919) % 1000
    is_in_doubt = _delivery.subscriber_id % 1000 == 10
    is_settled = (_delivery.subscriber_id * 31) % 1000 < round(share * 1000)
    with mailer.store.begin() as tx:
        tx.connection.execute(
            update(schema.delivery)
            .where(_delivery.edition_id == edition_id, is_settled)
            .values(
                state=_choose_state(chance, and_(is_in_doubt, literal(share < 1))),
                reply=_choose_reply(chance, and_(is_in_doubt, literal(share < 1))),
                attempt=1,
                updated_at=compute_moment(literal(24)),
            )
        )


def _choose_state(
    chance: ColumnElement[int], is_in_doubt: ColumnElement[bool]
) -> ColumnElement[str]:
    """Choose the state of a delivery by a number below 1,000."""
    return case(
        (is_in_doubt, DeliveryState.IN_DOUBT.value),
        (chance < 5, DeliveryState.FAILED.value),
        (chance == 5, DeliveryState.EXPIRED.value),
        (chance == 6, DeliveryState.SUPPRESSED.value),
        (chance == 7, DeliveryState.CANCELLED.value),
        else_=DeliveryState.SENT.value,
    )


def _choose_reply(
    chance: ColumnElement[int], is_in_doubt: ColumnElement[bool]
) -> ColumnElement[str]:
    return case(
        (is_in_doubt, "the connection was lost"),
        (chance < 5, REFUSED),
        (chance == 5, EXPIRED),
        (chance.in_([6, 7]), ""),
        else_=ACCEPTED,
    )
