"""Looking at editions: before they go, while they go, and afterwards."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import editions
from mailer.app import Preview
from mailer.cli.edition.common import Number, app
from mailer.cli.options import JsonOption, open_for_reading, open_for_writing
from mailer.cli.output import Output, format_moment, to_plain_data
from mailer.errors import InputError
from mailer.model.deliveries import DeliveryReport, DeliveryState
from mailer.model.edition_states import OPEN_STATES, EditionState, SendTimeBasis


class PreviewFormat(StrEnum):
    HTML = "html"
    TEXT = "text"
    EML = "eml"


@app.command("list")
def list_editions(
    state: Annotated[list[EditionState] | None, typer.Option(help="Repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: JsonOption = False,
) -> None:
    """List editions, newest first. Example: [bold]mailer edition list --state draft[/]"""
    with open_for_reading() as (_, tx):
        recent_editions = tx.editions.list_recent_editions(state or (), limit)
        Output(json).print_table(
            recent_editions,
            {"edition": "right", "name": "", "list": "", "state": "", "stories": "right",
             "made": "", "to be sent": "", "reason": ""},
            [
                (
                    edition.id, edition.name, edition.list, edition.state, len(edition.stories), edition.created_at,
                    edition.appointment.moment if edition.appointment and edition.state in OPEN_STATES else None, edition.reason,
                )
                for edition in recent_editions
            ],
            empty="no edition yet: mailer digest assemble NAME",
        )  # fmt: skip


@app.command("show")
def show_edition(number: Number, json: JsonOption = False) -> None:
    """Show an edition: its stories in order, its approval, what happened to it.

    Example: [bold]mailer edition show 3[/]"""
    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number)
        events = tx.editions.list_events(edition)
        out = Output(json)
        if json:
            out.print_json({"edition": edition, "events": events})
            return
        fields = to_plain_data(edition)
        for hidden_field in (
            "kind",
            "last_notified_state",
            "last_notified_hash",
            "reminded_at",
            "asked_at",
            "appointment",
        ):
            del fields[hidden_field]
        if appointment := edition.appointment:
            clock_note = (
                ", by each reader's own clock"
                if appointment.send_time is SendTimeBasis.READER
                else ""
            )
            local_time = f"{appointment.wall:%a %d %b %Y %H:%M} {appointment.zone}{clock_note}"
            fields["to_be_sent"] = f"{local_time} ({format_moment(appointment.moment)})"
        out.print_record(fields)
        out.print_table(
            events,
            {"when": "", "what": "", "who": "", "detail": ""},
            [(event.at, event.what, event.actor, event.detail) for event in events],
        )


@app.command("preview")
def preview_edition(
    number: Number,
    as_: Annotated[str, typer.Option("--as", help="A subscriber's address; else nobody's.")] = "",
    language: Annotated[str, typer.Option(help="Without --as: which language.")] = "",
    form: Annotated[
        PreviewFormat, typer.Option(help="html, text, or the whole eml.")
    ] = PreviewFormat.TEXT,
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else stdout.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show the mail as one reader would get it.

    Example: [bold]mailer edition preview 3 --as ana@example.org --form html -o mail.html[/]"""
    out = Output(json)
    with open_for_preview() as (mailer, tx):
        edition = editions.get_edition(tx, number)
        rendered = mailer.preview_edition(tx, edition, address=as_, language=language)
        edition = editions.get_edition(tx, number)
    if json:
        out.print_json(
            {
                "language": rendered.language,
                "subject": rendered.subject,
                "text": rendered.text,
                "html": rendered.html,
                "eml": rendered.message.decode("utf-8"),
                "content_hash": edition.content_hash,
            }
        )
    elif output_file is not None:
        _save_preview(output_file, rendered, form)
        out.print_note(
            f"{form} of edition {number}, {edition.content_hash[:12]}, written to {output_file}"
        )
    else:
        if form is PreviewFormat.TEXT:
            out.print_note(f"Subject: {rendered.subject}")
        out.print_text(_encode_preview(rendered, form).decode("utf-8"))
        out.print_note(f"this is {edition.content_hash[:12]}")


def open_for_preview() -> Any:
    """A transaction for a command that writes only what composing freezes."""
    return open_for_writing(False, Output())


def _encode_preview(preview: Preview, preview_format: PreviewFormat) -> bytes:
    return {
        PreviewFormat.HTML: preview.html.encode(),
        PreviewFormat.TEXT: preview.text.encode(),
        PreviewFormat.EML: preview.message,
    }[preview_format]


def _save_preview(path: Path, preview: Preview, preview_format: PreviewFormat) -> None:
    try:
        path.write_bytes(_encode_preview(preview, preview_format))
    except OSError as error:
        raise InputError(f"it can't be written ({error.strerror})", where=str(path)) from error


@app.command("report")
def show_report(number: Number, json: JsonOption = False) -> None:
    """Count an edition's deliveries in every state, and who was left out, and why.

    Example: [bold]mailer edition report 3 --json[/]"""
    with open_for_reading() as (_, tx):
        delivery_report = tx.outbox.build_report(editions.get_edition(tx, number))
        print_report(delivery_report, Output(json))


def print_report(delivery_report: DeliveryReport, out: Output) -> None:
    """A report, as JSON or as tables."""
    if out.as_json:
        out.print_json(delivery_report)
        return
    edition = delivery_report.edition
    out.print_record(
        {"edition": f"{edition.id} ({edition.name}), {edition.state}",
         "planned": format_moment(edition.planned_at), "finished": format_moment(edition.finished_at)}
    )  # fmt: skip
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
