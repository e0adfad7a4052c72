"""One browser and one office for all journeys; each journey has a reader of its own."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.acceptance.web.office import Office, serving
from tests.acceptance.web.reader import Kind, Reader, open_page
from tests.conftest import office_settings
from tests.smtpd import Relay

KINDS = (
    Kind("en", "phone"),
    Kind("fr", "desktop"),
    Kind("ar", "phone"),
    Kind("en", "desktop", scripts=False),
)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--process-per-site", "--disable-site-isolation-trials"]  # fmt: skip
"""Chromium's own sandbox can't be had by root, who builds run as; only our own pages are opened."""

_numbers = count(1)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium. It ends with these tests: while Playwright runs, asyncio can't be used
    in its thread."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("office")
    database = home / "subscribers.db"
    shutil.copy(sqlite_template, database)
    with Relay() as relay, serving(office_settings(home), database, relay) as running:
        yield running


@pytest.fixture(scope="package")
def tabs(browser: Browser) -> dict[Kind, Page]:
    return {}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def reader(
    browser: Browser, office: Office, tabs: dict[Kind, Page], request: pytest.FixtureRequest
) -> Iterator[Reader]:
    """Somebody new, in each language, and once without scripts."""
    kind: Kind = request.param
    if kind not in tabs:
        tabs[kind] = open_page(browser, kind)
    number = next(_numbers)
    # Sign-ups are counted by network.
    found = Reader(office, kind, tabs[kind], f"reader{number}@example.org", f"192.0.2.{number}")
    yield found
    found.go()
