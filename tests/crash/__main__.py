"""``make crash``: the harness on the command line.

    python -m tests.crash --kills 30 --recipients 20000 --database postgresql

It prints one line of counts and one of explanations on stdout, the rest on stderr. The exit code is
1 if the guarantee was broken."""

import argparse
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.harness import Trial, run_trial
from tests.crash.worker import SABOTAGE
from tests.postgresql import run_server, run_sql


def main() -> int:
    arguments = _parse_arguments()
    trial = Trial(
        kills=arguments.kills,
        recipients=arguments.recipients,
        connections=arguments.connections,
        window=arguments.window,
        signal=signal.Signals[f"SIG{arguments.signal}"],
        seed=arguments.seed,
        max_linger=arguments.linger / 1000,
        sabotage=arguments.sabotage,
        chunking=arguments.chunking,
        safe_mode=arguments.safe_mode,
    )
    _print_progress(f"{arguments.database}, seed {trial.seed}")
    with _open_folder(arguments.keep) as folder, _open_database(arguments.database, folder) as url:
        result = run_trial(trial, folder, url, _print_progress)
    for line in (*result.faults, *result.examples):
        _print_progress(line)
    print(result)
    print(
        f"duplicates at the server {result.duplicates}, {result.kills_with_doubts} kills left "
        f"doubts, {result.kills_before_message} came before a message, slowest start "
        f"{result.slowest_start:.1f} s, {result.seconds:.0f} seconds in all"
    )
    if result.kills < trial.kills:
        print(f"the harness made only {result.kills} of {trial.kills} kills", file=sys.stderr)
    return 0 if result.is_guarantee_kept else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description="Kill a real worker again and again, and count every recipient.",
    )
    default_trial = Trial()
    parser.add_argument("--kills", type=int, default=default_trial.kills)
    parser.add_argument("--recipients", type=int, default=default_trial.recipients)
    parser.add_argument("--connections", type=int, default=default_trial.connections)
    parser.add_argument("--window", type=int, default=default_trial.window)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
    parser.add_argument(
        "--linger", type=float, default=2.0, help="most milliseconds before the relay's 250"
    )
    parser.add_argument("--chunking", action="store_true", help="let the relay offer CHUNKING")
    parser.add_argument(
        "--safe-mode", action="store_true", help="let safe mode divert every second message"
    )
    parser.add_argument("--sabotage", choices=sorted(SABOTAGE), default="")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep record, log and SQLite database there"
    )
    return parser.parse_args()


@contextmanager
def _open_folder(kept_folder: Path | None) -> Iterator[Path]:
    if kept_folder:
        if kept_folder.exists() and any(kept_folder.iterdir()):
            sys.exit(f"{kept_folder} is not empty")
        yield kept_folder.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="mailer-crash-") as name:
        yield Path(name)


@contextmanager
def _open_database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'subscribers.db'}"
        return
    with run_server() as postgresql:
        run_sql(postgresql.make_url("postgres"), "CREATE DATABASE crash")
        yield postgresql.make_url("crash")


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
