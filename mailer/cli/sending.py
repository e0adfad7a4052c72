"""``mailer send`` and ``mailer explain``."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mailer import editions, outbox
from mailer.app import open_mailer
from mailer.cli.edition import print_report
from mailer.cli.options import DryRunOption, JsonOption, reading, settings, writing
from mailer.cli.output import Output, errors
from mailer.delivery.courier import Progress
from mailer.editions import EditionState
from mailer.errors import PartlyDone, Refused
from mailer.outbox import DeliveryState, Plan

Number = Annotated[int, typer.Argument(help="The edition's number.", min=1, max=2**63 - 1)]


def send(number: Number, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Send an approved edition over the relay, or go on with one that was interrupted.

    Runs in the foreground until all that is due has been tried once; what was deferred is tried
    again by the next run. Ctrl-C finishes the message on the wire and returns the rest.

    Example: [bold]mailer send 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        edition, plan = mailer.start(tx, editions.get(tx.editions, number))
        if plan is not None:
            out.note(_planned(plan))
        if dry_run:
            out.record(plan or {}, "" if plan else f"edition {number} has begun already")
            return
    with open_mailer(settings()) as mailer, _stop_on_signal() as stop, _bar() as bar:
        task = bar.add_task("sending", total=_total(number))

        told = False

        def on_progress(progress: Progress) -> None:
            nonlocal told
            if progress.waiting and not told:
                told = True
                out.note(
                    f"another sender holds deliveries of this edition; if it has died they are "
                    f"taken over in {progress.waiting:.0f} s at the latest"
                )
            said = f"waiting {progress.waiting:.0f} s" if progress.waiting else "sending"
            bar.update(task, completed=progress.done, description=said)

        progress, report = mailer.deliver(edition, stop, on_progress)
    if json:
        out.json({"run": progress, "report": report})
    else:
        print_report(report, out)
        out.text(
            f"sent {progress.sent}, deferred {progress.deferred}, failed {progress.failed}, "
            f"in doubt {progress.in_doubt}"
        )
    states = report.states
    if report.edition.state in {EditionState.PAUSED, EditionState.CANCELLED}:
        why = f" ({report.edition.reason})" if report.edition.reason else ""
        raise Refused(f"edition {number} was {report.edition.state}{why} while it was being sent")
    left = sum(states[state] for state in outbox.UNDONE)
    bad = states[DeliveryState.FAILED] + states[DeliveryState.IN_DOUBT]
    if left or bad:
        hint = (
            f"run `mailer send {number}` again to try those"
            if left
            else (f"see `mailer edition report {number}`")
        )
        raise PartlyDone(f"{left} deliveries are still queued, {bad} failed or in doubt", hint=hint)


def _planned(plan: Plan) -> str:
    left_out = ", ".join(f"{count} {reason}" for reason, count in plan.excluded.items())
    return f"planned {plan.planned}" + (f"; left out: {left_out}" if left_out else "")


def _total(number: int) -> int:
    with reading() as (_, tx):
        states = tx.outbox.report(editions.get(tx.editions, number)).states
        return sum(states[state] for state in outbox.UNDONE)


def _bar() -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one stops at once."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        errors.print("stopping after the message on the wire; once more stops at once")

    before = {one: signal.signal(one, ask) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def explain(
    number: Number,
    address: Annotated[str, typer.Argument(help="Whose.")],
    json: JsonOption = False,
) -> None:
    """Say in one sentence why somebody did, or did not, get an edition.

    Example: [bold]mailer explain 3 ana@example.org[/]"""
    with reading() as (_, tx):
        edition = editions.get(tx.editions, number)
        said = outbox.explain(tx.outbox, edition, address)
        Output(json).record({"edition": number, "address": address, "explanation": said}, said)
