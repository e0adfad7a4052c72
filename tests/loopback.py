"""Every connection that this process tries to make, as the interpreter itself tells it.

An audit hook (PEP 578) sees each ``socket.connect`` and each real look-up, whoever makes it and
however: nothing is patched, so that nothing can be gone round. A hook can't be taken away again;
this one writes down only while somebody watches.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class ConnectionAttempts:
    """Where connections were tried to, and names that the system was asked for."""

    connects: list[object] = field(default_factory=list)
    look_ups: list[object] = field(default_factory=list)


_watching: list[ConnectionAttempts] = []
_hooked: list[bool] = []


def _record_event(event: str, arguments: tuple[object, ...]) -> None:
    if _watching:
        if event == "socket.connect":
            for attempts in _watching:
                attempts.connects.append(arguments[1])
        elif event == "socket.getaddrinfo":
            for attempts in _watching:
                attempts.look_ups.append(arguments[0])


@contextmanager
def watch_connections() -> Iterator[ConnectionAttempts]:
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_record_event)
    attempts = ConnectionAttempts()
    _watching.append(attempts)
    try:
        yield attempts
    finally:
        _watching.remove(attempts)
