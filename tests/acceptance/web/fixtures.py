"""An office that serves its pages. Tests run its worker by hand and read its mails."""

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
from mailer.audience import erasure, lists, subscribers
from mailer.config import Organisation, Settings
from mailer.demo.office import NAME, POSTAL_ADDRESS, TOPICS
from mailer.intake.markup import to_html
from mailer.log import create_logger
from mailer.model.articles import ArticleKind, Content
from mailer.model.digests import DigestSettings
from mailer.model.editions import NewEdition
from mailer.model.lists import Frequency, Visibility
from mailer.model.subscribers import ConsentEntry, Membership, Person
from mailer.store import Store
from mailer.web.public import create_public_app
from mailer.worker import Scheduler
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay

STORY = "boats"
TITLES = {"en": "Boats again", "fr": "Des bateaux à nouveau", "ar": "قوارب من جديد"}


@dataclass
class ServedOffice:
    """The office: its pages at `url`, and the mails that it has sent."""

    mailer: Mailer
    relay: Relay
    url: str
    log_stream: io.StringIO = field(default_factory=io.StringIO)
    clock_offset: timedelta = timedelta()
    """Time by which its clock is ahead of the real time."""
    checked_states: set[tuple[str, str]] = field(default_factory=set)
    """States of pages that were checked, with their language."""

    def __post_init__(self) -> None:
        self.mailer.clock = lambda: datetime.now(UTC) + self.clock_offset
        self._worker = Scheduler(self.mailer, create_logger(self.log_stream))

    # ---- mails ----------------------------------------------------------------------------------

    def run_worker(self) -> None:
        """Run one tick of the worker, and deliver everything that is due."""
        assert self._worker.run_tick()
        self.mailer.deliver_editions([], threading.Event(), follow_new=True)

    def list_mails(self, address: str) -> list[EmailMessage]:
        """Return the mails that an address has received, the newest last."""
        return self.relay.list_mails(address)

    def find_link(self, address: str, page: str) -> str:
        """Return the link to `page` (``c``: confirm, ``p``: preferences, ``u``: unsubscribe, ``v``:
        view) in the newest mail to an address. Both parts of the mail must have the same link."""
        *_, mail = self.list_mails(address)
        link_urls = []
        for kind in ("plain", "html"):
            part = mail.get_body((kind,))
            assert part is not None, f"no {kind} part in {mail['Subject']}"
            link_match = re.search(rf"{re.escape(self.url)}/{page}/[\w.~-]+", part.get_content())
            assert link_match, f"no link to {page} in {mail['Subject']}:\n{part.get_content()}"
            link_urls.append(link_match[0])
        assert link_urls[0] == link_urls[1]
        return link_urls[0]

    # ---- people ---------------------------------------------------------------------------------

    def find_membership(self, address: str, list_slug: str = "news") -> Membership | None:
        with self.mailer.store.read() as tx:
            subscriber = tx.subscribers.find_subscriber(address)
            return subscribers.find_membership(tx, subscriber, list_slug) if subscriber else None

    def get_person(self, address: str) -> Person:
        with self.mailer.store.read() as tx:
            return subscribers.get_subscriber(tx, address).person

    def list_consent_entries(self, address: str) -> list[ConsentEntry]:
        with self.mailer.store.read() as tx:
            return tx.subscribers.list_consent_entries(address)

    def is_known(self, address: str) -> bool:
        with self.mailer.store.read() as tx:
            return tx.subscribers.find_subscriber(address) is not None

    def subscribe_person(self, address: str, *list_slugs: str, language: str = "") -> None:
        """Subscribe a person to these lists, as staff do."""
        with self.mailer.store.begin() as tx:
            for slug in list_slugs or ("news",):
                subscribers.subscribe_person(
                    tx,
                    STAFF,
                    Person(address, language=language),
                    lists.get_list(tx, slug),
                    (),
                    self.mailer.clock(),
                )

    def erase_person(self, address: str) -> None:
        """Erase a reader, who would otherwise get the next test's mails."""
        with self.mailer.store.begin() as tx:
            erasure.erase_person(tx, STAFF, address, self.mailer.clock(), may_return=True)

    def send_edition(self, list_slug: str = "news") -> None:
        """Send an edition to all members of the list."""
        now = self.mailer.clock()
        with self.mailer.store.begin() as tx:
            edition = editions.create_edition(
                tx, STAFF, NewEdition(list=list_slug, name="The week", stories=(STORY,)), now
            )
            editions.start_edition(
                tx,
                STAFF,
                editions.approve_edition(
                    tx, AMINA, edition, self.mailer.renderer, self.mailer.clock()
                ),
                self.mailer.renderer,
                self.mailer.clock(),
            )
        self.mailer.deliver_editions([], threading.Event(), follow_new=True)


