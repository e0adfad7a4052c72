"""``make bench-web``: measure the public pages, with a million subscribers in the database.

    python -m tests.bench.bench_web

It runs a real ``mailer serve``, over loopback, on SQLite. First it measures each page alone: median
and 99th percentile of ``N`` requests, each with another reader's link. Then it makes ``RATE``
requests a second of mixed traffic for ``SECONDS``, first without a send, then while ``mailer send``
sends to all subscribers at full speed: it prints the same figures under both loads, the answers
other than 200, the rates of sending, and the ratios, which mean more than the times themselves.
``SUBSCRIBERS``, ``N``, ``RATE`` and ``SECONDS`` come from the environment. No time is asserted;
other work on the machine affects every figure.
"""

import asyncio
import io
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mailer.app import open_mailer
from tests.bench.delivery import fixtures as offices
from tests.bench.delivery import mailer_send
from tests.bench.delivery.figures import format_table
from tests.bench.delivery.fixtures import EDITION, SETTINGS, Office
from tests.bench.delivery.programs import build_environment, find_free_port, run_program
from tests.bench.delivery.sink import Sink, find_program, run_sink
from tests.bench.delivery.stories import TOPICS
from tests.bench.web import client
from tests.bench.web.client import AnswerTally, BenchRequest
from tests.bench.web.pages import PageRequests

SUBSCRIBERS = int(os.environ.get("SUBSCRIBERS", "1000000"))
N = int(os.environ.get("N", "500"))
RATE = float(os.environ.get("RATE", "200"))
SECONDS = float(os.environ.get("SECONDS", "30"))
PATIENCE = 30.0
WRITING_KINDS = ("one-click", "sign-up", "preferences")
WARM_UP_REQUESTS = 5
NO_RATE_LIMITS = {"MAILER_SIGNUP_PER_CLIENT": "0", "MAILER_SIGNUP_PER_DOMAIN": "0"}
"""Settings without rate limits, because all requests come from one address."""


@contextmanager
def run_server(office: Office, database: Path) -> Iterator[int]:
    """Run `mailer serve` on a copy of the database, and yield its port."""
    port = find_free_port()
    env = (
        SETTINGS
        | NO_RATE_LIMITS
        | {"MAILER_DATABASE_URL": mailer_send.format_database_url(database)}
    )
    command = [sys.executable, "-m", "mailer", "serve", "--port", str(port)]
    with (
        (office.folder / "serve.log").open("wb") as log,
        run_program(command, cwd=office.folder, env=build_environment(env), stdout=log, stderr=log),
    ):
        _wait_for_server(port)
        yield port


