"""``mailer send`` and ``mailer explain``."""

import json as json_
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from mailer import editions, outbox
from mailer.app import MOST_AT_ONCE, Mailer, open_mailer
from mailer.cli.edition import print_report
from mailer.cli.options import DryRunOption, JsonOption, reading, settings, writing
from mailer.cli.output import Output, errors, plain
from mailer.cli.signals import stop_on_signal
from mailer.delivery.outcomes import Progress
from mailer.editions import Edition, EditionState
from mailer.errors import PartlyDone, Refused, RelayError, UsageError
from mailer.outbox import DeliveryState, Plan, Report
from mailer.store import Transaction

Number = Annotated[int, typer.Argument(help="The edition's number.", min=1, max=2**63 - 1)]


class Show(StrEnum):
    """How progress is told."""

    BAR = "bar"
    LINES = "lines"
    NONE = "none"


def send(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Editions' numbers.", min=1, max=2**63 - 1)
    ] = None,
    all_: Annotated[
        bool,
        typer.Option("--all", help="All that have begun, and what begins while this runs."),
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Try at once what was put off until later, too.")
    ] = False,
    progress: Annotated[
        Show, typer.Option(help="A bar on a terminal; or a JSON object a line on stdout; or none.")
    ] = Show.BAR,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send approved editions over the relay, or go on with those that were interrupted.

    Several share the connections: urgent ones have most, none waits for another to end. Runs in
    the foreground until all that is due has been tried once. What a relay puts off is tried again
    by a run after 5, 10 and 30 minutes, 1 and 2 hours, then every 3 hours, for five days. Ctrl-C
    or SIGTERM finishes the messages on the wire and returns the rest; a second one stops at once,
    and leaves what is on the wire in doubt.

    Example: [bold]mailer send 3[/]"""
    if bool(numbers) is all_:
        raise UsageError("name editions, or give --all", hint="see `mailer edition list`")
    out = Output(json or progress is Show.LINES)
    with writing(dry_run, out) as (mailer, tx):
        begun = _begin(mailer, tx, numbers or [], out, dry_run=dry_run)
        if all_:
            begun += tx.editions.recent([EditionState.SENDING], MOST_AT_ONCE)
            _tell_what_waits(tx, out)
    if dry_run:
        return
    deliver(begun, out, progress, follow=all_, now=now)


def deliver(
    begun: list[Edition],
    out: Output,
    progress: Show = Show.BAR,
    *,
    follow: bool = False,
    now: bool = False,
) -> None:
    """Send what has begun in the foreground, tell how it goes, and print the report. Raises what
    the exit code says."""
    last = Progress()

    def keep(one: Progress) -> None:
        nonlocal last
        last = one
        on_progress(one)

    with (
        open_mailer(settings()) as mailer,
        stop_on_signal(_say_stopping, _interrupt) as stop,
        _shown(progress, out) as on_progress,
    ):
        try:
            done, reports = mailer.deliver(begun, stop, keep, follow=follow, at_once=now)
        except RelayError:
            with mailer.store.read() as tx:
                again = [editions.get(tx.editions, one.id) for one in begun]
                reports = [tx.outbox.report(one) for one in again]
            _print(last, reports, out, lines=progress is Show.LINES)
            for one in again:
                if one.state is EditionState.PAUSED:
                    out.note(f"edition {one.id} is paused: mend it, then `mailer edition resume`")
            raise
    _print(done, reports, out, lines=progress is Show.LINES)
    _judge(reports)


def _tell_what_waits(tx: Transaction, out: Output) -> None:
    """What --all does not take up, though one might think so."""
    for state, then in (
        (EditionState.APPROVED, "begin with `mailer send NUMBER`"),
        (EditionState.PAUSED, "let go on with `mailer edition resume NUMBER`"),
    ):
        if some := tx.editions.recent([state], MOST_AT_ONCE):
            numbers = ", ".join(str(one.id) for one in some)
            out.note(f"{state}, not sent by --all: {numbers}; {then}")


def _begin(
    mailer: Mailer, tx: Transaction, numbers: list[int], out: Output, *, dry_run: bool
) -> list[Edition]:
    """Start each edition that hasn't begun."""
    begun: list[Edition] = []
    plans: list[Any] = []
    for number in dict.fromkeys(numbers):
        edition, plan = mailer.start(tx, editions.get(tx.editions, number))
        begun.append(edition)
        plans.append(plan or {})
        if plan is not None:
            out.note(_planned(plan))
        elif dry_run:
            out.note(f"edition {number} has begun already")
    if dry_run and out.as_json:
        out.json(plans[0] if len(plans) == 1 else plans)
    return begun


