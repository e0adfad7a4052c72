"""By readers' own time: when each delivery is due, and which zones there are."""

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
WALL = datetime(2027, 3, 28, 9)  # noqa: DTZ001  (summer time begins in Europe that night)

ZONES = ["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin", "UTC"]


def due(
    mailer: Mailer, send_time: SendTimeBasis, fallback: str = "Europe/London"
) -> dict[str, datetime]:
    """When each delivery of an edition for `WALL` is due, from the moment of its plan on."""
    mailer.clock = lambda: NOW
    with mailer.store.begin() as tx:
        made = factories.approve_without_composing(
            mailer, tx, factories.create_edition(tx, "boats")
        )
        when = SendAppointment(NOW, WALL, fallback, send_time)
        made = editions.set_send_time(tx, STAFF, made, when, NOW)
        editions.start_edition(tx, STAFF, made, mailer.renderer, mailer.clock())
        rows = tx.outbox.list_deliveries(made)
    (planned,) = {one.updated_at for one in rows}
    minute = timedelta(minutes=1)
    return {
        one.address: NOW + round((one.next_attempt_at - planned) / minute) * minute for one in rows
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


def test_each_is_due_when_clocks_there_show_the_time(readers: Mailer) -> None:
    found = due(readers, SendTimeBasis.READER)
    for zone in ZONES:
        expected = WALL.replace(tzinfo=ZoneInfo(zone))
        assert found[f"{zone.replace('/', '-').lower()}@example.org"] == expected, zone
    assert found["nowhere@example.org"] == WALL.replace(tzinfo=ZoneInfo("Europe/London"))


def test_who_gave_no_zone_is_in_the_list_s(readers: Mailer) -> None:
    with readers.store.begin() as tx:
        lists.edit_list(tx, "news", {"time_zone": "America/Lima"})
    assert due(readers, SendTimeBasis.READER)["nowhere@example.org"] == WALL.replace(
        tzinfo=ZoneInfo("America/Lima")
    )


def test_a_zone_that_is_no_more_counts_as_the_office_s(readers: Mailer) -> None:
    with readers.store.begin() as tx:
        tx.connection.execute(
            text("UPDATE subscriber SET time_zone = 'Mars/Base' WHERE time_zone = 'UTC'")
        )
    assert due(readers, SendTimeBasis.READER)["utc@example.org"] == WALL.replace(
        tzinfo=ZoneInfo("Europe/London")
    )


def test_what_is_past_somewhere_is_due_at_once(readers: Mailer) -> None:
    readers.clock = lambda: NOW
    global_wall = datetime(2027, 3, 26, 14)  # noqa: DTZ001
    with readers.store.begin() as tx:
        made = factories.approve_without_composing(
            readers, tx, factories.create_edition(tx, "boats")
        )
        when = SendAppointment(NOW, global_wall, "UTC", SendTimeBasis.READER)
        made = editions.set_send_time(tx, STAFF, made, when, NOW)
        editions.start_edition(tx, STAFF, made, readers.renderer, NOW)
        assert tx.outbox.count_due_deliveries(made.id) == 2, "Kathmandu and Kiritimati"


def test_by_the_office_s_time_all_are_due_at_once(readers: Mailer) -> None:
    assert set(due(readers, SendTimeBasis.OFFICE).values()) == {NOW}


def test_the_zones_that_there_are_come_once_each(readers: Mailer, store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        lists.edit_list(tx, "press", {"time_zone": "Asia/Tokyo"})
        factories.add_subscriber(
            tx, "other@example.org", list_slug="press", time_zone="Europe/Berlin"
        )
    with store.read() as tx:
        assert tx.reader_time_zones == sorted([*ZONES, "Asia/Tokyo"])


def test_where_nobody_gave_a_zone_there_is_none(store: Store) -> None:
    with store.read() as tx:
        assert tx.reader_time_zones == []
