"""Being asked to stop."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signal(
    on_first: Callable[[], None], on_repeat: Callable[[int], None], merge_seconds: float = 0.0
) -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets, after `once`; each later one calls `again`
    with its number. Those within `together` seconds are one: supervisors signal a process and its
    group."""
    stop = threading.Event()
    first = 0.0

    def request_stop(signal_number: int, _frame: object) -> None:
        nonlocal first
        if not stop.is_set():
            first = time.monotonic()
            stop.set()
            on_first()
        elif time.monotonic() - first >= merge_seconds:
            on_repeat(signal_number)

    previous_handlers = {
        signal_number: signal.signal(signal_number, request_stop)
        for signal_number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for signal_number, handler in previous_handlers.items():
            signal.signal(signal_number, handler)
