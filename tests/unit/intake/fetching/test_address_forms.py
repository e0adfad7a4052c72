"""No form of an inner address is connected to: not one socket is opened for hundreds of them."""

from collections.abc import Iterator
from itertools import count

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import FetchGuard, fetch_url
from tests.loopback import ConnectionAttempts, watch_connections
from tests.unit.intake.fetching.address_forms import PUBLIC, list_hosts, list_look_up_answers

HOSTS = list_hosts()
ANSWERS = list_look_up_answers()


@pytest.fixture(autouse=True)
def seen() -> Iterator[ConnectionAttempts]:
    with watch_connections() as seen:
        yield seen


def refused(url: str, guard: FetchGuard) -> FetchError:
    with pytest.raises(FetchError) as raised:
        fetch_url(url, guard=guard)
    return raised.value


def answering(*answers: str) -> FetchGuard:
    return FetchGuard(look_up=lambda name, port: answers)


def no_look_up(name: str, port: int) -> list[str]:
    raise AssertionError(f"{name} was looked up")


def test_there_are_hundreds_of_forms() -> None:
    assert len(HOSTS) >= 300
    assert len(ANSWERS) >= 150


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_that_names_an_inner_host_is_refused_before_any_look_up(
    seen: ConnectionAttempts, host: str
) -> None:
    error = refused(f"http://{host}/feed", FetchGuard(look_up=no_look_up))
    assert error.is_permanent
    assert error.where
    assert (seen.connects, seen.look_ups) == ([], [])


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_name_that_leads_to_an_inner_address_is_refused(
    seen: ConnectionAttempts, answer: str
) -> None:
    error = refused("https://feeds.example.org/", answering(answer))
    assert error.is_permanent
    assert "not public" in error.message
    assert answer not in str(error)
    assert seen.connects == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_one_inner_address_among_public_ones_is_a_trick(
    seen: ConnectionAttempts, answer: str
) -> None:
    for mix in ((PUBLIC[0], answer), (answer, PUBLIC[0]), (*PUBLIC, answer)):
        assert refused("http://feeds.example.org/", answering(*mix)).is_permanent
    assert seen.connects == []


def test_a_name_that_answers_otherwise_the_second_time_is_never_asked_twice(
    seen: ConnectionAttempts,
) -> None:
    asked = count()

    def rebinding(name: str, port: int) -> list[str]:
        return ["::1" if next(asked) else "2001:4860:4860::8888"]

    checked: list[object] = []

    def never(address: object) -> bool:
        checked.append(address)
        return False

    guard = FetchGuard(look_up=rebinding, is_allowed=never)
    refused("http://feeds.example.org/", guard)
    assert next(asked) == 1
    assert [str(address) for address in checked] == ["2001:4860:4860::8888"]
    assert seen.connects == []


@pytest.mark.parametrize(
    "port", [0, 1, 22, 25, 81, 3306, 5432, 6379, 8000, 9200, 11211, 65536, 99999]
)
def test_a_port_that_no_web_site_is_on_is_refused(seen: ConnectionAttempts, port: int) -> None:
    error = refused(f"http://feeds.example.org:{port}/", FetchGuard(look_up=no_look_up))
    assert error.is_permanent
    assert seen.connects == []


def test_the_hook_does_see_a_connection(seen: ConnectionAttempts) -> None:
    guard = FetchGuard(
        look_up=lambda name, port: ["127.0.0.1"], is_allowed=lambda address: True, ports={1}
    )
    error = refused("http://feeds.example.org:1/", guard)
    assert not error.is_permanent
    assert seen.connects == [("127.0.0.1", 1)]
