"""Parts of the bench: what a large audience costs, in speed, memory and the time to plan it."""

import math
import sqlite3
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from mailer import editions
from mailer.app import open_mailer
from tests.actors import STAFF
from tests.bench.context import Bench, compare_pairs, print_note
from tests.bench.delivery import fixtures as offices
from tests.bench.delivery.bench_run import build_rates, build_series
from tests.bench.delivery.fixtures import EDITION, Office
from tests.bench.results import Comparison

BARE_PLAN = """
INSERT INTO delivery (edition_id, address, address_key, subscriber_id, name, language, stories,
  state, next_attempt_at, updated_at)
SELECT ?, subscriber.address, subscriber.address_key, subscriber.id, subscriber.name, 'en', 4095,
  'queued', strftime('%Y-%m-%d %H:%M:%f000', 'now'), strftime('%Y-%m-%d %H:%M:%f000', 'now')
FROM membership JOIN subscriber ON subscriber.id = membership.subscriber_id
WHERE membership.list_id = 1
ORDER BY subscriber.address
"""
"""The least that a plan can do: as many rows with the same indexes in the same order, without a
look at topics, languages, suppressions or segments."""


def measure_queue(bench: Bench) -> list[Comparison]:
    """Measure speed and memory with a small queue, a large one, and their geometric mean.

    The office's edition is planned by the measured command itself, as an office runs it."""
    small, large = bench.scale.small_queue_n, bench.scale.queue_n
    counts = (small, round(math.sqrt(small * large)), large)
    measurers = {}
    for count in counts:
        office = bench.get_office(count, planned=False)
        measurers[f"{count:,} recipients"] = partial(
            bench.send, office, tick=partial(_print_progress, count)
        )
    runs = bench.run_in_turns("queue", measurers, bench.scale.queue_runs)
    conditions = (
        f"plan and delivery in one process, {bench.scale.connections} connections, window "
        f"{bench.scale.window}"
    )
    rates = [build_rates(name, runs[name]) for name in measurers]
    peaks = [build_series(name, "MB", (run.peak for run in runs[name])) for name in measurers]
    return [
        compare_pairs("queue", conditions, rates[2], rates[0], rates[1]),
        compare_pairs("memory", conditions, peaks[2], peaks[0], peaks[1]),
    ]


def _print_progress(total: int, sent: int) -> None:
    print_note(f"queue: {sent:,} of {total:,} sent")


def measure_plan(bench: Bench) -> list[Comparison]:
    """Compare the plan of an edition with a bare INSERT … SELECT of as many rows."""
    count = bench.scale.plan_n
    office = bench.get_office(count, planned=False)
    runs = bench.run_in_turns(
        "plan",
        {"plan": partial(_time_plan, office), "bare INSERT": partial(_time_bare_plan, office)},
    )
    return [
        compare_pairs(
            "plan",
            f"{count:,} recipients on SQLite; the plan checks the approval and who may be mailed, "
            "and both end with their commit",
            build_series("approval checked, audience frozen", "s", runs["plan"]),
            build_series("bare INSERT … SELECT", "s", runs["bare INSERT"]),
        )
    ]


def _time_plan(office: Office) -> float:
    """Plan the edition in a copy of the database. Returns the seconds."""
    with open_mailer(offices.load_settings(office.folder, office.copy_database())) as mailer:
        start = time.perf_counter()
        with mailer.store.begin() as tx:
            _, plan = editions.start_edition(
                tx, STAFF, offices.load_edition(tx), mailer.renderer, mailer.clock()
            )
        seconds = time.perf_counter() - start
    if plan is None or plan.planned != office.reader_count:
        sys.exit(f"{office.reader_count} readers should be planned, but the plan is {plan}")
    return seconds


def _time_bare_plan(office: Office) -> float:
    """Insert the deliveries into a copy of the database by one statement. Returns the seconds."""
    database: Path = office.copy_database()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        planned = connection.execute(BARE_PLAN, (EDITION,)).rowcount
        connection.execute("COMMIT")
        seconds = time.perf_counter() - start
    if planned != office.reader_count:
        sys.exit(f"the bare INSERT made {planned} of {office.reader_count} rows")
    return seconds
