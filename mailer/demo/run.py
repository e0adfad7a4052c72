"""The whole road, from files to mailboxes, in a folder of its own.

Uses what any office uses: the same configuration, verbs, database and SMTP. Only the relay is ours:
a catcher on loopback, which keeps each message as a file.
"""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path

from mailer import articles, config, digests, editions
from mailer.app import Mailer, open_mailer, press, utc_now
from mailer.articles import boilerplates
from mailer.articles.boilerplates import OURS, Boilerplate
from mailer.audience import lists, subscribers, suppressions
from mailer.audience.consent import Basis, Evidence
from mailer.audience.subscribers import MembershipState
from mailer.audience.suppressions import Reason
from mailer.delivery.outcomes import Progress
from mailer.demo import office
from mailer.demo.catcher import Catcher
from mailer.digests import Order, Policy
from mailer.digests.calendar import Planned
from mailer.editions import Edition
from mailer.errors import MailerError
from mailer.intake import files
from mailer.intake.markup import to_html
from mailer.outbox import DeliveryState, Report
from mailer.schedules import observances, records
from mailer.schedules.free_days import OnFreeDay
from mailer.schedules.records import NewSchedule
from mailer.store import Store, Transaction

FOLDER = Path("var/demo")
MARK = ".mailer-demo"
"""A file that says that a folder is a demo's, and may be emptied by the next."""


@dataclass(slots=True)
class Result:
    """What the demo gave. `readers` counts mails by topic and language; `calendar` holds the next
    occurrences of the digest, seen from the day on which the demo plays, `policy` its rules."""

    folder: Path
    reports: list[Report] = field(default_factory=list)
    readers: dict[str, dict[str, int]] = field(default_factory=dict)
    caught: int = 0
    calendar: list[Planned] = field(default_factory=list)
    policy: Policy = field(default_factory=Policy)

    @property
    def delivered(self) -> int:
        return sum(report.states[DeliveryState.SENT] for report in self.reports)

    @property
    def skipped(self) -> int:
        left_out = sum(sum(report.excluded.values()) for report in self.reports)
        return left_out + sum(
            report.states[state]
            for report in self.reports
            for state in (DeliveryState.SUPPRESSED, DeliveryState.CANCELLED)
        )

    @property
    def failed(self) -> int:
        total = sum(report.total for report in self.reports)
        return (
            total
            + sum(sum(report.excluded.values()) for report in self.reports)
            - (self.delivered + self.skipped)
        )


def run(folder: Path, say: Callable[[str], None], now: Callable[[], datetime] = utc_now) -> Result:
    """Make the office in `folder`, and send its digest and a press release. Raises MailerError,
    also when what the catcher kept is not what the database says was sent."""
    _empty(folder)
    result = Result(folder)
    with Catcher(folder / "mail") as catcher:
        settings = _set_up(folder, catcher.port)
        with open_mailer(settings, now) as mailer:
            with mailer.store.begin() as tx:
                _move_in(mailer, tx)
                say(_said(tx))
                edition = _assemble(mailer, tx)
                release = _release(mailer, tx)
            for one in (edition, release):
                with mailer.store.begin() as tx:
                    begun, plan = mailer.start(tx, editions.get(tx.editions, one.id))
                left_out = sum(plan.excluded.values()) if plan else 0
                planned = plan.planned if plan else 0
                say(f"{begun.name}: {planned} planned, {left_out} left out")
                _, reports = mailer.deliver([begun], threading.Event(), _quiet)
                result.reports += reports
            with mailer.store.read() as tx:
                result.readers = _by_topic_and_language(tx, edition)
                digest = digests.get(tx.digests, "migrants-day")
                result.policy = digest.order.policy
                result.calendar = mailer.calendar(tx, digest).upcoming(office.TODAY, 8)
        result.caught = catcher.count
    if result.caught != result.delivered:
        raise MailerError(
            f"the catcher kept {result.caught} messages and {result.delivered} were sent",
            where=str(folder),
        )
    return result


def _quiet(_: Progress) -> None:
    pass


def _empty(folder: Path) -> None:
    """Clear away an earlier demo; never anything else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise MailerError(
                "this folder is not empty and not of an earlier demo",
                where=str(folder),
                hint="name another with --folder",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("made by `mailer demo`; the next one empties this folder\n")


def _set_up(folder: Path, port: int) -> config.Settings:
    file = folder / config.CONFIG_FILE
    file.parent.mkdir()
    postal = office.POSTAL_ADDRESS.replace("\n", "\\n")
    file.write_text(
        f"""# The demo's settings. Its relay was a catcher that ran as long as the demo did.
[organisation]
name = "{office.NAME}"
postal_address = "{postal}"
website = "https://www.example.org/"
accent = "#0b5394"

[sender]
name = "{office.NAME}"
address = "news@example.org"
reply_to = "press@example.org"

