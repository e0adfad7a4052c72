"""Counted links count clicks and never persons, and redirect only to what an edition holds."""

import re
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from io import StringIO

import pytest
from sqlalchemy import select

from mailer import editions, reports
from mailer.audience import lists
from mailer.audience.links import LinkPurpose
from mailer.delivery.reply_report import describe_reply
from mailer.languages import UN_LANGUAGES
from mailer.model.clicks import Clicker
from mailer.model.editions import Edition
from mailer.model.releases import Kill
from mailer.store import schema
from mailer.tokens import sign_token
from mailer.web.public.counted_links import encode_address
from tests.actors import AMINA, STAFF
from tests.conftest import KEY
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse
from tests.integration.web.public.conftest import OfficeClock
from tests.integration.web.public.fixtures import SeededOffice, dump_tables

SITE = "https://mail.example.org"
READERS = ("known@readers.example.org", "other@readers.example.org")
TARGETS = {
    "boats": "https://www.example.org/en/boats",
    "roads": "https://www.example.org/en/roads?a=1&b=2",
    "ports": "https://www.example.org/en/ports",
    "quays": "https://www.example.org/en/quays",
    "tides": "https://www.example.org/en/tides",
}


@dataclass(frozen=True)
class SentEdition:
    """An edition with counted links that two readers got, and the paths of its links."""

    edition: Edition
    paths: dict[str, str]
    mails: tuple[str, str]


@pytest.fixture
def sent(seeded_office: SeededOffice, relay: Relay, clock: OfficeClock) -> SentEdition:
    mailer = seeded_office.mailer
    with mailer.store.begin() as tx:
        lists.edit_list(tx, STAFF, "news", {"counts_clicks": True})
        factories.add_subscriber(tx, READERS[1], "health", name="Other Reader")
        for slug, url in TARGETS.items():
            factories.add_story(tx, slug, "health", canonical_url=url)
        edition = factories.create_edition(tx, *TARGETS, template="digest")
        edition = editions.approve_edition(tx, AMINA, edition, mailer.renderer, clock())
        edition, _ = editions.start_edition(tx, STAFF, edition, mailer.renderer, clock())
    mailer.deliver_editions([edition], threading.Event())
    mails = []
    for reader in READERS:
        (mail,) = relay.list_mails(reader)
        parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
        mails.append("".join(part.get_content() for part in parts if part is not None))
    paths = re.findall(rf"{SITE}(/r/[\w.-]+)", mails[0])
    by_order = dict(zip(TARGETS, dict.fromkeys(paths), strict=True))
    clock.now = NOW + timedelta(hours=1)
    return SentEdition(edition, by_order, (mails[0], mails[1]))


@pytest.fixture
def saved_clicks(pages: AsgiClient, seeded_office: SeededOffice) -> "ClickReader":
    return ClickReader(pages, seeded_office)


class ClickReader:
    """Reads the clicks that the pages have counted."""

    def __init__(self, pages: AsgiClient, office: SeededOffice) -> None:
        self._pages = pages
        self._office = office

    def read(self) -> dict[tuple[str, Clicker], int]:
        self._pages.app.state.site.click_counter.save_finished_visits(all_visits=True)
        with self._office.store.read() as tx:
            rows = tx.connection.execute(select(schema.click_count)).all()
        return {(row.story, Clicker(row.clicker)): row.clicks for row in rows}


def follow(pages: AsgiClient, path: str, **options: str) -> AsgiResponse:
    response = pages.get_page(path, **options)
    assert response.status == 302, response
    return response


def test_mails_of_all_readers_hold_the_same_addresses(sent: SentEdition) -> None:
    own, other = (set(re.findall(rf"{SITE}/r/[\w.-]+", mail)) for mail in sent.mails)
    assert own == other
    assert len(own) == len(TARGETS)
    for url in TARGETS.values():
        assert url.split("?")[0] not in sent.mails[0]
    assert "never who opens them" in " ".join(sent.mails[0].split())
    for page in ("u", "p", "v"):
        assert f"{SITE}/{page}/" in sent.mails[0]


