"""The report of an edition: how many deliveries are in each state."""

from typing import TYPE_CHECKING, Any

from mailer import editions
from mailer.cli.edition.group import LOOKING, app
from mailer.cli.next_steps import describe_step
from mailer.cli.options import EditionNumber, JsonOption
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_reading
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.plain_data import to_plain_data

if TYPE_CHECKING:
    from mailer.delivery.reply_report import ExplainedReplies, ReportAdvice

MAX_REPLIES = 10
"""Maximum number of groups of replies in a table; the largest groups come first."""

_DECISIONS = {"resend_in_doubt", "mark_in_doubt_as_sent"}


@app.command("report", rich_help_panel=LOOKING)
def show_report(number: EditionNumber, json: JsonOption = False) -> None:
    """Show how many deliveries are in each state, and how many people were left out for which
    reason.

    Example: mailer edition report 3 --json"""
    with open_for_reading() as (_, tx):
        delivery_report = tx.outbox.build_report(editions.get_edition(tx, number))
        print_report(delivery_report, Output(json))


def to_json(delivery_report: DeliveryReport) -> dict[str, Any]:
    """Return a report as data for scripts. Each group of replies has its meaning."""
    from mailer.delivery.reply_report import explain_replies

    fields: dict[str, Any] = to_plain_data(delivery_report)
    return {**fields, "replies": to_plain_data(explain_replies(delivery_report))}


def print_report(delivery_report: DeliveryReport, out: Output) -> None:
    """Print a report, as JSON or as tables."""
    from mailer.delivery.reply_report import explain_replies, list_advice

    if out.as_json:
        out.print_json(to_json(delivery_report))
        return
    edition = delivery_report.edition
    out.print_record(
        {
            "edition": f"{edition.id} ({edition.name}), {edition.state}",
            "planned": format_moment(edition.planned_at),
            "finished": format_moment(edition.finished_at),
        }
    )
    states = [
        (state, delivery_report.states[state])
        for state in DeliveryState
        if delivery_report.states[state]
    ]
    out.print_table(
        [*states, ("all", delivery_report.total)],
        {"deliveries": "", "": "right"},
        [*states, ("all", delivery_report.total)],
    )
    left_out = list(delivery_report.excluded.items())
    if left_out:
        out.print_table(left_out, {"left out": "", "": "right"}, left_out)
    explained_replies = explain_replies(delivery_report)
    if explained_replies:
        rows = [
            (explained.count, explained.state, explained.reply, _describe_meaning(explained))
            for explained in explained_replies[:MAX_REPLIES]
        ]
        columns = {"": "right", "state": "", "reply, for example": "", "meaning": ""}
        out.print_table(rows, columns, rows)
    for advice in list_advice(delivery_report):
        out.print_text(_describe_advice(advice))


def _describe_advice(advice: "ReportAdvice") -> str:
    """Describe an advice in one line, with commands that follow one another or are alternatives."""
    commands = [describe_step(step) for step in advice.steps]
    is_choice = any(step.action in _DECISIONS for step in advice.steps)
    if not commands:
        return advice.text
    joined = ", then ".join(commands)
    if is_choice:
        joined = f"{commands[0]}, then {' or '.join(commands[1:])}"
    return f"{advice.text}: {joined}"


def _describe_meaning(explained: "ExplainedReplies") -> str:
    return f"{explained.meaning}; {explained.advice}" if explained.meaning else ""
