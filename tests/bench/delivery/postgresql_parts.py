"""Part of the bench: PostgreSQL against SQLite, and against bare UPDATEs."""

from tests.bench.delivery.bench_base import BenchBase, divide_pairs, print_note, print_title
from tests.bench.delivery.figures import BenchRun, Goal, format_line, measure_ratio
from tests.bench.delivery.postgresql_office import (
    ServerCost,
    open_postgresql_office,
    run_bare_updates,
)

BARE_BATCH = 320
"""Rows of one bare UPDATE: half of the messages that 32 connections with a window of 20 have."""


class PostgresqlParts(BenchBase):
    """The part that measures PostgreSQL."""

    def measure_postgresql(self) -> None:
        """Compare PostgreSQL with SQLite, and the server's work with bare UPDATEs."""
        scale = self.scale
        sqlite_office = self._get_office(scale.n)
        sqlite_runs: list[BenchRun] = []
        runs: list[BenchRun] = []
        costs: list[ServerCost] = []
        bare_costs: list[ServerCost] = []
        print_note(f"building an office with {scale.n:,} readers in PostgreSQL")
        with open_postgresql_office(self._folder / "postgresql", scale.n) as office:
            for round_number in range(scale.runs):
                print_note(f"postgresql, round {round_number + 1} of {scale.runs}")
                sqlite_runs.append(self._send_with_mailer(sqlite_office))
                runs.append(self._send_with_mailer(office))
                costs.append(office.meter.measure_cost())
                bare_costs.append(run_bare_updates(office, BARE_BATCH))
        print_title(
            f"PostgreSQL on this machine, {scale.n:,} messages, {scale.connections} connections, "
            f"window {scale.window}"
        )
        rates, sqlite_rates = [run.rate for run in runs], [run.rate for run in sqlite_runs]
        cpu = [cost.cpu / scale.n * 1e6 for cost in costs]
        bare_cpu = [cost.cpu / scale.n * 1e6 for cost in bare_costs]
        print(format_line("mailer send, PostgreSQL", rates))
        print(format_line("mailer send, SQLite", sqlite_rates))
        print(format_line("ratio to SQLite", divide_pairs(rates, sqlite_rates), "", 2))
        print(format_line("server CPU a message", cpu, "µs"))
        print(format_line("server CPU of three bare UPDATEs a row", bare_cpu, "µs"))
        for name, all_costs in (("log (WAL) a message", costs), ("… bare UPDATEs", bare_costs)):
            print(format_line(name, [cost.wal_size / scale.n for cost in all_costs], "B"))
        self.goals += [
            Goal("messages/s, PostgreSQL to SQLite", measure_ratio(rates, sqlite_rates), 0.9, 0.7),
            Goal(
                "server CPU, to three bare UPDATEs",
                measure_ratio(cpu, bare_cpu),
                1.5,
                1.5,
                at_most=True,
            ),
        ]
