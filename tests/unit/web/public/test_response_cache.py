"""Answers that are kept for a moment."""

import asyncio
from collections.abc import Callable
from threading import Event

import pytest
from fastapi import Request, Response

from mailer.web.public.response_cache import (
    MAX_ANSWERS,
    MAX_CACHED_BYTES,
    MAX_KEY_LENGTH,
    SECONDS,
    ResponseCache,
)


class Stopwatch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def say(text: str) -> Callable[[], Response]:
    return lambda: Response(text)


def test_an_answer_is_made_once_a_second() -> None:
    stopwatch = Stopwatch()
    kept = ResponseCache(stopwatch)
    made: list[int] = []

    def make() -> Response:
        made.append(1)
        stopwatch.now += SECONDS / 4  # it takes its time, which counts
        return Response(str(len(made)))

    async def ask() -> None:
        first = await kept.get_response(("/a",), make)
        stopwatch.now += SECONDS / 2
        assert await kept.get_response(("/a",), make) is first
        assert await kept.get_response(("/b",), make) is not first
        stopwatch.now += SECONDS / 4
        assert (await kept.get_response(("/a",), make)).body == b"3"

    asyncio.run(ask())


def test_all_who_ask_at_once_get_what_is_made_once() -> None:
    """Also where one of them goes away."""
    kept = ResponseCache(Stopwatch())
    made: list[int] = []
    ready = Event()

    def make() -> Response:
        made.append(1)
        assert ready.wait(30)
        return Response(str(len(made)))

    async def ask() -> list[Response]:
        asked = [asyncio.create_task(kept.get_response(("/a",), make)) for _ in range(10)]
        await asyncio.sleep(0)
        asked[0].cancel()
        await asyncio.sleep(0)
        ready.set()
        return await asyncio.gather(*asked[1:])

    assert {one.body for one in asyncio.run(ask())} == {b"1"}


def test_who_asks_a_second_later_does_not_get_what_was_begun_before() -> None:
    stopwatch = Stopwatch()
    kept = ResponseCache(stopwatch)
    late = Event()

    def slow() -> Response:
        assert late.wait(30)
        return Response("old")

    async def ask() -> None:
        first = asyncio.create_task(kept.get_response(("/a",), slow))
        await asyncio.sleep(0)
        stopwatch.now += SECONDS
        assert (await kept.get_response(("/a",), say("new"))).body == b"new"
        late.set()
        assert (await first).body == b"old"
        assert (await kept.get_response(("/a",), say("newer"))).body == b"new", (
            "the old one is not kept"
        )

    asyncio.run(ask())


def test_what_is_refused_or_fails_is_asked_again() -> None:
    kept = ResponseCache(Stopwatch())

    def fail() -> Response:
        raise OSError("no")

    async def ask() -> None:
        refused = await kept.get_response(("/a",), lambda: Response(status_code=404))
        assert refused.status_code == 404
        with pytest.raises(OSError, match="no"):
            await kept.get_response(("/a",), fail)
        assert (await kept.get_response(("/a",), say("here"))).body == b"here"

    asyncio.run(ask())


def test_only_so_many_are_kept() -> None:
    kept = ResponseCache(Stopwatch())

    async def ask() -> None:
        for number in range(MAX_ANSWERS + 1):
            await kept.get_response((str(number),), say("old"))
        assert (await kept.get_response(("0",), say("new"))).body == b"new"
        assert (await kept.get_response((str(MAX_ANSWERS),), say("new"))).body == b"old"

    asyncio.run(ask())


def request(path: str, accepts: str = "") -> Request:
    headers = [(b"accept-language", accepts.encode())]
    return Request(
        {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    )


def test_what_is_asked_for_in_other_characters_is_not_the_same() -> None:
    """A line feed is no part of ``request.url``, but of the path that a page is found by."""
    page = ResponseCache(Stopwatch()).cache_page(lambda of: Response(of.scope["path"]))

    async def ask() -> None:
        asked = [page(request(path)) for path in ("/a", "/a\n", "/\ta")]
        assert [one.body for one in await asyncio.gather(*asked)] == [b"/a", b"/a\n", b"/\ta"]

    asyncio.run(ask())


def test_what_is_kept_is_bounded_whatever_strangers_send() -> None:
    stopwatch = Stopwatch()
    kept = ResponseCache(stopwatch)
    made: list[str] = []

    def make(of: Request) -> Response:
        made.append(of.headers["accept-language"])
        return Response()

    async def ask() -> None:
        for _ in range(2):
            await kept.cache_page(make)(request("/a", "x" * MAX_KEY_LENGTH))
        assert len(made) == 2, "one that is too long is made anew"
        big = "x" * (MAX_CACHED_BYTES // 4)
        for number in range(5):
            await kept.get_response((str(number),), say(big))
        assert (await kept.get_response(("1",), say("new"))).body != b"new"
        assert (await kept.get_response(("0",), say("new"))).body == b"new", "it had to go"
        stopwatch.now += SECONDS
        await kept.get_response(("9",), say("one"))
        assert [*kept._responses] == [("9",)], "what has had its time is let go of"

    asyncio.run(ask())
