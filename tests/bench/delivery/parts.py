"""The parts of the bench. Each prints its figures and notes its goals for the summary.

Two programs are compared in turns, A B A B, and the result is the median of the ratios of
neighbours, so that other work on the machine affects both.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from mailer import editions
from mailer.app import open_mailer
from tests.actors import STAFF
from tests.bench.delivery import fixtures as offices
from tests.bench.delivery import mailer_send, plain, source
from tests.bench.delivery.bench_base import divide_pairs, print_note, print_progress, print_title
from tests.bench.delivery.distance_parts import DistanceParts
from tests.bench.delivery.figures import BenchRun, Goal, format_line, format_table, measure_ratio
from tests.bench.delivery.postgresql_parts import PostgresqlParts

SWEPT_CONNECTIONS = (4, 8, 16, 32)
SWEPT_WINDOWS = (1, 4, 10, 20)


class Bench(DistanceParts, PostgresqlParts):
    """Runs parts. Offices are built when first needed, and runs are saved for later parts."""

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """The parts by name, in the order in which they run."""
        return {
            "throughput": self.measure_throughput,
            "plain": self.measure_plain,
            "cpu": self.measure_cpu,
            "latency": self.measure_latency,
            "chunking": self.measure_chunking,
            "growth": self.measure_growth,
            "postgresql": self.measure_postgresql,
            "memory": self.measure_memory,
            "plan": self.measure_plan,
            "sweep": self.measure_sweep,
        }

    def _compare_with_source(self) -> tuple[list[BenchRun], list[BenchRun], list[BenchRun]]:
        """Run, in turns, mailer send, smtp-source with reused links, and smtp-source with a link a
        message; once for all parts."""
        names = ("mailer", "reused", "source")
        if "source" not in self._runs:
            office = self._get_office(self.scale.n)
            source_options = {
                "sessions": self.scale.connections,
                "size": office.size,
                "count": self.scale.n,
            }
            runs_by_name: dict[str, list[BenchRun]] = {name: [] for name in names}
            for round_number in range(self.scale.runs):
                print_note(f"throughput, round {round_number + 1} of {self.scale.runs}")
                runs_by_name["mailer"].append(self._send_with_mailer(office))
                runs_by_name["reused"].append(
                    source.run_smtp_source(office.folder, **source_options, reuse_links=True)
                )
                runs_by_name["source"].append(
                    source.run_smtp_source(office.folder, **source_options, reuse_links=False)
                )
            self._runs |= runs_by_name
        return self._runs["mailer"], self._runs["reused"], self._runs["source"]

    def _compare_with_plain(self) -> tuple[list[BenchRun], list[BenchRun], int]:
        """Run mailer send and the plain way in turns. Returns their runs, and the mean size of the
        plain way's messages."""
        if "plain" not in self._runs:
            office = self._get_office(self.scale.n)
            our_runs: list[BenchRun] = []
            plain_runs: list[BenchRun] = []
            for round_number in range(self.scale.runs):
                print_note(f"plain, round {round_number + 1} of {self.scale.runs}")
                our_runs.append(self._send_with_mailer(office))
                run, self._plain_size = plain.run_plain(
                    office, min(self.scale.plain_n, self.scale.n)
                )
                plain_runs.append(run)
            self._runs |= {"plain": plain_runs, "mailer beside plain": our_runs}
        return self._runs["mailer beside plain"], self._runs["plain"], self._plain_size

    # ---- the parts ------------------------------------------------------------------------------

    def measure_throughput(self) -> None:
        our_runs, reused_link_runs, new_link_runs = self._compare_with_source()
        office, scale = self._get_office(self.scale.n), self.scale
        print_title(
            f"Throughput: {scale.n:,} messages of {office.size:,} bytes ({office.smallest:,} to "
            f"{office.largest:,}), {scale.connections} connections, window {scale.window}"
        )
        our_rates = [run.rate for run in our_runs]
        whole_rates = [run.whole_rate for run in our_runs]
        reused_link_rates = [run.rate for run in reused_link_runs]
        new_link_rates = [run.rate for run in new_link_runs]
        print(format_line("mailer send, sending phase", our_rates))
        print(format_line("mailer send, the whole command", whole_rates))
        print(format_line("smtp-source -d (a link for many messages)", reused_link_rates))
        print(format_line("smtp-source (a link a message)", new_link_rates))
        for name, their_rates in (
            ("smtp-source -d", reused_link_rates),
            ("smtp-source", new_link_rates),
        ):
            print(
                format_line(
                    f"ratio to {name}, sending phase", divide_pairs(our_rates, their_rates), "", 2
                )
            )
            print(
                format_line(
                    f"ratio to {name}, whole command",
                    divide_pairs(whole_rates, their_rates),
                    "",
                    2,
                )
            )
            description = f"messages/s, mailer send to {name}"
            self.goals.append(Goal(description, measure_ratio(our_rates, their_rates), 1.0, 0.7))

    def measure_plain(self) -> None:
        our_runs, plain_runs, size = self._compare_with_plain()
        print_title(
            f"The plain way: {plain_runs[0].messages:,} messages of {size:,} bytes, rendered, "
            "built and sent one by one over one connection"
        )
        our_rates, plain_rates = [run.rate for run in our_runs], [run.rate for run in plain_runs]
        print(format_line("mailer send, sending phase", our_rates))
        print(format_line("plain, sending phase", plain_rates))
        print(format_line("ratio", divide_pairs(our_rates, plain_rates), "", 1))
        print("  (the plain way inlines no CSS and writes nothing to disk)")
        self.goals.append(
            Goal(
                "messages/s, mailer send to the plain way",
                measure_ratio(our_rates, plain_rates),
                20,
                12,
            )
        )

    def measure_cpu(self) -> None:
        our_runs, reused_link_runs, new_link_runs = self._compare_with_source()
        _, plain_runs, _ = self._compare_with_plain()
        print_title("CPU of the sending program, user and system, in microseconds a message")
        for name, runs in (("mailer send", our_runs), ("plain", plain_runs)):
            print(format_line(f"{name}, sending phase", [run.phase_cpu_us for run in runs], "µs"))
            print(format_line(f"{name}, whole program", [run.cpu_us for run in runs], "µs"))
        for name, runs in (("smtp-source -d", reused_link_runs), ("smtp-source", new_link_runs)):
            print(format_line(f"{name}, whole program", [run.cpu_us for run in runs], "µs"))
        print(
            f"  (a program's start is spread over {our_runs[0].messages:,} messages, in the plain "
            f"way over {plain_runs[0].messages:,})"
        )

    def measure_memory(self) -> None:
        """Measure once, with plan and delivery in one command, as an office runs it."""
        peaks: list[float] = []
        counts = (max(self.scale.memory_n // 25, 1), self.scale.memory_n)
        print_title("Peak memory of `mailer send`, plan and delivery in one process, once each")
        for count in counts:
            print_note(f"memory: building an office with {count:,} readers")
            office = offices.build_office(self._folder / f"unplanned-{count}", count, planned=False)
            run = mailer_send.send_edition(
                office,
                connections=self.scale.connections,
                window=self.scale.window,
                tick=partial(print_progress, count),
            )
            peaks.append(run.peak)
            print(format_line(f"{count:,} recipients", [run.peak], "MB", 1), flush=True)
        growth = peaks[1] / peaks[0]
        print(format_line("ratio", [growth], "", 3))
        description = f"memory, {counts[1]:,} to {counts[0]:,} recipients"
        self.goals.append(Goal(description, growth, 1.1, 1.1, at_most=True))

    def measure_plan(self) -> None:
        scale = self.scale
        print_note(f"plan: writing {scale.plan_n:,} subscribers")
        office = offices.build_office(self._folder / "plan", scale.plan_n, planned=False)
        seconds: list[float] = []
        for round_number in range(scale.runs):
            print_note(f"plan, round {round_number + 1} of {scale.runs}")
            with open_mailer(
                offices.load_settings(office.folder, office.copy_database())
            ) as mailer:
                start = time.perf_counter()
                with mailer.store.begin() as tx:
                    _, plan = editions.start_edition(
                        tx, STAFF, offices.load_edition(tx), mailer.renderer, mailer.clock()
                    )
                seconds.append(time.perf_counter() - start)
            if plan is None or plan.planned != scale.plan_n:
                sys.exit(f"{scale.plan_n} readers should be planned, but the plan is {plan}")
        print_title(
            f"The plan of an edition for {scale.plan_n:,} recipients on SQLite, commit included"
        )
        print(format_line("approval checked, audience frozen", seconds, "s", 2))
        description = f"plan of {scale.plan_n:,} recipients"
        self.goals.append(Goal(description, statistics.median(seconds), 8, 8, " s", at_most=True))

    def measure_sweep(self) -> None:
        office, scale = self._get_office(self.scale.n), self.scale
        rates: dict[tuple[int, int], list[float]] = {}
        for round_number in range(scale.runs):
            for connections in SWEPT_CONNECTIONS:
                print_note(
                    f"sweep, round {round_number + 1} of {scale.runs}, {connections} connections"
                )
                for window in SWEPT_WINDOWS:
                    run = mailer_send.send_edition(office, connections=connections, window=window)
                    rates.setdefault((connections, window), []).append(run.rate)
                run = source.run_smtp_source(
                    office.folder,
                    sessions=connections,
                    size=office.size,
                    count=scale.n,
                    reuse_links=True,
                )
                rates.setdefault((connections, 0), []).append(run.rate)
        print_title(f"Messages/s, sending phase, {scale.n:,} messages, medians of {scale.runs}")
        head = ["connections", *(f"window {window}" for window in SWEPT_WINDOWS), "smtp-source -d"]
        rows = [
            [str(connections)]
            + [
                f"{statistics.median(rates[connections, swept_window]):,.0f}"
                for swept_window in (*SWEPT_WINDOWS, 0)
            ]
            for connections in SWEPT_CONNECTIONS
        ]
        print(format_table(head, rows))
