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
class Seen:
    """Where connections were tried to, and names that the system was asked for."""

    connects: list[object] = field(default_factory=list)
    look_ups: list[object] = field(default_factory=list)


_watching: list[Seen] = []
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watching:
        if event == "socket.connect":
            for seen in _watching:
                seen.connects.append(arguments[1])
        elif event == "socket.getaddrinfo":
            for seen in _watching:
                seen.look_ups.append(arguments[0])


@contextmanager
def watched() -> Iterator[Seen]:
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    seen = Seen()
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
