"""``mailer worker`` and ``mailer status``."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.app import open_mailer
from mailer.cli.options import JsonOption, reading, settings
from mailer.cli.output import Output, moment, plain
from mailer.cli.schedule import occurrence
from mailer.cli.signals import stop_on_signal
from mailer.digests import get
from mailer.errors import MailerError
from mailer.store import Transaction

if TYPE_CHECKING:
    from mailer.log import Log
    from mailer.worker.status import Sending, Status

TOGETHER = 0.5
"""Seconds within which two signals are one."""


def worker(
    deliver: Annotated[
        bool, typer.Option("--deliver/--no-deliver", help="Whether it also sends what is due.")
    ] = True,
) -> None:
    """Keep time: assemble, ask for approval, send, and tell staff, until it is asked to stop.

    Any number may run on one database: one keeps time, all deliver. Lines on stderr are JSON, or
    for people on a terminal. SIGTERM or Ctrl-C finishes the messages on the wire and returns the
    rest; a second one ends it at once, and leaves what is on the wire in doubt. It tells systemd
    that it is ready and that it lives (Type=notify, WatchdogSec=).

    Example: [bold]mailer worker[/]"""
    from mailer.log import logger
    from mailer.worker import Worker  # a tenth of the time that any command takes to start

    log = logger(pid=os.getpid())
    stopping = stop_on_signal(lambda: None, partial(_end, log), TOGETHER)
    with open_mailer(settings()) as mailer, stopping as stop:
        Worker(mailer, log, deliver=deliver).run(stop)


def _end(log: "Log", number: int) -> None:
    log.warning("ended at once", signal=number)
    os._exit(128 + number)


def status(
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 when something needs a person.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what is due, sending, waiting and failed, and whether a worker runs.

    Example: [bold]mailer status[/]"""
    from mailer.worker.status import look

    out = Output(json)
    with reading() as (mailer, tx):
        found = look(mailer, tx)
        if json:
            out.json(_plain(tx, found))
        else:
            _print(found, out)
    if check and (needs := list(found.needs)):
        raise MailerError("; ".join(needs), hint="see `mailer status`")


def _plain(tx: Transaction, found: "Status") -> dict[str, Any]:
    from mailer.worker.status import bad

    due = []
    for one in found.due:
        policy = get(tx.digests, one.schedule.new.digest).order.policy
        due.append({"digest": one.schedule.new.digest, **occurrence(one, policy)})
    shown: dict[str, Any] = plain(
        {
            "worker": found.worker,
            "scheduled": found.scheduled,
            "waiting": found.waiting,
            "sending": [
                {"edition": one.report.edition.id, "states": one.report.states, "left": one.left,
                 "next_due": one.next_due}
                for one in found.sending
            ],
            "overdue": [
                {"digest": one.schedule.new.digest, "local": one.occurrence.wall,
                 "zone": one.occurrence.zone, "assemble_at": one.cutoff}
                for one in found.overdue
            ],
            "stranded": found.stranded,
            "stopped": found.stopped,
            "held": found.held,
            "failed": [{"edition": one.edition.id, "counts": bad(one)} for one in found.failed],
            "needs": list(found.needs),
        }
    )  # fmt: skip
    return {"due": plain(due), **shown}


def _print(found: "Status", out: Output) -> None:
    from mailer.worker.status import bad

    last = found.worker.last_beat
    seen = f", last seen {moment(last)}" if last else ""
    out.text("worker: runs" if found.worker.alive else f"worker: none runs{seen}")
    rows: list[tuple[str, str, str, str]] = []
    for word, some in (("overdue", found.overdue), ("due", found.due)):
        for planned in some:
            local = f"{planned.occurrence.wall:%a %d %b %H:%M} {planned.occurrence.zone}"
            cutoff = f"to be assembled {moment(planned.cutoff)}"
            rows.append((word, planned.schedule.new.digest, local, cutoff))
    for edition in found.waiting:
        when = moment(edition.appointment.moment) if edition.appointment else ""
        asked = f"approval asked {moment(edition.asked_at)}" if edition.asked_at else ""
        late = edition.appointment and edition.appointment.moment <= found.now
        what = f"edition {edition.id} ({edition.name})"
        rows.append(("late" if late else "waiting", what, when, asked))
    for edition in found.stranded:
        what = f"edition {edition.id} ({edition.name})"
        then = f"mailer send {edition.id}, or mailer edition schedule {edition.id} --at …"
        rows.append((edition.state.value, what, "no time", then))
    for edition in found.scheduled:
        when = moment(edition.appointment.moment) if edition.appointment else ""
        by = f"approved by {edition.approval.approver}" if edition.approval else ""
        rows.append(("scheduled", f"edition {edition.id} ({edition.name})", when, by))
    rows += [_sending(one) for one in found.sending]
    for edition in found.stopped:
        what = f"edition {edition.id} ({edition.name})"
        rows.append((edition.state.value, what, "", edition.reason))
    for kept in found.held:
        when = f"{kept.named:%a %d %b %H:%M} {kept.zone}"
        rows.append(("held", kept.digest, when, kept.reason))
    for report in found.failed:
        counts = ", ".join(f"{count} {word}" for word, count in bad(report).items())
        what = f"edition {report.edition.id} ({report.edition.name})"
        rows.append(("failed", what, moment(report.edition.finished_at), counts))
    out.table(
        rows,
        {"": "", "what": "", "when": "", "note": ""},
        rows,
        empty="nothing is due, sending, waiting or failed",
    )


def _sending(one: "Sending") -> tuple[str, str, str, str]:
    edition = one.report.edition
    done = one.report.total - one.left
    later = f"the next {moment(one.next_due)}" if one.next_due else ""
    what = f"edition {edition.id} ({edition.name})"
    return "sending", what, later, f"{done} of {one.report.total} done"
