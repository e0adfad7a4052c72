"""Run the demo, from article files to mailboxes, in a folder of its own.

It uses the same configuration, verbs, database and SMTP as any office. Only the relay is special:
it is a catcher on loopback, which saves each message as a file.
"""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path

from mailer import articles, config, digests, editions, releases
from mailer.app import Mailer, get_utc_now, open_mailer
from mailer.articles import boilerplates
from mailer.articles.boilerplates import OWN_ORGANISATION
from mailer.audience import lists, subscribers, suppressions
from mailer.delivery.outcomes import DeliveryProgress
from mailer.demo import office
from mailer.demo.approval import ask_for_approval
from mailer.demo.catcher import Catcher
from mailer.demo.office import STAFF
from mailer.digests import schedules
from mailer.digests.calendar import PlannedOccurrence
from mailer.errors import MailerError
from mailer.intake import files
from mailer.intake.markup import to_html
from mailer.model.articles import ArticleQuery, Boilerplate
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.model.digests import DigestPolicy, DigestSettings
from mailer.model.editions import Edition
from mailer.model.schedules import NewSchedule
from mailer.model.subscribers import Evidence, LawfulBasis, MembershipState
from mailer.model.suppressions import SuppressionReason
from mailer.schedules import observances
from mailer.schedules.holidays import OnFreeDay
from mailer.store import SqlTransaction, Store

FOLDER = Path("var/demo")
MARKER_FILE = ".mailer-demo"
"""A file that marks the folder of a demo, so that the next demo may empty the folder."""


@dataclass(slots=True)
class DemoResult:
    """The results of the demo.

    `readers` counts mails by topic and language, `caught` the messages that the catcher saved,
    `notices` those of them that ask for an approval.
    `calendar` are the next occurrences of the digest after the demo's date; `policy` are the
    digest's rules."""

    folder: Path
    reports: list[DeliveryReport] = field(default_factory=list)
    readers: dict[str, dict[str, int]] = field(default_factory=dict)
    caught: int = 0
    notices: int = 0
    calendar: list[PlannedOccurrence] = field(default_factory=list)
    policy: DigestPolicy = field(default_factory=DigestPolicy)

    @property
    def delivered(self) -> int:
        return sum(report.states[DeliveryState.SENT] for report in self.reports)

    @property
    def skipped(self) -> int:
        excluded_count = sum(sum(report.excluded.values()) for report in self.reports)
        return excluded_count + sum(
            report.states[state]
            for report in self.reports
            for state in (
                DeliveryState.SUPPRESSED,
                DeliveryState.CANCELLED,
                DeliveryState.DIVERTED,
            )
        )

    @property
    def failed(self) -> int:
        total = sum(report.total for report in self.reports)
        return (
            total
            + sum(sum(report.excluded.values()) for report in self.reports)
            - (self.delivered + self.skipped)
        )


def run_demo(
    folder: Path, say: Callable[[str], None], now: Callable[[], datetime] = get_utc_now
) -> DemoResult:
    """Set up the office in `folder`, and send its digest and a press release.

    `say` prints one line of progress. Raises MailerError, for instance if the number of saved
    messages differs from the number that the database counts as sent."""
    _empty_folder(folder)
    result = DemoResult(folder)
    with Catcher(folder / "mail") as catcher:
        settings = _create_settings(folder, catcher.port)
        with open_mailer(settings, now) as mailer:
            with mailer.store.begin() as tx:
                _fill_database(mailer, tx)
                say(_summarise_database(tx))
                edition = _assemble_digest(mailer, tx)
                release = _prepare_release(mailer, tx)
            for new_edition in (edition, release):
                with mailer.store.begin() as tx:
                    started_edition, plan = editions.start_edition(
                        tx,
                        STAFF,
                        editions.get_edition(tx, new_edition.id),
                        mailer.renderer,
                        mailer.clock(),
                    )
                excluded_count = sum(plan.excluded.values()) if plan else 0
                planned_count = plan.planned if plan else 0
                say(f"{started_edition.name}: {planned_count} planned, {excluded_count} excluded")
                _, reports = mailer.deliver_editions(
                    [started_edition], threading.Event(), _ignore_progress
                )
                result.reports += reports
            with mailer.store.read() as tx:
                result.readers = _count_by_topic_and_language(tx, edition)
                digest = digests.get_digest(tx, "migrants-day")
                result.policy = digest.settings.policy
                result.calendar = mailer.build_calendar(tx, digest).list_upcoming(office.TODAY, 8)
            result.notices = ask_for_approval(mailer, edition.stories)
        result.caught = catcher.count
    if result.caught != result.delivered + result.notices:
        raise MailerError(
            f"the catcher saved {result.caught} messages, but "
            f"{result.delivered + result.notices} were sent",
            where=str(folder),
        )
    return result


def _ignore_progress(_: DeliveryProgress) -> None:
    pass


def _empty_folder(folder: Path) -> None:
    """Empty the folder of an earlier demo, and refuse any other folder that is not empty."""
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER_FILE).exists():
                raise MailerError(
                    "this folder is not empty, and no earlier demo made it",
                    where=str(folder),
                    hint="choose another folder",
                    field="folder",
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER_FILE).write_text(
            "made by `mailer demo`; the next one empties this folder\n"
        )
    except OSError as error:
        raise MailerError(
            f"the folder can't be used ({error.strerror or error})",
            where=str(folder),
            hint="choose another folder",
            field="folder",
        ) from error


