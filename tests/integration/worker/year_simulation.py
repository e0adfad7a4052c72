"""A year of an office, played with the real database, the real worker's ticks and real SMTP; only
the clock is ours. The suite plays its last five months, `make proofs` all of it (``WHOLE_YEAR=1``).

Staff behave as staff do: an approver reads the mails that ask for approval and approves what they
name, mostly within the hour. What happened is read off the mails that the relay took.
"""

import email
import os
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from email.policy import default
from zoneinfo import ZoneInfo

from mailer import articles, digests, editions
from mailer.actor import create_local_actor
from mailer.app import Mailer
from mailer.audience import lists, subscribers
from mailer.digests import schedules
from mailer.errors import ApprovalVoid, BadTransition
from mailer.model.digests import ApprovalRule, DigestPolicy, DigestSettings, WhenLate
from mailer.model.edition_states import EditionState
from mailer.model.schedules import NewSchedule
from mailer.model.subscribers import Person
from mailer.schedules.holidays import OnFreeDay
from mailer.worker import Scheduler
from tests.actors import STAFF
from tests.fake_relay import Relay
from tests.integration.factories import make_content

LONDON = ZoneInfo("Europe/London")
FIRST = date(2027, 1, 1) if os.environ.get("WHOLE_YEAR") else date(2027, 8, 1)
LAST = date(2027, 12, 31)
MONTHS = LAST.month - FIRST.month + 1
DAY = timedelta(days=1)

_HOLIDAYS_OF_YEAR = {
    date(2027, 1, 1),
    date(2027, 3, 26),
    date(2027, 3, 29),
    date(2027, 5, 3),
    date(2027, 5, 31),
    date(2027, 8, 30),
    date(2027, 12, 27),
    date(2027, 12, 28),
}
"""England's, as its government has published them."""

HOLIDAYS = {day for day in _HOLIDAYS_OF_YEAR if day >= FIRST}

LATE = date(2027, 10, 18)
"""The Monday on which the approver comes only in the afternoon."""

CORRECTED = date(2027, 11, 15)
"""The Monday on which a story of the weekly is corrected after its approval."""

FORGOTTEN = date(2027, 11, 1)
"""The first Monday of November, when the bulletin is not approved in time."""

OFF_AIR = (
    datetime(2027, 9, 3, 18, tzinfo=LONDON).astimezone(UTC),
    datetime(2027, 9, 13, 11, tzinfo=LONDON).astimezone(UTC),
)
"""Nothing runs: over Monday 6 September, and until two hours after the send time of the 13th."""

QUIET = (date(2027, 8, 9), date(2027, 8, 23))
"""Days on which staff write no article."""

TOPICS = ("news", "reports", "migrants-day")
READERS = {
    "all@example.org": (),
    "news@example.org": ("news",),
    "reports@example.org": ("reports",),
    "both@example.org": ("reports", "migrants-day"),
}
RULES = {
    "weekly": "weekly on Mon",
    "bulletin": "monthly on the first Monday",
    "run-up": "migrants-day: each weekday from 7 days before, then on the day",
}
OF_TOPICS: dict[str, tuple[str, ...]] = {
    "weekly": (),
    "bulletin": ("reports",),
    "run-up": ("migrants-day",),
}
CUTOFF = timedelta(hours=2)


def to_moment(day: date, time_text: str) -> datetime:
    """A time of day in London, as a moment in UTC."""
    return datetime.combine(day, time.fromisoformat(time_text), LONDON).astimezone(UTC)


@dataclass(slots=True)
class WrittenArticle:
    """An article's life, as those who wrote it know it."""

    slug: str
    topic: str
    written_at: datetime
    withdrawn_at: datetime | None = None


