"""Postfix's ``smtp-source``: a C program that sends without decisions and without records."""

import socket
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.bench.delivery.bench_run import BenchRun
from tests.bench.delivery.programs import LOOPBACK, measure_program
from tests.bench.delivery.sink import find_program, run_sink

_REQUESTED_SIZE = 1000


@cache
def measure_header_size() -> int:
    """Measure the bytes of the header fields that it writes in addition to the requested size."""
    sizes: list[int] = []

    def measure_message(listener: socket.socket) -> None:
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
                    sizes.append(size)
                in_message = line.upper().startswith(b"DATA")
                file.write(b"354 go on\r\n" if in_message else b"250 ok\r\n")
                file.flush()

    with socket.create_server((LOOPBACK, 0)) as listener:
        server_thread = threading.Thread(target=measure_message, args=(listener,), daemon=True)
        server_thread.start()
        port = listener.getsockname()[1]
        _run_program(Path(), port, sessions=1, size=_REQUESTED_SIZE, count=1, reuse_links=True)
        server_thread.join()
    return sizes[0] - _REQUESTED_SIZE


def run_smtp_source(
    folder: Path, *, sessions: int, size: int, count: int, reuse_links: bool
) -> BenchRun:
    """Send `count` messages of `size` bytes each, with header fields, to a new sink.

    By default it opens a link for each message; with `reuse_links` (``-d``) it uses a link for
    many messages."""
    with run_sink(folder) as server:
        bench_run = _run_program(
            folder,
            server.port,
            sessions=sessions,
            size=size - measure_header_size(),
            count=count,
            reuse_links=reuse_links,
        )
        bench_run.check_count(server.messages, "smtp-source")
        return bench_run


def _run_program(
    folder: Path, port: int, *, sessions: int, size: int, count: int, reuse_links: bool
) -> BenchRun:
    program = find_program("smtp-source")
    assert program is not None
    link_options = ["-d"] if reuse_links else []
    size_options = ["-s", str(sessions), "-l", str(size), "-m", str(count)]
    measured_run = measure_program(
        [program, *link_options, *size_options, f"{LOOPBACK}:{port}"], cwd=folder
    )
    return BenchRun(
        count,
        measured_run.wall,
        measured_run.cpu,
        measured_run.wall,
        measured_run.cpu,
        measured_run.peak,
    )
