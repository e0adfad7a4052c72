"""An office with a digest that is composed and approved, and as many readers as are asked for.

Made by the verbs that staff use; only the readers are written straight into the tables. What is
timed runs on copies of its database, so that each run begins with the same.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailer import articles, config, digests, editions
from mailer.actor import create_local_actor
from mailer.app import open_mailer
from mailer.audience import lists
from mailer.intake.markup import to_html
from mailer.message import Recipient
from mailer.model.articles import ArticleKind, Content, Image
from mailer.model.deliveries import Delivery
from mailer.model.digests import DigestSettings
from mailer.model.editions import Edition
from mailer.store import SqlTransaction
from tests.actors import STAFF
from tests.bench.delivery import crowd
from tests.bench.delivery.children import measure_program
from tests.bench.delivery.stories import STORIES, TOPICS

NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)
SETTINGS = {
    "MAILER_ORGANISATION_POSTAL_ADDRESS": "1 Example Quay, London",
    "MAILER_SENDER_REPLY_TO": "press@example.org",
}
EDITION = 1
_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Office:
    """`database` is never sent from, only copied. `size` is a message's mean size in bytes,
    without the final dot; `smallest` and `largest` are of the same sample."""

    folder: Path
    database: Path
    readers: int
    size: int = 0
    smallest: int = 0
    largest: int = 0

    def copy_database(self) -> Path:
        """A fresh copy of the database, on disk before anything is timed."""
        file = self.folder / "run.db"
        for old in self.folder.glob("run.db*"):
            old.unlink()
        shutil.copyfile(self.database, file)
        os.sync()
        return file


def load_settings(
    folder: Path, database: Path, environ: Mapping[str, str] = SETTINGS
) -> config.Settings:
    return config.load_settings(
        folder / config.CONFIG_FILE, f"sqlite:///{database}", environ=environ
    )


def build_office(folder: Path, readers: int, *, planned: bool = True) -> Office:
    """An office in `folder` whose edition is approved and, if `planned`, begun."""
    folder.mkdir()
    measure_program([sys.executable, "-m", "mailer", "init"], cwd=folder, env=SETTINGS)
    database = folder / "subscribers.db"
    office = Office(folder, database, readers)
    with open_mailer(load_settings(folder, database)) as mailer:
        with mailer.store.begin() as tx:
            _add_content(tx, readers)
        with mailer.store.begin() as tx:
            edition, _ = digests.assemble_edition(tx, STAFF, "weekly", NOW + timedelta(days=1))
            editions.approve_edition(
                tx, create_local_actor("bench"), edition, mailer.renderer, mailer.clock()
            )
        if planned:
            with mailer.store.begin() as tx:
                edition, plan = editions.start_edition(
                    tx, STAFF, load_edition(tx), mailer.renderer, mailer.clock()
                )
            if plan is None or plan.planned != readers:
                sys.exit(f"the office has {readers} readers and its plan is {plan}")
            with mailer.store.read() as tx:
                stencils = mailer.build_message_templates(tx, edition)
                sizes = [
                    len(stencils[delivery.language].build_message(to_recipient(delivery), NOW))
                    for delivery in tx.outbox.list_deliveries(edition, limit=_SAMPLE)
                ]
            mean = round(sum(sizes) / len(sizes))
            office = Office(folder, database, readers, mean, min(sizes), max(sizes))
    if any(folder.glob("subscribers.db-*")):
        sys.exit("the database is still open: a copy of its file would miss what is in its log")
    return office


def _add_content(tx: SqlTransaction, readers: int) -> None:
    for slug in TOPICS:
        lists.add_topic(tx, slug, {"en": slug.capitalize()}, NOW)
    news = lists.add_list(tx, "news", "News from the office", NOW)
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
        articles.add_article(tx, content, NOW)
    digests.add_digest(tx, DigestSettings(slug="weekly", name="The week", list="news"), NOW)
    crowd.insert_readers(tx, news, readers, NOW)


def load_edition(tx: SqlTransaction) -> Edition:
    return editions.get_edition(tx, EDITION)


def to_recipient(delivery: Delivery) -> Recipient:
    return Recipient(
        delivery.id, delivery.subscriber_id, delivery.address, delivery.name, delivery.stories
    )


def count_states(database: Path) -> dict[str, int]:
    """How many deliveries of a database stand in each state."""
    with sqlite3.connect(database) as connection:
        query = "SELECT state, count(*) FROM delivery GROUP BY state"
        counts = dict(connection.execute(query).fetchall())
    connection.close()
    return counts