@dataclass(slots=True)
class OfficeSimulation:
    """The players of the simulation. `now` is their only clock."""

    mailer: Mailer
    relay: Relay
    scheduler: Scheduler
    chance: random.Random
    now: datetime = field(default_factory=lambda: to_moment(FIRST, "00:00"))
    written_articles: list[WrittenArticle] = field(default_factory=list)
    mails: list[tuple[datetime, str, EmailMessage]] = field(default_factory=list)
    planned_actions: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _read_count: int = 0
    _planned_count: int = 0

    # ---- how time goes ------------------------------------------------------------------------

    def plan_action(self, moment: datetime, action: Callable[[], None]) -> None:
        self._planned_count += 1
        self.planned_actions.append((moment, self._planned_count, action))

    def run_year(self) -> None:
        """The whole year: what people do, and the worker's ticks between."""
        for moment in self._draw_ticks():
            while self.planned_actions and min(self.planned_actions)[0] <= moment:
                next_action = min(self.planned_actions)
                self.planned_actions.remove(next_action)
                self.now = max(self.now, next_action[0])
                next_action[2]()
                self._tick_if_on_air()
            self.now = max(self.now, moment)
            self._tick_if_on_air()

    def _tick_if_on_air(self) -> None:
        if not OFF_AIR[0] <= self.now < OFF_AIR[1]:
            self.run_tick()

    def _draw_ticks(self) -> list[datetime]:
        """One each day at random, and more in the mornings on which something is due."""
        moments = []
        day = FIRST
        while day <= LAST:
            moments.append(to_moment(day, "00:00") + timedelta(minutes=self.chance.randrange(1440)))
            run_up = day.month == 12 and 11 <= day.day <= 18
            if day.weekday() == 0 or run_up or day - DAY in HOLIDAYS:
                moments += [
                    to_moment(day, time_text)
                    for time_text in ("07:01", "08:01", "08:31", "09:01", "12:01")
                ]
            day += DAY
        return sorted(moments)

    def run_tick(self) -> None:
        """Run a tick of the worker, then deliver until no delivery is due."""
        assert self.scheduler.run_tick()
        for _ in range(10):
            with self.mailer.store.read() as tx:
                if not tx.outbox.has_work():
                    break
            self.mailer.deliver_editions([], threading.Event(), follow_new=True)
            self.scheduler.run_tick()
        self._read_mails()

    def _read_mails(self) -> None:
        """Read the mails that have come since."""
        for message in self.relay.received[self._read_count :]:
            self._read_count += 1
            mail = email.message_from_bytes(message.data, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails.append((self.now, message.recipient, mail))
            approval_command = re.search(
                r"mailer edition approve (\d+) --hash (\w+)", get_plain_text(mail)
            )
            if message.recipient == "approver@example.org" and approval_command:
                self._plan_approval(int(approval_command[1]), approval_command[2])

    # ---- what people do -----------------------------------------------------------------------

    def _plan_approval(self, edition_id: int, content_hash: str) -> None:
        today = self.now.astimezone(LONDON).date()
        with self.mailer.store.read() as tx:
            digest_slug = editions.get_edition(tx, edition_id).digest
        # Not from `chance`: in which order mails arrive is the relay's affair.
        moment = self.now + timedelta(minutes=random.Random(content_hash).randint(2, 40))
        if today == LATE:
            moment = to_moment(today, "14:40")
        if digest_slug == "bulletin" and today == FORGOTTEN:
            moment = to_moment(today + DAY, "10:00")
        self.plan_action(moment, lambda: self._approve_edition(edition_id, content_hash))

    def _approve_edition(self, edition_id: int, content_hash: str) -> None:
        with self.mailer.store.begin() as tx:
            edition = editions.get_edition(tx, edition_id)
            try:
                edition = editions.approve_edition(
                    tx,
                    create_local_actor("Cleo"),
                    edition,
                    self.mailer.renderer,
                    self.mailer.clock(),
                    seen_hash=content_hash,
                )
            except (ApprovalVoid, BadTransition):
                return  # it has changed, or the rest of the mails that asked for it
            if edition.state is EditionState.APPROVED:  # without a time: too late for the calendar
                editions.start_edition(
                    tx, STAFF, edition, self.mailer.renderer, self.mailer.clock()
                )

    def write_article(self, slug: str, topic: str) -> WrittenArticle:
        article = WrittenArticle(slug, topic, self.now)
        with self.mailer.store.begin() as tx:
            content_record = make_content(slug, topic, title=f"Story {slug}", published=self.now)
            articles.add_article(tx, create_local_actor("Ana"), content_record, self.now)
        self.written_articles.append(article)
        return article

    def withdraw_article(self, article: WrittenArticle) -> None:
        with self.mailer.store.begin() as tx:
            articles.withdraw_articles(tx, STAFF, article.slug, None, self.now)
        article.withdrawn_at = self.now

    def revise_article(self, article: WrittenArticle) -> None:
        """Correct an article: its edition needs another approval."""
        with self.mailer.store.begin() as tx:
            changes = {"summary": f"Corrected at {self.now.isoformat()}."}
            articles.edit_article(
                tx, create_local_actor("Ana"), article.slug, "en", changes, self.now
            )


def get_plain_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def find_slugs(mail: EmailMessage) -> list[str]:
    """The stories of a mail, by their addresses on the web."""
    return sorted(
        set(re.findall(r"https://www\.example\.org/en/([a-z0-9-]+)", get_plain_text(mail)))
    )


def set_up_office(mailer: Mailer, now: datetime) -> None:
    """Topics, the list and its readers, the digests and their schedules."""
    with mailer.store.begin() as tx:
        topics = {slug: lists.add_topic(tx, STAFF, slug, {}, now) for slug in TOPICS}
        news = lists.add_list(tx, STAFF, "news", "News", now)
        for address, topic_slugs in READERS.items():
            chosen_topics = [topics[slug] for slug in topic_slugs]
            subscribers.subscribe_person(tx, STAFF, Person(address), news, chosen_topics, now)
        for slug, rule in RULES.items():
            policy = {
                "weekly": DigestPolicy(ApprovalRule.OTHER, reminders=(timedelta(minutes=30),)),
                "bulletin": DigestPolicy(ApprovalRule.ANYONE, WhenLate.DRAFT),
                "run-up": DigestPolicy(ApprovalRule.NONE),
            }[slug]
            digests.add_digest(
                tx,
                STAFF,
                DigestSettings(
                    slug,
                    slug.capitalize(),
                    "news",
                    topics=OF_TOPICS[slug],
                    subject="{{ edition.name }}: {{ lead_title }}",
                    policy=policy,
                ),
                now,
            )
            on_free_day = OnFreeDay.AFTER if slug == "bulletin" else OnFreeDay.SKIP
            timing = schedules.parse_timing(rule, "09:00", "Europe/London", FIRST, on_free_day)
            schedule = NewSchedule(slug, timing, CUTOFF, region="GB-ENG")
            schedules.add_schedule(tx, STAFF, schedule, mailer.read_observances(), now)


def compute_expected_days(slug: str) -> list[date]:
    """The dates on which a digest would be sent, worked out here and by nothing of the mailer's:
    of the bulletin's, the first Monday or, on a holiday, the next day."""
    days = [FIRST + n * DAY for n in range((LAST - FIRST).days + 1)]
    if slug == "weekly":
        return [day for day in days if day.weekday() == 0]
    if slug == "bulletin":
        mondays = [day for day in days if day.weekday() == 0 and day.day <= 7]
        return [day + DAY if day in HOLIDAYS else day for day in mondays]
    observance_day = date(2027, 12, 18)
    days_before = [observance_day - n * DAY for n in range(7, 0, -1)]
    return [*[day for day in days_before if day.weekday() < 5], observance_day]


def count_runs(office: OfficeSimulation) -> Counter[tuple[str, str, str]]:
    """Count the mails that brought a story, by reader, digest and slug."""
    slug_by_name = {slug.capitalize(): slug for slug in RULES}
    counts: Counter[tuple[str, str, str]] = Counter()
    for _, reader, mail in office.mails:
        if reader in READERS:
            name = re.sub(r":.*", "", str(mail["Subject"]))
            for slug in find_slugs(mail):
                counts[reader, slug_by_name.get(name, name), slug] += 1
    return counts
