"""``mailer delivery``: single deliveries, one edition to one address each."""

import sys
from collections.abc import Iterator
from csv import writer
from typing import Annotated

import typer

from mailer import editions, outbox
from mailer.cli.edition import Number
from mailer.cli.options import (
    By,
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output, format_moment
from mailer.delivery.process_identity import is_dead
from mailer.intake.csv_reader import escape_formula
from mailer.model.deliveries import Delivery, DeliveryState

app = typer.Typer(no_args_is_help=True, help="Deliveries: one edition to one address each.")
in_doubt_app = typer.Typer(
    no_args_is_help=True,
    help="Deliveries of which we don't know whether the relay took them: the link was lost, or the "
    "sender died, after the message and before its reply was on disk. An edition whose rule is to "
    "resend them does so by itself when it is sent again.",
)
app.add_typer(in_doubt_app, name="in-doubt")


@app.command("list")
def list_deliveries(
    number: Number,
    state: Annotated[
        list[DeliveryState] | None, typer.Option(help="Repeatable; none means any.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV on stdout, all of them.")] = False,
    json: JsonOption = False,
) -> None:
    """List an edition's deliveries: whom, in which state, and what the relay said.

    Example: [bold]mailer delivery list 3 --state failed --csv > refused.csv[/]"""
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
            [(delivery.address, delivery.state, delivery.attempt, format_moment(delivery.updated_at), delivery.reply)
             for delivery in matching_deliveries],
            empty="no such delivery",
        )  # fmt: skip
        if len(matching_deliveries) == limit:
            out.print_note(f"the first {limit}: --limit shows more, --csv all")


def _write_csv(deliveries: Iterator[Delivery]) -> None:
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
        int | None, typer.Argument(help="An edition's number; else all.", min=1, max=2**63 - 1)
    ] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: JsonOption = False,
) -> None:
    """List deliveries in doubt, and why. Example: [bold]mailer delivery in-doubt list 3[/]"""
    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number) if number else None
        deliveries = tx.outbox.list_deliveries(edition, [DeliveryState.IN_DOUBT], limit)
        Output(json).print_table(
            deliveries,
            {"edition": "right", "address": "", "tries": "right", "since": "", "why": ""},
            [(delivery.edition_id, delivery.address, delivery.attempt, delivery.updated_at, delivery.reply)
             for delivery in deliveries],
            empty="nothing is in doubt",
        )  # fmt: skip
        dead_worker_ids = {one.id for one in tx.outbox.list_workers() if is_dead(one.name)}
        if lost_count := sum(
            count
            for worker_id, count in tx.outbox.count_on_wire(edition).items()
            if worker_id in dead_worker_ids
        ):
            Output(json).print_note(
                f"{lost_count} more were on the wire of a sender that died: the next `mailer send` "
                "counts them, and does what their edition's rule says"
            )


@in_doubt_app.command("resend")
def retry_in_doubt(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Queue an edition's deliveries in doubt again, whatever its rule says; then `mailer send` it.
    Some of these people may get it twice.

    Example: [bold]mailer delivery in-doubt resend 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        count = outbox.send_in_doubt_again(tx, resolve_actor(by), edition, mailer.clock())
        message = f"{count} queued again" + (f": mailer send {number}" if count else "")
        out.print_record({"edition": number, "queued": count}, message)


@in_doubt_app.command("assume-sent")
def mark_as_sent(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Take an edition's deliveries in doubt for sent: none of them goes again. Some of these people
    may not have got it.

    Example: [bold]mailer delivery in-doubt assume-sent 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        count = outbox.resolve_in_doubt_as_sent(tx, resolve_actor(by), edition, mailer.clock())
        out.print_record({"edition": number, "assumed": count}, f"{count} taken for sent")
