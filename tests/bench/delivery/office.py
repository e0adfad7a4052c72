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
from mailer.app import open_mailer
from mailer.articles import Content, Image, Kind
from mailer.audience import lists
from mailer.digests import Order
from mailer.editions import Edition
from mailer.intake.markup import to_html
from mailer.message import Recipient
from mailer.outbox import Delivery
from mailer.store import Transaction
from tests.bench.delivery import crowd
from tests.bench.delivery.children import measured
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

    def copy(self) -> Path:
        """A fresh copy of the database, on disk before anything is timed."""
        file = self.folder / "run.db"
        for old in self.folder.glob("run.db*"):
            old.unlink()
        shutil.copyfile(self.database, file)
        os.sync()
        return file


def settings(
    folder: Path, database: Path, environ: Mapping[str, str] = SETTINGS
) -> config.Settings:
    return config.load(folder / config.CONFIG_FILE, f"sqlite:///{database}", environ=environ)


def build(folder: Path, readers: int, *, planned: bool = True) -> Office:
    """An office in `folder` whose edition is approved and, if `planned`, begun."""
    folder.mkdir()
    measured([sys.executable, "-m", "mailer", "init"], cwd=folder, env=SETTINGS)
    database = folder / "subscribers.db"
    office = Office(folder, database, readers)
    with open_mailer(settings(folder, database)) as mailer:
        with mailer.store.begin() as tx:
            _furnish(tx, readers)
        with mailer.store.begin() as tx:
            edition, _ = digests.assemble(tx.digests, "weekly", NOW + timedelta(days=1))
            mailer.approve(tx, edition, "bench")
        if planned:
            with mailer.store.begin() as tx:
                edition, plan = mailer.start(tx, edition_of(tx))
            if plan is None or plan.planned != readers:
                sys.exit(f"the office has {readers} readers and its plan is {plan}")
            with mailer.store.read() as tx:
                stencils = mailer.stencils(tx, edition)
                sizes = [
                    len(stencils[one.language].message(recipient(one), NOW))
                    for one in tx.outbox.deliveries(edition, limit=_SAMPLE)
                ]
            mean = round(sum(sizes) / len(sizes))
            office = Office(folder, database, readers, mean, min(sizes), max(sizes))
    if any(folder.glob("subscribers.db-*")):
        sys.exit("the database is still open: a copy of its file would miss what is in its log")
    return office


def _furnish(tx: Transaction, readers: int) -> None:
    for slug in TOPICS:
        lists.add_topic(tx.lists, slug, {"en": slug.capitalize()}, NOW)
    news = lists.add_list(tx.lists, "news", "News from the office", NOW)
    for number, (slug, title, summary) in enumerate(STORIES):
        picture = f"https://www.example.org/pictures/{slug}.jpg"
        body = f"{summary}\n\nMore about it on our pages."
        content = Content(
            slug=slug,
            language="en",
            kind=Kind.NEWS,
            title=title,
            published=NOW - timedelta(hours=number),
            body=body,
            html=to_html(body),
            summary=summary,
            topics=(slug,),
            image=Image(picture, f"A picture that goes with the story on {slug}"),
            canonical_url=f"https://www.example.org/stories/{slug}",
        )
        articles.add(tx.articles, content, NOW)
    digests.add(tx.digests, Order(slug="weekly", name="The week", list="news"), NOW)
    crowd.move_in(tx, news, readers, NOW)


def edition_of(tx: Transaction) -> Edition:
    return editions.get(tx.editions, EDITION)


def recipient(delivery: Delivery) -> Recipient:
    return Recipient(
        delivery.id, delivery.subscriber_id, delivery.address, delivery.name, delivery.stories
    )


def states(database: Path) -> dict[str, int]:
    """How many deliveries of a database stand in each state."""
    with sqlite3.connect(database) as connection:
        counted = "SELECT state, count(*) FROM delivery GROUP BY state"
        found = dict(connection.execute(counted).fetchall())
    connection.close()
    return found
