"""Being asked to stop."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signal(
    once: Callable[[], None], again: Callable[[int], None], together: float = 0.0
) -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets, after `once`; each later one calls `again`
    with its number. Those within `together` seconds are one: supervisors signal a process and its
    group."""
    stop = threading.Event()
    first = 0.0

    def ask(number: int, _frame: object) -> None:
        nonlocal first
        if not stop.is_set():
            first = time.monotonic()
            stop.set()
            once()
        elif time.monotonic() - first >= together:
            again(number)

    before = {one: signal.signal(one, ask) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
