"""``make bench-web``: how fast the public pages answer, with a million subscribers in the database.

    python -m tests.bench.bench_web

Real ``mailer serve``, over loopback, on SQLite. First each page by itself: median and 99th
percentile of ``N`` requests, each with another reader's link. Then ``RATE`` requests a second of
mixed traffic for ``SECONDS`` while ``mailer send`` sends to all of them as fast as it can: the
same figures under that load, what was not answered with 200, and what it cost the sender.
``SUBSCRIBERS``, ``N``, ``RATE`` and ``SECONDS`` come from the environment. Nothing timed is
asserted; other work on the machine shows in every figure.
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
from contextlib import contextmanager
from pathlib import Path

from mailer.app import open_mailer
from tests.bench.delivery import office as offices
from tests.bench.delivery import sender
from tests.bench.delivery.children import environment, free_port, running
from tests.bench.delivery.figures import table
from tests.bench.delivery.office import EDITION, SETTINGS, Office
from tests.bench.delivery.sink import Sink, found, sink
from tests.bench.delivery.stories import TOPICS
from tests.bench.web import client
from tests.bench.web.client import Request, Tally
from tests.bench.web.pages import Pages

SUBSCRIBERS = int(os.environ.get("SUBSCRIBERS", "1000000"))
N = int(os.environ.get("N", "500"))
RATE = float(os.environ.get("RATE", "200"))
SECONDS = float(os.environ.get("SECONDS", "30"))
PATIENCE = 30.0
OPEN = {"MAILER_SIGNUP_PER_CLIENT": "0", "MAILER_SIGNUP_PER_DOMAIN": "0"}
"""All requests come from one address here."""


@contextmanager
def serving(office: Office, database: Path) -> Iterator[int]:
    """`mailer serve` on a copy of the database; the port."""
    port = free_port()
    env = SETTINGS | OPEN | {"MAILER_DATABASE_URL": sender.url(database)}
    words = [sys.executable, "-m", "mailer", "serve", "--port", str(port)]
    with (
        (office.folder / "serve.log").open("wb") as log,
        running(words, cwd=office.folder, env=environment(env), stdout=log, stderr=log),
    ):
        _wait_for(port)
        yield port


def _wait_for(port: int) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            asyncio.run(client.one_by_one(port, [Request("", "GET", "/healthz")]))
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("mailer serve does not answer")


@contextmanager
def sending(office: Office, database: Path, to: Sink) -> Iterator[None]:
    """`mailer send` at full speed, until the block ends."""
    env = SETTINGS | sender.relay(to.port, 32, 20) | {"MAILER_DATABASE_URL": sender.url(database)}
    words = [sys.executable, "-m", "mailer", "send", str(EDITION), "--json"]
    with running(
        words,
        cwd=office.folder,
        env=environment(env),
        stdout=subprocess.DEVNULL,
        stderr=(office.folder / "send.log").open("wb"),
    ):
        ends = time.monotonic() + 60
        while to.messages == 0 and time.monotonic() < ends:
            time.sleep(0.1)
        if to.messages == 0:
            sys.exit(f"mailer send sends nothing:\n{(office.folder / 'send.log').read_text()}")
        yield


def _row(kind: str, seconds: list[float]) -> list[str]:
    ordered = sorted(seconds)
    ms = [1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.99)]
    return [kind, str(len(ordered)), *(f"{value:.1f}" for value in ms)]


def _tell(tally: Tally) -> None:
    rows = [_row(kind, seconds) for kind, seconds in tally.seconds.items()]
    rows.append(_row("all", [one for seconds in tally.seconds.values() for one in seconds]))
    print(table(["page", "answers", "median ms", "99 % ms"], rows))
    print(f"errors: {json.dumps(tally.errors) if tally.errors else 'none'}\n")


def _rate(to: Sink, seconds: float) -> float:
    before, begun = to.messages, time.monotonic()
    time.sleep(seconds)
    return (to.messages - before) / (time.monotonic() - begun)


def _issue(database: Path) -> str:
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
        begun = time.monotonic()
        office = offices.build(folder / "office", SUBSCRIBERS)
        print(
            f"{os.cpu_count()} CPUs, {SUBSCRIBERS:,} subscribers, each with a delivery; made in "
            f"{time.monotonic() - begun:.0f} s\n"
        )
        with open_mailer(offices.settings(office.folder, office.database)) as mailer:
            key = mailer.store.key
        pages = Pages(key, SUBSCRIBERS, TOPICS[0], _issue(office.database))
        database = office.copy()
        with serving(office, database) as port:
            print(f"each page by itself, {N} requests, one after the other")
            requests = [make() for make in pages.kinds.values() for _ in range(N)]
            asyncio.run(client.one_by_one(port, [make() for make in pages.kinds.values()]))
            _tell(asyncio.run(client.one_by_one(port, requests)))
        if found("smtp-sink") is None:
            print("smtp-sink not found (Debian's package `postfix`): nothing is sent meanwhile")
            return
        database = office.copy()
        with (
            sink(office.folder) as to,
            serving(office, database) as port,
            sending(office, database, to),
        ):
            alone = _rate(to, 5.0)
            before, start = to.messages, time.monotonic()
            tally = asyncio.run(
                client.at_rate(port, [*pages.mixed(round(RATE * SECONDS))], RATE, PATIENCE)
            )
            took = time.monotonic() - start
            beside = (to.messages - before) / took
            print(f"{RATE:.0f} requests a second for {took:.0f} s while an edition is being sent")
            _tell(tally)
            print(f"sender: {alone:,.0f} messages/s alone, {beside:,.0f} beside the pages")


if __name__ == "__main__":
    main()
