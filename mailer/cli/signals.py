"""Stopping on SIGINT and SIGTERM."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signal(
    on_first: Callable[[], None], on_repeat: Callable[[int], None], merge_seconds: float = 0.0
) -> Iterator[threading.Event]:
    """Provide an event that the first SIGINT or SIGTERM sets.

    `on_first` is called after that; each later signal calls `on_repeat` with its number. Signals
    within `merge_seconds` of the first count as one, since supervisors may signal both a process
    and its group."""
    stop = threading.Event()
    first_at = 0.0

    def request_stop(signal_number: int, _frame: object) -> None:
        nonlocal first_at
        if not stop.is_set():
            first_at = time.monotonic()
            stop.set()
            on_first()
        elif time.monotonic() - first_at >= merge_seconds:
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


@contextmanager
def exit_on_termination() -> Iterator[None]:
    """End with an exception on SIGTERM, so that unfinished files are removed."""

    def end_command(signal_number: int, _frame: object) -> None:
        raise SystemExit(128 + signal_number)

    previous_handler = signal.signal(signal.SIGTERM, end_command)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous_handler)
