"""Scanners open every link of every mail before anybody reads it: nothing comes of it.

The mails are what a relay was given: editions, and the letters about sign-ups.
"""

import re
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import StringIO
from threading import Event
from urllib.parse import urlsplit

import pytest
from lxml import html as lxml_html

from mailer import editions
from mailer.audience import lists, preferences
from mailer.audience.signup import confirmations
from mailer.languages import UN_LANGUAGES
from mailer.log import create_logger
from mailer.model.editions import Edition
from mailer.model.signup import SignUpWishes
from mailer.worker import Scheduler
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import DAY, NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.conftest import OfficeClock
from tests.integration.web.public.fixtures import NO_LIMIT, SeededOffice, dump_tables

SITE = "https://mail.example.org/"
LETTERS = ("confirm", "known", "welcome", "new-address")
METHODS = ("HEAD", "GET")
"""How each link is opened, the one after the other."""
FEW = ("en", "ar")
"""Languages of the short form: each takes its time to compose."""


def parts(mail: EmailMessage) -> tuple[str, str]:
    """Its plain text and its HTML."""
    plain, rich = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    return str(plain.get_content()), str(rich.get_content()) if rich is not None else ""


def links_of(mail: EmailMessage) -> set[str]:
    """Everything of ours that a scanner finds in a mail: in its headers and in both parts."""
    plain, rich = parts(mail)
    found = set(re.findall(r"https?://[^\s<>\"]+", plain))
    for header in ("List-Unsubscribe", "List-Archive", "List-Subscribe", "List-Help"):
        found |= {*re.findall(r"<(https?://[^>]+)>", str(mail[header] or ""))}
    if rich:
        found |= {link for _, _, link, _ in lxml_html.document_fromstring(rich).iterlinks()}
    return {one for one in found if one.startswith(SITE)}


class Post:
    """What is mailed, and the worker that has it mailed."""

    def __init__(self, stage: SeededOffice, relay: Relay, pages: AsgiClient) -> None:
        self.languages: tuple[str, ...] = FEW
        self.stage = stage
        self.relay = relay
        self.pages = pages
        self.keeper = Scheduler(stage.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0)

    def work(self) -> None:
        assert self.keeper.run_tick()
        self.stage.mailer.deliver_editions([], Event(), follow_new=True)

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(one.data, policy=policy.default) for one in self.relay.received]

    # ---- editions -------------------------------------------------------------------------------

    def edition(self, template: str, count: int) -> Edition:
        """One that `count` new people get, in all languages and with different stories, and
        whoever else is on the list."""
        mailer = self.stage.mailer
        slugs = [f"{template}-{number}" for number in range(7)]
        with self.stage.store.begin() as tx:
            for number, slug in enumerate(slugs):
                for language in self.languages:
                    topic = factories.TOPICS[number % len(factories.TOPICS)]
                    factories.add_story(tx, slug, topic, language=language)
            for number in range(count):
                factories.add_subscriber(
                    tx,
                    f"{template}{number}@readers.example.net",
                    *factories.TOPICS[: number % (len(factories.TOPICS) + 1)],
                    name=f"Reader {number}" if number % 2 else "",
                    language=self.languages[number % len(self.languages)],
                )
            made = factories.create_edition(tx, *slugs, template=template)
            started, _ = editions.start_edition(
                tx,
                STAFF,
                editions.approve_edition(tx, AMINA, made, mailer.renderer, mailer.clock()),
                mailer.renderer,
                mailer.clock(),
            )
        mailer.deliver_editions([started], Event())
        return started

    # ---- letters --------------------------------------------------------------------------------

    def letters(self, count: int) -> None:
        """About `count` of them, of each kind."""
        each = count // len(LETTERS)
        with self.stage.store.begin() as tx:
            lists.edit_list(tx, "press", {"welcome": True})
        self._ask("confirm", each, "news")
        self._ask("welcome", each, "press")
        for number in range(each):
            self.stage.add_person(f"known{number}@readers.example.net")
        self._ask("known", each, "news")
        self._move(each)
        self.work()
        for mail in self.mails():
            if str(mail["To"]).startswith("welcome"):
                (path,) = {urlsplit(one).path for one in links_of(mail) if "/c/" in one}
                assert self.pages.send_form(path).status == 200
        self.work()

    def _ask(self, name: str, count: int, to: str) -> None:
        with self.stage.store.begin() as tx:
            for number in range(count):
                asked = confirmations.build_sign_up(
                    tx,
                    f"{name}{number}@readers.example.net",
                    SignUpWishes(lists=(to,)),
                    self.languages[number % len(self.languages)],
                    source="x",
                )
                confirmations.request_confirmation(tx, NO_LIMIT, asked, NOW)

    def _move(self, count: int) -> None:
        for number in range(count):
            person = self.stage.add_person(f"moves{number}@readers.example.net")
            new = f"moved{number}@readers.example.net"
            with self.stage.store.begin() as tx:
                asked = confirmations.build_address_change(tx, person.id, new, "en", "x")
                confirmations.request_confirmation(tx, NO_LIMIT, asked, NOW)


@pytest.fixture
def post(stage: SeededOffice, relay: Relay, pages: AsgiClient) -> Post:
    return Post(stage, relay, pages)


def open_all(pages: AsgiClient, links: list[str]) -> Counter[str]:
    """Open them; how many lead to which page. All must work."""
    opened: Counter[str] = Counter()
    for link in links:
        split = urlsplit(link)
        target = split.path + (f"?{split.query}" if split.query else "")
        for method in METHODS:
            answer = pages.send_request(method, target)
            assert answer.status == 200, (method, link, answer)
        opened[split.path[1:].partition("/")[0]] += 1
    return opened


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.proof)])
def test_all_links_of_mails_are_opened_and_nothing_changes(
    pages: AsgiClient, stage: SeededOffice, post: Post, count: int
) -> None:
    templates = ["digest"]
    if count == 1000:
        post.languages, templates = UN_LANGUAGES, ["digest", "press-release"]
    readers = count * 7 // 8 // len(templates)
    letters = count // 8 + len(LETTERS)
    for template in templates:
        post.edition(template, readers)
    post.letters(letters)
    mails = post.mails()
    assert len(mails) >= count
    found = sorted({link for mail in mails for link in links_of(mail)})
    assert all(links_of(mail) for mail in mails)

    before = dump_tables(stage.store)
    opened = open_all(pages, found)
    assert dump_tables(stage.store) == before
    print(f"{len(mails)} mails, {len(found)} links: {dict(opened)}")
    assert opened["c"] >= 3 * (letters // len(LETTERS))
    assert min(opened["u"], opened["p"]) >= len(templates) * readers
    assert opened["v"] > len(post.languages)


def test_links_of_those_who_have_left_or_paused_change_nothing_either(
    pages: AsgiClient, stage: SeededOffice, post: Post, clock: OfficeClock
) -> None:
    """A mail is scanned again, years later."""
    post.edition("digest", 6)
    found = sorted({link for mail in post.mails() for link in links_of(mail)})
    with stage.store.begin() as tx:
        factories.unsubscribe_address(tx, "digest0@readers.example.net")
        paused = tx.subscribers.find_subscriber("digest1@readers.example.net")
        assert paused is not None
        preferences.pause_memberships(tx, paused, [stage.news], 7 * DAY, NOW)
        factories.suppress_address(tx, "digest2@readers.example.net")
    clock.now = NOW + 1000 * DAY
    before = dump_tables(stage.store)
    open_all(pages, found)
    assert dump_tables(stage.store) == before
