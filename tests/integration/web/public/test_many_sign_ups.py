"""Somebody has an address signed up again and again, from everywhere: its owner gets one mail."""

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
"""One mailbox, for nearly every host that there is."""
LISTS = (["news"], ["press"], ["news", "press"])
AT_ONCE = 8


@pytest.fixture
def stage(mailer: Mailer, clock: Callable[[], datetime]) -> SeededOffice:
    """Without a limit for a mail domain, which would make it too easy."""
    signup = mailer.settings.signup.model_copy(update={"per_domain": 0})
    settings = mailer.settings.model_copy(update={"signup": signup})
    return seed_office(Mailer(settings, mailer.store, clock))


@pytest.fixture
def pages(stage: SeededOffice) -> Iterator[AsgiClient]:
    with open_client(create_public_app(stage.mailer, create_logger(StringIO()))) as opened:
        yield opened


@pytest.fixture
def work(stage: SeededOffice) -> Callable[[], None]:
    """What the worker does in a tick, and a run of all that is due."""
    keeper = Scheduler(stage.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0)

    def work() -> None:
        assert keeper.run_tick()
        stage.mailer.deliver_editions([], Event(), follow_new=True)

    return work


def attack(pages: AsgiClient, count: int, clients: int, *, seed: int = 1) -> dict[int, int]:
    """`count` sign-ups for one mailbox, several at a time; how many got which answer."""
    dice = random.Random(seed)

    def one(number: int) -> int:
        client = number % clients
        fields = {
            "email": dice.choice(SPELLINGS),
            "list": dice.choice(LISTS),
            "language": dice.choice(("en", "fr", "")),
        }
        return pages.send_form(
            "/subscribe", fields, client=f"198.18.{client // 250}.{client % 250 + 1}"
        ).status

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = list(threads.map(one, range(count)))
    return {status: found.count(status) for status in {*found}}


def to_victim(relay: Relay) -> list[str]:
    return [one for one in relay.accepted if one.lower().startswith("victim")]


@pytest.mark.parametrize(
    ("count", "clients"), [(500, 100), pytest.param(10_000, 1000, marks=pytest.mark.proof)]
)
def test_many_sign_ups_from_many_clients_are_one_mail(
    pages: AsgiClient,
    stage: SeededOffice,
    relay: Relay,
    work: Callable[[], None],
    count: int,
    clients: int,
) -> None:
    answers = attack(pages, count // 2, clients, seed=1)
    work()
    assert len(to_victim(relay)) == 1
    more = attack(pages, count - count // 2, clients, seed=2)
    work()
    work()
    assert (answers, more) == ({200: count // 2}, {200: count - count // 2})
    assert len(to_victim(relay)) == 1
    assert stage.find_subscriber(VICTIM) is None


@pytest.mark.parametrize("standing", ["known", "left", "paused"])
def test_it_is_one_mail_to_whoever_is_known_too(
    pages: AsgiClient, stage: SeededOffice, relay: Relay, work: Callable[[], None], standing: str
) -> None:
    for number in range(60):
        fields = {"email": ADDRESSES[standing], "list": "news"}
        assert pages.send_form("/subscribe", fields, client=f"198.18.0.{number}").status == 200
        if number % 20 == 0:
            work()
    work()
    assert relay.accepted == [ADDRESSES[standing]]


def test_it_is_no_mail_to_whoever_must_not_be_mailed(
    pages: AsgiClient, stage: SeededOffice, relay: Relay, work: Callable[[], None]
) -> None:
    for standing in ("suppressed", "erased"):
        for number in range(30):
            fields = {"email": ADDRESSES[standing], "list": "news"}
            assert pages.send_form("/subscribe", fields, client=f"198.18.0.{number}").status == 200
    work()
    assert relay.accepted == []


def test_one_client_is_stopped_after_twenty(pages: AsgiClient, clock: OfficeClock) -> None:
    """An IPv6 network is one client."""
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


def test_the_next_hour_it_is_a_second_mail_at_most(
    pages: AsgiClient, relay: Relay, work: Callable[[], None], clock: OfficeClock
) -> None:
    for _ in range(3):
        attack(pages, 40, 10)
        work()
        clock.now += HOUR
    assert len(to_victim(relay)) == 3
