"""Looking at editions, and previewing their mails."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer import editions, zones
from mailer.cli.edition.group import LOOKING, app
from mailer.cli.options import (
    MAX_NUMBER,
    ByOption,
    EditionNumber,
    JsonOption,
    LimitOption,
    check_number,
    resolve_actor,
)
from mailer.cli.output import Output, format_moment
from mailer.cli.paging import print_next_page
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import InputError
from mailer.model.edition_states import OPEN_STATES, EditionState, SendTimeBasis
from mailer.schedules.local_time import describe_wall_time

if TYPE_CHECKING:
    from mailer.app.messages import Preview


class PreviewFormat(StrEnum):
    """The part of a mail that a preview shows."""

    HTML = "html"
    TEXT = "text"
    EML = "eml"


@app.command("list", rich_help_panel=LOOKING)
def list_editions(
    state: Annotated[
        list[EditionState] | None, typer.Option(help="Only editions in this state; repeatable.")
    ] = None,
    limit: LimitOption = 50,
    after: Annotated[
        int | None,
        typer.Option(
            "--after",
            metavar="EDITION",
            help="Begin after this edition, with the next older one.",
            min=1,
            callback=check_number,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List editions, newest first. If there are more than --limit, a note gives the command for the
    next ones.

    Example: mailer edition list --state draft"""
    with open_for_reading() as (_, tx):
        found_editions = tx.editions.list_recent_editions(
            state or (), min(limit + 1, MAX_NUMBER), before_id=after
        )
        recent_editions = found_editions[:limit]
        out = Output(json)
        out.print_table(
            recent_editions,
            {
                "edition": "right",
                "name": "",
                "list": "",
                "state": "",
                "stories": "right",
                "made": "",
                "to be sent": "",
                "reason": "",
            },
            [
                (
                    edition.id,
                    edition.name,
                    edition.list,
                    edition.state,
                    len(edition.stories),
                    edition.created_at,
                    edition.appointment.moment
                    if edition.appointment and edition.state in OPEN_STATES
                    else None,
                    edition.reason,
                )
                for edition in recent_editions
            ],
            empty="no edition in this state"
            if state
            else f"no edition before {after}"
            if after
            else "no edition yet: mailer digest assemble NAME",
        )
        if len(found_editions) > limit:
            print_next_page(out, recent_editions[-1].id)


@app.command("show", rich_help_panel=LOOKING)
def show_edition(number: EditionNumber, json: JsonOption = False) -> None:
    """Show an edition: its stories in order, its approval and its log.

    Example: mailer edition show 3"""
    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number)
        events = tx.editions.list_events(edition)
        out = Output(json)
        if json:
            out.print_json({"edition": edition, "events": events})
            return
        fields = {field.name: getattr(edition, field.name) for field in dataclasses.fields(edition)}
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
            wall = describe_wall_time(appointment.wall, zones.get_zone(appointment.zone))
            local_time = f"{wall} {appointment.zone}{clock_note}"
            fields["to_be_sent"] = f"{local_time} ({format_moment(appointment.moment)})"
        out.print_record(fields)
        out.print_table(
            events,
            {"time": "", "event": "", "actor": "", "detail": ""},
            [(event.at, event.event_type, event.actor, event.detail) for event in events],
        )


@app.command("preview", rich_help_panel=LOOKING)
def preview_edition(
    number: EditionNumber,
    as_: Annotated[
        str,
        typer.Option(
            "--as",
            help="Show this subscriber's mail; default: a mail without a recipient.",
        ),
    ] = "",
    language: Annotated[
        str, typer.Option(help="The mail's language; default: the reader's, or the edition's.")
    ] = "",
    form: Annotated[
        PreviewFormat, typer.Option(help="The HTML part, the text part, or the whole message.")
    ] = PreviewFormat.TEXT,
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; default: stdout.")
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """Show the mail that a reader would get.

    Example: mailer edition preview 3 --as ana@example.org --form html -o mail.html"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, False, out) as (mailer, tx):  # composing freezes the edition
        edition = editions.get_edition(tx, number)
        rendered = mailer.preview_edition(tx, actor, edition, address=as_, language=language)
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
        out.print_note(f"the hash to approve is {edition.content_hash[:12]}")


def _encode_preview(preview: "Preview", preview_format: PreviewFormat) -> bytes:
    return {
        PreviewFormat.HTML: preview.html.encode(),
        PreviewFormat.TEXT: preview.text.encode(),
        PreviewFormat.EML: preview.message,
    }[preview_format]


def _save_preview(path: Path, preview: "Preview", preview_format: PreviewFormat) -> None:
    try:
        path.write_bytes(_encode_preview(preview, preview_format))
    except OSError as error:
        raise InputError(
            f"the file can't be written ({error.strerror})", where=str(path)
        ) from error
