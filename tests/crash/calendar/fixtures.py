"""Build an office for a trial: digests of every kind, each with stories and a calendar, made by
the verbs that staff use, and a list of the expected result of each occurrence.

The office was founded two hours ago, by the `now` that verbs are passed, so that occurrences may
lie in the recent past and be due at once. Its time zone is one in which it is noon, whatever the
hour here, so that all occurrences have the same date.
"""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from mailer import articles, config, digests
from mailer.actor import create_local_actor
from mailer.app import Mailer, open_mailer
from mailer.audience import lists
from mailer.config import Settings
from mailer.digests import occurrences, schedules
from mailer.model.digests import ApprovalRule, DigestPolicy, DigestSettings
from mailer.model.edition_states import SendTimeBasis
from mailer.model.schedules import NewSchedule
from mailer.schedules.holidays import Blackout, OnFreeDay
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.crash import fixtures as plain
from tests.crash.calendar.expectations import DigestTrait, Expectations, ExpectedOccurrence
from tests.integration.factories import (
    add_subscriber,
    make_content,
    suppress_address,
    unsubscribe_address,
)

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NONE = timedelta()

APPROVER, WATCHER = "desk@example.org", "watch@example.org"
PERSON = "Amina"
CLOSED = "The office is closed"
CONNECTIONS, WINDOW = 2, 5
"""The relay's settings: at most their product is in doubt after a kill."""
STAFF_LEASE = 60.0
"""The lease, in seconds, of the sessions of staff."""