def _planned(plan: Plan) -> str:
    left_out = ", ".join(f"{count} {reason}" for reason, count in plan.excluded.items())
    return f"planned {plan.planned}" + (f"; left out: {left_out}" if left_out else "")


# ---- telling how it goes ----------------------------------------------------------------------


def figures(progress: Progress) -> dict[str, Any]:
    """A run's figures, for scripts: counts of deliveries, messages a second, seconds."""
    left = progress.seconds_left
    return {
        **plain(progress),
        "done": progress.done,
        "rate": round(progress.rate, 1),
        "seconds": round(progress.seconds, 3),
        "seconds_left": None if left is None else round(left),
    }


@contextmanager
def _shown(show: Show, out: Output) -> Iterator[Callable[[Progress], None]]:
    """What a run is to call with its progress."""
    waited_for: list[str] = [""]
    resting: dict[str, str] = {}

    def waits(progress: Progress) -> None:
        if progress.waiting and progress.waiting != waited_for[0]:
            out.note(f"waiting: {progress.waiting}")
        waited_for[0] = progress.waiting
        for name, why in progress.troubles.items():
            if name not in resting:
                out.note(why)
        for name in [one for one in resting if one not in progress.troubles]:
            out.note(f"relay {name} works again")
        resting.clear()
        resting.update(progress.troubles)

    if show is Show.LINES:
        told = [time.monotonic()]

        def line(progress: Progress) -> None:
            waits(progress)
            if time.monotonic() - told[0] >= 1:
                told[0] = time.monotonic()
                _line({"progress": figures(progress)})

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = show is Show.NONE or not sys.stderr.isatty()
    with Bar(*columns, console=errors, transient=True, disable=hidden) as bar:
        task = bar.add_task("sending", total=None)

        def move(progress: Progress) -> None:
            waits(progress)
            bar.update(
                task,
                completed=progress.done,
                total=progress.done + progress.left,
                description=_said(progress),
            )

        yield move


def _said(progress: Progress) -> str:
    parts = [f"{progress.rate:,.0f}/s"]
    for count, word in (
        (progress.deferred, "deferred"),
        (progress.failed, "failed"),
        (progress.in_doubt, "in doubt"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    if (left := progress.seconds_left) is not None:
        minutes, seconds = divmod(round(left), 60)
        parts.append(f"{minutes}:{seconds:02} left")
    return "  ".join(parts)


def _line(value: Any) -> None:
    sys.stdout.write(json_.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _print(done: Progress, reports: list[Report], out: Output, *, lines: bool) -> None:
    whole = {**figures(done), "rate": round(done.done / done.seconds, 1) if done.seconds else 0.0}
    if lines:
        _line({"run": whole, "reports": reports})
    elif out.as_json:
        out.json({"run": whole, "reports": reports})
    else:
        for report in reports:
            print_report(report, out)
        out.text(
            f"sent {done.sent}, deferred {done.deferred}, failed {done.failed}, "
            f"in doubt {done.in_doubt}, in {done.seconds:.1f} s"
        )
        if len(done.relays) > 1:
            out.text(", ".join(f"{count} by {name}" for name, count in done.relays.items()))


def _judge(reports: list[Report]) -> None:
    """Raises what the exit code says: stopped by somebody, or partly done."""
    for report in reports:
        edition = report.edition
        if edition.state in {EditionState.PAUSED, EditionState.CANCELLED}:
            why = f" ({edition.reason})" if edition.reason else ""
            raise Refused(
                f"edition {edition.id} was {edition.state}{why} while it was being sent",
                hint="mend the cause, then `mailer edition resume` and `mailer send`"
                if edition.state is EditionState.PAUSED
                else "",
            )

    def count(*states: DeliveryState) -> int:
        return sum(report.states[state] for report in reports for state in states)

    left = count(*outbox.UNDONE)
    failed, doubted = count(DeliveryState.FAILED), count(DeliveryState.IN_DOUBT)
    if left or failed or doubted:
        names = " ".join(str(report.edition.id) for report in reports)
        hints = [f"`mailer send {names}` again tries what is queued, as it is due"] if left else []
        for report in reports:
            number = report.edition.id
            if report.states[DeliveryState.FAILED]:
                hints.append(f"`mailer delivery list {number} --state failed` shows whom")
            if report.states[DeliveryState.IN_DOUBT]:
                hints.append(f"`mailer delivery in-doubt list {number}` shows those in doubt")
        raise PartlyDone(
            f"{left} deliveries are still queued, {failed} failed, {doubted} in doubt",
            hint="; ".join(hints),
        )


def _say_stopping() -> None:
    errors.print("stopping after the messages on the wire; once more stops at once")


def _interrupt(_number: int) -> None:
    raise KeyboardInterrupt


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
