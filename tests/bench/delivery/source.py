"""Postfix's ``smtp-source``: a sender in C that has nothing to decide and keeps no account."""

import socket
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.bench.delivery.children import LOOPBACK, measured
from tests.bench.delivery.figures import Run
from tests.bench.delivery.sink import found, sink

_ASKED = 1000


@cache
def heading() -> int:
    """How many bytes it writes besides those that it is asked for: its header fields."""
    weighed: list[int] = []

    def weigh(listener: socket.socket) -> None:
        link, _ = listener.accept()
        with suppress(ConnectionError), link, link.makefile("rwb") as file:
            file.write(b"220 scales\r\n")
            file.flush()
            size, in_message = 0, False
            for line in file:
                if in_message and line != b".\r\n":
                    size += len(line)
                    continue
                if in_message:
                    weighed.append(size)
                in_message = line.upper().startswith(b"DATA")
                file.write(b"354 go on\r\n" if in_message else b"250 ok\r\n")
                file.flush()

    with socket.create_server((LOOPBACK, 0)) as listener:
        scales = threading.Thread(target=weigh, args=(listener,), daemon=True)
        scales.start()
        port = listener.getsockname()[1]
        _send(Path(), port, sessions=1, size=_ASKED, count=1, keep=True)
        scales.join()
    return weighed[0] - _ASKED


def run(folder: Path, *, sessions: int, size: int, count: int, keep: bool) -> Run:
    """`count` messages of `size` bytes in all, header fields among them, to a sink of its own.

    As it comes it opens a link for each message; with `keep` (``-d``) it uses each for many."""
    with sink(folder) as server:
        run = _send(
            folder, server.port, sessions=sessions, size=size - heading(), count=count,
            keep=keep,
        )  # fmt: skip
        run.check(server.messages, "smtp-source")
        return run


def _send(folder: Path, port: int, *, sessions: int, size: int, count: int, keep: bool) -> Run:
    program = found("smtp-source")
    assert program is not None
    kept = ["-d"] if keep else []
    words = ["-s", str(sessions), "-l", str(size), "-m", str(count)]
    done = measured([program, *kept, *words, f"{LOOPBACK}:{port}"], cwd=folder)
    return Run(count, done.wall, done.cpu, done.wall, done.cpu, done.peak)
