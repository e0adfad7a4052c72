"""An office for a trial: digests of every kind, each with stories and a calendar, made by the verbs
that staff use, and a list of what must become of each occurrence.

It was founded two hours ago, by a `now` that is given: so occurrences may lie in the recent past,
due at once. It stands where it is noon, whatever the hour here, so that all of them have one date.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from mailer import articles, config, digests
from mailer.app import Mailer, open_mailer
from mailer.audience import lists
from mailer.config import Settings
from mailer.digests import ApprovalRule, Order, Policy, occurrences
from mailer.editions import SendTime
from mailer.schedules import records
from mailer.schedules.free_days import Blackout, OnFreeDay
from mailer.schedules.records import NewSchedule
from mailer.store import Store, Transaction
from tests.crash import office as plain
from tests.integration.office import content, leave, person, suppress

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NONE = timedelta()

APPROVER, WATCHER = "desk@example.org", "watch@example.org"
PERSON = "Amina"
CLOSED = "The office is closed"
CONNECTIONS, WINDOW = 2, 5
"""Of the relay: at most their product is in doubt after a kill."""
STAFF_LEASE = 60.0
"""Seconds."""

_CONFIG = """\
[organisation]
name = "Example Office"
postal_address = "1 Harbour Street, London E1 1AA"

[sender]
name = "Example Office"
address = "news@example.org"
envelope_from = "bounces@example.org"

[defaults]
time_zone = "{zone}"

[relay]
host = "127.0.0.1"
tls = "none"

[notices]
approvers = ["{approver}"]
watchers = ["{watcher}"]

[worker]
tick = 0.2

[delivery]
lease = {lease}
"""


class Role(StrEnum):
    """What is particular about a digest."""

    READER = "goes by each reader's time"
    REVIEWED = "somebody has to approve it, and does so soon"
    SLOW = "somebody has to approve it, and may be too late"
    EMPTY = "has no story at first"
    MOVED = "its first occurrence was moved by staff"
    MISSED = "two occurrences were missed"
    LATE = "its first occurrence was missed by more than its grace"
    CLOSED = "its first occurrence is on a day that is blacked out"
    DAILY = "recurs"
    SHARED = "has its stories with another digest"
    TWIN = "is that other one"
    PLAIN = "is like most"


@dataclass(frozen=True, slots=True)
class Due:
    """One occurrence, and what must become of it. `wall` is its name, `sent_at` the time that staff
    moved it to; `reason` what its reason begins with; `notice` the kind of which staff hear where
    there is no edition."""

    digest: str
    wall: str
    becomes: str = "made"
    reason: str = ""
    stories: bool = True
    sent_at: str = ""
    notice: str = ""


@dataclass(slots=True)
class Wishes:
    """All that must come about. `stories` are each digest's, which readers get once each."""

    zone: str
    readers: tuple[str, ...]
    roles: dict[str, Role]
    dues: list[Due] = field(default_factory=list)
    stories: dict[str, set[str]] = field(default_factory=dict)

    @property
    def of_people(self) -> set[str]:
        """Digests whose editions wait for a person."""
        return {slug for slug, role in self.roles.items() if role in {Role.REVIEWED, Role.SLOW}}


