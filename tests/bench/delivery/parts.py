"""The parts of the bench. Each prints its figures and notes its goals for the summary.

Two programs are compared in turns, A B A B, and the result is the median of the ratios of
neighbours, so that other work on the machine affects both.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mailer import editions
from mailer.app import open_mailer
from tests.actors import STAFF
from tests.bench.delivery import fixtures as offices
from tests.bench.delivery import mailer_send, plain, prebuilt, source
from tests.bench.delivery.figures import BenchRun, Goal, format_line, format_table, measure_ratio
from tests.bench.delivery.fixtures import Office

EACH_WAY = 0.025
DISTANCES = (0.0, 0.005, 0.025, 0.075)
"""Seconds each way: no distance, a near relay, another country, another continent."""

SWEPT_CONNECTIONS = (4, 8, 16, 32)
SWEPT_WINDOWS = (1, 4, 10, 20)


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of the bench. Each field can be set in the environment, in capitals. The defaults
    of connections and window are the fastest of the sweep."""

    n: int = 20_000
    runs: int = 5
    connections: int = 32
    window: int = 20
    plain_n: int = 1_000
    latency_n: int = 2_000
    memory_n: int = 500_000
    plan_n: int = 1_000_000

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Scale":
        """Read the scale. Exits the bench if a value is not a whole number from 1 on."""
        values: dict[str, int] = {}
        for name in cls.__dataclass_fields__:
            if text := environ.get(name.upper(), ""):
                if not text.isascii() or not text.isdigit() or int(text) < 1:
                    sys.exit(f"{name.upper()} is {text!r}: give a whole number from 1 on")
                values[name] = int(text)
        return cls(**values)


