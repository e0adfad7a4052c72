"""A real worker answers a good sign-up although strangers sign up with addresses that refuse us."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailer import config
from mailer.app.mailer import get_utc_now
from mailer.audience.signup import confirmations
from mailer.model.signup import MailLimit, SignUpWishes
from mailer.store import Store
from tests.actors import STAFF
from tests.conftest import KEY
from tests.fake_relay import Relay, Step
from tests.integration import factories
from tests.integration.worker.test_process import office_home, start_worker

__all__ = ["office_home"]

GOOD = "good@example.org"

NO_LIMIT = MailLimit(0)

REPLIES = ("550 Unrouteable address", "550 5.7.1 blocked", "550 no", "550 5.1.90 daily limit")


@contextmanager
def run_worker_process(home: Path) -> Iterator[None]:
    process = start_worker(home)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def sign_up_addresses(home: Path, *addresses: str) -> None:
    settings = config.load_settings(home / "config/mailer.toml", environ={})
    store = Store(settings.database_url, KEY)
    try:
        with store.begin() as tx:
            for address in addresses:
                sign_up = confirmations.build_sign_up(
                    tx, address, SignUpWishes(("news",)), "en", "page"
                )
                confirmations.request_confirmation(tx, STAFF, NO_LIMIT, sign_up, get_utc_now())
    finally:
        store.close()


def add_news_list(home: Path) -> None:
    settings = config.load_settings(home / "config/mailer.toml", environ={})
    store = Store(settings.database_url, KEY)
    with store.begin() as tx:
        factories.add_mailing_list(tx)
    store.close()


def wait_for_mail(relay: Relay, address: str, seconds: float) -> float:
    """Wait until the relay has accepted a mail, and return the seconds that this took."""
    started_at = time.monotonic()
    while address not in relay.accepted:
        assert time.monotonic() - started_at < seconds, f"nothing for {address}"
        time.sleep(0.05)
    return time.monotonic() - started_at


def flood_worker(home: Path, relay: Relay, reply: str, count: int, waves: int) -> None:
    add_news_list(home)
    with run_worker_process(home):
        for wave in range(waves):
            bogus = [f"u{wave}-{number}@b{wave}-{number % 40}.example" for number in range(count)]
            for address in bogus:
                relay.answer_always(Step.RCPT, reply, to=address)
            sign_up_addresses(home, *bogus, f"{wave}{GOOD}")
            assert wait_for_mail(relay, f"{wave}{GOOD}", 60) < 60


def test_bogus_sign_ups_delay_good_one_by_under_a_minute(office_home: Path, relay: Relay) -> None:
    flood_worker(office_home, relay, REPLIES[0], count=25, waves=2)


@pytest.mark.proof
@pytest.mark.parametrize("reply", REPLIES)
def test_waves_of_200_bogus_sign_ups_delay_good_ones_by_under_a_minute(
    office_home: Path, relay: Relay, reply: str
) -> None:
    flood_worker(office_home, relay, reply, count=200, waves=4)
