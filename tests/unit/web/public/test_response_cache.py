"""The cache of answers."""

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


def make_text_response(text: str) -> Callable[[], Response]:
    return lambda: Response(text)


def test_response_cache_makes_an_answer_once_a_second() -> None:
    stopwatch = Stopwatch()
    cache = ResponseCache(stopwatch)
    calls: list[int] = []

    def make_response() -> Response:
        calls.append(1)
        stopwatch.now += SECONDS / 4  # making it takes time, which counts
        return Response(str(len(calls)))

    async def send_requests() -> None:
        first_response = await cache.get_response(("/a",), make_response)
        stopwatch.now += SECONDS / 2
        assert await cache.get_response(("/a",), make_response) is first_response
        assert await cache.get_response(("/b",), make_response) is not first_response
        stopwatch.now += SECONDS / 4
        assert (await cache.get_response(("/a",), make_response)).body == b"3"

    asyncio.run(send_requests())


def test_response_cache_shares_one_answer_between_concurrent_requests() -> None:
    """One of the clients disconnects."""
    cache = ResponseCache(Stopwatch())
    calls: list[int] = []
    ready = Event()

    def make_response() -> Response:
        calls.append(1)
        assert ready.wait(30)
        return Response(str(len(calls)))

    async def send_requests() -> list[Response]:
        tasks = [asyncio.create_task(cache.get_response(("/a",), make_response)) for _ in range(10)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        ready.set()
        return await asyncio.gather(*tasks[1:])

    assert {one.body for one in asyncio.run(send_requests())} == {b"1"}


def test_response_cache_drops_a_slow_answer_that_is_outdated() -> None:
    stopwatch = Stopwatch()
    cache = ResponseCache(stopwatch)
    released = Event()

    def make_slow_response() -> Response:
        assert released.wait(30)
        return Response("old")

    async def send_requests() -> None:
        first_task = asyncio.create_task(cache.get_response(("/a",), make_slow_response))
        await asyncio.sleep(0)
        stopwatch.now += SECONDS
        assert (await cache.get_response(("/a",), make_text_response("new"))).body == b"new"
        released.set()
        assert (await first_task).body == b"old"
        assert (await cache.get_response(("/a",), make_text_response("newer"))).body == b"new", (
            "the old answer is not stored"
        )

    asyncio.run(send_requests())


def test_response_cache_does_not_store_404_or_errors() -> None:
    cache = ResponseCache(Stopwatch())

    def raise_error() -> Response:
        raise OSError("no")

    async def send_requests() -> None:
        not_found = await cache.get_response(("/a",), lambda: Response(status_code=404))
        assert not_found.status_code == 404
        with pytest.raises(OSError, match="no"):
            await cache.get_response(("/a",), raise_error)
        assert (await cache.get_response(("/a",), make_text_response("here"))).body == b"here"

    asyncio.run(send_requests())


def test_response_cache_evicts_the_oldest_answer() -> None:
    cache = ResponseCache(Stopwatch())

    async def send_requests() -> None:
        for number in range(MAX_ANSWERS + 1):
            await cache.get_response((str(number),), make_text_response("old"))
        assert (await cache.get_response(("0",), make_text_response("new"))).body == b"new"
        assert (
            await cache.get_response((str(MAX_ANSWERS),), make_text_response("new"))
        ).body == b"old"

    asyncio.run(send_requests())


def make_request(path: str, accept_language: str = "") -> Request:
    headers = [(b"accept-language", accept_language.encode())]
    return Request(
        {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    )


def test_response_cache_key_keeps_control_characters_of_the_path() -> None:
    """``request.url`` drops a line feed, which is part of the path that the router matches."""
    cached_handler = ResponseCache(Stopwatch()).cache_page(
        lambda request: Response(request.scope["path"])
    )

    async def send_requests() -> None:
        responses = [cached_handler(make_request(path)) for path in ("/a", "/a\n", "/\ta")]
        assert [one.body for one in await asyncio.gather(*responses)] == [b"/a", b"/a\n", b"/\ta"]

    asyncio.run(send_requests())


def test_response_cache_bounds_its_keys_and_bytes() -> None:
    stopwatch = Stopwatch()
    cache = ResponseCache(stopwatch)
    accepted_languages: list[str] = []

    def make_response(request: Request) -> Response:
        accepted_languages.append(request.headers["accept-language"])
        return Response()

    async def send_requests() -> None:
        for _ in range(2):
            await cache.cache_page(make_response)(make_request("/a", "x" * MAX_KEY_LENGTH))
        assert len(accepted_languages) == 2, "an answer with too long a key is made again"
        large_text = "x" * (MAX_CACHED_BYTES // 4)
        for number in range(5):
            await cache.get_response((str(number),), make_text_response(large_text))
        assert (await cache.get_response(("1",), make_text_response("new"))).body != b"new"
        assert (await cache.get_response(("0",), make_text_response("new"))).body == b"new", (
            "the oldest answer was evicted"
        )
        stopwatch.now += SECONDS
        await cache.get_response(("9",), make_text_response("one"))
        assert [*cache._responses] == [("9",)], "expired answers are removed"

    asyncio.run(send_requests())
