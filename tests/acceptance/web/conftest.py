"""One browser and one office for all tests; each test has a reader of its own."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.acceptance.web.browser import EVERY_WIDTH, BrowserReader, JourneyVariant, open_tab
from tests.acceptance.web.fixtures import ServedOffice, serve_office
from tests.conftest import make_office_settings, skip_without
from tests.fake_relay import Relay

JOURNEY_VARIANTS = (
    JourneyVariant("en", "phone"),
    JourneyVariant("fr", "desktop"),
    JourneyVariant("ar", "phone"),
    JourneyVariant("en", "desktop", scripts=False),
)
SHORT_VARIANTS = 2
"""Number of variants of each journey in the suite, one after the other; `make proofs` has all."""

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--process-per-site",
    "--disable-site-isolation-trials",
]
"""Builds run as root, and Chromium's sandbox does not work for root; only our own pages are
opened."""

_numbers = count(1)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium. It ends with these tests, because asyncio cannot be used in a thread
    while Playwright runs in it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        skip_without("Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def office(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[ServedOffice]:
    home = tmp_path_factory.mktemp("office")
    database = home / "subscribers.db"
    shutil.copy(sqlite_template, database)
    with (
        Relay() as relay,
        serve_office(make_office_settings(home), database, relay) as served_office,
    ):
        yield served_office


@pytest.fixture(scope="package")
def tabs(browser: Browser) -> dict[JourneyVariant, Page]:
    return {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each journey its variants: neighbours in a file have different ones."""
    if "reader" not in metafunc.fixturenames:
        return
    variants = list(JOURNEY_VARIANTS)
    if not EVERY_WIDTH:
        journeys = [name for name in vars(metafunc.module) if name.startswith("test_")]
        start = journeys.index(metafunc.function.__name__) * SHORT_VARIANTS
        variants = [variants[(start + n) % len(variants)] for n in range(SHORT_VARIANTS)]
    metafunc.parametrize("reader", variants, indirect=True, ids=lambda variant: variant.name)


@pytest.fixture
def reader(
    browser: Browser,
    office: ServedOffice,
    tabs: dict[JourneyVariant, Page],
    request: pytest.FixtureRequest,
) -> Iterator[BrowserReader]:
    """A new reader, in each language, and once without scripts."""
    variant: JourneyVariant = request.param
    if variant not in tabs:
        tabs[variant] = open_tab(browser, variant)
    number = next(_numbers)
    # Sign-ups are limited by network.
    new_reader = BrowserReader(
        office, variant, tabs[variant], f"reader{number}@example.org", f"192.0.2.{number}"
    )
    yield new_reader
    new_reader.leave_site()
