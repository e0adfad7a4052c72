"""``mailer delivery``: single deliveries. A delivery is one edition to one address."""

import sys
from collections.abc import Iterator
from csv import writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer import editions, outbox
from mailer.actor import Actor
from mailer.addresses import normalise_address
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import (
    MAX_NUMBER,
    ByOption,
    DryRunOption,
    EditionNumber,
    JsonOption,
    LimitOption,
    check_number,
    resolve_actor,
)
from mailer.cli.output import Output, format_moment
from mailer.cli.paging import print_next_page
from mailer.cli.text_files import read_text
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import InputError, NotFound, Refused
from mailer.model.deliveries import Delivery, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition

if TYPE_CHECKING:
    from mailer.store import SqlTransaction

MAX_NAMED = 5
"""Maximum number of unknown addresses that a note names."""

app = CommandGroup(help="Deliveries: each delivery is one edition to one address.")
in_doubt_app = CommandGroup(
    help="Deliveries in doubt: it is unknown whether the relay accepted the message.\n\n"
    "The connection was lost, or the process died, after the message was sent and before the "
    "relay's reply was on disk. If the edition's rule is to resend, the worker or `mailer send` "
    "sends these deliveries again, later each time; after three attempts in doubt, a delivery "
    "waits for a person.",
)
app.add_typer(in_doubt_app, name="in-doubt")

RecipientsOption = Annotated[
    list[str] | None,
    typer.Option("--address", help="Decide about this recipient only; repeatable."),
]
RecipientsFileOption = Annotated[
    Path | None,
    typer.Option(
        "--addresses",
        help="Decide about these recipients only: a file with one address on each line.",
    ),
]


