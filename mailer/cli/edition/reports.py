"""The report of an edition: how many deliveries are in each state."""

from mailer import editions
from mailer.cli.edition.group import LOOKING, app
from mailer.cli.options import EditionNumber, JsonOption
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_reading
from mailer.model.deliveries import DeliveryReport, DeliveryState


@app.command("report", rich_help_panel=LOOKING)
def show_report(number: EditionNumber, json: JsonOption = False) -> None:
    """Show how many deliveries are in each state, and how many people were left out for which
    reason.

    Example: mailer edition report 3 --json"""
    with open_for_reading() as (_, tx):
        delivery_report = tx.outbox.build_report(editions.get_edition(tx, number))
        print_report(delivery_report, Output(json))


def print_report(delivery_report: DeliveryReport, out: Output) -> None:
    """Print a report, as JSON or as tables."""
    if out.as_json:
        out.print_json(delivery_report)
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
    if delivery_report.refusals:
        refusals = list(delivery_report.refusals.items())[:10]
        out.print_table(refusals, {"replies": "", "": "right"}, refusals)
