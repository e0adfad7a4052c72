"""Answers that are the same for everybody, kept for a moment.

When an edition goes out, many people open the same few pages of the archive at once. Each of these
takes 4 to 9 ms of the processor to make, and nothing to give again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock

from fastapi import Request, Response

SECONDS = 1.0
"""For how long; so long may an edition that is taken out still be seen."""

MOST = 128
"""Answers that are kept."""

Key = tuple[str, ...]


class Kept:
    """Safe to use from several threads."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._lock = Lock()
        self._answers: OrderedDict[Key, tuple[float, Response]] = OrderedDict()

    def page(self, make: Callable[..., Response]) -> Callable[..., Response]:
        """The page that `make(request, **parts of the path)` answers, kept by all that it may
        depend on: path, query, and the languages and the version that the browser names."""

        @wraps(make)
        def answer(request: Request, **parts: str) -> Response:
            key = (
                request.url.path,
                request.url.query,
                request.headers.get("accept-language", ""),
                request.headers.get("if-none-match", ""),
            )
            return self.get(key, lambda: make(request, **parts))

        return answer

    def get(self, key: Key, make: Callable[[], Response]) -> Response:
        begun = self._stopwatch()
        with self._lock:
            ends, found = self._answers.get(key, (begun, None))
        if found is not None and begun < ends:
            return found
        made = make()
        if made.status_code in {200, 304}:
            with self._lock:
                self._answers[key] = (begun + SECONDS, made)
                self._answers.move_to_end(key)
                if len(self._answers) > MOST:
                    self._answers.popitem(last=False)
        return made