def test_click_leads_to_the_story_and_is_counted_without_a_person(
    pages: AsgiClient, seeded_office: SeededOffice, sent: SentEdition, saved_clicks: ClickReader
) -> None:
    before = dump_tables(seeded_office.store)
    for client in ("192.0.2.8", "192.0.2.9"):
        response = follow(pages, sent.paths["roads"], client=client)
        assert response.get_header("location") == TARGETS["roads"]
        assert response.get_header("referrer-policy") == "no-referrer"
    follow(pages, sent.paths["boats"])
    assert saved_clicks.read() == {("roads", Clicker.READER): 2, ("boats", Clicker.READER): 1}
    after = dump_tables(seeded_office.store)
    changed = {table for table in after if after[table] != before[table]}
    assert changed == {"click_count"}
    assert "192.0.2" not in repr(after["click_count"])


def test_request_for_the_header_and_prefetch_are_machines(
    pages: AsgiClient, sent: SentEdition, saved_clicks: ClickReader
) -> None:
    assert pages.get_head(sent.paths["boats"]).status == 302
    headers = [("Sec-Purpose", "prefetch")]
    assert pages.get_page(sent.paths["roads"], headers=headers).status == 302
    assert saved_clicks.read() == {("boats", Clicker.MACHINE): 1, ("roads", Clicker.MACHINE): 1}


def test_scanner_that_opens_every_link_is_a_machine(
    pages: AsgiClient, sent: SentEdition, saved_clicks: ClickReader
) -> None:
    for path in sent.paths.values():
        follow(pages, path, client="192.0.2.66")
    follow(pages, sent.paths["boats"])
    counts = saved_clicks.read()
    assert counts.pop(("boats", Clicker.READER)) == 1
    assert counts == {(slug, Clicker.MACHINE): 1 for slug in TARGETS}


def test_click_at_the_start_of_an_edition_is_a_machine(
    pages: AsgiClient, sent: SentEdition, saved_clicks: ClickReader, clock: OfficeClock
) -> None:
    clock.now = NOW + timedelta(seconds=30)
    follow(pages, sent.paths["boats"])
    assert saved_clicks.read() == {("boats", Clicker.MACHINE): 1}


def test_unknown_and_forged_links_give_a_page_with_the_archive(
    pages: AsgiClient, sent: SentEdition, saved_clicks: ClickReader
) -> None:
    path = sent.paths["boats"]
    edition_id = sent.edition.id
    for token in (
        path.removeprefix("/r/")[:-1],
        f"{edition_id}.en.1.elsewhere",
        sign_token(KEY, LinkPurpose.CLICK, edition_id, "en", 99),
        sign_token(KEY, LinkPurpose.CLICK, edition_id, "fr", 1),
        sign_token(KEY, LinkPurpose.CLICK, edition_id + 99, "en", 1),
        sign_token(KEY, LinkPurpose.VIEW, edition_id, "en", 1),
        sign_token(KEY, LinkPurpose.CLICK, edition_id, "en"),
        sign_token(KEY, LinkPurpose.CLICK, "9" * 30, "en", 1),
    ):
        for language in UN_LANGUAGES:
            response = pages.get_page(f"/r/{token}?lang={language}")
            assert response.status == 404
            assert 'href="/archive' in response.text
            assert not response.get_header("location")
    assert saved_clicks.read() == {}


def test_link_of_a_killed_story_is_withdrawn_and_others_still_lead_on(
    pages: AsgiClient, seeded_office: SeededOffice, sent: SentEdition, saved_clicks: ClickReader
) -> None:
    with seeded_office.store.begin() as tx:
        kill = Kill("boats", {"": "Wrong"}, "Amina", NOW)
        tx.releases.save_kill(kill)
    assert follow(pages, sent.paths["boats"]).get_header("location") == TARGETS["boats"]
    with seeded_office.store.begin() as tx:
        tx.releases.save_kill(replace(kill, confirmed_by="Bela", confirmed_at=NOW))
    response = pages.get_page(sent.paths["boats"])
    assert response.status == 410
    assert not response.get_header("location")
    follow(pages, sent.paths["roads"])
    counts = saved_clicks.read()
    assert counts == {("boats", Clicker.READER): 1, ("roads", Clicker.READER): 1}


