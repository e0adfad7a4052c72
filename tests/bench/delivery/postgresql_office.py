"""The bench's office in PostgreSQL, and what a run costs the server: its CPU and its log (WAL).

The server is the tests' own, with ``fsync`` and ``full_page_writes`` on, as an office has it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.bench.delivery.fixtures import fill_office
from tests.postgresql import Postgresql, run_server, run_sql

TICKS = os.sysconf("SC_CLK_TCK")

BARE_TRANSITIONS = (
    "UPDATE delivery SET state = 'claimed', attempt = attempt + 1, worker_id = 1",
    "UPDATE delivery SET state = 'on_wire'",
    "UPDATE delivery SET state = 'sent', worker_id = NULL, reply = '250 2.0.0 Ok'",
)
"""The three transitions that the guarantee needs, without its checks."""


@dataclass(frozen=True, slots=True)
class ServerCost:
    """The cost of a run for the server: CPU seconds, and bytes of its log."""

    cpu: float
    wal_size: int


@dataclass(slots=True)
class PostgresqlOffice:
    """An office whose database is the template of each run's database."""

    folder: Path
    server: Postgresql
    reader_count: int
    size: int
    meter: "ServerMeter" = field(init=False)
    """Measures from the moment at which the last copy was ready."""

    def copy_database(self) -> str:
        """Make a new copy of the database. It has no identity, so that it may send."""
        run_sql(
            self.server.make_url("postgres"),
            "DROP DATABASE IF EXISTS run",
            "CREATE DATABASE run TEMPLATE office",
        )
        url = self.server.make_url("run")
        run_sql(url, "DELETE FROM database_identity", "VACUUM ANALYZE", "CHECKPOINT")
        self.meter = ServerMeter(self.server)
        return url


@contextmanager
def open_postgresql_office(folder: Path, reader_count: int) -> Iterator[PostgresqlOffice]:
    """Build an office whose edition is started, in a server of its own."""
    folder.mkdir()
    with run_server() as server:
        run_sql(
            server.make_url("postgres"),
            "ALTER SYSTEM SET fsync = on",
            "ALTER SYSTEM SET full_page_writes = on",
            "ALTER SYSTEM SET max_wal_size = '4GB'",
            "SELECT pg_reload_conf()",
            "CREATE DATABASE office",
        )
        size, *_ = fill_office(folder, server.make_url("office"), reader_count)
        yield PostgresqlOffice(folder, server, reader_count, size)


def count_sent(url: str) -> int:
    """Count the deliveries that are sent."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            statement = text("SELECT count(*) FROM delivery WHERE state = 'sent'")
            return int(connection.scalar(statement) or 0)
    finally:
        engine.dispose()


class ServerMeter:
    """Measures the cost of a server between two moments."""

    def __init__(self, server: Postgresql) -> None:
        self._url = server.make_url("postgres")
        self._started = self._read_figures()

    def measure_cost(self) -> ServerCost:
        cpu, wal = self._read_figures()
        return ServerCost(cpu - self._started[0], wal - self._started[1])

    def _read_figures(self) -> tuple[float, int]:
        engine = create_engine(self._url)
        try:
            with engine.connect() as connection:
                own_process = connection.scalar(text("SELECT pg_backend_pid()"))
                wal = connection.scalar(text("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))
                postmaster = _read_stat(int(own_process or 0))[1]
                return _sum_cpu(postmaster), int(wal or 0)
        finally:
            engine.dispose()


def _read_stat(process_id: int) -> list[int]:
    """Read a process's own id, its parent, and its CPU times in ticks: its own, and those of
    children that have ended."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return [process_id, int(fields[1]), *(int(ticks) for ticks in fields[11:15])]


def _sum_cpu(postmaster: int) -> float:
    """Sum the CPU seconds of a server and its processes, also of those that have ended."""
    ticks = sum(_read_stat(postmaster)[2:])
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = _read_stat(int(entry.name))
            except OSError:
                continue
            if stat[1] == postmaster:
                ticks += sum(stat[2:4])
    return ticks / TICKS


def run_bare_updates(office: PostgresqlOffice, batch_size: int) -> ServerCost:
    """Make the three transitions of every delivery by bare UPDATEs, each batch in a commit."""
    url = office.copy_database()
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            ids = list(connection.scalars(text("SELECT id FROM delivery ORDER BY id")))
            connection.rollback()
            for start in range(0, len(ids), batch_size):
                batch = {"i": ids[start : start + batch_size]}
                for statement in BARE_TRANSITIONS:
                    connection.execute(text(f"{statement} WHERE id = ANY(:i)"), batch)
                    connection.commit()
    finally:
        engine.dispose()
    return office.meter.measure_cost()
