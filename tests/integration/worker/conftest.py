"""An office with a worker, a relay, and a clock that stands still until it is told to move."""

import io
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from mailer import digests, editions
from mailer.app import Mailer
from mailer.config import DeliverySection, Notices, Settings
from mailer.digests import Order, Policy
from mailer.editions import Edition
from mailer.log import logger
from mailer.schedules import records
from mailer.schedules.free_days import OnFreeDay
from mailer.schedules.records import NewSchedule
from mailer.store import Store
from mailer.worker import Keeper
from tests.integration import office
from tests.smtpd import Relay

READERS = ("amal@example.org", "bela@example.org")

START = datetime(2027, 3, 1, 6, tzinfo=UTC)
"""A Monday."""


@dataclass
class Desk:
    """What a test turns and reads."""

    mailer: Mailer
    relay: Relay
    lines: io.StringIO = field(default_factory=io.StringIO)
    now: datetime = START
    stopwatch: float = 1000.0

    def __post_init__(self) -> None:
        self.mailer.clock = lambda: self.now
        self.keeper = self.another()

    def another(self, name: str = "") -> Keeper:
        return Keeper(self.mailer, logger(self.lines), name=name, stopwatch=lambda: self.stopwatch)

    def tick(self, at: datetime | None = None) -> None:
        self.now = at or self.now
        assert self.keeper.tick()

    def deliver(self) -> None:
        self.mailer.deliver([], threading.Event(), follow=True)

    def said(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of that event."""
        found = [json.loads(line) for line in self.lines.getvalue().splitlines()]
        return [one for one in found if one["event"] == event]

    def digest(self, slug: str = "weekly", **policy: Any) -> None:
        with self.mailer.store.begin() as tx:
            digests.add(tx.digests, Order(slug, "The week", "news", policy=Policy(**policy)), START)

    def schedule(
        self, rule: str, clock: str = "09:00", slug: str = "weekly", cutoff: str = "1h",
        zone: str = "UTC",
    ) -> None:  # fmt: skip
        timing = records.timing(rule, clock, zone, self.now.date(), OnFreeDay.SKIP)
        new = NewSchedule(slug, timing, records.parse_duration(cutoff, "cutoff"))
        with self.mailer.store.begin() as tx:
            records.schedule(tx.schedules, new, self.mailer.observances(), self.now)

    def edition(self, number: int | None = None) -> Edition:
        """That edition; else the newest."""
        with self.mailer.store.read() as tx:
            if number is not None:
                return editions.get(tx.editions, number)
            return tx.editions.recent([], 1)[0]

    def approve(self, by: str = "Cleo") -> Edition:
        with self.mailer.store.begin() as tx:
            known = tx.editions.recent([], 1)[0]
            return self.mailer.approve(tx, known, by)

    def mails(self, to: str) -> list[EmailMessage]:
        """What an address has got."""
        return self.relay.mails(to)

    def got(self) -> list[str]:
        """Which readers have got a mail, each as often as they did."""
        return sorted(one for one in self.relay.accepted if one in READERS)

    def subjects(self, to: str) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails(to)]


@pytest.fixture
def desk(office_with_notices: Settings, store: Store, relay: Relay) -> Desk:
    """A list with two readers, a story, and nobody's digest yet."""
    settings = office_with_notices.model_copy(
        update={"relay": office_with_notices.relay.model_copy(update={"port": relay.port})}
    )
    with store.begin() as tx:
        office.topics(tx)
        office.mailing_list(tx)
        office.person(tx, "amal@example.org")
        office.person(tx, "bela@example.org", "health")
        office.story(tx, "boats", "health")
    return Desk(Mailer(settings, store), relay)


@pytest.fixture
def office_with_notices(office: Settings) -> Settings:
    return office.model_copy(
        update={
            "notices": Notices(
                approvers=("approver@example.org",), watchers=("watcher@example.org",)
            ),
            "delivery": DeliverySection(patience=0, lease=60),
        }
    )


HOUR = timedelta(hours=1)
