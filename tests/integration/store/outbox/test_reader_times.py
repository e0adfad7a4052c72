"""Due times by readers' own time zones, and the list of those zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from mailer import editions
from mailer.app import Mailer
from mailer.audience import lists
from mailer.model.edition_states import SendTimeBasis
from mailer.model.editions import SendAppointment
from mailer.store import Store
from tests.actors import STAFF
from tests.integration import factories

NOW = datetime(2027, 3, 26, 12, tzinfo=UTC)
WALL_TIME = datetime(2027, 3, 28, 9)  # noqa: DTZ001  (summer time begins in Europe that night)

ZONES = ["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin", "UTC"]


def find_due_times(
    mailer: Mailer, send_time: SendTimeBasis, fallback: str = "Europe/London"
) -> dict[str, datetime]:
    """Find when each delivery of an edition for `WALL_TIME` is due."""
    mailer.clock = lambda: NOW
    with mailer.store.begin() as tx:
        edition = factories.approve_without_composing(
            mailer, tx, factories.create_edition(tx, "boats")
        )
        appointment = SendAppointment(NOW, WALL_TIME, fallback, send_time)
        edition = editions.set_send_time(tx, STAFF, edition, appointment, NOW)
        editions.start_edition(tx, STAFF, edition, mailer.renderer, mailer.clock())
        rows = tx.outbox.list_deliveries(edition)
    (planned_at,) = {delivery.updated_at for delivery in rows}
    minute = timedelta(minutes=1)
    return {
        delivery.address: NOW + round((delivery.next_attempt_at - planned_at) / minute) * minute
        for delivery in rows
    }


@pytest.fixture
def readers(mailer: Mailer) -> Mailer:
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_story(tx, "boats")
        for zone in ZONES:
            factories.add_subscriber(
                tx, f"{zone.replace('/', '-').lower()}@example.org", time_zone=zone
            )
        factories.add_subscriber(tx, "nowhere@example.org")
    return mailer


def test_delivery_is_due_at_wall_time_in_readers_zone(readers: Mailer) -> None:
    due_times = find_due_times(readers, SendTimeBasis.READER)
    for zone in ZONES:
        expected = WALL_TIME.replace(tzinfo=ZoneInfo(zone))
        assert due_times[f"{zone.replace('/', '-').lower()}@example.org"] == expected, zone
    assert due_times["nowhere@example.org"] == WALL_TIME.replace(tzinfo=ZoneInfo("Europe/London"))


def test_reader_without_zone_uses_list_time_zone(readers: Mailer) -> None:
    with readers.store.begin() as tx:
        lists.edit_list(tx, STAFF, "news", {"time_zone": "America/Lima"})
    assert find_due_times(readers, SendTimeBasis.READER)[
        "nowhere@example.org"
    ] == WALL_TIME.replace(tzinfo=ZoneInfo("America/Lima"))


def test_unknown_time_zone_counts_as_office_zone(readers: Mailer) -> None:
    with readers.store.begin() as tx:
        tx.connection.execute(
            text("UPDATE subscriber SET time_zone = 'Mars/Base' WHERE time_zone = 'UTC'")
        )
    assert find_due_times(readers, SendTimeBasis.READER)["utc@example.org"] == WALL_TIME.replace(
        tzinfo=ZoneInfo("Europe/London")
    )


def test_past_wall_time_is_due_at_once(readers: Mailer) -> None:
    readers.clock = lambda: NOW
    wall_time = datetime(2027, 3, 26, 14)  # noqa: DTZ001
    with readers.store.begin() as tx:
        edition = factories.approve_without_composing(
            readers, tx, factories.create_edition(tx, "boats")
        )
        appointment = SendAppointment(NOW, wall_time, "UTC", SendTimeBasis.READER)
        edition = editions.set_send_time(tx, STAFF, edition, appointment, NOW)
        editions.start_edition(tx, STAFF, edition, readers.renderer, readers.clock())
        assert tx.outbox.count_due_deliveries(edition.id) == 2, "Kathmandu and Kiritimati"


def test_office_send_time_makes_all_due_at_once(readers: Mailer) -> None:
    assert set(find_due_times(readers, SendTimeBasis.OFFICE).values()) == {NOW}


def test_reader_time_zones_are_listed_once(readers: Mailer, store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        lists.edit_list(tx, STAFF, "press", {"time_zone": "Asia/Tokyo"})
        factories.add_subscriber(
            tx, "other@example.org", list_slug="press", time_zone="Europe/Berlin"
        )
    with store.read() as tx:
        assert tx.reader_time_zones == sorted([*ZONES, "Asia/Tokyo"])


def test_reader_time_zones_are_empty_without_readers(store: Store) -> None:
    with store.read() as tx:
        assert tx.reader_time_zones == []
