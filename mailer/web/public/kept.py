"""Answers that are the same for everybody, kept for a moment.

When an edition goes out, many people open the same few pages at once. Each of these takes 2 to 9 ms
of the processor to make, and nothing to give again.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import wraps

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

SECONDS = 1.0
"""For how long; so long may an edition that is taken out still be seen."""

MOST = 128
"""Answers that are kept."""

MOST_BYTES = 32 * 1024 * 1024
"""Of all of them."""

LONGEST_KEY = 1000
"""Characters: what somebody asks for at greater length is made for them alone."""

Key = tuple[str, ...]


class Kept:
    """For one event loop, which gives what is kept by itself; what is not is made in a thread, once
    for all who ask meanwhile."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._answers: OrderedDict[Key, tuple[float, Response]] = OrderedDict()
        self._bytes = 0
        self._making: dict[Key, tuple[float, asyncio.Task[Response]]] = {}

    def page(self, make: Callable[..., Response]) -> Callable[..., Awaitable[Response]]:
        """The page that `make(request, **parts of the path)` answers, kept by all that it may
        depend on: path, query, and the languages and the version that the browser names."""

        @wraps(make)
        async def answer(request: Request, **parts: str) -> Response:
            # As they came: request.url is parsed, and leaves out a line feed.
            key = (
                request.scope["path"],
                request.scope["query_string"].decode("latin-1"),
                request.headers.get("accept-language", ""),
                request.headers.get("if-none-match", ""),
            )
            if sum(map(len, key)) > LONGEST_KEY:
                return await run_in_threadpool(make, request, **parts)
            return await self.get(key, lambda: make(request, **parts))

        return answer

    async def get(self, key: Key, make: Callable[[], Response]) -> Response:
        now = self._stopwatch()
        ends, found = self._answers.get(key, (now, None))
        if found is not None and now < ends:
            return found
        ends, task = self._making.get(key, (now, None))
        if task is None or now >= ends:
            ends = now + SECONDS
            task = asyncio.create_task(run_in_threadpool(make))
            self._making[key] = ends, task
            task.add_done_callback(lambda made: self._keep(key, ends, made))
        return await asyncio.shield(task)  # who goes away takes it from nobody else

    def _keep(self, key: Key, ends: float, made: asyncio.Task[Response]) -> None:
        failed = made.cancelled() or made.exception()
        if self._making.get(key, (0.0, None))[1] is not made:
            return  # one that was begun later has taken its place
        del self._making[key]
        if failed or made.result().status_code not in {200, 304}:
            return
        self._drop(key)
        self._answers[key] = ends, made.result()
        self._bytes += len(made.result().body)
        now = self._stopwatch()
        while self._answers:
            oldest, (ends, _) = next(iter(self._answers.items()))
            if now < ends and len(self._answers) <= MOST and self._bytes <= MOST_BYTES:
                return
            self._drop(oldest)

    def _drop(self, key: Key) -> None:
        _, known = self._answers.pop(key, (0.0, None))
        self._bytes -= len(known.body) if known else 0
