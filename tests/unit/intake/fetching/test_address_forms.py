"""No form of an inner address is connected to: hundreds of forms open not one socket."""

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
def attempts() -> Iterator[ConnectionAttempts]:
    with watch_connections() as attempts:
        yield attempts


def check_refusal(url: str, guard: FetchGuard) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch_url(url, guard=guard)
    return caught.value


def make_guard(*answers: str) -> FetchGuard:
    return FetchGuard(look_up=lambda name, port: answers)


def fail_look_up(name: str, port: int) -> list[str]:
    raise AssertionError(f"{name} was looked up")


def test_address_forms_are_hundreds() -> None:
    assert len(HOSTS) >= 300
    assert len(ANSWERS) >= 150


@pytest.mark.parametrize("host", HOSTS)
def test_fetch_of_inner_host_is_refused_before_look_up(
    attempts: ConnectionAttempts, host: str
) -> None:
    error = check_refusal(f"http://{host}/feed", FetchGuard(look_up=fail_look_up))
    assert error.is_permanent
    assert error.where
    assert (attempts.connects, attempts.look_ups) == ([], [])


@pytest.mark.parametrize("answer", ANSWERS)
def test_fetch_of_name_with_inner_address_is_refused(
    attempts: ConnectionAttempts, answer: str
) -> None:
    error = check_refusal("https://feeds.example.org/", make_guard(answer))
    assert error.is_permanent
    assert "not public" in error.message
    assert answer not in str(error)
    assert attempts.connects == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_fetch_of_name_with_public_and_inner_addresses_is_refused(
    attempts: ConnectionAttempts, answer: str
) -> None:
    for mix in ((PUBLIC[0], answer), (answer, PUBLIC[0]), (*PUBLIC, answer)):
        assert check_refusal("http://feeds.example.org/", make_guard(*mix)).is_permanent
    assert attempts.connects == []


def test_dns_rebinding_name_is_looked_up_only_once(
    attempts: ConnectionAttempts,
) -> None:
    look_ups = count()

    def look_up(name: str, port: int) -> list[str]:
        return ["::1" if next(look_ups) else "2001:4860:4860::8888"]

    checked: list[object] = []

    def refuse(address: object) -> bool:
        checked.append(address)
        return False

    guard = FetchGuard(look_up=look_up, is_allowed=refuse)
    check_refusal("http://feeds.example.org/", guard)
    assert next(look_ups) == 1
    assert [str(address) for address in checked] == ["2001:4860:4860::8888"]
    assert attempts.connects == []


@pytest.mark.parametrize(
    "port", [0, 1, 22, 25, 81, 3306, 5432, 6379, 8000, 9200, 11211, 65536, 99999]
)
def test_fetch_of_unusual_port_is_refused(attempts: ConnectionAttempts, port: int) -> None:
    error = check_refusal(f"http://feeds.example.org:{port}/", FetchGuard(look_up=fail_look_up))
    assert error.is_permanent
    assert attempts.connects == []


def test_connection_hook_records_connections(attempts: ConnectionAttempts) -> None:
    guard = FetchGuard(
        look_up=lambda name, port: ["127.0.0.1"], is_allowed=lambda address: True, ports={1}
    )
    error = check_refusal("http://feeds.example.org:1/", guard)
    assert not error.is_permanent
    assert attempts.connects == [("127.0.0.1", 1)]
