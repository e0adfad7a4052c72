"""Part of the bench: the public pages, alone, and beside a send at full speed.

It runs a real ``mailer serve``, over loopback, on SQLite. First it measures each page alone, each
request with another reader's link. Then it makes so many requests a second of mixed traffic, first
without a send, then while ``mailer send`` sends to all subscribers at full speed. The ratios mean
more than the times themselves. An answer other than 200 ends the bench.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mailer.app import open_mailer
from tests.bench.context import Bench, compare_pairs
from tests.bench.delivery import fixtures as offices
from tests.bench.delivery import mailer_send
from tests.bench.delivery.bench_run import build_series
from tests.bench.delivery.fixtures import EDITION, SETTINGS, Office
from tests.bench.delivery.programs import build_environment, run_program
from tests.bench.delivery.sink import Sink, run_sink
from tests.bench.delivery.stories import TOPICS
from tests.bench.goals import GOALS
from tests.bench.results import Comparison, Series
from tests.bench.web import client
from tests.bench.web.client import AnswerTally
from tests.bench.web.pages import PageRequests
from tests.bench.web.server import run_server

PATIENCE = 30.0
"""Seconds that an answer may take."""

WRITING_KINDS = ("one-click", "sign-up", "preferences")
WARM_UP_REQUESTS = 5


@contextmanager
def run_sender(bench: Bench, office: Office, database: Path, sink_process: Sink) -> Iterator[None]:
    """Run `mailer send` at full speed until the block ends."""
    scale = bench.scale
    env = (
        SETTINGS
        | mailer_send.build_relay_settings(sink_process.port, scale.connections, scale.window)
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


@dataclass(frozen=True, slots=True)
class MixedRun:
    """Mixed traffic without a send and beside one, and the sender's rates without and beside."""

    alone: AnswerTally
    beside: AnswerTally
    rate_alone: float
    rate_beside: float


def measure_pages(bench: Bench) -> list[Comparison]:
    scale = bench.scale
    office = bench.get_office(scale.subscribers)
    with open_mailer(offices.load_settings(office.folder, office.database)) as mailer:
        key = mailer.store.key
    pages = PageRequests(key, scale.subscribers, TOPICS[0], _read_edition_uid(office.database))
    alone = bench.run_in_turns(
        "pages alone", {"pages": partial(_measure_alone, bench, office, pages)}, 1
    )["pages"][0]
    runs = bench.run_in_turns(
        "pages", {"mixed": partial(_measure_mixed, bench, office, pages)}, scale.page_runs
    )["mixed"]
    conditions = (
        f"{scale.subscribers:,} subscribers, {scale.rate} mixed requests a second for "
        f"{scale.page_seconds} s, on SQLite"
    )
    sending = f"{conditions}; `mailer send`: {scale.connections} connections, window {scale.window}"
    comparisons = [
        Comparison(
            GOALS["pages-alone"],
            f"{scale.subscribers:,} subscribers, {scale.page_n} requests one after another",
            tuple(
                build_series(f"{kind}, {name}", "ms", [compute_percentile(seconds, share)])
                for kind, seconds in alone.seconds.items()
                for name, share in (("median", 0.5), ("99 %", 0.99))
            ),
        )
    ]
    for kind in WRITING_KINDS:
        for suffix, share in (("median", 0.5), ("99", 0.99)):
            beside = _build_times(runs, "beside a send", lambda run: run.beside, kind, share)
            without = _build_times(runs, "without a send", lambda run: run.alone, kind, share)
            comparisons.append(compare_pairs(f"{kind}-{suffix}", sending, beside, without))
    comparisons.append(
        compare_pairs(
            "sender-beside-pages",
            sending,
            build_series("beside pages", "messages/s", (run.rate_beside for run in runs)),
            build_series("alone", "messages/s", (run.rate_alone for run in runs)),
        )
    )
    return comparisons


def _build_times(
    runs: list[MixedRun],
    name: str,
    get_tally: Callable[[MixedRun], AnswerTally],
    kind: str,
    share: float,
) -> Series:
    return build_series(
        name, "ms", (compute_percentile(get_tally(run).seconds[kind], share) for run in runs)
    )


def compute_percentile(seconds: list[float], share: float) -> float:
    """Return the time in milliseconds that a share of the answers did not exceed."""
    return 1000 * sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)]


def _measure_alone(bench: Bench, office: Office, pages: PageRequests) -> AnswerTally:
    with _serve_copy(office) as port:
        _warm_up(port, pages)
        requests = [make() for make in pages.kinds.values() for _ in range(bench.scale.page_n)]
        return _check_answers(asyncio.run(client.request_one_by_one(port, requests)))


def _measure_mixed(bench: Bench, office: Office, pages: PageRequests) -> MixedRun:
    with _serve_copy(office) as port:
        _warm_up(port, pages)
        alone = _request_mixed(bench, port, pages)
    database = office.copy_database()
    with (
        run_sink(office.folder) as sink_process,
        run_server(office.folder, mailer_send.format_database_url(database)) as port,
        ExitStack() as stack,
    ):
        _warm_up(port, pages)
        stack.enter_context(run_sender(bench, office, database, sink_process))
        rate_alone = _measure_rate(sink_process, min(5.0, bench.scale.page_seconds / 2))
        messages_before, start = sink_process.messages, time.monotonic()
        beside = _request_mixed(bench, port, pages)
        rate = (sink_process.messages - messages_before) / (time.monotonic() - start)
        if sink_process.messages >= office.reader_count:
            sys.exit("the send ended before the requests did: set SUBSCRIBERS to more")
    return MixedRun(alone, beside, rate_alone, rate)


def _serve_copy(office: Office) -> AbstractContextManager[int]:
    """Run the server on a new copy of the office's database."""
    database_url = mailer_send.format_database_url(office.copy_database())
    return run_server(office.folder, database_url)


def _warm_up(port: int, pages: PageRequests) -> None:
    """Request each page a few times, since a new server builds its SQL with the first requests."""
    requests = [make() for make in pages.kinds.values() for _ in range(WARM_UP_REQUESTS)]
    asyncio.run(client.request_one_by_one(port, requests))


def _request_mixed(bench: Bench, port: int, pages: PageRequests) -> AnswerTally:
    rate, seconds = bench.scale.rate, bench.scale.page_seconds
    requests = [*pages.generate_mixed_traffic(rate * seconds)]
    return _check_answers(asyncio.run(client.request_at_rate(port, requests, rate, PATIENCE)))


def _check_answers(tally: AnswerTally) -> AnswerTally:
    if tally.errors:
        sys.exit(f"the pages answered with errors: {json.dumps(tally.errors)}")
    return tally


def _measure_rate(sink_process: Sink, seconds: float) -> float:
    messages_before, started_at = sink_process.messages, time.monotonic()
    time.sleep(seconds)
    return (sink_process.messages - messages_before) / (time.monotonic() - started_at)


def _read_edition_uid(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        (uid,) = connection.execute("SELECT uid FROM edition WHERE id = ?", (EDITION,)).fetchone()
    return str(uid)
