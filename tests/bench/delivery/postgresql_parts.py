"""Parts of the bench: PostgreSQL against SQLite and bare UPDATEs, and several processes on each."""

from collections.abc import Callable
from functools import partial

from tests.bench.context import Bench, compare_pairs
from tests.bench.delivery.bench_run import BenchRun, build_rates, build_series
from tests.bench.delivery.fixtures import Office
from tests.bench.delivery.postgresql_office import PostgresqlOffice, ServerCost, run_bare_updates
from tests.bench.results import Comparison

BARE_BATCH = 320
"""Rows of one bare UPDATE: half of the messages that 32 connections with a window of 20 have."""

PROCESSES = (1, 2, 4)


def measure_postgresql(bench: Bench) -> list[Comparison]:
    """Compare PostgreSQL with SQLite, and the server's work with bare UPDATEs."""
    count = bench.scale.n
    sqlite_office, office = bench.get_office(count), bench.get_postgresql_office()
    costs: list[ServerCost] = []
    bare_costs: list[ServerCost] = []

    def send_with_postgresql() -> BenchRun:
        run = bench.send(office)
        costs.append(office.meter.measure_cost())
        bare_costs.append(run_bare_updates(office, BARE_BATCH))
        return run

    measurers: dict[str, Callable[[], BenchRun]] = {
        "SQLite": partial(bench.send, sqlite_office),
        "PostgreSQL": send_with_postgresql,
    }
    runs = bench.run_in_turns("postgresql", measurers)
    conditions = bench.describe_sending(count, office.size)
    bare_conditions = f"{conditions}; UPDATEs of {BARE_BATCH} rows by id, each in a commit"
    return [
        compare_pairs(
            "postgresql-to-sqlite",
            f"{conditions}; the server on the same machine",
            build_rates("PostgreSQL", runs["PostgreSQL"]),
            build_rates("SQLite", runs["SQLite"]),
        ),
        compare_pairs(
            "server-cpu",
            bare_conditions,
            build_series("server, mailer send", "µs", (cost.cpu / count * 1e6 for cost in costs)),
            build_series(
                "server, bare UPDATEs", "µs", (cost.cpu / count * 1e6 for cost in bare_costs)
            ),
        ),
        compare_pairs(
            "server-log",
            bare_conditions,
            build_series("mailer send", "bytes", (cost.wal_size / count for cost in costs)),
            build_series("bare UPDATEs", "bytes", (cost.wal_size / count for cost in bare_costs)),
        ),
    ]


def measure_processes(bench: Bench) -> list[Comparison]:
    """Measure several processes that send one edition together, over as many connections."""
    sqlite_office, postgresql_office = (
        bench.get_office(bench.scale.n),
        bench.get_postgresql_office(),
    )
    return [
        _compare_processes(bench, "processes-sqlite", sqlite_office),
        _compare_processes(bench, "processes-postgresql", postgresql_office),
    ]


def _compare_processes(bench: Bench, key: str, office: Office | PostgresqlOffice) -> Comparison:
    runs = bench.run_in_turns(
        key,
        {
            _format_processes(count): partial(
                bench.send,
                office,
                processes=count,
                connections=max(bench.scale.connections // count, 1),
            )
            for count in PROCESSES
        },
    )
    rates = [build_rates(name, runs[name]) for name in runs]
    conditions = (
        f"{bench.describe_sending(bench.scale.n, office.size)}; the connections are divided among "
        "the processes"
    )
    return compare_pairs(key, conditions, rates[2], rates[0], rates[1])


def _format_processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