def seed_office(mailer: Mailer) -> None:
    """Add topics with their names, two public lists and a private one, a weekly and a monthly
    digest, and a story."""
    now = datetime.now(UTC)
    with mailer.store.begin() as tx:
        for slug, names in TOPICS.items():
            lists.add_topic(tx, STAFF, slug, names, now)
        lists.add_list(
            tx,
            STAFF,
            "news",
            "Harbour news",
            now,
            welcome=True,
            description="What we have been working on, and where you can join in.",
        )
        lists.add_list(
            tx,
            STAFF,
            "press",
            "Press releases",
            now,
            description="For journalists: releases, statements and invitations, as they appear.",
        )
        lists.add_list(tx, STAFF, "staff", "Staff", now, visibility=Visibility.PRIVATE)
        for frequency in (Frequency.WEEKLY, Frequency.MONTHLY):
            digests.add_digest(
                tx,
                STAFF,
                DigestSettings(frequency, f"The {frequency} round-up", "news", frequency=frequency),
                now,
            )
        body = "Boats are built again at the harbour."
        for language, title in TITLES.items():
            articles.add_article(
                tx,
                STAFF,
                Content(
                    slug=STORY,
                    language=language,
                    kind=ArticleKind.NEWS,
                    title=title,
                    summary=title,
                    published=now - timedelta(days=1),
                    body=body,
                    html=to_html(body),
                    topics=("integration",),
                    canonical_url=f"https://www.example.org/{language}/boats",
                ),
                now,
            )


def build_settings(base_settings: Settings, relay: Relay, url: str) -> Settings:
    """Return an office's settings, with its pages at `url`."""
    return base_settings.model_copy(
        update={
            "organisation": Organisation(
                name=NAME, postal_address=POSTAL_ADDRESS, website="https://www.example.org/"
            ),
            "relay": base_settings.relay.model_copy(update={"port": relay.port}),
            "web": base_settings.web.model_copy(update={"base_url": url}),
        }
    )


@contextmanager
def serve_office(base_settings: Settings, database: Path, relay: Relay) -> Iterator[ServedOffice]:
    """Serve the pages on a free port until the context ends."""
    store = Store(f"sqlite:///{database}", base_settings.read_secret_key())
    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        url = "http://{}:{}".format(*listening_socket.getsockname())
        served_office = ServedOffice(
            Mailer(build_settings(base_settings, relay, url), store), relay, url
        )
        seed_office(served_office.mailer)
        web = served_office.mailer.settings.web
        server = uvicorn.Server(
            uvicorn.Config(
                create_public_app(served_office.mailer, create_logger(served_office.log_stream)),
                log_config=None,
                ws="none",
                forwarded_allow_ips=list(web.proxies),
            )
        )
        thread = threading.Thread(target=server.run, args=([listening_socket],))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), served_office.log_stream.getvalue()
                time.sleep(0.01)
            yield served_office
        finally:
            server.should_exit = True
            thread.join(20)
            store.close()
