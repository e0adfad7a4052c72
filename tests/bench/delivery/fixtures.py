"""Build an office with a composed and approved digest, and any number of readers.

It uses the verbs that staff use; only the readers are written directly into the tables. Timed runs
use copies of its database, so that each run begins in the same state.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailer import articles, config, digests, editions
from mailer.app import open_mailer
from mailer.audience import lists
from mailer.intake.markup import to_html
from mailer.message import Recipient
from mailer.model.articles import ArticleKind, Content, Image
from mailer.model.deliveries import Delivery
from mailer.model.digests import DigestSettings
from mailer.model.editions import Edition
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.bench.delivery.programs import measure_program
from tests.bench.delivery.readers import insert_readers
from tests.bench.delivery.stories import STORIES, TOPICS

NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)
SETTINGS = {
    "MAILER_ORGANISATION_POSTAL_ADDRESS": "1 Example Quay, London",
    "MAILER_SENDER_REPLY_TO": "press@example.org",
    "MAILER_PATHS_STATE": "state",
}
EDITION = 1
_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Office:
    """An office. Runs use only copies of `database`.

    `size` is the mean size of a message in bytes, without the final dot; `smallest` and `largest`
    are of the same sample."""

    folder: Path
    database: Path
    reader_count: int
    size: int = 0
    smallest: int = 0
    largest: int = 0

    def copy_database(self) -> Path:
        """Make a new copy of the database, and sync it to disk before any timing. It has no
        identity and no marker, so that it counts as a new database and may send."""
        file = self.folder / "run.db"
        for old in self.folder.glob("run.db*"):
            old.unlink()
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        shutil.copyfile(self.database, file)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("DELETE FROM database_identity")
        os.sync()
        return file


def load_settings(
    folder: Path, database: Path | str, environ: Mapping[str, str] = SETTINGS
) -> config.Settings:
    """Load an office's settings with a database, which is a SQLite file or a URL."""
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    return config.load_settings(folder / config.CONFIG_FILE, url, environ=environ)


def build_office(folder: Path, reader_count: int, *, planned: bool = True) -> Office:
    """Build an office in `folder` whose edition is approved and, if `planned`, started."""
    folder.mkdir()
    database = folder / "subscribers.db"
    office = Office(folder, database, reader_count)
    size, smallest, largest = fill_office(folder, database, reader_count, planned=planned)
    if any(folder.glob("subscribers.db-wal")):
        sys.exit("the database is still open: a copy of its file would miss the data in its log")
    return replace(office, size=size, smallest=smallest, largest=largest)


def fill_office(
    folder: Path, database: Path | str, reader_count: int, *, planned: bool = True
) -> tuple[int, int, int]:
    """Fill a new database. Returns the mean, the smallest and the largest size of a message, or
    zeros if the edition is not planned."""
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    measure_program(
        [sys.executable, "-m", "mailer", "init"],
        cwd=folder,
        env=SETTINGS | {"MAILER_DATABASE_URL": url},
    )
    with open_mailer(load_settings(folder, database)) as mailer:
        with mailer.store.begin() as tx:
            _add_content(tx, reader_count)
        with mailer.store.begin() as tx:
            edition, _ = digests.assemble_edition(tx, STAFF, "weekly", NOW + timedelta(days=1))
            editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())
        if planned:
            with mailer.store.begin() as tx:
                edition, plan = editions.start_edition(
                    tx, STAFF, load_edition(tx), mailer.renderer, mailer.clock()
                )
            if plan is None or plan.planned != reader_count:
                sys.exit(f"the office has {reader_count} readers and its plan is {plan}")
            with mailer.store.read() as tx:
                templates = mailer.build_message_templates(tx, edition)
                sizes = [
                    len(templates[delivery.language].build_message(to_recipient(delivery), NOW))
                    for delivery in tx.outbox.list_deliveries(edition, limit=_SAMPLE)
                ]
            return round(sum(sizes) / len(sizes)), min(sizes), max(sizes)
    return 0, 0, 0


def _add_content(tx: SqlTransaction, reader_count: int) -> None:
    for slug in TOPICS:
        lists.add_topic(tx, STAFF, slug, {"en": slug.capitalize()}, NOW)
    news = lists.add_list(tx, STAFF, "news", "News from the office", NOW)
    for number, (slug, title, summary) in enumerate(STORIES):
        picture = f"https://www.example.org/pictures/{slug}.jpg"
        body = f"{summary}\n\nMore about it on our pages."
        content = Content(
            slug=slug,
            language="en",
            kind=ArticleKind.NEWS,
            title=title,
            published=NOW - timedelta(hours=number),
            body=body,
            html=to_html(body),
            summary=summary,
            topics=(slug,),
            image=Image(picture, f"A picture that goes with the story on {slug}"),
            canonical_url=f"https://www.example.org/stories/{slug}",
        )
        articles.add_article(tx, STAFF, content, NOW)
    digests.add_digest(tx, STAFF, DigestSettings(slug="weekly", name="The week", list="news"), NOW)
    insert_readers(tx, news, reader_count, NOW)


def load_edition(tx: SqlTransaction) -> Edition:
    return editions.get_edition(tx, EDITION)


def to_recipient(delivery: Delivery) -> Recipient:
    return Recipient(
        delivery.id, delivery.subscriber_id, delivery.address, delivery.name, delivery.stories
    )


def count_states(database: Path) -> dict[str, int]:
    """Count the deliveries of a database in each state."""
    with sqlite3.connect(database) as connection:
        query = "SELECT state, count(*) FROM delivery GROUP BY state"
        counts = dict(connection.execute(query).fetchall())
    connection.close()
    return counts
