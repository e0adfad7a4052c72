"""The calendar's crash harness on the command line.

    python -m tests.crash.calendar --database postgresql --kills 50
    python -m tests.crash.calendar --database postgresql --pair frozen

It prints one line of counts on stdout, after kills also one of explanations, and the rest on
stderr. The exit code is 1 if the guarantee was broken."""

import argparse
import secrets
import sys
from pathlib import Path

from tests.crash.__main__ import _open_database, _open_folder, _print_progress
from tests.crash.calendar.kill_trial import KillTrial, run_kill_trial
from tests.crash.calendar.pair_trial import PairTrial, run_pair_trial
from tests.crash.calendar.sabotage import SABOTAGE


def main() -> int:
    arguments = _parse_arguments()
    _print_progress(f"{arguments.database}, seed {arguments.seed}")
    with _open_folder(arguments.keep) as folder, _open_database(arguments.database, folder) as url:
        run_trial = _run_pair if arguments.pair else _run_kills
        faults = run_trial(arguments, folder, url)
    for fault in faults:
        _print_progress(fault)
    return 1 if faults else 0


def _run_kills(arguments: argparse.Namespace, folder: Path, url: str) -> list[str]:
    options = KillTrial(
        kills=arguments.kills,
        digests=arguments.digests,
        seed=arguments.seed,
        sabotage=arguments.sabotage,
    )
    result = run_kill_trial(options, folder, url, _print_progress)
    print(f"{arguments.database}: {result}")
    event_counts = ", ".join(
        f"{event} {count}" for event, count in sorted(result.last_events.items())
    )
    print(
        f"duplicates at the server {result.verdict.messages.duplicates}, {result.busy_kills} kills "
        f"met work, {result.kills_with_doubts} left doubts, {result.undone_steps} steps were "
        f"undone, {result.seconds:.0f} seconds in all; last events before a kill: {event_counts}"
    )
    is_short = result.kills < options.kills and not result.faults
    return [
        *result.faults,
        *([f"the harness made only {result.kills} of {options.kills} kills"] if is_short else []),
    ]


def _run_pair(arguments: argparse.Namespace, folder: Path, url: str) -> list[str]:
    options = PairTrial(
        is_freezing=arguments.pair == "frozen",
        digests=arguments.digests,
        seed=arguments.seed,
        sabotage=arguments.sabotage,
    )
    result = run_pair_trial(options, folder, url, _print_progress)
    print(f"{arguments.database}, seed {arguments.seed}: {result}")
    return result.faults


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash.calendar",
        description="Kill real workers again and again, and count every occurrence.",
    )
    defaults = KillTrial()
    parser.add_argument("--kills", type=int, default=defaults.kills)
    parser.add_argument("--digests", type=int, default=defaults.digests)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument(
        "--pair",
        choices=["both", "frozen"],
        help="run two workers and kill none; `frozen` freezes one",
    )
    parser.add_argument("--sabotage", choices=sorted(SABOTAGE), default="")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep record, log and SQLite database there"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