@app.command("list")
def list_deliveries(
    number: EditionNumber,
    state: Annotated[
        list[DeliveryState] | None, typer.Option(help="Only deliveries in this state; repeatable.")
    ] = None,
    limit: LimitOption = 100,
    after: Annotated[
        str, typer.Option("--after", metavar="ADDRESS", help="Begin after this address.")
    ] = "",
    csv: Annotated[
        bool, typer.Option("--csv", help="Print all deliveries as CSV on stdout.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List an edition's deliveries by address, with the state and the relay's reply. If there are
    more than --limit, a note gives the command for the next ones.

    Example: mailer delivery list 3 --state failed --csv > refused.csv"""
    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number)
        if csv:
            _write_csv(tx.outbox.iterate_deliveries(edition, state or ()))
            return
        found_deliveries = tx.outbox.list_deliveries(
            edition, state or (), min(limit + 1, MAX_NUMBER), after
        )
        matching_deliveries = found_deliveries[:limit]
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
        if len(found_deliveries) > limit:
            print_next_page(out, matching_deliveries[-1].address, "; --csv prints all")


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
    after: Annotated[
        str,
        typer.Option(
            "--after",
            metavar="EDITION:ADDRESS",
            help="Begin after the delivery of this edition to this address.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """List deliveries in doubt, and why. If there are more than --limit, a note gives the command
    for the next ones.

    Example: mailer delivery in-doubt list 3"""
    from mailer.delivery.process_identity import is_dead

    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number) if number else None
        found_deliveries = tx.outbox.list_in_doubt(
            edition, min(limit + 1, MAX_NUMBER), _parse_place(after)
        )
        deliveries = found_deliveries[:limit]
        out = Output(json)
        out.print_table(
            deliveries,
            {
                "edition": "right",
                "address": "",
                "tries": "right",
                "in doubt": "right",
                "since": "",
                "reason": "",
            },
            [
                (
                    delivery.edition_id,
                    delivery.address,
                    delivery.attempt,
                    delivery.doubts,
                    format_moment(delivery.updated_at),
                    delivery.reply,
                )
                for delivery in deliveries
            ],
            empty="nothing is in doubt",
        )
        if len(found_deliveries) > limit:
            last = deliveries[-1]
            csv_command = f"mailer delivery list {last.edition_id} --state in_doubt --csv"
            more = f"; `{csv_command}` prints all of edition {last.edition_id}"
            print_next_page(out, f"{last.edition_id}:{last.address}", more)
        dead_worker_ids = {worker.id for worker in tx.outbox.list_workers() if is_dead(worker.name)}
        if lost_count := sum(
            count
            for worker_id, count in tx.outbox.count_on_wire(edition).items()
            if worker_id in dead_worker_ids
        ):
            out.print_note(
                f"{lost_count} more were on the wire when their process died; the next `mailer "
                f"send` marks them as in doubt and follows the edition's rule"
            )


def _parse_place(after: str) -> tuple[int, str]:
    """Parse ``EDITION:ADDRESS``; an empty text is the beginning. Raises InputError."""
    if not after:
        return 0, ""
    number, sign, address = after.partition(":")
    if not sign or not (number.isascii() and number.isdigit()) or int(number) > MAX_NUMBER:
        raise InputError(f"{after!r} is not EDITION:ADDRESS", where="--after")
    return int(number), address


@in_doubt_app.command("resend")
def retry_in_doubt(
    number: EditionNumber,
    address: RecipientsOption = None,
    addresses: RecipientsFileOption = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Requeue an edition's deliveries that are in doubt, whatever the edition's rule says and
    however often they were in doubt.

    Some of the recipients may get the edition twice. If the relay's log proves that some of them
    did not get it, choose these with --address or --addresses.

    Example: mailer delivery in-doubt resend 3 --address ana@example.org"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        choice = _choose_recipients(tx, actor, edition, address, addresses)
        count = outbox.send_in_doubt_again(
            tx, actor, edition, mailer.clock(), chosen_ids=choice.ids if choice else None
        )
        is_paused = edition.state is EditionState.PAUSED
        resume = f"mailer edition resume {number}, then " if is_paused else ""
        message = f"{count} queued again" + (f": {resume}mailer send {number}" if count else "")
        out.print_record({"edition": number, "queued": count, **_to_plain(choice)}, message)
        _note_left_out(choice, out)


@in_doubt_app.command("assume-sent")
def mark_as_sent(
    number: EditionNumber,
    address: RecipientsOption = None,
    addresses: RecipientsFileOption = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Count an edition's deliveries in doubt as sent, so that none is sent again.

    Some of the recipients may not have received the edition. If the relay's log proves that some of
    them got it, choose these with --address or --addresses.

    Example: mailer delivery in-doubt assume-sent 3 --addresses accepted.txt"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        choice = _choose_recipients(tx, actor, edition, address, addresses)
        count = outbox.resolve_in_doubt_as_sent(
            tx, actor, edition, mailer.clock(), chosen_ids=choice.ids if choice else None
        )
        out.print_record(
            {"edition": number, "assumed": count, **_to_plain(choice)}, f"{count} counted as sent"
        )
        _note_left_out(choice, out)


def _choose_recipients(
    tx: "SqlTransaction",
    actor: Actor,
    edition: Edition,
    recipients: list[str] | None,
    file: Path | None,
) -> outbox.DoubtChoice | None:
    """Return the choice of --address and --addresses, or None if all deliveries in doubt are meant.
    A file may name recipients that are not in doubt, as a relay's log does; an address on the
    command line may not."""
    if recipients is None and file is None:
        return None
    direct_choice = outbox.choose_in_doubt(tx, actor, edition, recipients or ())
    for recipient in direct_choice.unknown:
        raise NotFound(f"edition {edition.id} has no delivery to {recipient}", where="--address")
    for recipient, state in direct_choice.states.items():
        raise Refused(
            f"the delivery to {recipient} is {state.replace('_', ' ')}, not in doubt",
            where="--address",
        )
    if file is None:
        return direct_choice
    file_choice = outbox.choose_in_doubt(tx, actor, edition, _read_addresses(file))
    ids = tuple(dict.fromkeys((*direct_choice.ids, *file_choice.ids)))
    return outbox.DoubtChoice(ids, file_choice.states, file_choice.unknown)


def _read_addresses(file: Path) -> list[str]:
    """Read a file with one address on each line. Empty lines are allowed. Raises InputError."""
    recipients: list[str] = []
    for line_number, line in enumerate(read_text(file).splitlines(), 1):
        if line.strip():
            try:
                recipients.append(normalise_address(line))
            except InputError as error:
                raise InputError(
                    error.message,
                    where=f"{file}, line {line_number}",
                    hint="write one address on each line",
                ) from error
    if not recipients:
        raise InputError("it has no address", where=str(file))
    return recipients


def _to_plain(choice: outbox.DoubtChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    return {"not_in_doubt": len(choice.states), "unknown": list(choice.unknown)}


def _note_left_out(choice: outbox.DoubtChoice | None, out: Output) -> None:
    """Say which addresses of a file were left out."""
    if choice and choice.states:
        out.print_note(f"{len(choice.states)} of the file are not in doubt: nothing changed there")
    if choice and choice.unknown:
        first_addresses = ", ".join(choice.unknown[:MAX_NAMED])
        more = ", …" if len(choice.unknown) > MAX_NAMED else ""
        out.print_note(
            f"{len(choice.unknown)} of the file have no delivery of it: {first_addresses}{more}"
        )
