"""``mailer send``: editions over the relay, with their progress and report."""

import json as json_
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer import editions
from mailer.actor import Actor
from mailer.cli.edition.reports import print_report, to_json
from mailer.cli.options import ByOption, DryRunOption, JsonOption, check_numbers, resolve_actor
from mailer.cli.output import Output, error_console
from mailer.cli.signals import stop_on_signal
from mailer.cli.transactions import load_settings, open_for_writing
from mailer.counts import count_noun
from mailer.errors import NextStep, PartlyDone, Refused, RelayError, UsageError
from mailer.model.deliveries import UNFINISHED_STATES, DeliveryPlan, DeliveryReport, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.plain_data import to_plain_data

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.delivery.outcomes import DeliveryProgress
    from mailer.store import SqlTransaction, Store


ABORT_SECONDS = 8.0
"""Seconds for which a run that must stop at once still tries to write replies."""


class ProgressStyle(StrEnum):
    """The form in which a run shows its progress."""

    BAR = "bar"
    LINES = "lines"
    NONE = "none"


ProgressOption = Annotated[
    ProgressStyle,
    typer.Option("--progress", help="Progress output: a bar, JSON lines on stdout, or none."),
]


def send_editions(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(help="The editions' numbers.", min=1, callback=check_numbers),
    ] = None,
    all_: Annotated[
        bool,
        typer.Option(
            "--all", help="Send all editions whose sending has begun, or begins during this run."
        ),
    ] = False,
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help="Also send editions scheduled for later, and retry deferred deliveries at once.",
        ),
    ] = False,
    progress: ProgressOption = ProgressStyle.BAR,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send approved editions, or continue interrupted ones.

    Editions share the connections: urgent editions get most of them, and no edition waits for
    another to end. The command runs in the foreground until every due delivery has been tried once.
    Deliveries that the relay defers are tried again by later runs: after 5, 10 and 30 minutes, 1
    and 2 hours, then every 3 hours, for five days. Ctrl-C or SIGTERM finishes the messages on the
    wire and returns the rest to the queue; a second signal stops at once, and leaves the messages
    on the wire in doubt.

    An edition that is scheduled for later is refused; --now sends it at once.

    Example: mailer send 3"""
    if bool(numbers) is all_:
        raise UsageError(
            "give the numbers of editions, or --all", next_steps=[NextStep("list_editions")]
        )
    from mailer.app import MAX_ACTIVE_EDITIONS

    out = Output(json or progress is ProgressStyle.LINES)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailer.guard.check_database()
        mailer.check_relays()
        if safe_mode := tx.outbox.find_safe_mode():
            out.print_note(f"safe mode is on: {safe_mode.words}")
        started_editions = _start_editions(
            mailer, tx, actor, numbers or [], out, ahead_of_time=now, dry_run=dry_run
        )
        if all_:
            started_editions += tx.editions.list_recent_editions(
                [EditionState.SENDING], MAX_ACTIVE_EDITIONS
            )
            _note_waiting_editions(tx, out)
    if dry_run:
        return
    deliver_editions(started_editions, out, progress, follow=all_, at_once=now)


def deliver_editions(
    started_editions: list[Edition],
    out: Output,
    style: ProgressStyle = ProgressStyle.BAR,
    *,
    follow: bool = False,
    at_once: bool = False,
) -> None:
    """Send started editions in the foreground, show the progress, and print the report.

    Raises Refused if an edition was stopped, PartlyDone if deliveries are left, and RelayError."""
    from mailer.app import open_mailer
    from mailer.delivery.outcomes import DeliveryProgress

    last = DeliveryProgress()

    def store_progress(progress: "DeliveryProgress") -> None:
        nonlocal last
        last = progress
        on_progress(progress)

    with (
        open_mailer(load_settings()) as mailer,
        stop_on_signal(announce_stopping, partial(interrupt_run, mailer.store)) as stop,
        _show_progress(style, out) as on_progress,
    ):
        try:
            run_progress, reports = mailer.deliver_editions(
                started_editions, stop, store_progress, follow_new=follow, at_once=at_once
            )
        except RelayError:
            with mailer.store.read() as tx:
                reloaded_editions = [
                    editions.get_edition(tx, edition.id) for edition in started_editions
                ]
                reports = [tx.outbox.build_report(edition) for edition in reloaded_editions]
            _print_run(last, reports, out, as_lines=style is ProgressStyle.LINES)
            for edition in reloaded_editions:
                if edition.state is EditionState.PAUSED:
                    out.print_note(
                        f"edition {edition.id} is paused: fix the relay's problem, then "
                        f"`mailer edition resume {edition.id}`"
                    )
            raise
    _print_run(run_progress, reports, out, as_lines=style is ProgressStyle.LINES)
    _raise_for_outcome(reports)


def _note_waiting_editions(tx: "SqlTransaction", out: Output) -> None:
    """Print a note about editions that --all does not send, although people might expect it."""
    from mailer.app import MAX_ACTIVE_EDITIONS

    for state, next_step in (
        (EditionState.APPROVED, "start with `mailer send NUMBER`"),
        (EditionState.PAUSED, "resume with `mailer edition resume NUMBER`"),
    ):
        if waiting_editions := tx.editions.list_recent_editions([state], MAX_ACTIVE_EDITIONS):
            edition_ids = ", ".join(str(edition.id) for edition in waiting_editions)
            out.print_note(f"{state}, not sent by --all: {edition_ids}; {next_step}")


def _start_editions(
    mailer: "Mailer",
    tx: "SqlTransaction",
    actor: Actor,
    edition_ids: list[int],
    out: Output,
    *,
    ahead_of_time: bool,
    dry_run: bool,
) -> list[Edition]:
    """Start each edition that has not started yet, and return all of them."""
    started_editions: list[Edition] = []
    plans: list[Any] = []
    for edition_id in dict.fromkeys(edition_ids):
        edition, plan = editions.start_edition(
            tx,
            actor,
            editions.get_edition(tx, edition_id),
            mailer.renderer,
            mailer.clock(),
            ahead_of_time=ahead_of_time,
        )
        started_editions.append(edition)
        plans.append(plan or {})
        if plan is not None:
            out.print_note(_describe_plan(plan))
        elif dry_run:
            out.print_note(f"edition {edition_id} has started already")
    if dry_run and out.as_json:
        out.print_json(plans[0] if len(plans) == 1 else plans)
    return started_editions


def _describe_plan(plan: DeliveryPlan) -> str:
    left_out = ", ".join(f"{count} {reason}" for reason, count in plan.excluded.items())
    return f"planned {plan.planned}" + (f"; left out: {left_out}" if left_out else "")


# ---- progress ---------------------------------------------------------------------------------


def summarise_progress(progress: "DeliveryProgress") -> dict[str, Any]:
    """Return a run's figures for scripts: counts of deliveries, messages a second, seconds."""
    seconds_left = progress.seconds_left
    return {
        **to_plain_data(progress),
        "done": progress.done,
        "rate": round(progress.rate, 1),
        "seconds": round(progress.seconds, 3),
        "seconds_left": None if seconds_left is None else round(seconds_left),
    }


