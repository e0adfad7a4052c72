"""Lists of deliveries, page by page."""

from collections.abc import Iterator, Sequence

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.model.deliveries import Delivery, DeliveryState
from mailer.model.editions import Edition, NewEdition
from mailer.store import SqlTransaction, schema
from mailer.store.outbox import listing
from tests.actors import STAFF
from tests.integration import factories

READERS = [f"reader{number}@example.org" for number in (3, 1, 9, 4, 7, 2, 8, 0, 6, 5)]
STATES = {
    "reader0@example.org": DeliveryState.FAILED,
    "reader3@example.org": DeliveryState.IN_DOUBT,
    "reader4@example.org": DeliveryState.CANCELLED,
    "reader5@example.org": DeliveryState.ON_WIRE,
    "reader7@example.org": DeliveryState.IN_DOUBT,
    "reader8@example.org": DeliveryState.SENT,
    "reader9@example.org": DeliveryState.FAILED,
}


@pytest.fixture
def edition(mailer: Mailer) -> Edition:
    """An edition with a delivery in most states; the others are queued."""
    edition = factories.begin_edition(mailer, *READERS)
    with mailer.store.begin() as tx:
        columns = schema.delivery.c
        for address, state in STATES.items():
            for step in (DeliveryState.CLAIMED, DeliveryState.ON_WIRE, state):
                if state is DeliveryState.CANCELLED and step is not state:
                    continue
                tx.connection.execute(
                    schema.delivery.update()
                    .where(columns.address == address, columns.state != step.value)
                    .values(state=step.value, worker_id=1)
                )
    return edition


def iterate_pages(
    tx: SqlTransaction, edition: Edition, states: Sequence[DeliveryState], size: int
) -> Iterator[Delivery]:
    after = ""
    while page := tx.outbox.list_deliveries(edition, states, size, after):
        assert len(page) <= size
        yield from page
        after = page[-1].address


@pytest.mark.parametrize("max_sorted", [0, 1000])
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    "states",
    [
        (),
        (DeliveryState.FAILED,),
        (DeliveryState.QUEUED,),
        (DeliveryState.SENT, DeliveryState.FAILED),
        (DeliveryState.IN_DOUBT, DeliveryState.CLAIMED, DeliveryState.ON_WIRE),
        (DeliveryState.QUEUED, DeliveryState.FAILED, DeliveryState.CANCELLED),
        (DeliveryState.DIVERTED,),
    ],
)
def test_pages_of_deliveries_have_each_once_by_address(
    mailer: Mailer,
    edition: Edition,
    states: tuple[DeliveryState, ...],
    size: int,
    max_sorted: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "MAX_SORTED", max_sorted)
    monkeypatch.setattr(listing, "BATCH", size)
    expected = sorted(
        address
        for address in READERS
        if not states or STATES.get(address, DeliveryState.QUEUED) in states
    )
    with mailer.store.read() as tx:
        pages = [delivery.address for delivery in iterate_pages(tx, edition, states, size)]
        exported = [delivery.address for delivery in tx.outbox.iterate_deliveries(edition, states)]
    assert pages == exported == expected


@pytest.mark.parametrize("of_edition", [True, False])
def test_pages_of_doubts_continue_over_editions(
    mailer: Mailer, edition: Edition, of_edition: bool
) -> None:
    with mailer.store.begin() as tx:
        columns = schema.delivery.c
        first = tx.connection.execute(
            schema.delivery.select().where(columns.address == "reader7@example.org")
        ).one()
        other = editions.create_edition(
            tx,
            STAFF,
            NewEdition("Another", "news", stories=("boats",)),
            factories.NOW,
        )
        row = {**first._mapping, "id": first.id + 1000, "edition_id": other.id}
        row["address"] = "reader1@example.org"
        tx.connection.execute(schema.delivery.insert().values(row))
        tx.connection.execute(
            schema.delivery_count.insert().values(edition_id=other.id, language="en", deliveries=1)
        )
    places: list[tuple[int, str]] = []
    place = (0, "")
    with mailer.store.read() as tx:
        while page := tx.outbox.list_in_doubt(edition if of_edition else None, 1, place):
            place = (page[-1].edition_id, page[-1].address)
            places.append(place)
    expected = [(edition.id, "reader3@example.org"), (edition.id, "reader7@example.org")]
    assert places == (expected if of_edition else [*expected, (other.id, "reader1@example.org")])
