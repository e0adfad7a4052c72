"""Answers that are kept for a moment."""

import asyncio
from collections.abc import Callable
from threading import Event

import pytest
from fastapi import Response

from mailer.web.public.kept import MOST, SECONDS, Kept


class Stopwatch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def say(text: str) -> Callable[[], Response]:
    return lambda: Response(text)


def test_an_answer_is_made_once_a_second() -> None:
    stopwatch = Stopwatch()
    kept = Kept(stopwatch)
    made: list[int] = []

    def make() -> Response:
        made.append(1)
        stopwatch.now += SECONDS / 4  # it takes its time, which counts
        return Response(str(len(made)))

    async def ask() -> None:
        first = await kept.get(("/a",), make)
        stopwatch.now += SECONDS / 2
        assert await kept.get(("/a",), make) is first
        assert await kept.get(("/b",), make) is not first
        stopwatch.now += SECONDS / 4
        assert (await kept.get(("/a",), make)).body == b"3"

    asyncio.run(ask())


def test_all_who_ask_at_once_get_what_is_made_once() -> None:
    """Also where one of them goes away."""
    kept = Kept(Stopwatch())
    made: list[int] = []
    ready = Event()

    def make() -> Response:
        made.append(1)
        assert ready.wait(30)
        return Response(str(len(made)))

    async def ask() -> list[Response]:
        asked = [asyncio.create_task(kept.get(("/a",), make)) for _ in range(10)]
        await asyncio.sleep(0)
        asked[0].cancel()
        await asyncio.sleep(0)
        ready.set()
        return await asyncio.gather(*asked[1:])

    assert {one.body for one in asyncio.run(ask())} == {b"1"}


def test_who_asks_a_second_later_does_not_get_what_was_begun_before() -> None:
    stopwatch = Stopwatch()
    kept = Kept(stopwatch)
    late = Event()

    def slow() -> Response:
        assert late.wait(30)
        return Response("old")

    async def ask() -> None:
        first = asyncio.create_task(kept.get(("/a",), slow))
        await asyncio.sleep(0)
        stopwatch.now += SECONDS
        assert (await kept.get(("/a",), say("new"))).body == b"new"
        late.set()
        assert (await first).body == b"old"
        assert (await kept.get(("/a",), say("newer"))).body == b"new", "the old one is not kept"

    asyncio.run(ask())


def test_what_is_refused_or_fails_is_asked_again() -> None:
    kept = Kept(Stopwatch())

    def fail() -> Response:
        raise OSError("no")

    async def ask() -> None:
        refused = await kept.get(("/a",), lambda: Response(status_code=404))
        assert refused.status_code == 404
        with pytest.raises(OSError, match="no"):
            await kept.get(("/a",), fail)
        assert (await kept.get(("/a",), say("here"))).body == b"here"

    asyncio.run(ask())


def test_only_so_many_are_kept() -> None:
    kept = Kept(Stopwatch())

    async def ask() -> None:
        for number in range(MOST + 1):
            await kept.get((str(number),), say("old"))
        assert (await kept.get(("0",), say("new"))).body == b"new"
        assert (await kept.get((str(MOST),), say("new"))).body == b"old"

    asyncio.run(ask())
