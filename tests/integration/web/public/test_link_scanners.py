"""Scanners open every link of every mail before its reader does: that changes nothing.

The mails are those that a relay was given: editions, and service mails about sign-ups.
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
SERVICE_MAILS = ("confirm", "known", "welcome", "new-address")
METHODS = ("HEAD", "GET")
"""Methods by which each link is opened, in this order."""
FEW_LANGUAGES = ("en", "ar")
"""Languages of the short version of the test, because composing takes time."""


def read_parts(mail: EmailMessage) -> tuple[str, str]:
    """Return the plain text and the HTML of a mail."""
    text_part, html_part = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text_part is not None
    return str(text_part.get_content()), str(
        html_part.get_content()
    ) if html_part is not None else ""


def find_our_urls(mail: EmailMessage) -> set[str]:
    """Return our own links in a mail, in its headers and in both parts."""
    plain_text, html_text = read_parts(mail)
    urls = set(re.findall(r"https?://[^\s<>\"]+", plain_text))
    for header in ("List-Unsubscribe", "List-Archive", "List-Subscribe", "List-Help"):
        urls |= {*re.findall(r"<(https?://[^>]+)>", str(mail[header] or ""))}
    if html_text:
        urls |= {link for _, _, link, _ in lxml_html.document_fromstring(html_text).iterlinks()}
    return {one for one in urls if one.startswith(SITE)}


class MailScenario:
    """Sends editions and service mails, and reads them from the relay."""

    def __init__(self, seeded_office: SeededOffice, relay: Relay, pages: AsgiClient) -> None:
        self.languages: tuple[str, ...] = FEW_LANGUAGES
        self.office = seeded_office
        self.relay = relay
        self.pages = pages
        self.scheduler = Scheduler(
            seeded_office.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0
        )

    def run_worker(self) -> None:
        assert self.scheduler.run_tick()
        self.office.mailer.deliver_editions([], Event(), follow_new=True)

    def read_mails(self) -> list[EmailMessage]:
        return [message_from_bytes(one.data, policy=policy.default) for one in self.relay.received]

    # ---- editions -------------------------------------------------------------------------------

    def send_edition(self, template: str, count: int) -> Edition:
        """Send an edition to `count` new members, in all languages and with different stories, and
        to the rest of the list."""
        mailer = self.office.mailer
        slugs = [f"{template}-{number}" for number in range(7)]
        with self.office.store.begin() as tx:
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
            edition = factories.create_edition(tx, *slugs, template=template)
            started_edition, _ = editions.start_edition(
                tx,
                STAFF,
                editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock()),
                mailer.renderer,
                mailer.clock(),
            )
        mailer.deliver_editions([started_edition], Event())
        return started_edition

    # ---- service mails --------------------------------------------------------------------------

    def send_service_mails(self, count: int) -> None:
        """Send about `count` service mails, of all kinds."""
        count_per_kind = count // len(SERVICE_MAILS)
        with self.office.store.begin() as tx:
            lists.edit_list(tx, STAFF, "press", {"welcome": True})
        self._request_sign_ups("confirm", count_per_kind, "news")
        self._request_sign_ups("welcome", count_per_kind, "press")
        for number in range(count_per_kind):
            self.office.add_person(f"known{number}@readers.example.net")
        self._request_sign_ups("known", count_per_kind, "news")
        self._request_address_changes(count_per_kind)
        self.run_worker()
        for mail in self.read_mails():
            if str(mail["To"]).startswith("welcome"):
                (confirm_path,) = {
                    urlsplit(one).path for one in find_our_urls(mail) if "/c/" in one
                }
                assert self.pages.send_form(confirm_path).status == 200
        self.run_worker()

    def _request_sign_ups(self, name: str, count: int, list_slug: str) -> None:
        with self.office.store.begin() as tx:
            for number in range(count):
                sign_up = confirmations.build_sign_up(
                    tx,
                    f"{name}{number}@readers.example.net",
                    SignUpWishes(lists=(list_slug,)),
                    self.languages[number % len(self.languages)],
                    source="x",
                )
                confirmations.request_confirmation(tx, STAFF, NO_LIMIT, sign_up, NOW)

    def _request_address_changes(self, count: int) -> None:
        for number in range(count):
            subscriber = self.office.add_person(f"moves{number}@readers.example.net")
            new_address = f"moved{number}@readers.example.net"
            with self.office.store.begin() as tx:
                address_change = confirmations.build_address_change(
                    tx, subscriber.id, new_address, "en", "x"
                )
                confirmations.request_confirmation(tx, STAFF, NO_LIMIT, address_change, NOW)


@pytest.fixture
def scenario(seeded_office: SeededOffice, relay: Relay, pages: AsgiClient) -> MailScenario:
    return MailScenario(seeded_office, relay, pages)


def open_urls(pages: AsgiClient, links: list[str]) -> Counter[str]:
    """Open all URLs, which must work, and return how many lead to each page."""
    opened_by_page: Counter[str] = Counter()
    for link in links:
        url_parts = urlsplit(link)
        target = url_parts.path + (f"?{url_parts.query}" if url_parts.query else "")
        for method in METHODS:
            answer = pages.send_request(method, target)
            assert answer.status == 200, (method, link, answer)
        opened_by_page[url_parts.path[1:].partition("/")[0]] += 1
    return opened_by_page


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.proof)])
def test_scanner_that_opens_every_link_changes_nothing(
    pages: AsgiClient, seeded_office: SeededOffice, scenario: MailScenario, count: int
) -> None:
    templates = ["digest"]
    if count == 1000:
        scenario.languages, templates = UN_LANGUAGES, ["digest", "press-release"]
    reader_count = count * 7 // 8 // len(templates)
    service_mail_count = count // 8 + len(SERVICE_MAILS)
    for template in templates:
        scenario.send_edition(template, reader_count)
    scenario.send_service_mails(service_mail_count)
    mails = scenario.read_mails()
    assert len(mails) >= count
    urls = sorted({link for mail in mails for link in find_our_urls(mail)})
    assert all(find_our_urls(mail) for mail in mails)

    before = dump_tables(seeded_office.store)
    opened_by_page = open_urls(pages, urls)
    assert dump_tables(seeded_office.store) == before
    print(f"{len(mails)} mails, {len(urls)} links: {dict(opened_by_page)}")
    assert opened_by_page["c"] >= 3 * (service_mail_count // len(SERVICE_MAILS))
    assert min(opened_by_page["u"], opened_by_page["p"]) >= len(templates) * reader_count
    assert opened_by_page["v"] > len(scenario.languages)


def test_scanner_changes_nothing_for_former_or_paused_members(
    pages: AsgiClient, seeded_office: SeededOffice, scenario: MailScenario, clock: OfficeClock
) -> None:
    """A mail may be scanned again years later."""
    scenario.send_edition("digest", 6)
    urls = sorted({link for mail in scenario.read_mails() for link in find_our_urls(mail)})
    with seeded_office.store.begin() as tx:
        factories.unsubscribe_address(tx, "digest0@readers.example.net")
        paused = tx.subscribers.find_subscriber("digest1@readers.example.net")
        assert paused is not None
        preferences.pause_memberships(tx, STAFF, paused, [seeded_office.news], 7 * DAY, NOW)
        factories.suppress_address(tx, "digest2@readers.example.net")
    clock.now = NOW + 1000 * DAY
    before = dump_tables(seeded_office.store)
    open_urls(pages, urls)
    assert dump_tables(seeded_office.store) == before
