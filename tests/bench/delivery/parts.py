"""What is measured, part by part. Each prints its figures and notes its goals for the summary.

Where two senders are compared they take turns, A B A B, and what counts is the median of the
ratios of neighbours: what the machine does besides meets both.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mailer.app import open_mailer
from tests.bench.delivery import office as offices
from tests.bench.delivery import plain, prebuilt, sender, source
from tests.bench.delivery.figures import Goal, Run, line, ratio, table
from tests.bench.delivery.office import Office

EACH_WAY = 0.025
SWEPT_CONNECTIONS = (4, 8, 16, 32)
SWEPT_WINDOWS = (1, 4, 10, 20)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything. Each field can come from the environment, in capitals. Connections
    and window are those that win the sweep."""

    n: int = 20_000
    runs: int = 5
    connections: int = 32
    window: int = 20
    plain_n: int = 1_000
    latency_n: int = 2_000
    memory_n: int = 500_000
    plan_n: int = 1_000_000

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Scale":
        """Ends the bench when one is no whole number from 1 on."""
        given: dict[str, int] = {}
        for name in cls.__dataclass_fields__:
            if text := environ.get(name.upper(), ""):
                if not text.isascii() or not text.isdigit() or int(text) < 1:
                    sys.exit(f"{name.upper()} is {text!r}: give a whole number from 1 on")
                given[name] = int(text)
        return cls(**given)


