"""``make bench-import``: import 100,000 subscribers from CSV, change all of them, and plan an
edition for them. The argument, or SUBSCRIBERS, sets another number, such as 1000000.

The import is compared with ``plain_import.py``, which fills the same tables without checking. It
runs the command line, each step in its own process, and prints whole-process figures: wall and
CPU seconds, and the largest resident memory.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOPICS = ("health", "diaspora", "work", "schools", "law", "culture")


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


def run_command(folder: Path, *arguments: str) -> tuple[str, float, float, float]:
    """Run a command of the mailer. Returns (stdout, wall seconds, CPU seconds, the largest memory
    in MB)."""
    return run_python(folder, "-m", "mailer", *arguments)


def run_python(folder: Path, *arguments: str) -> tuple[str, float, float, float]:
    """Run Python. Returns (stdout, wall seconds, CPU seconds, the largest memory in MB)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    probe = (
        "import resource,subprocess,sys;"
        "code=subprocess.call(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,file=sys.stderr);"
        "sys.exit(code)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", probe, sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if completed.returncode:
        sys.exit(f"python {' '.join(arguments)} failed:\n{completed.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return completed.stdout, wall, cpu, int(completed.stderr.split()[-1]) / 1024


def import_plainly(folder: Path, count: int) -> tuple[float, float]:
    """Import the people into a copy of the database with ``csv`` and ``executemany``, and print the
    figures. Returns (wall seconds, CPU seconds)."""
    for path in folder.glob("subscribers.db*"):
        shutil.copy(path, folder / path.name.replace("subscribers", "plain"))
    script = Path(__file__).with_name("plain_import.py")
    out, wall, cpu, memory = run_python(folder, str(script), "plain.db", "people.csv")
    assert int(out) == count
    print(f"plain   {count} added in {wall:.1f} s, {cpu:.1f} s CPU, {memory:.0f} MB")
    return wall, cpu


def main(count: int) -> None:
    consent_options = ("--source", "a fair", "--basis", "consent", "--json")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MAILER_ORGANISATION_POSTAL_ADDRESS"] = "1 Example Quay, London"
        run_command(folder, "init")
        for topic in TOPICS:
            run_command(folder, "topic", "add", topic)
        run_command(folder, "list", "add", "news", "--name", "News")
        for number, topic in enumerate(TOPICS):
            (folder / f"{topic}.md").write_text(
                f"---\ntitle: A story on {topic}\ntopics: [{topic}]\n"
                f"published: 2026-01-0{number + 1}\nsummary: What is new on {topic}.\n"
                f"---\nWhat is new on {topic}.\n"
            )
        run_command(folder, "article", "add", *(f"{topic}.md" for topic in TOPICS))
        run_command(folder, "digest", "add", "weekly", "--list", "news")

        write_people(folder / "people.csv", count)
        import_command = ("subscriber", "import", "people.csv", "--list", "news", *consent_options)
        plain_wall, plain_cpu = import_plainly(folder, count)
        out, wall, cpu, memory = run_command(folder, *import_command)
        added_count = json.loads(out)["added"]
        print(f"import  {added_count} added in {wall:.1f} s, {cpu:.1f} s CPU, {memory:.0f} MB")
        print(f"        {wall / plain_wall:.1f} × plain, {cpu / plain_cpu:.1f} × its CPU")

        out, wall, cpu, memory = run_command(folder, *import_command)
        unchanged_count = json.loads(out)["unchanged"]
        print(
            f"again   {unchanged_count} unchanged in {wall:.1f} s, {cpu:.1f} s CPU, {memory:.0f} MB"
        )

        run_command(folder, "digest", "assemble", "weekly")
        run_command(folder, "edition", "approve", "1", "--by", "bench")
        out, wall, cpu, memory = run_command(folder, "send", "1", "--dry-run", "--json")
        plan = json.loads(out)
        print(
            f"plan    {plan['planned']} planned in {wall:.2f} s, {cpu:.2f} s CPU, {memory:.0f} MB"
        )
        print(f"        excluded: {plan['excluded']}")
        _, wall, cpu, memory = run_command(
            folder, "subscriber", "export", "all.csv", "--list", "news"
        )
        print(f"export  {count} rows in {wall:.1f} s, {cpu:.1f} s CPU, {memory:.0f} MB")
        change_command = (
            "subscriber",
            "change",
            "--list",
            "news",
            "--remove-topic",
            "law",
            "--json",
        )
        for word, extra_options in (("dry run", ("--dry-run",)), ("change", ())):
            out, wall, cpu, memory = run_command(folder, *change_command, *extra_options)
            changed_count = json.loads(out)["changed"]
            figures = f"{wall:.1f} s, {cpu:.1f} s CPU, {memory:.0f} MB"
            print(f"{word:7} {changed_count} changed in {figures}")


if __name__ == "__main__":
    main(int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SUBSCRIBERS", "100000")))
