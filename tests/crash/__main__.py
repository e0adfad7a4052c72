"""``make crash``: the harness on the command line.

    python -m tests.crash --kills 30 --recipients 20000 --database postgresql

Prints one line that counts and one that explains on stdout, the rest on stderr. Exit code 1 when
the guarantee was not kept."""

import argparse
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.harness import Trial, run
from tests.crash.sender import SABOTAGE
from tests.postgresql import run_sql, server


def main() -> int:
    given = _arguments()
    trial = Trial(
        kills=given.kills,
        recipients=given.recipients,
        connections=given.connections,
        window=given.window,
        signal=signal.Signals[f"SIG{given.signal}"],
        seed=given.seed,
        linger=given.linger / 1000,
        sabotage=given.sabotage,
    )
    _say(f"{given.database}, seed {trial.seed}")
    with _folder(given.keep) as folder, _database(given.database, folder) as url:
        result = run(trial, folder, url, _say)
    for line in (*result.faults, *result.examples):
        _say(line)
    print(result)
    print(
        f"duplicates at the server {result.duplicates}, {result.with_doubts} kills left doubts, "
        f"{result.before_a_message} came before a message, slowest start "
        f"{result.slowest_start:.1f} s, {result.seconds:.0f} seconds in all"
    )
    if result.kills < trial.kills:
        print(f"only {result.kills} of {trial.kills} kills were made", file=sys.stderr)
    return 0 if result.kept else 1


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description="Kill a real sender again and again, and count every recipient.",
    )
    usual = Trial()
    asked.add_argument("--kills", type=int, default=usual.kills)
    asked.add_argument("--recipients", type=int, default=usual.recipients)
    asked.add_argument("--connections", type=int, default=usual.connections)
    asked.add_argument("--window", type=int, default=usual.window)
    asked.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
    asked.add_argument(
        "--linger", type=float, default=2.0, help="milliseconds at most before the relay's 250"
    )
    asked.add_argument("--sabotage", choices=sorted(SABOTAGE), default="")
    asked.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    asked.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave record, log and SQLite database there"
    )
    return asked.parse_args()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        if keep.exists() and any(keep.iterdir()):
            sys.exit(f"{keep} is not empty")
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="mailer-crash-") as name:
        yield Path(name)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'subscribers.db'}"
        return
    with server() as postgresql:
        run_sql(postgresql.url("postgres"), "CREATE DATABASE crash")
        yield postgresql.url("crash")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
