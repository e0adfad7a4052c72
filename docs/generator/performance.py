"""The page on speed, from figures of ``make bench`` (docs/performance.json)."""

from pathlib import Path

from generator.markdown import format_page
from tests.bench.results import (
    BenchReport,
    PartResult,
    format_comparison,
    format_summary,
    read_report,
)

FIGURES = Path(__file__).resolve().parent.parent / "performance.json"

_INTRODUCTION = """\
These figures come from parts of `make bench` on one machine, measured at different hours; anyone
can repeat them. They are in [performance.json](performance.json), and this page is made from them.
A part that is not here was not measured. Each goal is a ratio between two programs that ran in
turns on the same machine, since seconds alone say more about the machine than about the program. A
table has the median of the runs and their range. After each run the database must have every
delivery as sent, and the relay must have counted as many.

What the goals compare with:

- **`smtp-source -d`** is Postfix's load generator. It sends one text again and again, knows no
  readers and keeps no record: what it takes is the time of SMTP alone.
- **smtplib** is Python's SMTP client, on as many connections, with messages made before.
- **bare UPDATEs and INSERTs** are the least that a database must do for the same rows. Each message
  has three states on the way, planned, begun and sent, and none may go: they are why a crash loses
  no one.

To measure one part: `make bench PARTS='postgresql distance'`. `FULL=1` takes the numbers for which
the goals are set, and about two hours."""

_MISSES = """\
## What is missed, and why

- **150 ms.** A connection has at most a window of messages in flight, so 32 connections × 20
  messages in 150 ms are 4,267 messages a second at most, however fast the relay near by is. A
  larger window is faster, and leaves more in doubt after a crash: it is a
  [setting](how-to/admins/speed.md).
- **`smtp-source -d`** sends a text that it has made once. Each of our messages is made for its
  reader and recorded three times, on the same two cores as the relay.

**PostgreSQL** shares the two cores with the sender and the relay. It meets its goals on a quiet
machine, with the widest range of all: beside other work it was as low as 0.67 of SQLite's speed."""

_OTHER_PROGRAM = """\
## Beside another mailer

listmonk (commit 911e0b7) was measured on a quiet machine with two cores, with 20,000 messages of 17
KB, SQLite or PostgreSQL behind ours and PostgreSQL behind listmonk, in turns; medians:

| | ours | listmonk |
|---|---|---|
| messages a second near the relay, ours on SQLite | 1.76 | 1 |
| the same, ours on PostgreSQL | 1.23 | 1 |
| messages a second, the relay 50 ms away | 4.5 | 1 |
| CPU a message in the mailer | 240 µs | 500 µs |
| messages lost when the process is killed, of 20,000 | 0 | 2,999 to 17,063 |

These were taken before the work that the tables above show, and not again since. Each kill of
listmonk is one trial, after which the campaign was called finished; ours come from thousands of
kills ([How delivery keeps its word](explanation/reliability.md)). The
comparison says how fast each sends, not which one suits an office."""


def build_page() -> str:
    report = read_report(FIGURES)
    return format_page(
        "How fast it is",
        _INTRODUCTION,
        f"The machine: {report.machine_line}.",
        "## All goals",
        format_summary(report.comparisons),
        _MISSES,
        *_build_sections(report),
        _OTHER_PROGRAM,
    )


def _build_sections(report: BenchReport) -> list[str]:
    return [text for part in report.parts.values() for text in _build_part(part)]


def _build_part(part: PartResult) -> list[str]:
    place = f"Part `{part.name}`, load at the start {part.load:.2f}"
    if part.stolen >= 0.01:
        place += f", {part.stolen:.0%} of the CPU taken by other machines of the host"
    return [
        text
        for comparison in part.comparisons
        for text in (
            f"### {comparison.goal.title}",
            f"{comparison.conditions}. {place}.",
            format_comparison(comparison),
        )
    ]
