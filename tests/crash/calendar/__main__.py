"""The calendar's crash harness on the command line.

    python -m tests.crash.calendar --database postgresql --kills 50
    python -m tests.crash.calendar --database postgresql --pair frozen

Prints one line that counts and, of kills, one that explains on stdout, the rest on stderr. Exit
code 1 when the guarantee was not kept."""

import argparse
import secrets
import sys
from pathlib import Path

from tests.crash.__main__ import _database, _folder, _say
from tests.crash.calendar import pair, trial
from tests.crash.calendar.pair import Pair
from tests.crash.calendar.sabotage import SABOTAGE
from tests.crash.calendar.trial import Trial


def main() -> int:
    given = _arguments()
    _say(f"{given.database}, seed {given.seed}")
    with _folder(given.keep) as folder, _database(given.database, folder) as url:
        work = _pair if given.pair else _kills
        faults = work(given, folder, url)
    for fault in faults:
        _say(fault)
    return 1 if faults else 0


def _kills(given: argparse.Namespace, folder: Path, url: str) -> list[str]:
    wanted = Trial(
        kills=given.kills, digests=given.digests, seed=given.seed, sabotage=given.sabotage
    )
    result = trial.run(wanted, folder, url, _say)
    print(f"{given.database}: {result}")
    met = ", ".join(f"{event} {count}" for event, count in sorted(result.met.items()))
    print(
        f"duplicates at the server {result.verdict.messages.duplicates}, {result.busy} kills met "
        f"work, {result.with_doubts} left doubts, {result.torn} steps were torn, "
        f"{result.seconds:.0f} seconds in all; last words before a kill: {met}"
    )
    short = result.kills < wanted.kills and not result.faults
    return [*result.faults, *([f"only {result.kills} kills were made"] if short else [])]


def _pair(given: argparse.Namespace, folder: Path, url: str) -> list[str]:
    wanted = Pair(
        freeze=given.pair == "frozen",
        digests=given.digests,
        seed=given.seed,
        sabotage=given.sabotage,
    )
    result = pair.run(wanted, folder, url, _say)
    print(f"{given.database}, seed {given.seed}: {result}")
    return result.faults


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(
        prog="python -m tests.crash.calendar",
        description="Kill real workers again and again, and count every occurrence.",
    )
    usual = Trial()
    asked.add_argument("--kills", type=int, default=usual.kills)
    asked.add_argument("--digests", type=int, default=usual.digests)
    asked.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked.add_argument("--pair", choices=["both", "frozen"], help="two workers, and no kills")
    asked.add_argument("--sabotage", choices=sorted(SABOTAGE), default="")
    asked.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    asked.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave record, log and SQLite database there"
    )
    return asked.parse_args()


if __name__ == "__main__":
    sys.exit(main())
