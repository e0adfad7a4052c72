"""An office with a worker, a relay, and a clock that stands still until a test moves it."""

import io
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from mailer import digests, editions
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.config import DeliverySection, NoticesSection, Settings
from mailer.digests import schedules
from mailer.log import create_logger
from mailer.model.digests import DigestPolicy, DigestSettings
from mailer.model.editions import Edition
from mailer.model.schedules import NewSchedule
from mailer.schedules import durations
from mailer.schedules.holidays import OnFreeDay
from mailer.store import Store
from mailer.worker import Scheduler
from tests.actors import STAFF
from tests.fake_relay import Relay
from tests.integration import factories

READERS = ("amal@example.org", "bela@example.org")

START = datetime(2027, 3, 1, 6, tzinfo=UTC)
"""A Monday."""

NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)
"""The time of an occurrence on the next day."""

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass
class WorkerHarness:
    """An office with a worker: its clock, its relay, its log."""

    mailer: Mailer
    relay: Relay
    log_stream: io.StringIO = field(default_factory=io.StringIO)
    now: datetime = START
    stopwatch: float = 1000.0

    def __post_init__(self) -> None:
        self.mailer.clock = lambda: self.now
        self.scheduler = self.create_worker()

    def create_worker(self, name: str = "") -> Scheduler:
        return Scheduler(
            self.mailer, create_logger(self.log_stream), name=name, stopwatch=lambda: self.stopwatch
        )

    def run_tick(self, moment: datetime | None = None) -> None:
        self.now = moment or self.now
        assert self.scheduler.run_tick()

    def deliver_editions(self) -> None:
        self.mailer.deliver_editions([], threading.Event(), follow_new=True)

    def find_log_lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of an event."""
        log_lines = [json.loads(line) for line in self.log_stream.getvalue().splitlines()]
        return [log_line for log_line in log_lines if log_line["event"] == event]

    def add_digest(self, slug: str = "weekly", **policy: Any) -> None:
        with self.mailer.store.begin() as tx:
            digests.add_digest(
                tx,
                STAFF,
                DigestSettings(slug, "The week", "news", policy=DigestPolicy(**policy)),
                START,
            )

    def add_schedule(
        self,
        rule: str,
        time_text: str = "09:00",
        slug: str = "weekly",
        cutoff: str = "1h",
        zone: str = "UTC",
    ) -> None:
        timing = schedules.parse_timing(rule, time_text, zone, self.now.date(), OnFreeDay.SKIP)
        schedule = NewSchedule(slug, timing, durations.parse_duration(cutoff, "cutoff"))
        with self.mailer.store.begin() as tx:
            schedules.add_schedule(tx, STAFF, schedule, self.mailer.read_observances(), self.now)

    def get_edition(self, edition_id: int | None = None) -> Edition:
        """Return the edition with this id, by default the newest."""
        with self.mailer.store.read() as tx:
            if edition_id is not None:
                return editions.get_edition(tx, edition_id)
            return tx.editions.list_recent_editions([], 1)[0]

    def approve_edition(self, approver: str = "Cleo") -> Edition:
        with self.mailer.store.begin() as tx:
            edition = tx.editions.list_recent_editions([], 1)[0]
            return editions.approve_edition(
                tx, create_local_actor(approver), edition, self.mailer.renderer, self.mailer.clock()
            )

    def list_mails(self, address: str) -> list[EmailMessage]:
        """Return the mails that an address has got."""
        return self.relay.list_mails(address)

    def list_readers_reached(self) -> list[str]:
        """Return the readers who got mails, once for each mail."""
        return sorted(address for address in self.relay.accepted if address in READERS)

    def list_subjects(self, address: str) -> list[str]:
        return [str(mail["Subject"]) for mail in self.list_mails(address)]


@pytest.fixture
def harness(office_with_notices: Settings, store: Store, relay: Relay) -> WorkerHarness:
    """A list with two readers, a story, and no digest yet."""
    settings = office_with_notices.model_copy(
        update={"relay": office_with_notices.relay.model_copy(update={"port": relay.port})}
    )
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "amal@example.org")
        factories.add_subscriber(tx, "bela@example.org", "health")
        factories.add_story(tx, "boats", "health")
    return WorkerHarness(Mailer(settings, store), relay)


@pytest.fixture
def office_with_notices(office: Settings) -> Settings:
    return office.model_copy(
        update={
            "notices": NoticesSection(
                approvers=("approver@example.org",), watchers=("watcher@example.org",)
            ),
            "delivery": DeliverySection(patience=0, lease=60),
        }
    )