class Bench:
    """Runs parts. Offices are built when first needed, and runs are saved for later parts."""

    def __init__(self, scale: Scale, folder: Path) -> None:
        self.scale = scale
        self.goals: list[Goal] = []
        self._folder = folder
        self._offices: dict[int, Office] = {}
        self._runs: dict[str, list[BenchRun]] = {}

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """The parts by name, in the order in which they run."""
        return {
            "throughput": self.measure_throughput,
            "plain": self.measure_plain,
            "cpu": self.measure_cpu,
            "latency": self.measure_latency,
            "chunking": self.measure_chunking,
            "memory": self.measure_memory,
            "plan": self.measure_plan,
            "sweep": self.measure_sweep,
        }

    # ---- shared by several parts ----------------------------------------------------------------

    def _get_office(self, reader_count: int) -> Office:
        """Return a planned office with so many readers, which is built only once."""
        if reader_count not in self._offices:
            _print_note(f"building an office with {reader_count:,} readers")
            self._offices[reader_count] = offices.build_office(
                self._folder / f"office-{reader_count}", reader_count
            )
        return self._offices[reader_count]

    def _send_with_mailer(
        self, office: Office, each_way: float = 0.0, *, chunking: bool = False
    ) -> BenchRun:
        scale = self.scale
        return mailer_send.send_edition(
            office,
            connections=scale.connections,
            window=scale.window,
            each_way=each_way,
            chunking=chunking,
        )

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
                _print_note(f"throughput, round {round_number + 1} of {self.scale.runs}")
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
                _print_note(f"plain, round {round_number + 1} of {self.scale.runs}")
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
        _print_title(
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
                    f"ratio to {name}, sending phase", _divide_pairs(our_rates, their_rates), "", 2
                )
            )
            print(
                format_line(
                    f"ratio to {name}, whole command",
                    _divide_pairs(whole_rates, their_rates),
                    "",
                    2,
                )
            )
            description = f"messages/s, mailer send to {name}"
            self.goals.append(Goal(description, measure_ratio(our_rates, their_rates), 1.0, 0.7))

    def measure_plain(self) -> None:
        our_runs, plain_runs, size = self._compare_with_plain()
        _print_title(
            f"The plain way: {plain_runs[0].messages:,} messages of {size:,} bytes, rendered, "
            "built and sent one by one over one connection"
        )
        our_rates, plain_rates = [run.rate for run in our_runs], [run.rate for run in plain_runs]
        print(format_line("mailer send, sending phase", our_rates))
        print(format_line("plain, sending phase", plain_rates))
        print(format_line("ratio", _divide_pairs(our_rates, plain_rates), "", 1))
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
        _print_title("CPU of the sending program, user and system, in microseconds a message")
        for name, runs in (("mailer send", our_runs), ("plain", plain_runs)):
            print(format_line(f"{name}, sending phase", [run.phase_cpu_us for run in runs], "µs"))
            print(format_line(f"{name}, whole program", [run.cpu_us for run in runs], "µs"))
        for name, runs in (("smtp-source -d", reused_link_runs), ("smtp-source", new_link_runs)):
            print(format_line(f"{name}, whole program", [run.cpu_us for run in runs], "µs"))
        print(
            f"  (a program's start is spread over {our_runs[0].messages:,} messages, in the plain "
            f"way over {plain_runs[0].messages:,})"
        )

    def measure_latency(self) -> None:
        scale = self.scale
        office = self._get_office(scale.latency_n)
        smtplib_count = max(scale.latency_n // 4, 1)
        our_runs: list[BenchRun] = []
        their_runs: list[BenchRun] = []
        for round_number in range(scale.runs):
            _print_note(f"latency, round {round_number + 1} of {scale.runs}")
            our_runs.append(self._send_with_mailer(office, EACH_WAY))
            their_runs.append(
                prebuilt.run_prebuilt(
                    office, count=smtplib_count, connections=scale.connections, each_way=EACH_WAY
                )
            )
        _print_title(
            f"A relay {EACH_WAY * 2000:.0f} ms away: {scale.connections} connections each, "
            f"{scale.latency_n:,} messages of mailer send, {smtplib_count:,} of plain smtplib, "
            "connecting included"
        )
        our_rates, their_rates = [run.rate for run in our_runs], [run.rate for run in their_runs]
        print(format_line("mailer send, sending phase", our_rates))
        print(format_line("smtplib, messages made before", their_rates))
        print(format_line("ratio", _divide_pairs(our_rates, their_rates), "", 2))
        self.goals.append(
            Goal(
                "messages/s at 50 ms, mailer send to smtplib",
                measure_ratio(our_rates, their_rates),
                4,
                4,
            )
        )

    def measure_chunking(self) -> None:
        """Compare distances over a relay that offers CHUNKING, and smtplib at one of them."""
        scale = self.scale
        office = self._get_office(scale.n)
        runs: dict[float, list[BenchRun]] = {each_way: [] for each_way in DISTANCES}
        their_runs: list[BenchRun] = []
        smtplib_count = max(scale.latency_n // 4, 1)
        for round_number in range(scale.runs):
            _print_note(f"chunking, round {round_number + 1} of {scale.runs}")
            for each_way in DISTANCES:
                runs[each_way].append(self._send_with_mailer(office, each_way, chunking=True))
            their_runs.append(
                prebuilt.run_prebuilt(
                    office, count=smtplib_count, connections=scale.connections, each_way=EACH_WAY
                )
            )
        _print_title(
            f"A relay with CHUNKING, {scale.n:,} messages, {scale.connections} connections, window "
            f"{scale.window}"
        )
        rates = {each_way: [run.rate for run in runs[each_way]] for each_way in DISTANCES}
        their_rates = [run.rate for run in their_runs]
        for each_way in DISTANCES:
            print(format_line(f"mailer send, {each_way * 2000:.0f} ms away", rates[each_way]))
        print(format_line(f"smtplib, {EACH_WAY * 2000:.0f} ms away", their_rates))
        for description, our_rates, other_rates, goal in (
            ("messages/s at 50 ms, CHUNKING, to smtplib", rates[EACH_WAY], their_rates, 20.0),
            ("messages/s, CHUNKING, 150 ms to 0 ms", rates[0.075], rates[0.0], 0.7),
        ):
            print(format_line(description, _divide_pairs(our_rates, other_rates), "", 2))
            self.goals.append(Goal(description, measure_ratio(our_rates, other_rates), goal, goal))

    def measure_memory(self) -> None:
        """Measure once, with plan and delivery in one command, as an office runs it."""
        peaks: list[float] = []
        counts = (max(self.scale.memory_n // 25, 1), self.scale.memory_n)
        _print_title("Peak memory of `mailer send`, plan and delivery in one process, once each")
        for count in counts:
            _print_note(f"memory: building an office with {count:,} readers")
            office = offices.build_office(self._folder / f"unplanned-{count}", count, planned=False)
            run = mailer_send.send_edition(
                office,
                connections=self.scale.connections,
                window=self.scale.window,
                tick=partial(_print_progress, count),
            )
            peaks.append(run.peak)
            print(format_line(f"{count:,} recipients", [run.peak], "MB", 1), flush=True)
        growth = peaks[1] / peaks[0]
        print(format_line("ratio", [growth], "", 3))
        description = f"memory, {counts[1]:,} to {counts[0]:,} recipients"
        self.goals.append(Goal(description, growth, 1.1, 1.1, at_most=True))

    def measure_plan(self) -> None:
        scale = self.scale
        _print_note(f"plan: writing {scale.plan_n:,} subscribers")
        office = offices.build_office(self._folder / "plan", scale.plan_n, planned=False)
        seconds: list[float] = []
        for round_number in range(scale.runs):
            _print_note(f"plan, round {round_number + 1} of {scale.runs}")
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
        _print_title(
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
                _print_note(
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
        _print_title(f"Messages/s, sending phase, {scale.n:,} messages, medians of {scale.runs}")
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


def _divide_pairs(our_values: list[float], their_values: list[float]) -> list[float]:
    return [a / b for a, b in zip(our_values, their_values, strict=True)]


def _print_title(text: str) -> None:
    print(f"\n{text}", flush=True)


def _print_progress(total: int, sent: int) -> None:
    _print_note(f"memory: {sent:,} of {total:,} sent")


def _print_note(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)
