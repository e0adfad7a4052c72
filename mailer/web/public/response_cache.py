"""A one-second cache of answers that are the same for all readers.

When an edition is sent, many people open the same few pages at once. Rendering one of them takes 2
to 9 ms of processor time; answering from the cache takes almost none.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import wraps

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

SECONDS = 1.0
"""Seconds for which an answer stays in the cache. An edition that is taken out of the archive may
be visible for this long."""

MAX_ANSWERS = 128
"""Maximum number of answers in one cache."""

MAX_CACHED_BYTES = 32 * 1024 * 1024
"""Maximum size in bytes of all bodies in one cache."""

MAX_KEY_LENGTH = 1000
"""Maximum length of a key in characters. An answer to a longer request is not cached."""

CacheKey = tuple[str, ...]


class ResponseCache:
    """A cache for one event loop. The loop itself sends cached answers. A missing answer is made in
    a thread, once for all requests that arrive in the meantime."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._responses: OrderedDict[CacheKey, tuple[float, Response]] = OrderedDict()
        self._bytes = 0
        self._tasks: dict[CacheKey, tuple[float, asyncio.Task[Response]]] = {}

    def cache_page(
        self, make_response: Callable[..., Response]
    ) -> Callable[..., Awaitable[Response]]:
        """Return a handler that answers like `make_response`, from the cache if possible.

        The key consists of all that an answer may depend on: the path, the query, and the languages
        and the ETag that the browser sends."""

        @wraps(make_response)
        async def answer_from_cache(request: Request, **path_params: str) -> Response:
            # The raw path is used, because request.url is parsed and drops a line feed.
            key = (
                request.scope["path"],
                request.scope["query_string"].decode("latin-1"),
                request.headers.get("accept-language", ""),
                request.headers.get("if-none-match", ""),
            )
            if sum(map(len, key)) > MAX_KEY_LENGTH:
                return await run_in_threadpool(make_response, request, **path_params)
            return await self.get_response(key, lambda: make_response(request, **path_params))

        return answer_from_cache

    async def get_response(self, key: CacheKey, make_response: Callable[[], Response]) -> Response:
        now = self._stopwatch()
        expires_at, cached_response = self._responses.get(key, (now, None))
        if cached_response is not None and now < expires_at:
            return cached_response
        expires_at, task = self._tasks.get(key, (now, None))
        if task is None or now >= expires_at:
            expires_at = now + SECONDS
            task = asyncio.create_task(run_in_threadpool(make_response))
            self._tasks[key] = expires_at, task
            task.add_done_callback(
                lambda finished_task: self._store_response(key, expires_at, finished_task)
            )
        # A client that disconnects must not cancel the task for others.
        return await asyncio.shield(task)

    def _store_response(
        self, key: CacheKey, expires_at: float, finished_task: asyncio.Task[Response]
    ) -> None:
        has_failed = finished_task.cancelled() or finished_task.exception()
        if self._tasks.get(key, (0.0, None))[1] is not finished_task:
            return  # a later task has replaced this one
        del self._tasks[key]
        if has_failed or finished_task.result().status_code not in {200, 304}:
            return
        self._drop_response(key)
        self._responses[key] = expires_at, finished_task.result()
        self._bytes += len(finished_task.result().body)
        now = self._stopwatch()
        while self._responses:
            oldest_key, (expires_at, _) = next(iter(self._responses.items()))
            if (
                now < expires_at
                and len(self._responses) <= MAX_ANSWERS
                and self._bytes <= MAX_CACHED_BYTES
            ):
                return
            self._drop_response(oldest_key)

    def _drop_response(self, key: CacheKey) -> None:
        _, cached_response = self._responses.pop(key, (0.0, None))
        self._bytes -= len(cached_response.body) if cached_response else 0
