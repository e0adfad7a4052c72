"""Parts of the bench: the speed and the CPU of sending, against programs that have less to do."""

from collections.abc import Callable
from functools import partial

from tests.bench.context import Bench, compare_pairs
from tests.bench.delivery import plain, source
from tests.bench.delivery.bench_run import BenchRun, build_rates, build_series, build_whole_rates
from tests.bench.delivery.fixtures import Office
from tests.bench.goals import GOALS
from tests.bench.results import Comparison, Series

SWEPT_CONNECTIONS = (4, 8, 16, 32)
SWEPT_WINDOWS = (1, 4, 10, 20)


def measure_throughput(bench: Bench) -> list[Comparison]:
    """Compare `mailer send` with `smtp-source`, whose messages have the same mean size."""
    count = bench.scale.n
    office = bench.get_office(count)
    runs = bench.run_in_turns(
        "throughput",
        {
            "mailer send": partial(bench.send, office),
            "smtp-source -d": partial(_run_source, bench, office, reuse_links=True),
            "smtp-source": partial(_run_source, bench, office, reuse_links=False),
        },
    )
    our_runs, reused_runs, new_runs = (
        runs["mailer send"],
        runs["smtp-source -d"],
        runs["smtp-source"],
    )
    conditions = (
        f"{bench.describe_sending(count, office.size)} ({office.smallest:,} to "
        f"{office.largest:,} bytes)"
    )
    our_rates = build_rates("mailer send, sending phase", our_runs)
    return [
        compare_pairs(
            "sqlite-to-source",
            conditions,
            our_rates,
            build_rates("smtp-source -d", reused_runs),
            build_whole_rates("mailer send, whole command", our_runs),
        ),
        compare_pairs(
            "new-links-to-source", conditions, our_rates, build_rates("smtp-source", new_runs)
        ),
        compare_pairs(
            "cpu-to-source",
            f"{conditions}; user and system, the sending phase",
            build_series(
                "mailer send, sending phase", "µs", (run.phase_cpu_us for run in our_runs)
            ),
            build_series("smtp-source -d", "µs", (run.cpu_us for run in reused_runs)),
            build_series("mailer send, whole command", "µs", (run.cpu_us for run in our_runs)),
        ),
    ]


def measure_whole_command(bench: Bench) -> list[Comparison]:
    """Compare the whole command with `smtp-source -d`: its start and its end count."""
    count = bench.scale.whole_n
    office = bench.get_office(count)
    runs = bench.run_in_turns(
        "whole",
        {
            "mailer send": partial(bench.send, office),
            "smtp-source -d": partial(_run_source, bench, office, reuse_links=True),
        },
    )
    return [
        compare_pairs(
            "whole-to-source",
            bench.describe_sending(count, office.size),
            build_whole_rates("mailer send, whole command", runs["mailer send"]),
            build_whole_rates("smtp-source -d", runs["smtp-source -d"]),
            build_rates("mailer send, sending phase", runs["mailer send"]),
        )
    ]


def measure_plain_way(bench: Bench) -> list[Comparison]:
    """Compare `mailer send` with a program that renders, builds and sends message by message."""
    count, plain_count = bench.scale.n, min(bench.scale.plain_n, bench.scale.n)
    office = bench.get_office(count)
    sizes: list[int] = []

    def run_plain() -> BenchRun:
        run, size = plain.run_plain(office, plain_count)
        sizes.append(size)
        return run

    measurers: dict[str, Callable[[], BenchRun]] = {
        "mailer send": partial(bench.send, office),
        "the plain way": run_plain,
    }
    runs = bench.run_in_turns("plain", measurers)
    our_runs, plain_runs = runs["mailer send"], runs["the plain way"]
    return [
        compare_pairs(
            "plain-way",
            f"{bench.describe_sending(count, office.size)}; the plain way: {plain_count:,} "
            f"messages of {sizes[0]:,} bytes over one connection, without inlined CSS and with "
            "nothing on disk",
            build_rates("mailer send, sending phase", our_runs),
            build_rates("the plain way, sending phase", plain_runs),
            build_series("CPU of mailer send", "µs", (run.phase_cpu_us for run in our_runs)),
            build_series("CPU of the plain way", "µs", (run.phase_cpu_us for run in plain_runs)),
        )
    ]


def measure_sweep(bench: Bench) -> list[Comparison]:
    """Measure many numbers of connections and windows."""
    office = bench.get_office(bench.scale.n)
    measurers = {
        f"{connections} connections, window {window}": partial(
            bench.send, office, connections=connections, window=window
        )
        for connections in SWEPT_CONNECTIONS
        for window in SWEPT_WINDOWS
    } | {
        f"{connections} connections, smtp-source -d": partial(
            _run_source, bench, office, reuse_links=True, connections=connections
        )
        for connections in SWEPT_CONNECTIONS
    }
    runs = bench.run_in_turns("sweep", measurers)
    series: tuple[Series, ...] = tuple(build_rates(name, runs[name]) for name in measurers)
    conditions = f"{bench.scale.n:,} messages of {office.size:,} bytes"
    return [Comparison(GOALS["sweep"], conditions, series)]


def _run_source(
    bench: Bench, office: Office, *, reuse_links: bool, connections: int = 0
) -> BenchRun:
    return source.run_smtp_source(
        office.folder,
        sessions=connections or bench.scale.connections,
        size=office.size,
        count=office.reader_count,
        reuse_links=reuse_links,
    )