class Office:
    """An office in `folder`, which is empty, and in an empty database."""

    def __init__(
        self, folder: Path, url: str, port: int, count: int, dice: random.Random, lease: float
    ) -> None:
        self.folder, self.url = folder, url
        self.environ = plain.environment(folder, url, port, CONNECTIONS, WINDOW)
        # They start again and again: they need not compile what they import each time.
        self.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self._dice = dice
        now = datetime.now(UTC)
        self._offset = timedelta(hours=12 - now.hour)
        self._past = now - 2 * HOUR
        roles = list(Role)
        self.wishes = Wishes(
            _zone(self._offset),
            tuple(f"reader{number}@example.org" for number in range(5)),
            {f"d{number:02}": roles[number % len(roles)] for number in range(count)},
        )
        self._written = 0
        self._next = dict.fromkeys(self.wishes.roles, self.wall(now) - 40 * MINUTE)
        (folder / "config").mkdir(parents=True)
        self.config = folder / "config/mailer.toml"
        said = {"zone": self.wishes.zone, "approver": APPROVER, "watcher": WATCHER, "lease": lease}
        self.config.write_text(_CONFIG.format(**said), "utf-8")
        (folder / "config/secret.key").write_text(config.new_key(), "ascii")
        found = config.load(environ=self.environ)
        # Staff's sessions have longer than the workers' lease: on a busy machine they stand still
        # for seconds, and what they schedule is written down here before it is committed.
        patient = found.delivery.model_copy(update={"lease": STAFF_LEASE})
        self.settings: Settings = found.model_copy(update={"delivery": patient})
        store = Store(self.settings.database_url, self.settings.secret_key())
        try:
            store.upgrade()
        finally:
            store.close()
        with open_mailer(self.settings) as mailer, mailer.store.begin() as tx:
            self._found(mailer, tx, self.wall(now))

    def wall(self, moment: datetime) -> datetime:
        """The time by the office's clocks, to the minute."""
        local = (moment + self._offset).replace(tzinfo=None)
        return local.replace(second=0, microsecond=0)

    # ---- founding -------------------------------------------------------------------------------

    def _found(self, mailer: Mailer, tx: Transaction, now: datetime) -> None:
        wishes, past = self.wishes, self._past
        lists.add_list(tx.lists, "news", "News", past, time_zone=wishes.zone)
        for number, address in enumerate(wishes.readers):
            # Those who live elsewhere live in the east: there it is later than noon already.
            zone = _zone(self._offset + number * HOUR) if number < 3 else ""
            person(tx, address, joined=past, time_zone=zone)
        person(tx, "gone@example.org", joined=past)
        leave(tx, "gone@example.org", now=past)
        person(tx, "suppressed@example.org", joined=past)
        suppress(tx, "suppressed@example.org")
        yesterday = now.date() - DAY
        records.black_out(tx.schedules, Blackout(yesterday, yesterday, CLOSED), past)
        for slug, role in wishes.roles.items():
            lists.add_topic(tx.lists, self._topic(slug), {}, past)
            wishes.stories[slug] = set()
            digests.add(tx.digests, self._order(slug, role), past)
        for slug, role in wishes.roles.items():
            self._begin(mailer, tx, slug, role, now)

    def _topic(self, slug: str) -> str:
        shared = self.wishes.roles[slug] is Role.TWIN
        return f"t{int(slug[1:]) - shared:02}"

    def _order(self, slug: str, role: Role) -> Order:
        by_people = slug in self.wishes.of_people
        policy = Policy(
            approval=ApprovalRule.ANYONE if by_people else ApprovalRule.NONE,
            send_time=SendTime.READER if role is Role.READER else SendTime.OFFICE,
            grace=HOUR if role is Role.LATE else 6 * HOUR,
        )
        topics = (self._topic(slug),)
        return Order(slug, f"Digest {slug}", "news", topics=topics, policy=policy)

    def _begin(self, mailer: Mailer, tx: Transaction, slug: str, role: Role, now: datetime) -> None:
        """Each digest's first occurrences."""
        match role:
            case Role.EMPTY:
                self.schedule(tx, slug, now - 45 * MINUTE, stories=False)
            case Role.MOVED:
                was, becomes = now - 58 * MINUTE, now - 50 * MINUTE
                self.schedule(tx, slug, was, moved=becomes)
                digest = digests.get(tx.digests, slug)
                planned = mailer.calendar(tx, digest).find(f"{was:%Y-%m-%d %H:%M}", self._past)
                occurrences.move(tx, planned, becomes, self._past, actor=PERSON)
            case Role.MISSED:
                earlier = "it was missed, and so was the later one"
                self.schedule(tx, slug, now - 57 * MINUTE, becomes="skipped", reason=earlier)
                self.schedule(tx, slug, now - 50 * MINUTE)
            case Role.LATE:
                self.schedule(
                    tx, slug, now - 90 * MINUTE, stories=False,
                    becomes="held", reason="it was missed by ", notice="held",
                )  # fmt: skip
            case Role.CLOSED:
                self.schedule(
                    tx, slug, now - DAY, stories=False,
                    becomes="skipped", reason=CLOSED, notice="skipped",
                )  # fmt: skip
            case Role.DAILY:
                self.schedule(tx, slug, now - 55 * MINUTE, rule="daily")
            case Role.TWIN:
                pass  # with the other one
            case Role.SHARED:
                self._both(tx, slug, now - 45 * MINUTE)
            case _:
                self.schedule(tx, slug, now - 45 * MINUTE)

    # ---- more work ------------------------------------------------------------------------------

    def schedule(
        self, tx: Transaction, slug: str, wall: datetime, *, rule: str = "", becomes: str = "made",
        reason: str = "", notice: str = "", stories: bool = True, moved: datetime | None = None,
        cutoff: timedelta = NONE,
    ) -> None:  # fmt: skip
        """One more occurrence of a digest, as if it had been planned two hours (or, where it lies
        further back, two days) ago; with stories of its own."""
        past = self._past if wall > self.wall(self._past) else self._past - 2 * DAY
        day: date = wall.date()
        timing = records.timing(
            rule or day.isoformat(), f"{wall:%H:%M}", self.wishes.zone, day, OnFreeDay.SKIP
        )
        records.schedule(tx.schedules, NewSchedule(slug, timing, cutoff), {}, past)
        sent_at = _spelt(moved) if moved else ""
        due = Due(slug, _spelt(wall), becomes, reason, stories, sent_at, notice)
        self.wishes.dues.append(due)
        if stories:
            self._write(tx, slug)

    def _write(self, tx: Transaction, *slugs: str) -> None:
        topic = self._topic(slugs[0])
        for _ in range(self._dice.randint(1, 2)):
            self._written += 1
            name = f"{topic}-{self._written}"
            published = self._past - DAY
            articles.add(tx.articles, content(name, topic, published=published), self._past)
            for slug in slugs:
                self.wishes.stories[slug].add(name)

    def _both(self, tx: Transaction, slug: str, wall: datetime, cutoff: timedelta = NONE) -> None:
        """An occurrence of two digests that have the same stories."""
        twin = self._twin(slug)
        for one in twin:
            self.schedule(tx, one, wall, stories=False, cutoff=cutoff)
            last = self.wishes.dues.pop()
            self.wishes.dues.append(Due(last.digest, last.wall))
        self._write(tx, *twin)

    def _twin(self, slug: str) -> tuple[str, ...]:
        other = f"d{int(slug[1:]) + 1:02}"
        return (slug, other) if other in self.wishes.roles else (slug,)

    def more(self, tx: Transaction, now: datetime, reach: timedelta) -> int:
        """Give one digest whose occurrences have all been seen to one more: in the recent past, or
        at the next full minute where that is within `reach`. How many are waiting now."""
        kept = tx.schedules.kept_since(self._past - 3 * DAY)
        seen = {(slug, _spelt(one.named)) for slug, some in kept.items() for one in some
                if one.state != "planned"}  # fmt: skip
        waiting = {one.digest for one in self.wishes.dues if (one.digest, one.wall) not in seen}
        idle = [one for one in self._leading() if not waiting & {*self._group(one)}]
        self._dice.shuffle(idle)
        for slug in idle:
            wall, cutoff = self._time(slug, now, reach)
            if wall is None:
                continue
            if len(group := self._group(slug)) > 1:
                self._both(tx, slug, wall, cutoff=cutoff)
            else:
                self.schedule(tx, slug, wall, cutoff=cutoff)
            return len(waiting) + len(group)
        return len(waiting)

    def _time(
        self, slug: str, now: datetime, reach: timedelta
    ) -> tuple[datetime | None, timedelta]:
        """A time that a digest has not had yet, if there is one, and a cut-off."""
        had = {one.wall for one in self.wishes.dues if one.digest == slug}
        coming = (now + MINUTE).replace(second=0, microsecond=0)
        soon = self.wall(coming)
        if coming - now <= reach and _spelt(soon) not in had and self._dice.random() < 0.3:
            return soon, self._dice.choice([NONE, 2 * MINUTE])
        wall = self._next[slug]
        while _spelt(wall) in had:
            wall += MINUTE
        self._next[slug] = wall
        return (wall if wall < self.wall(now) else None), NONE

    def _leading(self) -> Iterator[str]:
        return (slug for slug, role in self.wishes.roles.items() if role is not Role.TWIN)

    def _group(self, slug: str) -> tuple[str, ...]:
        return self._twin(slug) if self.wishes.roles[slug] is Role.SHARED else (slug,)


def _spelt(wall: datetime) -> str:
    return f"{wall:%Y-%m-%dT%H:%M}"


def _zone(offset: timedelta) -> str:
    """A zone that is so much ahead of UTC: POSIX counts the other way round."""
    return f"Etc/GMT{-(offset // HOUR):+d}"
