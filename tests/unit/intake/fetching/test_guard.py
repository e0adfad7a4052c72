"""Look-ups: once, in time, and not without number."""

import socket
import threading
from collections.abc import Iterator

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import FetchGuard, FetchLimits, fetch_url
from mailer.intake.fetching.deadline import Deadline
from mailer.intake.fetching.guard import PUBLIC_GUARD, look_up_host


def test_the_machines_resolver_gives_each_address_once() -> None:
    found = look_up_host("localhost", 80)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(set(found)) == len(found) > 0


def test_by_default_a_name_that_leads_to_this_machine_is_refused() -> None:
    with pytest.raises(FetchError, match="not public"):
        PUBLIC_GUARD.check_host("localhost", 80, Deadline(5))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (socket.gaierror(-3, "Temporary failure in name resolution"), "Temporary failure"),
        (UnicodeError("label too long"), "label too long"),
        (TimeoutError(), "timed out"),
    ],
)
def test_a_look_up_that_fails_may_work_later(error: Exception, said: str) -> None:
    def fails(name: str, port: int) -> list[str]:
        raise error

    with pytest.raises(FetchError) as raised:
        fetch_url("https://feeds.example.org/", guard=FetchGuard(look_up=fails))
    assert said in raised.value.message
    assert not raised.value.is_permanent
    assert raised.value.where == "https://feeds.example.org/"


def test_a_bug_in_a_look_up_is_let_through() -> None:
    def broken(name: str, port: int) -> list[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fetch_url("https://feeds.example.org/", guard=FetchGuard(look_up=broken))


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    before = threading.active_count()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name.startswith("look up "):
            thread.join(5)
    assert threading.active_count() == before


def test_look_ups_that_hang_use_up_no_more_than_sixteen_threads(release: threading.Event) -> None:
    def hangs(name: str, port: int) -> list[str]:
        release.wait()
        return []

    for _ in range(20):
        with pytest.raises(FetchError, match="took longer than"):
            fetch_url(
                "https://feeds.example.org/",
                guard=FetchGuard(look_up=hangs),
                limits=FetchLimits(seconds=0.02),
            )
    waiting = [one for one in threading.enumerate() if one.name == "look up feeds.example.org"]
    assert len(waiting) == 16


def test_nobody_is_shown_which_inner_address_it_was() -> None:
    guard = FetchGuard(look_up=lambda name, port: ["10.20.30.40"])
    with pytest.raises(FetchError) as raised:
        fetch_url("https://feeds.example.org/", guard=guard)
    assert "10.20" not in str(raised.value)
