"""Part of the bench: a worker that has nothing to do."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.bench.context import Bench, print_note, report_value
from tests.bench.delivery import mailer_send
from tests.bench.delivery.bench_run import build_series
from tests.bench.delivery.fixtures import SETTINGS, fill_office
from tests.bench.delivery.programs import build_environment, measure_program, run_program
from tests.bench.results import Comparison
from tests.postgresql import run_sql

PERIODS = 6
"""Periods that the time is divided into, to show a range."""

START_SECONDS = 10.0
"""Seconds for which a worker starts: its modules, its first look at the calendar."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class IdleWorker:
    """A running worker, and what it used in each period: CPU in % of a core, memory in MB."""

    process: subprocess.Popen[str]
    log_file: Path
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def check_running(self) -> None:
        if self.process.poll() is not None:
            sys.exit(f"mailer worker ended:\n{self.log_file.read_text()}")

    def read_cpu_seconds(self) -> float:
        _, _, text = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")
        return sum(int(ticks) for ticks in text.split()[11:13]) / TICKS

    def read_memory(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        (size,) = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
        return int(size) / 1024


def measure_idle_worker(bench: Bench) -> list[Comparison]:
    """Measure two workers that wait for work, one on each database, at the same time."""
    seconds = bench.scale.idle_seconds
    office = bench.get_office(bench.scale.n, planned=False)
    postgresql_folder = bench.folder / "idle"
    databases = {
        "": (office.folder, mailer_send.format_database_url(office.copy_database())),
        "-postgresql": (postgresql_folder, _build_postgresql_office(bench, postgresql_folder)),
    }
    for folder, url in databases.values():
        _add_schedule(folder, url)
    with ExitStack() as stack:
        workers = {
            suffix: stack.enter_context(_run_worker(folder, url))
            for suffix, (folder, url) in databases.items()
        }
        print_note(f"idle: two workers for {seconds} s")
        time.sleep(min(START_SECONDS, seconds))
        for _ in range(PERIODS):
            _watch_period(list(workers.values()), seconds / PERIODS)
    for _, url in databases.values():
        _check_nothing_planned(url)
    conditions = (
        f"`mailer worker` for {seconds} s in {PERIODS} periods, after its start; "
        f"{bench.scale.n:,} subscribers, a weekly schedule with public holidays, and an "
        "approved edition without a time"
    )
    comparisons = []
    for suffix, worker in workers.items():
        cpu = build_series("mailer worker", "% of a core", worker.cpu)
        memory = build_series("mailer worker", "MB", worker.memory)
        comparisons.append(report_value(f"idle-cpu{suffix}", conditions, cpu))
        comparisons.append(report_value(f"idle-memory{suffix}", conditions, memory))
    return comparisons


def _build_postgresql_office(bench: Bench, folder: Path) -> str:
    """Build an office whose edition is not started. Returns its database's URL."""
    server = bench.get_postgresql_office().server
    run_sql(server.make_url("postgres"), "CREATE DATABASE idle")
    url = server.make_url("idle")
    folder.mkdir()
    fill_office(folder, url, bench.scale.n, planned=False)
    run_sql(url, "DELETE FROM database_identity", "VACUUM ANALYZE", "CHECKPOINT")
    return url


def _add_schedule(folder: Path, database_url: str) -> None:
    """Give the digest a schedule with public holidays, whose next date is three days away."""
    weekday = f"{datetime.now(UTC) + timedelta(days=3):%A}"
    rule = f"weekly on {weekday}"
    measure_program(
        [sys.executable, "-m", "mailer", "schedule", "add", "weekly", rule, "--holidays", "GB"],
        cwd=folder,
        env=SETTINGS | {"MAILER_DATABASE_URL": database_url},
    )


@contextmanager
def _run_worker(folder: Path, database_url: str) -> Iterator[IdleWorker]:
    env = build_environment(SETTINGS | {"MAILER_DATABASE_URL": database_url})
    log_file = folder / "worker.log"
    with (
        log_file.open("wb") as log,
        run_program(
            [sys.executable, "-m", "mailer", "worker"], cwd=folder, env=env, stderr=log
        ) as process,
    ):
        yield IdleWorker(process, log_file)


def _watch_period(workers: list[IdleWorker], seconds: float) -> None:
    start, used_before = time.monotonic(), [worker.read_cpu_seconds() for worker in workers]
    time.sleep(seconds)
    elapsed = time.monotonic() - start
    for worker, used in zip(workers, used_before, strict=True):
        worker.check_running()
        worker.cpu.append(100 * (worker.read_cpu_seconds() - used) / elapsed)
        worker.memory.append(worker.read_memory())


def _check_nothing_planned(database_url: str) -> None:
    """Exit the bench if the worker had something to do."""
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            count = connection.scalar(text("SELECT count(*) FROM delivery"))
    finally:
        engine.dispose()
    if count:
        sys.exit(f"the idle worker planned {count} deliveries")
