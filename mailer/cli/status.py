"""``mailer status``: which editions are due, being sent, waiting or failed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.cli.next_steps import describe_steps
from mailer.cli.options import JsonOption
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_reading
from mailer.errors import MailerError
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionState
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
    """Show whether mail is going out, and which editions are due, sending, waiting or failed.

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
    from mailer.delivery.reply_report import count_open_failures
    from mailer.digests import get_digest

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
            "headline": worker_status.headline,
            "safe_mode": worker_status.safe_mode,
            "worker": worker_status.worker,
            "relay_outages": worker_status.relay_outages,
            "scheduled": worker_status.scheduled,
            "waiting": worker_status.waiting,
            "drafts": worker_status.drafts,
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
                {"edition": report.edition.id, "counts": count_open_failures(report)}
                for report in worker_status.failed
            ],
            "kill_requests": worker_status.kill_requests,
            "doubts": {str(number): count for number, count in worker_status.doubts.items()},
            "service_mails_in_doubt": worker_status.service_mails_in_doubt,
            "closed_lists": [
                {
                    "list": closed.list.slug,
                    "closed_at": closed.list.closed_at,
                    "last_edition": closed.last_edition.id if closed.last_edition else None,
                }
                for closed in worker_status.closed_lists
            ],
            "refusal": worker_status.refusal.reason if worker_status.refusal else "",
            "needs": list(worker_status.problems),
        }
    )
    return {"due": to_plain_data(due), **fields}


def _print_status(worker_status: "WorkerStatus", out: Output) -> None:
    from mailer.delivery.reply_report import count_open_failures
    from mailer.worker.status import describe_counts, describe_stop

    last_beat = worker_status.worker.last_beat
    out.print_text(worker_status.headline)
    last_seen_text = f", last seen {format_moment(last_beat)}" if last_beat else ""
    if worker_status.refusal:
        out.print_text("worker: none sends from this database")
    elif worker_status.worker.alive:
        out.print_text("worker: runs")
    else:
        out.print_text(f"worker: none runs{last_seen_text}")
    if refusal := worker_status.refusal:
        out.print_text(f"database: nothing is sent from it: {refusal.reason}")
        advice = filter(None, (refusal.hint, describe_steps(refusal.next_steps)))
        out.print_text(f"database: {'; '.join(advice)}")
    for outage in worker_status.relay_outages:
        out.print_text(outage.describe_outage(worker_status.now))
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
        asked_at = worker_status.asking_times.get(edition.id)
        asked_text = (
            f"approval asked {format_moment(asked_at)}"
            if asked_at
            else "no one was asked to approve it yet"
        )
        is_late = edition.appointment and edition.appointment.moment <= worker_status.now
        label = f"edition {edition.id} ({edition.name})"
        rows.append(("late" if is_late else "waiting", label, when, asked_text))
    for edition in worker_status.stranded:
        label = f"edition {edition.id} ({edition.name})"
        next_step = f"mailer edition submit {edition.id}"
        if edition.state is EditionState.APPROVED:
            next_step = f"mailer send {edition.id}, or mailer edition schedule {edition.id} --at …"
        rows.append((edition.state.value, label, "no time", next_step))
    for edition in worker_status.drafts:
        label = f"edition {edition.id} ({edition.name})"
        rows.append(("draft", label, "no time", f"mailer edition submit {edition.id}"))
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
        note = describe_stop(edition, worker_status.doubts)
        if edition.id in worker_status.doubts:
            note += f": mailer delivery in-doubt list {edition.id}"
        rows.append((edition.state.value, label, "", note))
    for held_occurrence in worker_status.held_occurrences:
        when = f"{held_occurrence.rule_time:%a %d %b %H:%M} {held_occurrence.zone}"
        rows.append(("held", held_occurrence.digest_slug, when, held_occurrence.reason))
    for report in worker_status.failed:
        counts = describe_counts(count_open_failures(report))
        label = f"edition {report.edition.id} ({report.edition.name})"
        note = f"{counts}: mailer edition report {report.edition.id}"
        rows.append(("failed", label, format_moment(report.edition.finished_at), note))
    if count := worker_status.service_mails_in_doubt:
        note = f"{count} in doubt: mailer delivery in-doubt list"
        rows.append(("failed", "service mails and notices", "", note))
    for closed in worker_status.closed_lists:
        label = f"list {closed.list.slug} ({closed.list.name})"
        rows.append(("closed", label, format_moment(closed.list.closed_at), closed.words))
    out.print_table(
        rows,
        {"": "", "item": "", "time": "", "note": ""},
        rows,
        empty="nothing is due, sending, waiting or failed",
    )


def _format_sending(sending: "SendingEdition") -> tuple[str, str, str, str]:
    edition = sending.report.edition
    report = sending.report
    done = report.total - sending.remaining - report.states[DeliveryState.IN_DOUBT]
    next_due = min(filter(None, (sending.next_due, report.next_resend_at)), default=None)
    next_due_text = f"the next {format_moment(next_due)}" if next_due else ""
    label = f"edition {edition.id} ({edition.name})"
    waiting_doubts = report.states[DeliveryState.IN_DOUBT] - report.undecided
    note = f"{done} of {report.total} done"
    if waiting_doubts:
        note += f", {waiting_doubts} in doubt are sent again"
    return "sending", label, next_due_text, note
