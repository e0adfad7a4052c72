"""A year of an office, played with the real database, the real worker's ticks and real SMTP; only
the clock is ours.

Staff behave as staff do: an approver reads the mails that ask for approval and approves what they
name, mostly within the hour. What happened is read off the mails that the relay took.
"""

import email
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
from mailer.app import Mailer
from mailer.audience import lists, subscribers
from mailer.audience.subscribers import Person
from mailer.digests import ApprovalRule, Order, Policy, WhenLate
from mailer.editions import EditionState
from mailer.errors import ApprovalVoid, BadTransition
from mailer.schedules import records
from mailer.schedules.free_days import OnFreeDay
from mailer.schedules.records import NewSchedule
from mailer.worker import Keeper
from tests.integration.office import content
from tests.smtpd import Relay

LONDON = ZoneInfo("Europe/London")
FIRST, LAST = date(2027, 1, 1), date(2027, 12, 31)
DAY = timedelta(days=1)

HOLIDAYS = {
    date(2027, 1, 1), date(2027, 3, 26), date(2027, 3, 29), date(2027, 5, 3), date(2027, 5, 31),
    date(2027, 8, 30), date(2027, 12, 27), date(2027, 12, 28),
}  # fmt: skip
"""England's, as its government has published them."""

LATE = date(2027, 2, 15)
"""The Monday on which the approver comes only in the afternoon."""

FORGOTTEN = date(2027, 6, 7)
"""The first Monday of June, when nobody approves the bulletin in time."""

OFF_AIR = (
    datetime(2027, 9, 3, 18, tzinfo=LONDON).astimezone(UTC),
    datetime(2027, 9, 13, 11, tzinfo=LONDON).astimezone(UTC),
)
"""Nothing runs: over Monday 6 September, and until two hours after the send time of the 13th."""

QUIET = (date(2027, 8, 9), date(2027, 8, 23))
"""Nobody writes anything."""

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
    "weekly": (), "bulletin": ("reports",), "run-up": ("migrants-day",),
}  # fmt: skip
CUTOFF = timedelta(hours=2)


def at(day: date, clock: str) -> datetime:
    """A time of day in London, as a moment in UTC."""
    return datetime.combine(day, time.fromisoformat(clock), LONDON).astimezone(UTC)


@dataclass(slots=True)
class Written:
    """An article's life, as those who wrote it know it."""

    slug: str
    topic: str
    arrived: datetime
    withdrawn: datetime | None = None


