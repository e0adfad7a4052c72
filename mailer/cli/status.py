"""``mailer status``: which editions are due, being sent, waiting or failed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.cli.next_steps import describe_steps
from mailer.cli.options import JsonOption
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_reading
from mailer.errors import MailerError, NextStep
from mailer.plain_data import to_plain_data

if TYPE_CHECKING:
    from mailer.store import SqlTransaction
    from mailer.worker.status import SendingEdition, WorkerStatus


def show_status(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit with code 1 if a person has to act or if no worker runs."
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show which editions are due, being sent, waiting or failed, and whether a worker runs.

    Example: mailer status"""
    from mailer.worker.status import read_status

    out = Output(json)
    with open_for_reading() as (mailer, tx):
        worker_status = read_status(mailer, tx)
        if json:
            out.print_json(_to_json(tx, worker_status))
        else:
            _print_status(worker_status, out)
    if check and (problems := list(worker_status.problems)):
        raise MailerError("; ".join(problems), hint="see `mailer status`")


def _to_json(tx: "SqlTransaction", worker_status: "WorkerStatus") -> dict[str, Any]:
    from mailer.cli.schedule.preview import describe_occurrence
    from mailer.digests import get_digest
    from mailer.worker.status import count_failures

    due = []
    for planned in worker_status.due:
        policy = get_digest(tx, planned.schedule.settings.digest_slug).settings.policy
        due.append(
            {
                "digest": planned.schedule.settings.digest_slug,
                **describe_occurrence(planned, policy),
            }
        )
    fields: dict[str, Any] = to_plain_data(
        {
            "worker": worker_status.worker,
            "scheduled": worker_status.scheduled,
            "waiting": worker_status.waiting,
            "sending": [
                {
                    "edition": sending.report.edition.id,
                    "states": sending.report.states,
                    "left": sending.remaining,
                    "next_due": sending.next_due,
                }
                for sending in worker_status.sending
            ],
            "overdue": [
                {
                    "digest": planned.schedule.settings.digest_slug,
                    "local": planned.occurrence.wall,
                    "zone": planned.occurrence.zone,
                    "assemble_at": planned.cutoff_at,
                }
                for planned in worker_status.overdue
            ],
            "stranded": worker_status.stranded,
            "stopped": worker_status.stopped,
            "held": worker_status.held_occurrences,
            "failed": [
                {"edition": report.edition.id, "counts": count_failures(report)}
                for report in worker_status.failed
            ],
            "kill_requests": worker_status.kill_requests,
            "refusal": worker_status.refusal,
            "needs": list(worker_status.problems),
        }
    )
    return {"due": to_plain_data(due), **fields}


def _print_status(worker_status: "WorkerStatus", out: Output) -> None:
    from mailer.worker.status import count_failures

    last_beat = worker_status.worker.last_beat
    last_seen_text = f", last seen {format_moment(last_beat)}" if last_beat else ""
    out.print_text(
        "worker: runs" if worker_status.worker.alive else f"worker: none runs{last_seen_text}"
    )
    if worker_status.refusal:
        out.print_text(f"database: nothing is sent from it: {worker_status.refusal}")
        steps = (NextStep("accept_database"), NextStep("declare_clone"))
        out.print_text(f"database: {describe_steps(steps)}")
    rows: list[tuple[str, str, str, str]] = []
    for word, planned_occurrences in (
        ("overdue", worker_status.overdue),
        ("due", worker_status.due),
    ):
        for planned in planned_occurrences:
            local = f"{planned.occurrence.clock_time:%a %d %b %H:%M} {planned.occurrence.zone}"
            cutoff = f"to be assembled {format_moment(planned.cutoff_at)}"
            rows.append((word, planned.schedule.settings.digest_slug, local, cutoff))
    for edition in worker_status.waiting:
        when = format_moment(edition.appointment.moment) if edition.appointment else ""
        asked_text = f"approval asked {format_moment(edition.asked_at)}" if edition.asked_at else ""
        is_late = edition.appointment and edition.appointment.moment <= worker_status.now
        label = f"edition {edition.id} ({edition.name})"
        rows.append(("late" if is_late else "waiting", label, when, asked_text))
    for edition in worker_status.stranded:
        label = f"edition {edition.id} ({edition.name})"
        next_step = f"mailer send {edition.id}, or mailer edition schedule {edition.id} --at …"
        rows.append((edition.state.value, label, "no time", next_step))
    for edition in worker_status.scheduled:
        when = format_moment(edition.appointment.moment) if edition.appointment else ""
        approved_by = f"approved by {edition.approval.approver}" if edition.approval else ""
        rows.append(("scheduled", f"edition {edition.id} ({edition.name})", when, approved_by))
    for kill_request in worker_status.kill_requests:
        slug, when = kill_request.slug, format_moment(kill_request.asked_at)
        next_step = f"requested by {kill_request.asked_by}; see mailer release show {slug}"
        rows.append(("to be killed", slug, when, next_step))
    rows += [_format_sending(sending) for sending in worker_status.sending]
    for edition in worker_status.stopped:
        label = f"edition {edition.id} ({edition.name})"
        rows.append((edition.state.value, label, "", edition.reason))
    for held_occurrence in worker_status.held_occurrences:
        when = f"{held_occurrence.rule_time:%a %d %b %H:%M} {held_occurrence.zone}"
        rows.append(("held", held_occurrence.digest_slug, when, held_occurrence.reason))
    for report in worker_status.failed:
        counts = ", ".join(f"{count} {word}" for word, count in count_failures(report).items())
        label = f"edition {report.edition.id} ({report.edition.name})"
        rows.append(("failed", label, format_moment(report.edition.finished_at), counts))
    out.print_table(
        rows,
        {"": "", "item": "", "time": "", "note": ""},
        rows,
        empty="nothing is due, sending, waiting or failed",
    )


def _format_sending(sending: "SendingEdition") -> tuple[str, str, str, str]:
    edition = sending.report.edition
    done = sending.report.total - sending.remaining
    next_due_text = f"the next {format_moment(sending.next_due)}" if sending.next_due else ""
    label = f"edition {edition.id} ({edition.name})"
    return "sending", label, next_due_text, f"{done} of {sending.report.total} done"