def _wait_for_server(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            asyncio.run(client.request_one_by_one(port, [BenchRequest("", "GET", "/healthz")]))
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("mailer serve does not answer")


@contextmanager
def run_sender(office: Office, database: Path, sink_process: Sink) -> Iterator[None]:
    """Run `mailer send` at full speed until the block ends."""
    env = (
        SETTINGS
        | mailer_send.build_relay_settings(sink_process.port, 32, 20)
        | {"MAILER_DATABASE_URL": mailer_send.format_database_url(database)}
    )
    command = [sys.executable, "-m", "mailer", "send", str(EDITION), "--json"]
    with run_program(
        command,
        cwd=office.folder,
        env=build_environment(env),
        stdout=subprocess.DEVNULL,
        stderr=(office.folder / "send.log").open("wb"),
    ):
        deadline = time.monotonic() + 60
        while sink_process.messages == 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        if sink_process.messages == 0:
            sys.exit(f"mailer send sends nothing:\n{(office.folder / 'send.log').read_text()}")
        yield


def _compute_percentiles(seconds: list[float]) -> list[float]:
    """Return the median and the 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    return [
        1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.99)
    ]


def _format_row(kind: str, seconds: list[float]) -> list[str]:
    return [kind, str(len(seconds)), *(f"{ms:.1f}" for ms in _compute_percentiles(seconds))]


def _print_tally(tally: AnswerTally) -> None:
    rows = [_format_row(kind, seconds) for kind, seconds in tally.seconds.items()]
    rows.append(
        _format_row(
            "all",
            [answer_seconds for seconds in tally.seconds.values() for answer_seconds in seconds],
        )
    )
    print(format_table(["page", "answers", "median ms", "99 % ms"], rows))
    print(f"errors: {json.dumps(tally.errors) if tally.errors else 'none'}\n")


def _print_ratios(tally_alone: AnswerTally, tally_beside: AnswerTally) -> None:
    """Print how many times as long the answers to writes take beside a send."""
    rows = []
    for kind in WRITING_KINDS:
        alone = _compute_percentiles(tally_alone.seconds[kind])
        beside = _compute_percentiles(tally_beside.seconds[kind])
        rows.append(
            [kind, *(f"{slow / fast:.1f}" for slow, fast in zip(beside, alone, strict=True))]
        )
    print(format_table(["beside a send : without", "median", "99 %"], rows) + "\n")


def _warm_up(port: int, pages: PageRequests) -> None:
    """Request each page a few times, since a new server builds its SQL with the first requests."""
    requests = [make() for make in pages.kinds.values() for _ in range(WARM_UP_REQUESTS)]
    asyncio.run(client.request_one_by_one(port, requests))


def _request_mixed(port: int, pages: PageRequests) -> AnswerTally:
    requests = [*pages.generate_mixed_traffic(round(RATE * SECONDS))]
    return asyncio.run(client.request_at_rate(port, requests, RATE, PATIENCE))


def _measure_rate(sink_process: Sink, seconds: float) -> float:
    messages_before, started_at = sink_process.messages, time.monotonic()
    time.sleep(seconds)
    return (sink_process.messages - messages_before) / (time.monotonic() - started_at)


def _read_edition_uid(database: Path) -> str:
    with sqlite3.connect(database) as connection:
        (uid,) = connection.execute("SELECT uid FROM edition WHERE id = ?", (EDITION,)).fetchone()
    connection.close()
    return str(uid)


def main() -> None:
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        started_at = time.monotonic()
        office = offices.build_office(folder / "office", SUBSCRIBERS)
        print(
            f"{os.cpu_count()} CPUs, {SUBSCRIBERS:,} subscribers, each with a delivery; made in "
            f"{time.monotonic() - started_at:.0f} s\n"
        )
        with open_mailer(offices.load_settings(office.folder, office.database)) as mailer:
            key = mailer.store.key
        pages = PageRequests(key, SUBSCRIBERS, TOPICS[0], _read_edition_uid(office.database))
        database = office.copy_database()
        with run_server(office, database) as port:
            print(f"each page alone, {N} requests, one after another")
            requests = [make() for make in pages.kinds.values() for _ in range(N)]
            _warm_up(port, pages)
            _print_tally(asyncio.run(client.request_one_by_one(port, requests)))
        database = office.copy_database()
        with run_server(office, database) as port:
            print(f"{RATE:.0f} requests a second for {SECONDS:.0f} s without a send")
            _warm_up(port, pages)
            tally_alone = _request_mixed(port, pages)
            _print_tally(tally_alone)
        if find_program("smtp-sink") is None:
            print("smtp-sink not found (Debian's package `postfix`): skipping pages during a send")
            return
        database = office.copy_database()
        with (
            run_sink(office.folder) as sink_process,
            run_server(office, database) as port,
            ExitStack() as stack,
        ):
            _warm_up(port, pages)
            stack.enter_context(run_sender(office, database, sink_process))
            rate_alone = _measure_rate(sink_process, 5.0)
            messages_before, start = sink_process.messages, time.monotonic()
            tally_beside = _request_mixed(port, pages)
            duration = time.monotonic() - start
            rate_beside = (sink_process.messages - messages_before) / duration
            print(
                f"{RATE:.0f} requests a second for {duration:.0f} s while an edition is being sent"
            )
            _print_tally(tally_beside)
            _print_ratios(tally_alone, tally_beside)
            print(
                f"mailer send: {rate_alone:,.0f} messages/s alone, {rate_beside:,.0f} beside pages "
                f"({rate_beside / rate_alone:.2f} of its pace)"
            )


if __name__ == "__main__":
    main()