@dataclass(slots=True)
class Office:
    """The players. `now` is the only clock that anybody has."""

    mailer: Mailer
    relay: Relay
    keeper: Keeper
    chance: random.Random
    now: datetime = field(default_factory=lambda: at(FIRST, "00:00"))
    written: list[Written] = field(default_factory=list)
    mails: list[tuple[datetime, str, EmailMessage]] = field(default_factory=list)
    plans: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _read: int = 0
    _planned: int = 0

    # ---- how time goes ------------------------------------------------------------------------

    def plan(self, moment: datetime, do: Callable[[], None]) -> None:
        self._planned += 1
        self.plans.append((moment, self._planned, do))

    def play(self) -> None:
        """The whole year: what people do, and the worker's ticks between."""
        for moment in self._ticks():
            while self.plans and min(self.plans)[0] <= moment:
                first = min(self.plans)
                self.plans.remove(first)
                self.now = max(self.now, first[0])
                first[2]()
                self._tick_if_on_air()
            self.now = max(self.now, moment)
            self._tick_if_on_air()

    def _tick_if_on_air(self) -> None:
        if not OFF_AIR[0] <= self.now < OFF_AIR[1]:
            self.tick()

    def _ticks(self) -> list[datetime]:
        """One each day at random, and more in the mornings on which something is due."""
        found = []
        day = FIRST
        while day <= LAST:
            found.append(at(day, "00:00") + timedelta(minutes=self.chance.randrange(1440)))
            run_up = day.month == 12 and 11 <= day.day <= 18
            if day.weekday() == 0 or run_up or day - DAY in HOLIDAYS:
                found += [at(day, clock) for clock in ("07:01", "08:01", "08:31", "09:01", "12:01")]
            day += DAY
        return sorted(found)

    def tick(self) -> None:
        """What the worker does at a tick, and its delivery until nothing is due."""
        assert self.keeper.tick()
        for _ in range(10):
            with self.mailer.store.read() as tx:
                if not tx.queue.ready():
                    break
            self.mailer.deliver([], threading.Event(), follow=True)
            self.keeper.tick()
        self._take_mails()

    def _take_mails(self) -> None:
        """Read the mails that have come since."""
        for one in self.relay.received[self._read :]:
            self._read += 1
            mail = email.message_from_bytes(one.data, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails.append((self.now, one.recipient, mail))
            asked = re.search(r"mailer edition approve (\d+) --hash (\w+)", text_of(mail))
            if one.recipient == "approver@example.org" and asked:
                self._will_approve(int(asked[1]), asked[2])

    # ---- what people do -----------------------------------------------------------------------

    def _will_approve(self, number: int, seen: str) -> None:
        today = self.now.astimezone(LONDON).date()
        with self.mailer.store.read() as tx:
            digest = editions.get(tx.editions, number).digest
        # Not from `chance`: in which order mails arrive is the relay's affair.
        when = self.now + timedelta(minutes=random.Random(seen).randint(2, 40))
        if today == LATE:
            when = at(today, "14:40")
        if digest == "bulletin" and today == FORGOTTEN:
            when = at(today + DAY, "10:00")
        self.plan(when, lambda: self._approve(number, seen))

    def _approve(self, number: int, seen: str) -> None:
        with self.mailer.store.begin() as tx:
            edition = editions.get(tx.editions, number)
            try:
                edition = self.mailer.approve(tx, edition, "Cleo", seen=seen)
            except (ApprovalVoid, BadTransition):
                return  # it has changed, or the rest of the mails that asked for it
            if edition.state is EditionState.APPROVED:  # without a time: too late for the calendar
                self.mailer.start(tx, edition)

    def write(self, slug: str, topic: str) -> Written:
        written = Written(slug, topic, self.now)
        with self.mailer.store.begin() as tx:
            new = content(slug, topic, title=f"Story {slug}", published=self.now)
            articles.add(tx.articles, new, self.now, author="Ana")
        self.written.append(written)
        return written

    def withdraw(self, written: Written) -> None:
        with self.mailer.store.begin() as tx:
            articles.withdraw(tx.articles, written.slug, None, self.now)
        written.withdrawn = self.now

    def revise(self, written: Written) -> None:
        """A correction: whoever has approved it must look again."""
        with self.mailer.store.begin() as tx:
            changes = {"summary": f"Corrected at {self.now.isoformat()}."}
            articles.edit(tx.articles, written.slug, "en", changes, self.now, author="Ana")


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def slugs_in(mail: EmailMessage) -> list[str]:
    """The stories of a mail, by their addresses on the web."""
    return sorted(set(re.findall(r"https://www\.example\.org/en/([a-z0-9-]+)", text_of(mail))))


def move_in(mailer: Mailer, now: datetime) -> None:
    """Topics, the list and its readers, the digests and their schedules."""
    with mailer.store.begin() as tx:
        topics = {slug: lists.add_topic(tx.lists, slug, {}, now) for slug in TOPICS}
        news = lists.add_list(tx.lists, "news", "News", now)
        for address, chosen in READERS.items():
            mine = [topics[slug] for slug in chosen]
            subscribers.subscribe(tx.subscribers, Person(address), news, mine, now)
        for slug, rule in RULES.items():
            policy = {
                "weekly": Policy(ApprovalRule.OTHER, reminders=(timedelta(minutes=30),)),
                "bulletin": Policy(ApprovalRule.ANYONE, WhenLate.DRAFT),
                "run-up": Policy(ApprovalRule.NONE),
            }[slug]
            digests.add(
                tx.digests,
                Order(
                    slug,
                    slug.capitalize(),
                    "news",
                    topics=OF_TOPICS[slug],
                    subject="{{ edition.name }}: {{ lead_title }}",
                    policy=policy,
                ),
                now,
            )
            moves = OnFreeDay.AFTER if slug == "bulletin" else OnFreeDay.SKIP
            timing = records.timing(rule, "09:00", "Europe/London", FIRST, moves)
            new = NewSchedule(slug, timing, CUTOFF, place="GB-ENG")
            records.schedule(tx.schedules, new, mailer.observances(), now)


def expected_days(slug: str) -> list[date]:
    """The dates on which a digest would be sent, worked out here and by nothing of the mailer's:
    of the bulletin's, the first Monday or, on a holiday, the next day."""
    days = [FIRST + n * DAY for n in range((LAST - FIRST).days + 1)]
    if slug == "weekly":
        return [day for day in days if day.weekday() == 0]
    if slug == "bulletin":
        mondays = [day for day in days if day.weekday() == 0 and day.day <= 7]
        return [day + DAY if day in HOLIDAYS else day for day in mondays]
    the_day = date(2027, 12, 18)
    before = [the_day - n * DAY for n in range(7, 0, -1)]
    return [*[day for day in before if day.weekday() < 5], the_day]


def count_runs(office: Office) -> Counter[tuple[str, str, str]]:
    """How many mails brought a story: by reader, digest and slug."""
    names = {slug.capitalize(): slug for slug in RULES}
    found: Counter[tuple[str, str, str]] = Counter()
    for _, reader, mail in office.mails:
        if reader in READERS:
            name = re.sub(r":.*", "", str(mail["Subject"]))
            for slug in slugs_in(mail):
                found[reader, names.get(name, name), slug] += 1
    return found
