"""A real worker answers a good sign-up although strangers sign up with addresses that refuse us."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from mailer import config
from mailer.app.mailer import get_utc_now
from mailer.audience.signup import confirmations
from mailer.model.signup import MailLimit, SignUpWishes
from mailer.store import Store
from tests.actors import STAFF
from tests.conftest import KEY
from tests.fake_relay import Envelope, Relay, Step
from tests.integration import factories
from tests.integration.worker.test_process import office_home, start_worker
from tests.ports import find_free_port

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


@contextmanager
def run_pages_process(home: Path) -> Iterator[str]:
    """Run `mailer serve` until the context ends, and yield the address of its pages."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    config_option = f"--config={home / 'config/mailer.toml'}"
    process = subprocess.Popen(
        [sys.executable, "-m", "mailer", config_option, "serve", "--port", str(port)],
        env={"PATH": "/usr/bin", "HOME": str(home), "MAILER_WEB_BASE_URL": url},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the pages do not answer"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def send_sign_up_forms(url: str, *addresses: str) -> None:
    """Send the form of the sign-up page, each time from another network."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        for number, address in enumerate(addresses):
            answer = client.post(
                f"{url}/subscribe",
                data={"email": address, "list": "news", "language": "en"},
                headers={"X-Forwarded-For": f"198.{18 + number // 250 % 2}.{number % 250}.7"},
            )
            assert answer.status_code == 200, answer.text


def flood_worker(
    home: Path,
    relay: Relay,
    reply: str,
    count: int,
    waves: int,
    sign_up: Callable[..., None] | None = None,
) -> set[str]:
    """Sign up `count` addresses that are refused and a good one, `waves` times. Each good one must
    have its mail within a minute. Returns the refused addresses."""
    sign_up = sign_up or partial(sign_up_addresses, home)
    refused = set()

    def refuse_recipient(envelope: Envelope) -> str:
        refused.add(envelope.recipient)
        return reply

    add_news_list(home)
    with run_worker_process(home):
        for wave in range(waves):
            bogus = [f"u{wave}-{number}@b{wave}-{number % 40}.example" for number in range(count)]
            for address in bogus:
                relay.answer_always(Step.RCPT, refuse_recipient, to=address)
            sign_up(*bogus, f"{wave}{GOOD}")
            assert wait_for_mail(relay, f"{wave}{GOOD}", 60) < 60
    return refused


def test_bogus_sign_ups_delay_good_one_by_under_a_minute(office_home: Path, relay: Relay) -> None:
    flood_worker(office_home, relay, REPLIES[0], count=25, waves=2)


@pytest.mark.proof
@pytest.mark.parametrize("reply", REPLIES)
def test_waves_of_200_bogus_sign_ups_delay_good_ones_by_under_a_minute(
    office_home: Path, relay: Relay, reply: str
) -> None:
    flood_worker(office_home, relay, reply, count=200, waves=4)


@pytest.mark.proof
@pytest.mark.parametrize("reply", REPLIES)
def test_200_bogus_forms_delay_good_ones_by_under_a_minute(
    office_home: Path, relay: Relay, reply: str
) -> None:
    with run_pages_process(office_home) as url:
        sign_up = partial(send_sign_up_forms, url)
        refused = flood_worker(office_home, relay, reply, count=200, waves=2, sign_up=sign_up)
    assert len(refused) > 100, "limits of sign-ups must not hide the flood"
