"""``mailer delivery``: single deliveries. A delivery is one edition to one address."""

import sys
from collections.abc import Iterator
from csv import writer
from typing import Annotated

import typer

from mailer import editions, outbox
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import (
    ByOption,
    DryRunOption,
    EditionNumber,
    JsonOption,
    LimitOption,
    check_number,
    resolve_actor,
)
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.model.deliveries import Delivery, DeliveryState

app = CommandGroup(help="Deliveries: each delivery is one edition to one address.")
in_doubt_app = CommandGroup(
    help="Deliveries in doubt: it is unknown whether the relay accepted the message.\n\n"
    "The connection was lost, or the process died, after the message was sent and before the "
    "relay's reply was on disk. If the edition's rule is to resend, the next `mailer send` of the "
    "edition also resends these deliveries.",
)
app.add_typer(in_doubt_app, name="in-doubt")


@app.command("list")
def list_deliveries(
    number: EditionNumber,
    state: Annotated[
        list[DeliveryState] | None, typer.Option(help="Only deliveries in this state; repeatable.")
    ] = None,
    limit: LimitOption = 100,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print all deliveries as CSV on stdout.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List an edition's deliveries: the address, the state and the relay's reply.

    Example: mailer delivery list 3 --state failed --csv > refused.csv"""
    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number)
        if csv:
            _write_csv(tx.outbox.iterate_deliveries(edition, state or ()))
            return
        matching_deliveries = tx.outbox.list_deliveries(edition, state or (), limit)
        out = Output(json)
        out.print_table(
            matching_deliveries,
            {"address": "", "state": "", "tries": "right", "changed": "", "reply": ""},
            [
                (
                    delivery.address,
                    delivery.state,
                    delivery.attempt,
                    format_moment(delivery.updated_at),
                    delivery.reply,
                )
                for delivery in matching_deliveries
            ],
            empty="no such delivery",
        )
        if len(matching_deliveries) == limit:
            out.print_note(f"these are the first {limit}: --limit shows more, --csv all")


def _write_csv(deliveries: Iterator[Delivery]) -> None:
    from mailer.intake.csv_reader import escape_formula

    out = writer(sys.stdout, lineterminator="\n")
    out.writerow(["address", "state", "tries", "changed_at", "next_try_at", "reply"])
    for delivery in deliveries:
        next_try_at = (
            delivery.next_attempt_at.isoformat() if delivery.state is DeliveryState.QUEUED else ""
        )
        changed_at = delivery.updated_at.isoformat()
        out.writerow(
            [
                escape_formula(delivery.address),
                delivery.state,
                delivery.attempt,
                changed_at,
                next_try_at,
                escape_formula(delivery.reply),
            ]
        )


@in_doubt_app.command("list")
def list_in_doubt(
    number: Annotated[
        int | None,
        typer.Argument(
            help="An edition's number; default: all editions.", min=1, callback=check_number
        ),
    ] = None,
    limit: LimitOption = 100,
    json: JsonOption = False,
) -> None:
    """List deliveries in doubt, and why.

    Example: mailer delivery in-doubt list 3"""
    from mailer.delivery.process_identity import is_dead

    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number) if number else None
        deliveries = tx.outbox.list_deliveries(edition, [DeliveryState.IN_DOUBT], limit)
        Output(json).print_table(
            deliveries,
            {"edition": "right", "address": "", "tries": "right", "since": "", "reason": ""},
            [
                (
                    delivery.edition_id,
                    delivery.address,
                    delivery.attempt,
                    delivery.updated_at,
                    delivery.reply,
                )
                for delivery in deliveries
            ],
            empty="nothing is in doubt",
        )
        dead_worker_ids = {worker.id for worker in tx.outbox.list_workers() if is_dead(worker.name)}
        if lost_count := sum(
            count
            for worker_id, count in tx.outbox.count_on_wire(edition).items()
            if worker_id in dead_worker_ids
        ):
            Output(json).print_note(
                f"{lost_count} more were on the wire when their process died; the next `mailer "
                f"send` marks them as in doubt and follows the edition's rule"
            )


@in_doubt_app.command("resend")
def retry_in_doubt(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Requeue an edition's deliveries that are in doubt, whatever the edition's rule says.

    Some of the recipients may get the edition twice.

    Example: mailer delivery in-doubt resend 3"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        count = outbox.send_in_doubt_again(
            tx,
            actor,
            edition,
            mailer.clock(),
        )
        message = f"{count} queued again" + (f": mailer send {number}" if count else "")
        out.print_record({"edition": number, "queued": count}, message)


@in_doubt_app.command("assume-sent")
def mark_as_sent(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Count an edition's deliveries in doubt as sent, so that none is sent again.

    Some of the recipients may not have received the edition.

    Example: mailer delivery in-doubt assume-sent 3"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        count = outbox.resolve_in_doubt_as_sent(
            tx,
            actor,
            edition,
            mailer.clock(),
        )
        out.print_record({"edition": number, "assumed": count}, f"{count} counted as sent")