class Bench:
    """Runs parts. Offices are built when first asked for, and runs are kept for later parts."""

    def __init__(self, scale: Scale, folder: Path) -> None:
        self.scale = scale
        self.goals: list[Goal] = []
        self._folder = folder
        self._offices: dict[int, Office] = {}
        self._runs: dict[str, list[Run]] = {}

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """By name, in the order in which they are run."""
        return {
            "throughput": self.throughput,
            "plain": self.plain,
            "cpu": self.cpu,
            "latency": self.latency,
            "memory": self.memory,
            "plan": self.plan,
            "sweep": self.sweep,
        }

    # ---- what several parts need ----------------------------------------------------------------

    def _office(self, readers: int) -> Office:
        """A planned office with so many readers."""
        if readers not in self._offices:
            _tell(f"building an office with {readers:,} readers")
            self._offices[readers] = offices.build(self._folder / f"office-{readers}", readers)
        return self._offices[readers]

    def _ours(self, office: Office, each_way: float = 0.0) -> Run:
        ours = self.scale
        return sender.send(
            office, connections=ours.connections, window=ours.window, each_way=each_way
        )

    def _against_source(self) -> tuple[list[Run], list[Run], list[Run]]:
        """Ours, smtp-source with its links kept, and as it comes: in turns, once for all parts."""
        names = ("ours", "kept", "source")
        if "source" not in self._runs:
            office = self._office(self.scale.n)
            how = {
                "sessions": self.scale.connections, "size": office.size, "count": self.scale.n,
            }  # fmt: skip
            found: dict[str, list[Run]] = {name: [] for name in names}
            for at in range(self.scale.runs):
                _tell(f"throughput, round {at + 1} of {self.scale.runs}")
                found["ours"].append(self._ours(office))
                found["kept"].append(source.run(office.folder, **how, keep=True))
                found["source"].append(source.run(office.folder, **how, keep=False))
            self._runs |= found
        return self._runs["ours"], self._runs["kept"], self._runs["source"]

    def _against_plain(self) -> tuple[list[Run], list[Run], int]:
        """Ours and the plain way in turns, and the size of the plain way's messages."""
        if "plain" not in self._runs:
            office = self._office(self.scale.n)
            ours: list[Run] = []
            plains: list[Run] = []
            for at in range(self.scale.runs):
                _tell(f"plain, round {at + 1} of {self.scale.runs}")
                ours.append(self._ours(office))
                run, self._plain_size = plain.run(office, min(self.scale.plain_n, self.scale.n))
                plains.append(run)
            self._runs |= {"plain": plains, "ours beside plain": ours}
        return self._runs["ours beside plain"], self._runs["plain"], self._plain_size

    # ---- the parts ------------------------------------------------------------------------------

    def throughput(self) -> None:
        ours, kept, fresh = self._against_source()
        office, scale = self._office(self.scale.n), self.scale
        _title(
            f"Throughput: {scale.n:,} messages of {office.size:,} bytes ({office.smallest:,} to "
            f"{office.largest:,}), {scale.connections} connections, window {scale.window}"
        )
        ours_rate = [run.rate for run in ours]
        whole_rate = [run.whole_rate for run in ours]
        kept_rate = [run.rate for run in kept]
        fresh_rate = [run.rate for run in fresh]
        print(line("mailer send, sending phase", ours_rate))
        print(line("mailer send, the whole command", whole_rate))
        print(line("smtp-source -d (a link for many messages)", kept_rate))
        print(line("smtp-source (a link a message)", fresh_rate))
        for name, theirs in (("smtp-source -d", kept_rate), ("smtp-source", fresh_rate)):
            print(line(f"ratio to {name}, sending phase", _pairs(ours_rate, theirs), "", 2))
            print(line(f"ratio to {name}, whole command", _pairs(whole_rate, theirs), "", 2))
            what = f"messages/s, ours to {name}"
            self.goals.append(Goal(what, ratio(ours_rate, theirs), 1.0, 0.7))

    def plain(self) -> None:
        ours, plains, size = self._against_plain()
        _title(
            f"The plain way: {plains[0].messages:,} messages of {size:,} bytes, rendered, built "
            "and sent one by one over one connection"
        )
        ours_rate, plain_rate = [run.rate for run in ours], [run.rate for run in plains]
        print(line("mailer send, sending phase", ours_rate))
        print(line("plain, sending phase", plain_rate))
        print(line("ratio", _pairs(ours_rate, plain_rate), "", 1))
        print("  (the plain way inlines no CSS and writes nothing down)")
        self.goals.append(
            Goal("messages/s, ours to the plain way", ratio(ours_rate, plain_rate), 20, 12)
        )

    def cpu(self) -> None:
        ours, kept, fresh = self._against_source()
        _, plains, _ = self._against_plain()
        _title("CPU of the sender, user and system, in microseconds a message")
        for name, runs in (("mailer send", ours), ("plain", plains)):
            print(line(f"{name}, sending phase", [run.phase_cpu_us for run in runs], "µs"))
            print(line(f"{name}, whole program", [run.cpu_us for run in runs], "µs"))
        for name, runs in (("smtp-source -d", kept), ("smtp-source", fresh)):
            print(line(f"{name}, whole program", [run.cpu_us for run in runs], "µs"))
        print(
            f"  (a program's start is spread over {ours[0].messages:,} messages, of the plain way "
            f"over {plains[0].messages:,})"
        )

    def latency(self) -> None:
        scale = self.scale
        office = self._office(scale.latency_n)
        few = max(scale.latency_n // 4, 1)
        ours: list[Run] = []
        theirs: list[Run] = []
        for at in range(scale.runs):
            _tell(f"latency, round {at + 1} of {scale.runs}")
            ours.append(self._ours(office, EACH_WAY))
            theirs.append(
                prebuilt.run(office, count=few, connections=scale.connections, each_way=EACH_WAY)
            )
        _title(
            f"A relay {EACH_WAY * 2000:.0f} ms away: {scale.connections} connections each, "
            f"{scale.latency_n:,} messages of ours, {few:,} of plain smtplib, connecting included"
        )
        ours_rate, their_rate = [run.rate for run in ours], [run.rate for run in theirs]
        print(line("mailer send, sending phase", ours_rate))
        print(line("smtplib, messages made before", their_rate))
        print(line("ratio", _pairs(ours_rate, their_rate), "", 2))
        self.goals.append(
            Goal("messages/s at 50 ms, ours to smtplib", ratio(ours_rate, their_rate), 4, 4)
        )

    def memory(self) -> None:
        """Once: plan and delivery in one command, as an office runs it."""
        peaks: list[float] = []
        counts = (max(self.scale.memory_n // 25, 1), self.scale.memory_n)
        _title("Peak memory of `mailer send`, plan and delivery in one process, once each")
        for count in counts:
            _tell(f"memory: building an office with {count:,} readers")
            office = offices.build(self._folder / f"unplanned-{count}", count, planned=False)
            run = sender.send(
                office,
                connections=self.scale.connections,
                window=self.scale.window,
                tick=partial(_tell_progress, count),
            )
            peaks.append(run.peak)
            print(line(f"{count:,} recipients", [run.peak], "MB", 1), flush=True)
        grown = peaks[1] / peaks[0]
        print(line("ratio", [grown], "", 3))
        what = f"memory, {counts[1]:,} to {counts[0]:,} recipients"
        self.goals.append(Goal(what, grown, 1.1, 1.1, at_most=True))

    def plan(self) -> None:
        scale = self.scale
        _tell(f"plan: writing {scale.plan_n:,} subscribers")
        office = offices.build(self._folder / "plan", scale.plan_n, planned=False)
        seconds: list[float] = []
        for at in range(scale.runs):
            _tell(f"plan, round {at + 1} of {scale.runs}")
            with open_mailer(offices.settings(office.folder, office.copy())) as mailer:
                start = time.perf_counter()
                with mailer.store.begin() as tx:
                    _, plan = mailer.start(tx, offices.edition_of(tx))
                seconds.append(time.perf_counter() - start)
            if plan is None or plan.planned != scale.plan_n:
                sys.exit(f"{scale.plan_n} readers were to be planned: {plan}")
        _title(f"The plan of an edition for {scale.plan_n:,} recipients on SQLite, commit included")
        print(line("approval checked, audience frozen", seconds, "s", 2))
        what = f"plan of {scale.plan_n:,} recipients"
        self.goals.append(Goal(what, statistics.median(seconds), 8, 8, " s", at_most=True))

    def sweep(self) -> None:
        office, scale = self._office(self.scale.n), self.scale
        rates: dict[tuple[int, int], list[float]] = {}
        for at in range(scale.runs):
            for connections in SWEPT_CONNECTIONS:
                _tell(f"sweep, round {at + 1} of {scale.runs}, {connections} connections")
                for window in SWEPT_WINDOWS:
                    run = sender.send(office, connections=connections, window=window)
                    rates.setdefault((connections, window), []).append(run.rate)
                run = source.run(
                    office.folder, sessions=connections, size=office.size, count=scale.n, keep=True
                )
                rates.setdefault((connections, 0), []).append(run.rate)
        _title(f"Messages/s, sending phase, {scale.n:,} messages, medians of {scale.runs}")
        head = ["connections", *(f"window {one}" for one in SWEPT_WINDOWS), "smtp-source -d"]
        rows = [
            [str(connections)]
            + [f"{statistics.median(rates[connections, of]):,.0f}" for of in (*SWEPT_WINDOWS, 0)]
            for connections in SWEPT_CONNECTIONS
        ]
        print(table(head, rows))


def _pairs(ours: list[float], theirs: list[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def _title(text: str) -> None:
    print(f"\n{text}", flush=True)


def _tell_progress(of: int, sent: int) -> None:
    _tell(f"memory: {sent:,} of {of:,} sent")


def _tell(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)
