"""By readers' own time: what staff move or send now is late by the office's clock only."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer import digests
from mailer.app import Mailer
from mailer.digests import WhenLate, occurrences
from mailer.digests.calendar import LOOK_BACK, Calendar
from mailer.editions import Appointment, Edition, EditionState, SendTime
from mailer.log import logger
from mailer.schedules import records
from mailer.store import Store, Transaction
from mailer.worker import steps
from tests.integration import office
from tests.integration.office import NOW
from tests.integration.store.occurrences.desk import (
    HELD,
    calendar,
    schedule,
    schedule_of,
    take,
    wall,
)

MINUTE = timedelta(minutes=1)
ELEVEN = datetime(2026, 11, 23, 11, tzinfo=UTC)
"""Monday: eight hours after noon in Tokyo."""


def tokyo(tx: Transaction) -> Calendar:
    return replace(calendar(tx), reader_zones=("Asia/Tokyo",))


@pytest.fixture
def made(ready: Store) -> Edition:
    """The edition of Tuesday, by readers' own time."""
    with ready.begin() as tx:
        office.story(tx, "boats")
        when = occurrences.appointment(tokyo(tx).find("2026-11-24", NOW), SendTime.READER)
        number = take(tx)
        assert number is not None
        edition, _ = digests.assemble(tx.digests, "weekly", NOW, when)
        tx.schedules.attach(number, edition.id)
    return edition


def moved_to_noon(tx: Transaction, made: Edition) -> Appointment | None:
    found = tokyo(tx).find("2026-11-24", ELEVEN)
    occurrences.move(tx, found, wall("2026-11-23 12:00"), ELEVEN)
    return office.again(tx, made).appointment


def test_an_approved_edition_that_is_moved_is_not_late(mailer: Mailer, made: Edition) -> None:
    mailer.clock = lambda: ELEVEN + MINUTE
    with mailer.store.begin() as tx:
        office.approved_by_hand(mailer, tx, made)
        moved_to_noon(tx, made)
        steps.start(mailer, made.id, logger(io.StringIO()), tx)
        assert office.again(tx, made).state is EditionState.SENDING


def test_an_edition_in_review_that_is_moved_is_not_late(mailer: Mailer, made: Edition) -> None:
    with mailer.store.begin() as tx:
        digests.edit(tx.digests, "weekly", {"when_late": WhenLate.DRAFT}, NOW)
        mailer.clock = lambda: NOW
        steps.review(mailer, made.id, logger(io.StringIO()), tx)
        moved_to_noon(tx, made)
        mailer.clock = lambda: ELEVEN + MINUTE
        steps.wait(mailer, made.id, logger(io.StringIO()), tx)
        assert office.again(tx, made).state is EditionState.IN_REVIEW


def test_what_was_to_be_sent_now_and_is_moved_goes_by_readers_time_again(
    ready: Store, made: Edition
) -> None:
    with ready.begin() as tx:
        occurrences.send_now(tx, tokyo(tx).find("2026-11-24", NOW), NOW)
        moved_to_noon(tx, made)
        when = office.again(tx, made).appointment
    assert when is not None
    assert when.send_time is SendTime.READER


def test_one_that_is_sent_now_in_the_minute_of_its_rule_is_for_all_at_once(ready: Store) -> None:
    now = datetime(2026, 11, 24, 9, 0, 20, tzinfo=UTC)
    with ready.begin() as tx:
        take(tx, state=HELD)
        occurrences.send_now(tx, tokyo(tx).find("2026-11-24", now), now)
        (step,) = tokyo(tx).due(now, LOOK_BACK)
    assert step.planned.at_once


def test_one_can_be_sent_now_in_the_hour_that_comes_twice(ready: Store) -> None:
    now = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    with ready.begin() as tx:
        tx.schedules.remove(records.get(tx.schedules, schedule_of(tx)))
        schedule(tx, zone="Europe/Berlin")
        kept = occurrences.send_now(tx, calendar(tx).find("2027-11-02", now), now)
    assert kept.moved_to == wall("2027-10-31 02:30")
