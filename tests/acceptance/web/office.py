"""An office whose pages are served, whose worker is turned by hand, and whose mails are caught."""

import io
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import uvicorn

from mailer import articles, digests, editions
from mailer.app import Mailer
from mailer.articles import Content, Kind
from mailer.audience import erasure, lists, subscribers
from mailer.audience.consent import Entry
from mailer.audience.lists import Frequency, Visibility
from mailer.audience.subscribers import Membership, Person
from mailer.config import Organisation, Settings
from mailer.demo.office import NAME, POSTAL_ADDRESS, TOPICS
from mailer.digests import Order
from mailer.editions import NewEdition
from mailer.intake.markup import to_html
from mailer.log import logger
from mailer.store import Store
from mailer.web.public import create_public
from mailer.worker import Keeper
from tests.smtpd import Relay

STORY = "boats"
TITLES = {"en": "Boats again", "fr": "Des bateaux à nouveau", "ar": "قوارب من جديد"}


@dataclass
class Office:
    """What a journey needs of the office: its pages at `url`, and the mails that it has sent."""

    mailer: Mailer
    relay: Relay
    url: str
    log: io.StringIO = field(default_factory=io.StringIO)
    later: timedelta = timedelta()
    """By how much its clock is ahead of the world's."""
    seen: set[tuple[str, str]] = field(default_factory=set)
    """States of pages that were looked at, with their language."""

    def __post_init__(self) -> None:
        self.mailer.clock = lambda: datetime.now(UTC) + self.later
        self._keeper = Keeper(self.mailer, logger(self.log))

    # ---- mails ----------------------------------------------------------------------------------

    def post(self) -> None:
        """The worker looks once, and all that it finds to be sent is sent."""
        assert self._keeper.tick()
        self.mailer.deliver([], threading.Event(), follow=True)

    def mails(self, to: str) -> list[EmailMessage]:
        """What an address has got, the newest last."""
        return self.relay.mails(to)

    def link(self, to: str, page: str) -> str:
        """The address of `page` (``c``: confirm, ``p``: preferences, ``u``: unsubscribe, ``v``:
        view) in the newest mail that an address has got. The mail's two parts have the same."""
        *_, mail = self.mails(to)
        found = []
        for kind in ("plain", "html"):
            part = mail.get_body((kind,))
            assert part is not None, f"no {kind} part in {mail['Subject']}"
            link = re.search(rf"{re.escape(self.url)}/{page}/[\w.~-]+", part.get_content())
            assert link, f"no link to {page} in {mail['Subject']}:\n{part.get_content()}"
            found.append(link[0])
        assert found[0] == found[1]
        return found[0]

    # ---- people ---------------------------------------------------------------------------------

    def membership(self, address: str, on: str = "news") -> Membership | None:
        with self.mailer.store.read() as tx:
            known = tx.subscribers.find_subscriber(address)
            return subscribers.membership_of(tx.subscribers, known, on) if known else None

    def person(self, address: str) -> Person:
        with self.mailer.store.read() as tx:
            return subscribers.get(tx.subscribers, address).person

    def history(self, address: str) -> list[Entry]:
        with self.mailer.store.read() as tx:
            return tx.subscribers.history(address)

    def is_known(self, address: str) -> bool:
        with self.mailer.store.read() as tx:
            return tx.subscribers.find_subscriber(address) is not None

    def join(self, address: str, *to: str, language: str = "") -> None:
        """Put somebody on these lists, as staff do."""
        with self.mailer.store.begin() as tx:
            for slug in to or ("news",):
                subscribers.subscribe(
                    tx.subscribers,
                    Person(address, language=language),
                    lists.get_list(tx.lists, slug),
                    (),
                    self.mailer.clock(),
                )

    def forget(self, address: str) -> None:
        """Nobody is left behind who would get the next test's mails."""
        with self.mailer.store.begin() as tx:
            erasure.erase(tx.subscribers, address, self.mailer.clock(), may_return=True)

    def send_edition(self, to: str = "news") -> None:
        """An edition for everybody on the list."""
        now = self.mailer.clock()
        with self.mailer.store.begin() as tx:
            made = editions.create(
                tx.editions, NewEdition(list=to, name="The week", stories=(STORY,)), now
            )
            self.mailer.start(tx, self.mailer.approve(tx, made, "Amina"))
        self.mailer.deliver([], threading.Event(), follow=True)


def furnish(mailer: Mailer) -> None:
    """Topics with their names, two public lists and one that isn't, digests for those who want one
    mail a week or a month, and a story."""
    now = datetime.now(UTC)
    with mailer.store.begin() as tx:
        for slug, names in TOPICS.items():
            lists.add_topic(tx.lists, slug, names, now)
        lists.add_list(
            tx.lists, "news", "Harbour news", now, welcome=True,
            description="What we have been working on, and where you can join in.",
        )  # fmt: skip
        lists.add_list(
            tx.lists, "press", "Press releases", now,
            description="For journalists: releases, statements and invitations, as they appear.",
        )  # fmt: skip
        lists.add_list(tx.lists, "staff", "Staff", now, visibility=Visibility.PRIVATE)
        for of in (Frequency.WEEKLY, Frequency.MONTHLY):
            digests.add(tx.digests, Order(of, f"The {of} round-up", "news", frequency=of), now)
        body = "Boats are built again at the harbour."
        for language, title in TITLES.items():
            articles.add(
                tx.articles,
                Content(
                    slug=STORY, language=language, kind=Kind.NEWS, title=title, summary=title,
                    published=now - timedelta(days=1), body=body, html=to_html(body),
                    topics=("integration",),
                    canonical_url=f"https://www.example.org/{language}/boats",
                ),
                now,
            )  # fmt: skip


def settings(plain: Settings, relay: Relay, url: str) -> Settings:
    """An office's settings, with its pages at `url`."""
    return plain.model_copy(
        update={
            "organisation": Organisation(
                name=NAME, postal_address=POSTAL_ADDRESS, website="https://www.example.org/"
            ),
            "relay": plain.relay.model_copy(update={"port": relay.port}),
            "web": plain.web.model_copy(update={"base_url": url}),
        }
    )


@contextmanager
def serving(plain: Settings, database: Path, relay: Relay) -> Iterator[Office]:
    """The pages, on a free port, until the end."""
    store = Store(f"sqlite:///{database}", plain.secret_key())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = "http://{}:{}".format(*listening.getsockname())
        office = Office(Mailer(settings(plain, relay, url), store), relay, url)
        furnish(office.mailer)
        web = office.mailer.settings.web
        server = uvicorn.Server(
            uvicorn.Config(
                create_public(office.mailer, logger(office.log)),
                log_config=None,
                ws="none",
                forwarded_allow_ips=list(web.proxies),
            )
        )
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), office.log.getvalue()
                time.sleep(0.01)
            yield office
        finally:
            server.should_exit = True
            thread.join(20)
            store.close()