def test_list_that_no_longer_counts_still_leads_to_the_story(
    pages: AsgiClient, seeded_office: SeededOffice, sent: SentEdition, saved_clicks: ClickReader
) -> None:
    with seeded_office.store.begin() as tx:
        lists.edit_list(tx, STAFF, "news", {"counts_clicks": False})
    assert follow(pages, sent.paths["boats"]).get_header("location") == TARGETS["boats"]
    assert saved_clicks.read() == {}


def test_archive_leads_to_the_stories_themselves(pages: AsgiClient, sent: SentEdition) -> None:
    page = pages.get_page(f"/archive/news/{sent.edition.uid}").text
    assert TARGETS["boats"] in page
    assert "/r/" not in page


def test_report_shows_clicks_in_tens_only(
    pages: AsgiClient, seeded_office: SeededOffice, sent: SentEdition, saved_clicks: ClickReader
) -> None:
    for number in range(19):
        follow(pages, sent.paths["roads"], client=f"192.0.2.{number}")
    for number in range(9):
        follow(pages, sent.paths["boats"], client=f"192.0.2.{number}")
    saved_clicks.read()
    with seeded_office.store.read() as tx:
        report = reports.report_edition(tx, sent.edition.id, describe_reply)
    assert report.clicks is not None
    figures = {story.story: (story.readers, story.machines) for story in report.clicks}
    assert figures == {slug: (10 if slug == "roads" else None, None) for slug in TARGETS}


def test_log_has_the_route_and_no_token(
    pages: AsgiClient, sent: SentEdition, log: StringIO
) -> None:
    follow(pages, sent.paths["boats"])
    assert "/r/{token}" in log.getvalue()
    assert sent.paths["boats"].removeprefix("/r/") not in log.getvalue()


def test_consent_names_lists_that_count_clicks(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    path = seeded_office.build_confirm_path(
        seeded_office.add_sign_up("new@readers.example.org", "news", "press")
    )
    before = {language: find_consent(pages, path, language) for language in UN_LANGUAGES}
    with seeded_office.store.begin() as tx:
        lists.edit_list(tx, STAFF, "press", {"counts_clicks": True})
    for language, text in before.items():
        longer_text = find_consent(pages, path, language)
        assert longer_text.startswith(text)
        addition = longer_text.removeprefix(text)
        assert "Press" in addition
        assert "News" not in addition


def find_consent(pages: AsgiClient, path: str, language: str) -> str:
    match = re.search(
        r'<p class="agree">([^<]*)</p>', pages.get_page(f"{path}?lang={language}").text
    )
    assert match is not None
    return match[1]


@pytest.mark.parametrize(
    ("address", "location"),
    [
        (
            "https://www.example.org/é?a=ü%20b#ö",
            "https://www.example.org/%C3%A9?a=%C3%BC%20b#%C3%B6",
        ),
        ("https://пример.example:8443/путь", "https://xn--e1afmkfd.example:8443/"),
        ("https://例え.example?q=語", "https://xn--r8jz45g.example?q=%E8%AA%9E"),
        ("https://a\r\nSet-Cookie:x=1.example/", "https://a%0D%0ASet-Cookie:x=1.example/"),
        ("https://[2001:db8::1]:80/a%2Fb", "https://[2001:db8::1]:80/a%2Fb"),
        ("https://ä..example/", "https://%C3%A4..example/"),
    ],
)
def test_location_is_ascii(address: str, location: str) -> None:
    encoded = encode_address(address)
    assert encoded.startswith(location)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert encode_address(encoded) == encoded


@pytest.fixture(autouse=True)
def _slow_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread of the counter waits, so that a test counts when it asks for it."""
    monkeypatch.setattr("mailer.web.public.click_counter.ROUND_SECONDS", 60.0)
