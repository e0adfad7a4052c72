"""Part of the bench: people from a CSV file, and other commands that touch all of them.

The import is compared with ``plain_import.py``, which fills the same tables without checking. Each
step is a command in its own process; its start counts.
"""

import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path

from tests.bench.context import Bench, compare_pairs, report_value
from tests.bench.delivery.bench_run import build_series
from tests.bench.delivery.programs import Measured, measure_program
from tests.bench.goals import GOALS
from tests.bench.results import Comparison

TOPICS = ("health", "diaspora", "work", "schools", "law", "culture")
SETTINGS = {
    "MAILER_ORGANISATION_POSTAL_ADDRESS": "1 Example Quay, London",
    "MAILER_PATHS_STATE": "state",
}
IMPORT = ("subscriber", "import", "people.csv", "--list", "news", "--source", "a fair",
          "--basis", "consent", "--json")  # fmt: skip


def measure_import(bench: Bench) -> list[Comparison]:
    """Compare imports with plain ones, and measure the other commands after the last import."""
    count = bench.scale.import_n
    folder = build_people_office(bench.folder / "people", count)
    comparisons = _compare_imports(bench, folder, count, "import", bench.scale.runs)
    commands = {
        "import again": IMPORT,
        "plan, dry run": ("send", "1", "--dry-run", "--json"),
        "export": ("subscriber", "export", "all.csv", "--list", "news"),
        "change, dry run": ("subscriber", "change", "--list", "news", "--remove-topic", "law",
                            "--json", "--dry-run"),
        "change": ("subscriber", "change", "--list", "news", "--remove-topic", "law", "--json"),
    }  # fmt: skip
    _run_command(folder, "digest", "assemble", "weekly")
    _run_command(folder, "edition", "approve", "1", "--by", "bench")
    measured = {name: _run_command(folder, *arguments) for name, arguments in commands.items()}
    comparisons.append(
        Comparison(
            GOALS["people-commands"],
            f"{count:,} people on SQLite, once each, the start of the command included",
            tuple(build_series(name, "s", [run.wall]) for name, run in measured.items()),
        )
    )
    if bench.scale.large_import_n:
        large_count = bench.scale.large_import_n
        folder = build_people_office(bench.folder / "many-people", large_count)
        comparisons += _compare_imports(
            bench, folder, large_count, "large-import", bench.scale.queue_runs
        )
    return comparisons


def _compare_imports(
    bench: Bench, folder: Path, count: int, key: str, runs: int
) -> list[Comparison]:
    measured = bench.run_in_turns(
        key,
        {
            "csv and executemany": partial(_import_plainly, folder, count),
            "mailer subscriber import": partial(_import_people, folder, count),
        },
        runs,
    )
    our_runs, plain = measured["mailer subscriber import"], measured["csv and executemany"]
    conditions = f"{count:,} people from CSV, on SQLite, the start of the command included"
    return [
        compare_pairs(
            key,
            conditions,
            build_series("mailer subscriber import", "s", (run.wall for run in our_runs)),
            build_series("csv and executemany", "s", (run.wall for run in plain)),
            build_series("CPU of mailer", "s", (run.cpu for run in our_runs)),
            build_series("CPU of csv and executemany", "s", (run.cpu for run in plain)),
        ),
        report_value(
            f"{key}-memory",
            conditions,
            build_series("mailer subscriber import", "MB", (run.peak for run in our_runs)),
        ),
    ]


def build_people_office(folder: Path, count: int) -> Path:
    """Build an office with a list, topics and a digest, and the file of the people, who are not in
    its database yet. Returns its folder."""
    folder.mkdir()
    _run_command(folder, "init")
    for topic in TOPICS:
        _run_command(folder, "topic", "add", topic)
    _run_command(folder, "list", "add", "news", "--name", "News")
    for number, topic in enumerate(TOPICS):
        (folder / f"{topic}.md").write_text(
            f"---\ntitle: A story on {topic}\ntopics: [{topic}]\n"
            f"published: 2026-01-0{number + 1}\nsummary: What is new on {topic}.\n"
            f"---\nWhat is new on {topic}.\n"
        )
    _run_command(folder, "article", "add", *(f"{topic}.md" for topic in TOPICS))
    _run_command(folder, "digest", "add", "weekly", "--list", "news")
    if any(folder.glob("subscribers.db-wal")):
        sys.exit("the database is still open: a copy of its file would miss the data in its log")
    shutil.copyfile(folder / "subscribers.db", folder / "empty.db")
    write_people(folder / "people.csv", count)
    return folder


def write_people(file: Path, count: int) -> None:
    """Write people with names, languages, countries, topics and tags to a CSV file."""
    languages, countries = ("en", "fr", "es", "ar"), ("GB", "FR", "ES", "JO")
    with file.open("w", encoding="utf-8") as out:
        out.write("E-mail,Full name,Language,Country,Topics,Tags\n")
        for number in range(count):
            topics = ";".join(
                topic for bit, topic in enumerate(TOPICS) if (number * 2654435761 >> bit + 7) & 1
            )
            out.write(
                f"reader{number:07}@example{number % 997}.org,Reader Number {number},"
                f"{languages[number % 4]},{countries[number % 4]},{topics},"
                f"{'donor' if number % 10 == 0 else ''}\n"
            )


def _import_people(folder: Path, count: int) -> Measured:
    """Import the people into a new copy of the database."""
    _copy_empty_database(folder, "subscribers.db")
    measured = _run_command(folder, *IMPORT)
    if (added := json.loads(measured.out)["added"]) != count:
        sys.exit(f"{added} of {count} people were added")
    return measured


def _import_plainly(folder: Path, count: int) -> Measured:
    """Import the people into a new copy of the database with ``csv`` and ``executemany``."""
    _copy_empty_database(folder, "plain.db")
    script = Path(__file__).with_name("plain_import.py")
    measured = measure_program(
        [sys.executable, str(script), "plain.db", "people.csv"], cwd=folder, env=SETTINGS
    )
    if int(measured.out) != count:
        sys.exit(f"{measured.out} of {count} people were added by plain statements")
    return measured


def _copy_empty_database(folder: Path, name: str) -> None:
    for old_file in folder.glob(f"{name}*"):
        old_file.unlink()
    shutil.copyfile(folder / "empty.db", folder / name)
    os.sync()


def _run_command(folder: Path, *arguments: str) -> Measured:
    return measure_program([sys.executable, "-m", "mailer", *arguments], cwd=folder, env=SETTINGS)
