"""No form of an inner address is connected to: not one socket is opened for hundreds of them."""

from collections.abc import Iterator
from itertools import count

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import Guard, fetch
from tests.connects import Seen, watched
from tests.unit.intake.fetching.forms import PUBLIC, answers, hosts

HOSTS = hosts()
ANSWERS = answers()


@pytest.fixture(autouse=True)
def seen() -> Iterator[Seen]:
    with watched() as seen:
        yield seen


def refused(url: str, guard: Guard) -> FetchError:
    with pytest.raises(FetchError) as raised:
        fetch(url, guard=guard)
    return raised.value


def answering(*answers: str) -> Guard:
    return Guard(look_up=lambda name, port: answers)


def no_look_up(name: str, port: int) -> list[str]:
    raise AssertionError(f"{name} was looked up")


def test_there_are_hundreds_of_forms() -> None:
    assert len(HOSTS) >= 300
    assert len(ANSWERS) >= 150


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_that_names_an_inner_host_is_refused_before_any_look_up(
    seen: Seen, host: str
) -> None:
    error = refused(f"http://{host}/feed", Guard(look_up=no_look_up))
    assert error.lasting
    assert error.where
    assert (seen.connects, seen.look_ups) == ([], [])


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_name_that_leads_to_an_inner_address_is_refused(seen: Seen, answer: str) -> None:
    error = refused("https://feeds.example.org/", answering(answer))
    assert error.lasting
    assert "not public" in error.what
    assert answer not in str(error)
    assert seen.connects == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_one_inner_address_among_public_ones_is_a_trick(seen: Seen, answer: str) -> None:
    for mix in ((PUBLIC[0], answer), (answer, PUBLIC[0]), (*PUBLIC, answer)):
        assert refused("http://feeds.example.org/", answering(*mix)).lasting
    assert seen.connects == []


def test_a_name_that_answers_otherwise_the_second_time_is_never_asked_twice(seen: Seen) -> None:
    asked = count()

    def rebinding(name: str, port: int) -> list[str]:
        return ["::1" if next(asked) else "2001:4860:4860::8888"]

    checked: list[object] = []

    def never(address: object) -> bool:
        checked.append(address)
        return False

    guard = Guard(look_up=rebinding, public=never)
    refused("http://feeds.example.org/", guard)
    assert next(asked) == 1
    assert [str(address) for address in checked] == ["2001:4860:4860::8888"]
    assert seen.connects == []


@pytest.mark.parametrize(
    "port", [0, 1, 22, 25, 81, 3306, 5432, 6379, 8000, 9200, 11211, 65536, 99999]
)
def test_a_port_that_no_web_site_is_on_is_refused(seen: Seen, port: int) -> None:
    error = refused(f"http://feeds.example.org:{port}/", Guard(look_up=no_look_up))
    assert error.lasting
    assert seen.connects == []


def test_the_hook_does_see_a_connection(seen: Seen) -> None:
    guard = Guard(look_up=lambda name, port: ["127.0.0.1"], public=lambda address: True, ports={1})
    error = refused("http://feeds.example.org:1/", guard)
    assert not error.lasting
    assert seen.connects == [("127.0.0.1", 1)]
