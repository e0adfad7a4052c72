"""Look-ups happen once, within the deadline, and in a limited number of threads."""

import socket
import threading
from collections.abc import Iterator

import pytest

from mailer.errors import FetchError
from mailer.intake.fetching import FetchGuard, FetchLimits, fetch_url
from mailer.intake.fetching.deadline import Deadline
from mailer.intake.fetching.guard import PUBLIC_GUARD, look_up_host


def test_look_up_returns_each_address_once() -> None:
    addresses = look_up_host("localhost", 80)
    assert set(addresses) <= {"127.0.0.1", "::1"}
    assert len(set(addresses)) == len(addresses) > 0


def test_public_guard_refuses_localhost() -> None:
    with pytest.raises(FetchError, match="not public"):
        PUBLIC_GUARD.check_host("localhost", 80, Deadline(5))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (socket.gaierror(-3, "Temporary failure in name resolution"), "Temporary failure"),
        (UnicodeError("label too long"), "label too long"),
        (TimeoutError(), "timed out"),
    ],
)
def test_failed_look_up_is_temporary(error: Exception, message: str) -> None:
    def fail_look_up(name: str, port: int) -> list[str]:
        raise error

    with pytest.raises(FetchError) as caught:
        fetch_url("https://feeds.example.org/", guard=FetchGuard(look_up=fail_look_up))
    assert message in caught.value.message
    assert not caught.value.is_permanent
    assert caught.value.where == "https://feeds.example.org/"


def test_bug_in_look_up_is_raised() -> None:
    def fail_look_up(name: str, port: int) -> list[str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fetch_url("https://feeds.example.org/", guard=FetchGuard(look_up=fail_look_up))


@pytest.fixture
def release_event() -> Iterator[threading.Event]:
    event = threading.Event()
    before = threading.active_count()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name.startswith("look up "):
            thread.join(5)
    assert threading.active_count() == before


def test_hanging_look_ups_use_sixteen_threads_at_most(release_event: threading.Event) -> None:
    def hang(name: str, port: int) -> list[str]:
        release_event.wait()
        return []

    for _ in range(20):
        with pytest.raises(FetchError, match="took longer than"):
            fetch_url(
                "https://feeds.example.org/",
                guard=FetchGuard(look_up=hang),
                limits=FetchLimits(seconds=0.02),
            )
    waiting = [
        thread for thread in threading.enumerate() if thread.name == "look up feeds.example.org"
    ]
    assert len(waiting) == 16


def test_guard_error_hides_inner_address() -> None:
    guard = FetchGuard(look_up=lambda name, port: ["10.20.30.40"])
    with pytest.raises(FetchError) as caught:
        fetch_url("https://feeds.example.org/", guard=guard)
    assert "10.20" not in str(caught.value)
