"""An attacker signs an address up again and again, from many networks: its owner gets one mail."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from io import StringIO
from threading import Event

import pytest

from mailer.app import Mailer
from mailer.log import create_logger
from mailer.web.public import create_public_app
from mailer.worker import Scheduler
from tests.fake_relay import Relay
from tests.integration.factories import HOUR
from tests.integration.web.public.asgi import AsgiClient, open_client
from tests.integration.web.public.conftest import OfficeClock
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, seed_office

VICTIM = "victim@readers.example.org"
SPELLINGS = (
    VICTIM,
    "Victim@readers.example.org",
    "VICTIM@READERS.EXAMPLE.ORG",
    " victim@Readers.Example.Org ",
    "victim+news@readers.example.org",
    "Victim+a+b@readers.example.org",
)
"""Spellings of one mailbox, for nearly every mail host."""
LISTS = (["news"], ["press"], ["news", "press"])
THREADS = 8


@pytest.fixture
def seeded_office(mailer: Mailer, clock: Callable[[], datetime]) -> SeededOffice:
    """An office without the limit for a mail domain, which would stop the attack too early."""
    signup = mailer.settings.signup.model_copy(update={"per_domain": 0})
    settings = mailer.settings.model_copy(update={"signup": signup})
    return seed_office(Mailer(settings, mailer.store, clock))


@pytest.fixture
def pages(seeded_office: SeededOffice) -> Iterator[AsgiClient]:
    with open_client(create_public_app(seeded_office.mailer, create_logger(StringIO()))) as client:
        yield client


@pytest.fixture
def run_worker(seeded_office: SeededOffice) -> Callable[[], None]:
    """Run one tick of the worker, and deliver everything that is due."""
    scheduler = Scheduler(seeded_office.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0)

    def run_worker() -> None:
        assert scheduler.run_tick()
        seeded_office.mailer.deliver_editions([], Event(), follow_new=True)

    return run_worker


def send_sign_ups(pages: AsgiClient, count: int, clients: int, *, seed: int = 1) -> dict[int, int]:
    """Send `count` sign-ups for one mailbox, several at a time. Return the count of each status."""
    random_source = random.Random(seed)

    def send_sign_up(number: int) -> int:
        client = number % clients
        fields = {
            "email": random_source.choice(SPELLINGS),
            "list": random_source.choice(LISTS),
            "language": random_source.choice(("en", "fr", "")),
        }
        return pages.send_form(
            "/subscribe", fields, client=f"198.18.{client // 250}.{client % 250 + 1}"
        ).status

    with ThreadPoolExecutor(THREADS) as threads:
        statuses = list(threads.map(send_sign_up, range(count)))
    return {status: statuses.count(status) for status in {*statuses}}


def list_mails_to_victim(relay: Relay) -> list[str]:
    return [address for address in relay.accepted if address.lower().startswith("victim")]


@pytest.mark.parametrize(
    ("count", "clients"), [(500, 100), pytest.param(10_000, 1000, marks=pytest.mark.proof)]
)
def test_many_sign_ups_of_an_address_send_one_mail(
    pages: AsgiClient,
    seeded_office: SeededOffice,
    relay: Relay,
    run_worker: Callable[[], None],
    count: int,
    clients: int,
) -> None:
    answers = send_sign_ups(pages, count // 2, clients, seed=1)
    run_worker()
    assert len(list_mails_to_victim(relay)) == 1
    later_answers = send_sign_ups(pages, count - count // 2, clients, seed=2)
    run_worker()
    run_worker()
    assert (answers, later_answers) == ({200: count // 2}, {200: count - count // 2})
    assert len(list_mails_to_victim(relay)) == 1
    assert seeded_office.find_subscriber(VICTIM) is None


@pytest.mark.parametrize("standing", ["known", "left", "paused"])
def test_many_sign_ups_of_a_known_address_send_one_mail(
    pages: AsgiClient,
    seeded_office: SeededOffice,
    relay: Relay,
    run_worker: Callable[[], None],
    standing: str,
) -> None:
    for number in range(60):
        fields = {"email": ADDRESSES[standing], "list": "news"}
        assert pages.send_form("/subscribe", fields, client=f"198.18.0.{number}").status == 200
        if number % 20 == 0:
            run_worker()
    run_worker()
    assert relay.accepted == [ADDRESSES[standing]]


def test_sign_ups_of_suppressed_or_erased_addresses_send_no_mail(
    pages: AsgiClient, seeded_office: SeededOffice, relay: Relay, run_worker: Callable[[], None]
) -> None:
    for standing in ("suppressed", "erased"):
        for number in range(30):
            fields = {"email": ADDRESSES[standing], "list": "news"}
            assert pages.send_form("/subscribe", fields, client=f"198.18.0.{number}").status == 200
    run_worker()
    assert relay.accepted == []


def test_sign_ups_of_one_client_are_limited_to_twenty(
    pages: AsgiClient, clock: OfficeClock
) -> None:
    """An IPv6 network counts as one client."""
    for host in ("198.18.0.1", "2001:db8:1:2::{:x}"):
        answers = [
            pages.send_form(
                "/subscribe",
                {"email": f"reader{number}@example.org", "list": "news"},
                client=host.format(number + 1),
            )
            for number in range(25)
        ]
        assert [one.status for one in answers] == [200] * 20 + [429] * 5
        assert answers[-1].get_header("retry-after") == "3600"
    clock.now += HOUR
    assert pages.send_form("/subscribe", {"email": VICTIM, "list": "news"}).status == 200


def test_unanswered_mails_to_an_address_grow_rarer(
    pages: AsgiClient, relay: Relay, run_worker: Callable[[], None], clock: OfficeClock
) -> None:
    moment, mail_counts = clock.now, []
    for hours in (0, 1, 2, 24, 25, 72, 73, 168, 169, 264, 265):
        clock.now = moment + hours * HOUR
        send_sign_ups(pages, 8, 4)
        run_worker()
        mail_counts.append(len(list_mails_to_victim(relay)))
    assert mail_counts == [1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6]


def test_sign_ups_of_an_ipv6_site_are_limited(pages: AsgiClient) -> None:
    """A customer has a /56 or a /48, in which each request may come from another /64."""
    for host, accepted in (("2001:db8:1:{:x}::1", 20), ("2001:db8:2:{:x}00::1", 40)):
        answers = [
            pages.send_form(
                "/subscribe",
                {"email": f"reader{number}@example.org", "list": "news"},
                client=host.format(number),
            ).status
            for number in range(50)
        ]
        assert answers == [200] * accepted + [429] * (50 - accepted)
