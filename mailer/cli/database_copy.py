"""``mailer database copy``: move the database to another place, of either kind."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.signals import exit_on_termination
from mailer.cli.transactions import load_settings
from mailer.errors import UsageError

if TYPE_CHECKING:
    from mailer.app.moving import OfficeMove
    from mailer.store.copying import CopyStep, CopySummary

NOTE_SECONDS = 2.0
"""Seconds between two notes on the progress of a copy."""


def copy_database(
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="URL", help="The empty database: postgresql://… or sqlite:///…"
        ),
    ],
    cancel: Annotated[
        bool,
        typer.Option("--cancel", help="Remove an unfinished copy, and let this database go on."),
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="With --cancel: leave the copy as it is, since it is lost."),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Copy the database to an empty one, which takes over: from SQLite to PostgreSQL, and back.

    First stop the worker, `mailer send` and `mailer serve`. From the beginning of the copy on, this
    database can be read and not changed. If the copy is interrupted, run the same command again: it
    goes on after the last row. At the end, the rows of each table are counted and compared, and the
    copy takes over. Then set `url` of `[database]` to the new database, and start the processes
    again. Nothing is sent from the old one; keep it until you have made a backup of the new one.

    To take back an unfinished copy, use --cancel. A complete copy has taken over; the way back is
    to copy the new database to an empty one.

    Example: mailer database copy --to postgresql://mailer@localhost/mailer"""
    from mailer.app import open_mailer
    from mailer.app.moving import open_move

    if anyway and not cancel:
        raise UsageError("--anyway goes with --cancel")
    out = Output(json)
    actor = resolve_actor(by)
    with (
        exit_on_termination(),
        open_mailer(load_settings()) as mailer,
        open_move(mailer, to, actor) as move,
    ):
        places = {"from": mailer.store.display_url, "to": move.place}
        if dry_run:
            move.check_move()
            out.print_record({**places, "copied": False}, f"{move.place} is empty: it can begin")
            out.print_note("dry run: nothing was written")
        elif cancel:
            move.cancel_move(is_target_lost=anyway)
            out.print_record(
                {**places, "cancelled": True}, "the copy is cancelled: this database goes on"
            )
        else:
            _run_move(move, out, places)


def _run_move(move: "OfficeMove", out: Output, places: dict[str, str]) -> None:
    started_at = time.monotonic()
    noted_at = 0.0

    def print_step(step: "CopyStep") -> None:
        nonlocal noted_at
        now = time.monotonic()
        if now - noted_at >= NOTE_SECONDS:
            noted_at = now
            verb = "verified" if step.is_verifying else "copied"
            out.print_note(f"{step.table}: {step.rows:,} of {step.total:,} rows {verb}")

    summary = move.run(print_step)
    seconds = time.monotonic() - started_at
    tables = summary.tables if summary else {}
    data = {**places, "copied": True, "tables": tables, "seconds": round(seconds, 1)}
    out.print_record(data, _describe_copy(summary, seconds, places))


def _describe_copy(summary: "CopySummary | None", seconds: float, places: dict[str, str]) -> str:
    lines = []
    if summary is None:
        lines.append("the copy was complete already")
    else:
        lines += [
            f"{name}: {table.rows:,} rows, equal in both, SHA-256 {table.checksum}"
            for name, table in summary.tables.items()
        ]
        lines.append(
            f"{summary.rows:,} rows of {len(summary.tables)} tables in {seconds:,.1f} s, verified"
        )
    return "\n".join(
        [
            *lines,
            f"{places['to']} has taken over: set url of [database] to it, then start the processes",
            f"{places['from']} was moved: it can be read, and nothing is sent from it",
        ]
    )