[relay]
host = "127.0.0.1"
port = {port}
tls = "none"

[web]
# Where `mailer serve` in this folder answers.
base_url = "http://127.0.0.1:8000"
""",
        "utf-8",
    )
    key = folder / "config/secret.key"
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(config.new_key() + "\n")
    settings = config.load(file, f"sqlite:///{(folder / 'subscribers.db').resolve()}", environ={})
    store = Store(settings.database_url, settings.secret_key())
    store.upgrade()
    store.close()
    with resources.as_file(resources.files("mailer.demo") / "media") as media:
        shutil.copytree(media, folder / "media")
    return settings


def _move_in(mailer: Mailer, tx: Transaction) -> None:
    """Topics, lists, readers and articles."""
    now = office.TODAY
    topics = {
        slug: lists.add_topic(tx.lists, slug, names, now) for slug, names in office.TOPICS.items()
    }
    where = {
        "news": lists.add_list(tx.lists, "news", "News from the Harbour Office", now),
        "press": lists.add_list(tx.lists, "press", "Harbour Office press list", now),
    }
    for reader in office.readers():
        person, _ = subscribers.subscribe(
            tx.subscribers,
            reader.person,
            where[reader.list],
            [topics[slug] for slug in reader.topics],
            reader.joined,
            evidence=Evidence(source="demo", basis=Basis.CONSENT),
            state=MembershipState.PENDING
            if reader.state is MembershipState.PENDING
            else MembershipState.ACTIVE,
        )
        if reader.state is MembershipState.UNSUBSCRIBED:
            subscribers.unsubscribe(tx.subscribers, person, where[reader.list], now)
        if reader.suppressed:
            suppressions.suppress(
                tx.suppressions, person.address, Reason.BOUNCE, "mailbox closed", now
            )
    with resources.as_file(resources.files("mailer.demo") / "articles") as folder:
        for found in files.read_all([folder], now, language="en", time_zone="Europe/London"):
            if found.error or found.content is None:
                raise found.error or MailerError("an article can't be read")
            articles.add(tx.articles, found.content, now)


def _said(tx: Transaction) -> str:
    found = tx.articles.matching(articles.Query())
    stories = {article.slug for article in found}
    languages = {article.language for article in found}
    members = sum(list_.members for list_ in tx.lists.lists(counted=True))
    return (
        f"{len(found)} articles ({len(stories)} stories in {len(languages)} languages), "
        f"{len(tx.lists.topics())} topics, {members} active members of "
        f"{len(tx.lists.lists())} lists"
    )


def _assemble(mailer: Mailer, tx: Transaction) -> Edition:
    digests.add(
        tx.digests,
        Order(
            slug="migrants-day",
            name="International Migrants Day",
            list="news",
            topics=office.DIGEST_TOPICS,
            subject="{{ lead_title }}",
            most=10,
        ),
        office.TODAY,
    )
    for text in (office.RUN_UP, "weekly on Thu"):
        timing = records.timing(
            text, "09:00", "Europe/London", office.TODAY.date(), OnFreeDay.BEFORE
        )
        records.schedule(
            tx.schedules,
            NewSchedule("migrants-day", timing, place="GB"),
            observances.read(mailer.settings.observances()),
            office.TODAY,
        )
    edition, _ = digests.assemble(tx.digests, "migrants-day", office.TODAY)
    edition = editions.edit(tx.editions, edition, {"opening": office.OPENING}, office.TODAY)
    return mailer.approve(tx, edition, "demo", comment="looked at in the demo")


def _release(mailer: Mailer, tx: Transaction) -> Edition:
    """A press release, which goes at once: it is not embargoed."""
    for language, text in office.ABOUT.items():
        made = Boilerplate(OURS, language, "", text, to_html(text), office.TODAY)
        boilerplates.save(tx.boilerplates, made)
    course = press.prepare(mailer, tx, "autumn-arrivals", lists.get_list(tx.lists, "press"))
    return mailer.approve(tx, course.release, "demo")


def _by_topic_and_language(tx: Transaction, edition: Edition) -> dict[str, dict[str, int]]:
    """How many mails of the edition hold a story of each topic, by the mail's language."""
    known = editions.get(tx.editions, edition.id)
    bits = tx.editions.story_bits(known)
    topics = {story.slug: set(story.topics) for story in tx.editions.manuscript(known).stories}
    table: dict[str, dict[str, int]] = {slug: {} for slug in office.DIGEST_TOPICS}
    for delivery in tx.outbox.deliveries(known, [DeliveryState.SENT], limit=100_000):
        got = {
            topic for slug, bit in bits.items() if delivery.stories >> bit & 1
            for topic in topics[slug]
        }  # fmt: skip
        for topic in got & set(table):
            row = table[topic]
            row[delivery.language] = row.get(delivery.language, 0) + 1
    return table
