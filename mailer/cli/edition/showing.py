"""Looking at editions: before they go, while they go, and afterwards."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import editions
from mailer.app import Preview
from mailer.cli.edition.common import Number, app
from mailer.cli.options import JsonOption, reading, writing
from mailer.cli.output import Output, moment, plain
from mailer.editions import OPEN, EditionState, SendTime
from mailer.errors import InputError
from mailer.outbox import DeliveryState, Report


class Form(StrEnum):
    HTML = "html"
    TEXT = "text"
    EML = "eml"


@app.command("list")
def list_(
    state: Annotated[list[EditionState] | None, typer.Option(help="Repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: JsonOption = False,
) -> None:
    """List editions, newest first. Example: [bold]mailer edition list --state draft[/]"""
    with reading() as (_, tx):
        found = tx.editions.recent(state or (), limit)
        Output(json).table(
            found,
            {"edition": "right", "name": "", "list": "", "state": "", "stories": "right",
             "made": "", "to be sent": "", "reason": ""},
            [
                (
                    e.id, e.name, e.list, e.state, len(e.stories), e.created_at,
                    e.appointment.moment if e.appointment and e.state in OPEN else None, e.reason,
                )
                for e in found
            ],
            empty="no edition yet: mailer digest assemble NAME",
        )  # fmt: skip


@app.command("show")
def show(number: Number, json: JsonOption = False) -> None:
    """Show an edition: its stories in order, its approval, what happened to it.

    Example: [bold]mailer edition show 3[/]"""
    with reading() as (_, tx):
        edition = editions.get(tx.editions, number)
        events = tx.editions.events(edition)
        out = Output(json)
        if json:
            out.json({"edition": edition, "events": events})
            return
        shown = plain(edition)
        for inner in ("kind", "told", "told_hash", "reminded_at", "asked_at", "appointment"):
            del shown[inner]
        if when := edition.appointment:
            by = ", by each reader's own clock" if when.send_time is SendTime.READER else ""
            local = f"{when.wall:%a %d %b %Y %H:%M} {when.zone}{by}"
            shown["to_be_sent"] = f"{local} ({moment(when.moment)})"
        out.record(shown)
        out.table(
            events,
            {"when": "", "what": "", "who": "", "detail": ""},
            [(one.at, one.what, one.actor, one.detail) for one in events],
        )


@app.command("preview")
def preview(
    number: Number,
    as_: Annotated[str, typer.Option("--as", help="A subscriber's address; else nobody's.")] = "",
    language: Annotated[str, typer.Option(help="Without --as: which language.")] = "",
    form: Annotated[Form, typer.Option(help="html, text, or the whole eml.")] = Form.TEXT,
    to: Annotated[Path | None, typer.Option("--output", "-o", help="A file; else stdout.")] = None,
    json: JsonOption = False,
) -> None:
    """Show the mail as one reader would get it.

    Example: [bold]mailer edition preview 3 --as ana@example.org --form html -o mail.html[/]"""
    out = Output(json)
    with writing_quietly() as (mailer, tx):
        edition = editions.get(tx.editions, number)
        found = mailer.preview(tx, edition, address=as_, language=language)
        edition = editions.get(tx.editions, number)
    if json:
        out.json(
            {
                "language": found.language,
                "subject": found.subject,
                "text": found.text,
                "html": found.html,
                "eml": found.message.decode("utf-8"),
                "content_hash": edition.content_hash,
            }
        )
    elif to is not None:
        _save(to, found, form)
        out.note(f"{form} of edition {number}, {edition.content_hash[:12]}, written to {to}")
    else:
        if form is Form.TEXT:
            out.note(f"Subject: {found.subject}")
        out.text(_form(found, form).decode("utf-8"))
        out.note(f"this is {edition.content_hash[:12]}")


def writing_quietly() -> Any:
    """A transaction for a command that writes only what composing freezes."""
    return writing(False, Output())


def _form(found: Preview, form: Form) -> bytes:
    return {
        Form.HTML: found.html.encode(),
        Form.TEXT: found.text.encode(),
        Form.EML: found.message,
    }[form]


def _save(path: Path, found: Preview, form: Form) -> None:
    try:
        path.write_bytes(_form(found, form))
    except OSError as error:
        raise InputError(f"it can't be written ({error.strerror})", where=str(path)) from error


@app.command("report")
def report(number: Number, json: JsonOption = False) -> None:
    """Count an edition's deliveries in every state, and who was left out, and why.

    Example: [bold]mailer edition report 3 --json[/]"""
    with reading() as (_, tx):
        found = tx.outbox.report(editions.get(tx.editions, number))
        print_report(found, Output(json))


def print_report(found: Report, out: Output) -> None:
    """A report, as JSON or as tables."""
    if out.as_json:
        out.json(found)
        return
    edition = found.edition
    out.record(
        {"edition": f"{edition.id} ({edition.name}), {edition.state}",
         "planned": moment(edition.planned_at), "finished": moment(edition.finished_at)}
    )  # fmt: skip
    states = [(state, found.states[state]) for state in DeliveryState if found.states[state]]
    out.table(
        [*states, ("all", found.total)],
        {"deliveries": "", "": "right"},
        [*states, ("all", found.total)],
    )
    left_out = list(found.excluded.items())
    if left_out:
        out.table(left_out, {"left out": "", "": "right"}, left_out)
    if found.refusals:
        refusals = list(found.refusals.items())[:10]
        out.table(refusals, {"replies": "", "": "right"}, refusals)