@contextmanager
def _show_progress(
    style: ProgressStyle, out: Output
) -> "Iterator[Callable[[DeliveryProgress], None]]":
    """Return the function that a run calls to report its progress."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    last_waiting: list[str] = [""]
    resting_relays: dict[str, str] = {}
    shown_notes: set[str] = set()

    def note_waiting(progress: "DeliveryProgress") -> None:
        if progress.waiting and progress.waiting != last_waiting[0]:
            out.print_note(f"waiting: {progress.waiting}")
        last_waiting[0] = progress.waiting
        paused_notes = [
            f"edition {edition_id} is paused: {reason}"
            for edition_id, reason in progress.paused.items()
        ]
        for note in (*progress.notes.values(), *paused_notes):
            if note not in shown_notes:
                shown_notes.add(note)
                out.print_note(note)
        for name, reason in progress.troubles.items():
            if name not in resting_relays:
                out.print_note(reason)
        for name in resting_relays.keys() - progress.troubles.keys():
            out.print_note(f"relay {name} works again")
        resting_relays.clear()
        resting_relays.update(progress.troubles)

    if style is ProgressStyle.LINES:
        last_written_at = [time.monotonic()]

        def write_line(progress: "DeliveryProgress") -> None:
            note_waiting(progress)
            if time.monotonic() - last_written_at[0] >= 1:
                last_written_at[0] = time.monotonic()
                _write_json_line({"progress": summarise_progress(progress)})

        yield write_line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    is_hidden = style is ProgressStyle.NONE or not sys.stderr.isatty()
    with Bar(*columns, console=error_console, transient=True, disable=is_hidden) as bar:
        task = bar.add_task("sending", total=None)

        def update_bar(progress: "DeliveryProgress") -> None:
            note_waiting(progress)
            bar.update(
                task,
                completed=progress.done,
                total=progress.done + progress.left,
                description=_describe_progress(progress),
            )

        yield update_bar


def _describe_progress(progress: "DeliveryProgress") -> str:
    parts = [f"{progress.rate:,.0f}/s"]
    for count, word in (
        (progress.deferred, "deferred"),
        (progress.failed, "failed"),
        (progress.in_doubt, "in doubt"),
        (progress.diverted, "diverted"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    if (seconds_left := progress.seconds_left) is not None:
        minutes, seconds = divmod(round(seconds_left), 60)
        parts.append(f"{minutes}:{seconds:02} left")
    return "  ".join(parts)


def _write_json_line(value: Any) -> None:
    sys.stdout.write(json_.dumps(to_plain_data(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _print_run(
    progress: "DeliveryProgress", reports: list[DeliveryReport], out: Output, *, as_lines: bool
) -> None:
    figures = {
        **summarise_progress(progress),
        "rate": round(progress.done / progress.seconds, 1) if progress.seconds else 0.0,
    }
    if as_lines:
        _write_json_line({"run": figures, "reports": [to_json(report) for report in reports]})
    elif out.as_json:
        out.print_json({"run": figures, "reports": [to_json(report) for report in reports]})
    else:
        for report in reports:
            print_report(report, out)
        out.print_text(
            f"this run: sent {progress.sent}, deferred {progress.deferred}, "
            f"failed {progress.failed}, in doubt {progress.in_doubt}, "
            + (f"diverted {progress.diverted}, " if progress.diverted else "")
            + f"in {progress.seconds:.1f} s"
        )
        sent_before = sum(report.states[DeliveryState.SENT] for report in reports) - progress.sent
        if sent_before > 0:
            out.print_text(f"earlier runs, or a worker at the same time: sent {sent_before}")
        if len(progress.relays) > 1:
            out.print_text(
                ", ".join(f"{count} by {name}" for name, count in progress.relays.items())
            )


def _raise_for_outcome(reports: list[DeliveryReport]) -> None:
    """Raise Refused if an edition was stopped, or PartlyDone if deliveries are left."""
    for report in reports:
        edition = report.edition
        if edition.state in {EditionState.PAUSED, EditionState.CANCELLED}:
            reason = f" ({edition.reason})" if edition.reason else ""
            raise Refused(
                f"edition {edition.id} was {edition.state}{reason} while it was being sent",
                hint="fix the cause first" if edition.state is EditionState.PAUSED else "",
                next_steps=[NextStep("resume_edition", edition=edition.id)]
                if edition.state is EditionState.PAUSED
                else [],
            )

    def count_deliveries(*states: DeliveryState) -> int:
        return sum(report.states[state] for report in reports for state in states)

    queued_count = count_deliveries(*UNFINISHED_STATES)
    failed_count, in_doubt_count = (
        count_deliveries(DeliveryState.FAILED),
        count_deliveries(DeliveryState.IN_DOUBT),
    )
    if queued_count or failed_count or in_doubt_count:
        edition_ids = " ".join(str(report.edition.id) for report in reports)
        hints = (
            [f"`mailer send {edition_ids}` tries queued deliveries again when they are due"]
            if queued_count
            else []
        )
        for report in reports:
            edition_id = report.edition.id
            if report.states[DeliveryState.FAILED]:
                hints.append(
                    f"`mailer delivery list {edition_id} --state failed` lists the failed ones"
                )
            if report.states[DeliveryState.IN_DOUBT] > report.undecided:
                hints.append(
                    f"deliveries in doubt are sent again after some minutes, by the worker or "
                    f"`mailer send {edition_id}`; with --now at once"
                )
            if report.states[DeliveryState.IN_DOUBT]:
                hints.append(f"`mailer delivery in-doubt list {edition_id}` lists those in doubt")
        raise PartlyDone(
            f"{count_noun(queued_count, 'delivery is', 'deliveries are')} still queued, "
            f"{failed_count} failed, "
            f"{in_doubt_count} in doubt",
            hint="; ".join(hints),
        )


def announce_stopping() -> None:
    """Say that the run stops after the messages on the wire."""
    error_console.print("stopping after the messages on the wire; a second signal stops at once")


def interrupt_run(store: "Store", _number: int) -> None:
    """End the run at once. After a few seconds, end every wait for the database, too."""
    deadline = threading.Timer(ABORT_SECONDS, store.stop_waiting)
    deadline.daemon = True
    deadline.start()
    raise KeyboardInterrupt
