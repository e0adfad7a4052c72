"""``make bench``: measure the speed of delivery, beside programs that have less to do.

    python -m tests.bench.bench_delivery [PART …]

=========== ================================================================================
part        measures
=========== ================================================================================
throughput  messages/s of ``mailer send`` on a digest of about 17 KB, against Postfix's
            ``smtp-source`` with as many sessions and bytes, each into a fresh ``smtp-sink``
plain       the same against rendering, building and sending message by message
cpu         CPU seconds a message of all of them
latency     messages/s to a relay 50 ms away, against smtplib on as many connections
chunking    messages/s to a relay that offers CHUNKING, 0, 10, 50 and 150 ms away
growth      messages/s to a relay 50 ms away without PIPELINING, connections growing by
            themselves, against 32 of smtplib
postgresql  messages/s with PostgreSQL against SQLite, the server's CPU and log a message,
            against three bare UPDATEs of the same rows
memory      the peak memory of ``mailer send`` at 20,000 and 500,000 recipients (minutes)
plan        the time to plan an edition for a million recipients
sweep       messages/s over connections and windows, as a table (only on request)
=========== ================================================================================

The environment sets the scale: ``RUNS`` pairs, ``N`` messages a run, ``CONNECTIONS``, ``WINDOW``,
``PLAIN_N``, ``LATENCY_N``, ``MEMORY_N``, ``PLAN_N``. After each run the database must have every
delivery as sent, and the sink must have counted as many. No time is asserted: the summary puts the
goals beside the figures. Other work on the machine affects every figure.
"""

import argparse
import io
import os
import platform
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.delivery.bench_base import Scale
from tests.bench.delivery.figures import format_table
from tests.bench.delivery.parts import Bench
from tests.bench.delivery.sink import find_program

ONLY_ON_REQUEST = {"sweep"}
WITHOUT_POSTFIX = {"plan"}


def _parse_parts(names: list[str]) -> list[str]:
    parser = argparse.ArgumentParser(
        prog="bench_delivery.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="PART")
    for name in names:
        parser.add_argument(f"--{name}", dest="flags", action="append_const", const=name)
    arguments = parser.parse_args()
    requested = {*arguments.words, *(arguments.flags or [])}
    if unknown := requested - set(names):
        parser.error(f"unknown part {min(unknown)!r}; the parts are {', '.join(names)}")
    return [name for name in names if name in (requested or set(names) - ONLY_ON_REQUEST)]


def _exit_on_signal(_number: int, _frame: object) -> None:
    sys.exit("ended")


def main() -> None:
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)  # in step with the notes on stderr
    scale = Scale.from_environ(os.environ)
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as folder:
        bench = Bench(scale, Path(folder).resolve())
        parts = _parse_parts(list(bench.parts))
        missing = [name for name in ("smtp-sink", "smtp-source") if find_program(name) is None]
        if missing and set(parts) - WITHOUT_POSTFIX:
            message = f"{' and '.join(missing)} not found: Debian's package `postfix` has them"
            print(message, file=sys.stderr)
            sys.exit(2)
        # sys.exit ends each process with the block that started it.
        signal.signal(signal.SIGTERM, _exit_on_signal)
        Path(folder).chmod(0o755)
        print(
            f"{os.cpu_count()} CPUs, Python {platform.python_version()}, SQLite "
            f"{sqlite3.sqlite_version} on disk with synchronous=FULL; {scale.runs} runs each"
        )
        start = time.monotonic()
        try:
            for name in parts:
                bench.parts[name]()
        except KeyboardInterrupt:
            sys.exit(130)
        if bench.goals:
            print("\nSummary\n")
            head = ("", "measured", "goal", "")
            print(format_table(head, [goal.to_row() for goal in bench.goals]))
        print(f"\n{time.monotonic() - start:,.0f} s in all")


if __name__ == "__main__":
    main()
