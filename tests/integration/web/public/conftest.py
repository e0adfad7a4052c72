"""The public pages of an office with lists and people, on both databases, and their log.

After each test the log is searched: it must hold none of the tokens, addresses and words that the
test has sent."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from io import StringIO

import pytest

from mailer.app import Mailer
from mailer.log import create_logger
from mailer.web.public import create_public_app, response_cache
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient, open_client
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, seed_office


class OfficeClock:
    """The office's clock. It stands still until a test sets it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> OfficeClock:
    return OfficeClock()


@pytest.fixture
def seeded_office(mailer: Mailer, clock: Callable[[], datetime]) -> SeededOffice:
    return seed_office(Mailer(mailer.settings, mailer.store, clock))


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@pytest.fixture
def pages(
    seeded_office: SeededOffice,
    log: StringIO,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[AsgiClient]:
    monkeypatch.setattr(response_cache, "SECONDS", 0.0)  # so that a change is visible at once
    with (
        caplog.at_level(logging.INFO),
        open_client(create_public_app(seeded_office.mailer, create_logger(log))) as client,
    ):
        yield client
    logged_text = log.getvalue() + caplog.text
    check_log(log.getvalue())
    assert client.sent_secrets | {*ADDRESSES.values()}
    for word in client.sent_secrets | {*ADDRESSES.values()}:
        assert word not in logged_text, f"{word!r} is in the log"


REQUEST_LOG_KEYS = {"timestamp", "level", "event", "method", "route", "status", "ms"}


def check_log(log_text: str) -> None:
    """Check that each line is JSON, and that the line of a request has only these keys."""
    for line in log_text.splitlines():
        entry = json.loads(line)
        if entry["event"] == "request":
            assert {*entry} == REQUEST_LOG_KEYS, entry
            assert isinstance(entry["status"], int)
            assert entry["route"] == "(none)" or entry["route"].startswith("/")


@pytest.fixture
def without_limits(seeded_office: SeededOffice) -> None:
    """Switch off the rate limits, which would soon answer every request."""
    signup = seeded_office.mailer.settings.signup.model_copy(
        update={"per_client": 0, "per_domain": 0}
    )
    seeded_office.mailer.settings = seeded_office.mailer.settings.model_copy(
        update={"signup": signup}
    )