_CONFIG = """\
[organisation]
name = "Example Office"
postal_address = "1 Harbour Street, London E1 1AA"

[sender]
name = "Example Office"
address = "news@example.org"
return_path = "bounces@example.org"

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


class TrialOffice:
    """An office in an empty `folder` and an empty database. `lease` is in seconds."""

    def __init__(
        self,
        folder: Path,
        url: str,
        port: int,
        count: int,
        random_source: random.Random,
        lease: float,
    ) -> None:
        self.folder, self.url = folder, url
        self.environ = plain.build_environment(folder, url, port, CONNECTIONS, WINDOW)
        # Workers start again and again, and need not compile their imports each time.
        self.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self._random_source = random_source
        now = datetime.now(UTC)
        self._offset = timedelta(hours=12 - now.hour)
        self._past = now - 2 * HOUR
        traits = list(DigestTrait)
        self.expectations = Expectations(
            _format_zone(self._offset),
            tuple(f"reader{number}@example.org" for number in range(5)),
            {f"d{number:02}": traits[number % len(traits)] for number in range(count)},
        )
        self._article_count = 0
        self._next_times = dict.fromkeys(
            self.expectations.traits, self.to_wall_time(now) - 40 * MINUTE
        )
        (folder / "config").mkdir(parents=True)
        self.config = folder / "config/mailer.toml"
        values = {
            "zone": self.expectations.zone,
            "approver": APPROVER,
            "watcher": WATCHER,
            "lease": lease,
        }
        self.config.write_text(_CONFIG.format(**values), "utf-8")
        (folder / "config/secret.key").write_text(config.generate_key(), "ascii")
        settings = config.load_settings(environ=self.environ)
        # Sessions of staff have a longer lease than the workers: on a busy machine they stand
        # still for seconds, and an occurrence is expected from before its commit on.
        delivery_settings = settings.delivery.model_copy(update={"lease": STAFF_LEASE})
        self.settings: Settings = settings.model_copy(update={"delivery": delivery_settings})
        store = Store(self.settings.database_url, self.settings.read_secret_key())
        try:
            store.upgrade_schema()
        finally:
            store.close()
        with open_mailer(self.settings) as mailer, mailer.store.begin() as tx:
            self._set_up_office(mailer, tx, self.to_wall_time(now))

    def to_wall_time(self, moment: datetime) -> datetime:
        """Return the time by the office's clocks, to the minute."""
        local_time = (moment + self._offset).replace(tzinfo=None)
        return local_time.replace(second=0, microsecond=0)

    # ---- first occurrences ----------------------------------------------------------------------

    def _set_up_office(self, mailer: Mailer, tx: SqlTransaction, now: datetime) -> None:
        expectations, past = self.expectations, self._past
        lists.add_list(tx, STAFF, "news", "News", past, time_zone=expectations.zone)
        for number, address in enumerate(expectations.readers):
            # Readers in other zones live in the east: there it is later than noon already.
            zone = _format_zone(self._offset + number * HOUR) if number < 3 else ""
            add_subscriber(tx, address, joined=past, time_zone=zone)
        add_subscriber(tx, "gone@example.org", joined=past)
        unsubscribe_address(tx, "gone@example.org", now=past)
        add_subscriber(tx, "suppressed@example.org", joined=past)
        suppress_address(tx, "suppressed@example.org")
        yesterday = now.date() - DAY
        schedules.add_blackout(tx, STAFF, Blackout(yesterday, yesterday, CLOSED), past)
        for slug, trait in expectations.traits.items():
            lists.add_topic(tx, STAFF, self._get_topic(slug), {}, past)
            expectations.stories[slug] = set()
            digests.add_digest(tx, STAFF, self._build_settings(slug, trait), past)
        for slug, trait in expectations.traits.items():
            self._schedule_first(mailer, tx, slug, trait, now)

    def _get_topic(self, slug: str) -> str:
        is_twin = self.expectations.traits[slug] is DigestTrait.TWIN
        return f"t{int(slug[1:]) - is_twin:02}"

    def _build_settings(self, slug: str, trait: DigestTrait) -> DigestSettings:
        is_reviewed = slug in self.expectations.reviewed_digests
        policy = DigestPolicy(
            approval=ApprovalRule.ANYONE if is_reviewed else ApprovalRule.NONE,
            send_time=SendTimeBasis.READER if trait is DigestTrait.READER else SendTimeBasis.OFFICE,
            grace=HOUR if trait is DigestTrait.LATE else 6 * HOUR,
        )
        topics = (self._get_topic(slug),)
        return DigestSettings(slug, f"Digest {slug}", "news", topics=topics, policy=policy)

    def _schedule_first(
        self, mailer: Mailer, tx: SqlTransaction, slug: str, trait: DigestTrait, now: datetime
    ) -> None:
        """Schedule the first occurrences of a digest."""
        match trait:
            case DigestTrait.EMPTY:
                self.schedule_occurrence(tx, slug, now - 45 * MINUTE, has_stories=False)
            case DigestTrait.MOVED:
                original_time, new_time = now - 58 * MINUTE, now - 50 * MINUTE
                self.schedule_occurrence(tx, slug, original_time, moved_to=new_time)
                digest = digests.get_digest(tx, slug)
                planned = mailer.build_calendar(tx, digest).find_occurrence(
                    f"{original_time:%Y-%m-%d %H:%M}", self._past
                )
                occurrences.move_occurrence(
                    tx, create_local_actor(PERSON), planned, new_time, self._past
                )
            case DigestTrait.MISSED:
                earlier = "it was missed, as was the later one"
                self.schedule_occurrence(
                    tx, slug, now - 57 * MINUTE, expected_state="skipped", reason=earlier
                )
                self.schedule_occurrence(tx, slug, now - 50 * MINUTE)
            case DigestTrait.LATE:
                self.schedule_occurrence(
                    tx,
                    slug,
                    now - 90 * MINUTE,
                    has_stories=False,
                    expected_state="held",
                    reason="it was missed by ",
                    notice="held",
                )
            case DigestTrait.CLOSED:
                self.schedule_occurrence(
                    tx,
                    slug,
                    now - DAY,
                    has_stories=False,
                    expected_state="skipped",
                    reason=CLOSED,
                    notice="skipped",
                )
            case DigestTrait.DAILY:
                self.schedule_occurrence(tx, slug, now - 55 * MINUTE, rule="daily")
            case DigestTrait.TWIN:
                pass  # scheduled with the digest that it shares its stories with
            case DigestTrait.SHARED:
                self._schedule_twins(tx, slug, now - 45 * MINUTE)
            case _:
                self.schedule_occurrence(tx, slug, now - 45 * MINUTE)

    # ---- later occurrences ----------------------------------------------------------------------

    def schedule_occurrence(
        self,
        tx: SqlTransaction,
        slug: str,
        wall_time: datetime,
        *,
        rule: str = "",
        expected_state: str = "made",
        reason: str = "",
        notice: str = "",
        has_stories: bool = True,
        moved_to: datetime | None = None,
        cutoff: timedelta = NONE,
    ) -> None:
        """Schedule one more occurrence of a digest, with stories of its own, as if staff had
        planned it two hours ago, or two days ago if it lies further back."""
        past = self._past if wall_time > self.to_wall_time(self._past) else self._past - 2 * DAY
        day: date = wall_time.date()
        timing = schedules.parse_timing(
            rule or day.isoformat(),
            f"{wall_time:%H:%M}",
            self.expectations.zone,
            day,
            OnFreeDay.SKIP,
        )
        schedules.add_schedule(tx, STAFF, NewSchedule(slug, timing, cutoff), {}, past)
        sent_at = _format_wall_time(moved_to) if moved_to else ""
        expected = ExpectedOccurrence(
            slug, _format_wall_time(wall_time), expected_state, reason, has_stories, sent_at, notice
        )
        self.expectations.occurrences.append(expected)
        if has_stories:
            self._write_articles(tx, slug)

    def _write_articles(self, tx: SqlTransaction, *slugs: str) -> None:
        topic = self._get_topic(slugs[0])
        for _ in range(self._random_source.randint(1, 2)):
            self._article_count += 1
            article_slug = f"{topic}-{self._article_count}"
            published = self._past - DAY
            articles.add_article(
                tx, STAFF, make_content(article_slug, topic, published=published), self._past
            )
            for slug in slugs:
                self.expectations.stories[slug].add(article_slug)

    def _schedule_twins(
        self, tx: SqlTransaction, slug: str, wall_time: datetime, cutoff: timedelta = NONE
    ) -> None:
        """Schedule an occurrence of two digests that share their stories."""
        twin_slugs = self._find_twins(slug)
        for twin_slug in twin_slugs:
            self.schedule_occurrence(tx, twin_slug, wall_time, has_stories=False, cutoff=cutoff)
            expected = self.expectations.occurrences.pop()
            self.expectations.occurrences.append(
                ExpectedOccurrence(expected.digest_slug, expected.rule_time)
            )
        self._write_articles(tx, *twin_slugs)

    def _find_twins(self, slug: str) -> tuple[str, ...]:
        twin_slug = f"d{int(slug[1:]) + 1:02}"
        return (slug, twin_slug) if twin_slug in self.expectations.traits else (slug,)

    def schedule_more(self, tx: SqlTransaction, now: datetime, reach: timedelta) -> int:
        """Schedule one more occurrence of a digest without planned ones: in the recent past, or at
        the next full minute if that is within `reach`. Returns how many digests have planned
        occurrences now."""
        saved_by_digest = tx.schedules.list_occurrences_since(self._past - 3 * DAY)
        seen_keys = {
            (slug, _format_wall_time(occurrence.rule_time))
            for slug, saved_occurrences in saved_by_digest.items()
            for occurrence in saved_occurrences
            if occurrence.state != "planned"
        }
        waiting_slugs = {
            expected.digest_slug
            for expected in self.expectations.occurrences
            if (expected.digest_slug, expected.rule_time) not in seen_keys
        }
        idle_slugs = [
            idle_slug
            for idle_slug in self._list_leading()
            if not waiting_slugs & {*self._find_group(idle_slug)}
        ]
        self._random_source.shuffle(idle_slugs)
        for slug in idle_slugs:
            wall_time, cutoff = self._choose_time(slug, now, reach)
            if wall_time is None:
                continue
            if len(group := self._find_group(slug)) > 1:
                self._schedule_twins(tx, slug, wall_time, cutoff=cutoff)
            else:
                self.schedule_occurrence(tx, slug, wall_time, cutoff=cutoff)
            return len(waiting_slugs) + len(group)
        return len(waiting_slugs)

    def _choose_time(
        self, slug: str, now: datetime, reach: timedelta
    ) -> tuple[datetime | None, timedelta]:
        """Return a time that the digest has not had yet, None if there is none, and a cut-off."""
        used_times = {
            expected.rule_time
            for expected in self.expectations.occurrences
            if expected.digest_slug == slug
        }
        coming = (now + MINUTE).replace(second=0, microsecond=0)
        soon_time = self.to_wall_time(coming)
        if (
            coming - now <= reach
            and _format_wall_time(soon_time) not in used_times
            and self._random_source.random() < 0.3
        ):
            return soon_time, self._random_source.choice([NONE, 2 * MINUTE])
        wall_time = self._next_times[slug]
        while _format_wall_time(wall_time) in used_times:
            wall_time += MINUTE
        self._next_times[slug] = wall_time
        return (wall_time if wall_time < self.to_wall_time(now) else None), NONE

    def _list_leading(self) -> Iterator[str]:
        return (
            slug
            for slug, trait in self.expectations.traits.items()
            if trait is not DigestTrait.TWIN
        )

    def _find_group(self, slug: str) -> tuple[str, ...]:
        return (
            self._find_twins(slug)
            if self.expectations.traits[slug] is DigestTrait.SHARED
            else (slug,)
        )


def _format_wall_time(wall_time: datetime) -> str:
    return f"{wall_time:%Y-%m-%dT%H:%M}"


def _format_zone(offset: timedelta) -> str:
    """Return the name of the zone that is `offset` ahead of UTC. POSIX signs are the other way
    round: Etc/GMT-2 is two hours ahead."""
    return f"Etc/GMT{-(offset // HOUR):+d}"
