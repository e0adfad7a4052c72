"""Clicks in memory: scanners are told from readers by what they do, and nothing of them is kept."""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from mailer.clicks import SCANNING_TIME, ClickTarget
from mailer.errors import DatabaseUnavailable
from mailer.log import create_logger
from mailer.model.clicks import ClickCount, Clicker
from mailer.web.public import click_counter
from mailer.web.public.click_counter import BURST_SECONDS, ClickCounter

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


class CountedOffice:
    """A counter with a clock of its own, whose counts are added up here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(threading.Thread, "start", lambda _: None)
        monkeypatch.setattr(threading.Thread, "join", lambda _: None)
        self.seconds = 0.0
        self.is_broken = False
        self.saved: list[ClickCount] = []
        self.log = StringIO()
        self.counter = ClickCounter(self.save, create_logger(self.log), lambda: self.seconds)

    def save(self, counts: Sequence[ClickCount]) -> None:
        if self.is_broken:
            raise DatabaseUnavailable("gone")
        self.saved += counts

    def click(
        self, client: str, number: int = 1, *, links: int = 9, is_by_machine: bool = False
    ) -> None:
        target = ClickTarget(7, f"story-{number}", number, "https://example.org/", links, NOW)
        self.counter.add_click(client, target, NOW, is_by_machine=is_by_machine)

    def count(self) -> dict[Clicker, int]:
        self.seconds += BURST_SECONDS
        self.counter.save_finished_visits()
        sums: Counter[Clicker] = Counter()
        for count in self.saved:
            sums[count.clicker] += count.clicks
        return dict(sums)


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> CountedOffice:
    return CountedOffice(monkeypatch)


def test_clicks_of_readers_add_up_by_story_and_hour(office: CountedOffice) -> None:
    for client in ("ana", "ben", "eve"):
        office.click(client)
    office.click("ana", 2)
    office.count()
    hour = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert office.saved == [
        ClickCount(7, "story-1", hour, Clicker.READER, 3),
        ClickCount(7, "story-2", hour, Clicker.READER, 1),
    ]


@pytest.mark.parametrize(
    ("numbers", "links", "clicker"),
    [
        ((1, 2, 3), 9, Clicker.READER),
        ((1, 2, 3, 4), 9, Clicker.MACHINE),
        ((1, 2, 3), 3, Clicker.MACHINE),
        ((1, 2), 2, Clicker.READER),
        ((1,), 1, Clicker.READER),
    ],
)
def test_burst_over_the_links_of_an_edition_is_a_machine(
    office: CountedOffice, numbers: tuple[int, ...], links: int, clicker: Clicker
) -> None:
    for number in numbers:
        office.click("scanner", number, links=links)
    assert office.count() == {clicker: len(numbers)}


def test_slow_reader_of_all_stories_stays_a_reader(office: CountedOffice) -> None:
    for number in range(1, 8):
        office.click("ana", number)
        office.seconds += BURST_SECONDS
    assert office.count() == {Clicker.READER: 7}


def test_burst_of_one_client_leaves_others_readers(office: CountedOffice) -> None:
    for number in range(1, 6):
        office.click("scanner", number)
    office.click("ana")
    assert office.count() == {Clicker.MACHINE: 5, Clicker.READER: 1}


def test_second_click_on_a_link_at_once_counts_once(office: CountedOffice) -> None:
    office.click("ana")
    office.click("ana")
    assert office.count() == {Clicker.READER: 1}
    office.click("ana")
    assert office.count() == {Clicker.READER: 2}


def test_request_that_shows_a_machine_marks_its_click(office: CountedOffice) -> None:
    office.click("ana")
    office.click("ana", is_by_machine=True)
    assert office.count() == {Clicker.MACHINE: 1}


def test_nothing_of_a_client_stays_in_memory(office: CountedOffice) -> None:
    office.click("192.0.2.7\nBrowser")
    assert "192.0.2.7" not in repr(vars(office.counter))
    office.count()
    assert not office.counter._visits
    assert "192.0.2.7" not in repr(office.saved) + office.log.getvalue()


def test_visits_in_memory_are_bounded(
    office: CountedOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(click_counter, "MAX_VISITS", 5)
    for number in range(50):
        office.click(f"client {number}")
        assert len(office.counter._visits) <= 5
    assert office.count() == {Clicker.READER: 50}


def test_counts_wait_for_a_database_that_is_gone(office: CountedOffice) -> None:
    office.is_broken = True
    office.click("ana")
    assert office.count() == {}
    assert "clicks not saved" in office.log.getvalue()
    office.is_broken = False
    assert office.count() == {Clicker.READER: 1}


def test_stop_saves_visits_that_are_not_over(office: CountedOffice) -> None:
    office.click("ana")
    office.counter.stop()
    assert [count.clicks for count in office.saved] == [1]


@pytest.mark.parametrize(
    ("moment", "is_scanned"),
    [(NOW, True), (NOW + SCANNING_TIME, False), (NOW + timedelta(days=9), False)],
)
def test_click_within_a_minute_of_the_start_is_a_scanner(
    moment: datetime, is_scanned: bool
) -> None:
    target = ClickTarget(7, "boats", 1, "https://example.org/", 3, NOW)
    assert target.is_scanned_at(moment) is is_scanned


def test_count_that_the_database_refuses_is_left_out_and_the_others_are_saved(
    office: CountedOffice,
) -> None:
    save = office.save

    def refuse_second_story(counts: Sequence[ClickCount]) -> None:
        if any(count.story == "story-2" for count in counts):
            raise ValueError("ana@example.org")
        save(counts)

    office.counter = ClickCounter(
        refuse_second_story, create_logger(office.log), lambda: office.seconds
    )
    for number in (1, 2, 3):
        office.click("ana", number)
    assert office.count() == {Clicker.READER: 2}
    assert "clicks left out" in office.log.getvalue()
    assert "ana@example.org" not in office.log.getvalue()
    office.click("ben", 1)
    assert office.count() == {Clicker.READER: 3}