def _create_settings(folder: Path, port: int) -> config.Settings:
    file = folder / config.CONFIG_FILE
    file.parent.mkdir()
    postal = office.POSTAL_ADDRESS.replace("\n", "\\n")
    file.write_text(
        f"""# The demo's settings. Its relay was a catcher that ran only during the demo.
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

[notices]
approvers = ["{office.APPROVER}"]

[people."{office.APPROVER}"]
name = "Demo editor"
logins = []

[paths]
# The marker of the database; a real office keeps it apart from its folder.
state = "state"
""",
        "utf-8",
    )
    key = folder / "config/secret.key"
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as key_file:
        key_file.write(config.generate_key() + "\n")
    settings = config.load_settings(
        file, f"sqlite:///{(folder / 'subscribers.db').resolve()}", environ={}
    )
    store = Store(settings.database_url, settings.read_secret_key())
    store.upgrade_schema()
    store.close()
    with resources.as_file(resources.files("mailer.demo") / "media") as media:
        shutil.copytree(media, folder / "media")
    return settings


def _fill_database(mailer: Mailer, tx: SqlTransaction) -> None:
    """Add the office's topics, lists, readers and articles."""
    now = office.TODAY
    topics = {
        slug: lists.add_topic(tx, STAFF, slug, names, now) for slug, names in office.TOPICS.items()
    }
    mailing_lists = {
        slug: lists.add_list(tx, STAFF, slug, name, now, description=description)
        for slug, (name, description) in office.LISTS.items()
    }
    for reader in office.generate_readers():
        subscriber, _ = subscribers.subscribe_person(
            tx,
            STAFF,
            reader.person,
            mailing_lists[reader.list],
            [topics[slug] for slug in reader.topics],
            reader.joined,
            evidence=Evidence(source="demo", basis=LawfulBasis.CONSENT),
            state=MembershipState.PENDING
            if reader.state is MembershipState.PENDING
            else MembershipState.ACTIVE,
        )
        if reader.state is MembershipState.UNSUBSCRIBED:
            subscribers.unsubscribe_person(tx, STAFF, subscriber, mailing_lists[reader.list], now)
        if reader.suppressed:
            suppressions.suppress_address(
                tx, STAFF, subscriber.address, SuppressionReason.BOUNCE, "mailbox closed", now
            )
    with resources.as_file(resources.files("mailer.demo") / "articles") as folder:
        for file in files.read_files([folder], now, language="en", time_zone="Europe/London"):
            if file.error or file.content is None:
                raise file.error or MailerError("an article can't be read")
            articles.add_article(tx, STAFF, file.content, now)


def _summarise_database(tx: SqlTransaction) -> str:
    all_articles = tx.articles.find_articles(ArticleQuery())
    stories = {article.slug for article in all_articles}
    languages = {article.language for article in all_articles}
    members = sum(list_.members for list_ in tx.lists.list_mailing_lists(counted=True))
    return (
        f"{len(all_articles)} articles ({len(stories)} stories in {len(languages)} languages), "
        f"{len(tx.lists.list_topics())} topics, {members} active members of "
        f"{len(tx.lists.list_mailing_lists())} lists"
    )


def _assemble_digest(mailer: Mailer, tx: SqlTransaction) -> Edition:
    digests.add_digest(
        tx,
        STAFF,
        DigestSettings(
            slug="migrants-day",
            name=office.DIGEST_NAMES["en"],
            names={tag: name for tag, name in office.DIGEST_NAMES.items() if tag != "en"},
            list="news",
            topics=office.DIGEST_TOPICS,
            subject="{{ lead_title }}",
            most=10,
        ),
        office.TODAY,
    )
    for text in (office.RUN_UP, "weekly on Thu"):
        timing = schedules.parse_timing(
            text, "09:00", "Europe/London", office.TODAY.date(), OnFreeDay.BEFORE
        )
        schedules.add_schedule(
            tx,
            STAFF,
            NewSchedule("migrants-day", timing, region="GB"),
            observances.parse_observances(mailer.settings.read_observances()),
            office.TODAY,
        )
    edition, _ = digests.assemble_edition(tx, STAFF, "migrants-day", office.TODAY)
    edition = editions.edit_edition(tx, STAFF, edition, {"opening": office.OPENING}, office.TODAY)
    return editions.approve_edition(
        tx, STAFF, edition, mailer.renderer, mailer.clock(), comment="checked in the demo"
    )


def _prepare_release(mailer: Mailer, tx: SqlTransaction) -> Edition:
    """Prepare a press release without an embargo, so that it is sent at once."""
    for language, text in office.ABOUT.items():
        boilerplate = Boilerplate(OWN_ORGANISATION, language, "", text, to_html(text), office.TODAY)
        boilerplates.save_boilerplate(tx, STAFF, boilerplate)
    release_editions = releases.prepare_release(
        tx,
        STAFF,
        "autumn-arrivals",
        lists.get_list(tx, "press"),
        mailer.renderer,
        mailer.clock(),
        default_language=mailer.settings.defaults.language,
    )
    return editions.approve_edition(
        tx, STAFF, release_editions.release, mailer.renderer, mailer.clock()
    )


def _count_by_topic_and_language(tx: SqlTransaction, edition: Edition) -> dict[str, dict[str, int]]:
    """Count the edition's mails with a story of each topic, by the mail's language."""
    current_edition = editions.get_edition(tx, edition.id)
    bits = tx.editions.fetch_story_bits(current_edition)
    topics = {
        story.slug: set(story.topics)
        for story in tx.editions.load_manuscript(current_edition).stories
    }
    table: dict[str, dict[str, int]] = {slug: {} for slug in office.DIGEST_TOPICS}
    for delivery in tx.outbox.list_deliveries(current_edition, [DeliveryState.SENT], limit=100_000):
        story_topics = {
            topic
            for slug, bit in bits.items()
            if delivery.stories >> bit & 1
            for topic in topics[slug]
        }
        for topic in story_topics & set(table):
            row = table[topic]
            row[delivery.language] = row.get(delivery.language, 0) + 1
    return table
