"""Record every connection that this process tries to make, by an audit hook of the interpreter.

The hook (PEP 578) sees each ``socket.connect`` and each real name look-up of any code. Nothing is
patched, so no code can bypass it. A hook can't be removed; this one records only inside
:func:`watch_connections`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class ConnectionAttempts:
    """The addresses of attempted connections, and the names that were looked up."""

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
