"""``mailer edition``: one mailing, from draft to sent."""

import getpass
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import editions
from mailer.app import Mailer, Preview
from mailer.cli.options import DryRunOption, JsonOption, pairs, reading, writing
from mailer.cli.output import Output, moment
from mailer.editions import EditionState, InDoubt, NewEdition
from mailer.errors import InputError, UsageError
from mailer.outbox import DeliveryState, Report
from mailer.store import Transaction

app = typer.Typer(no_args_is_help=True, help="Editions: one mailing each.")

Number = Annotated[int, typer.Argument(help="The edition's number.", min=1, max=2**63 - 1)]
By = Annotated[str, typer.Option("--by", help="Who does it; else MAILER_ACTOR, else the login.")]


def actor(by: str) -> str:
    """Who acts: as given, as the environment says, or the login name."""
    if by or os.environ.get("MAILER_ACTOR"):
        return by or os.environ["MAILER_ACTOR"]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


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
             "made": "", "reason": ""},
            [
                (e.id, e.name, e.list, e.state, len(e.stories), e.created_at, e.reason)
                for e in found
            ],
            empty="no edition yet: mailer digest assemble NAME",
        )  # fmt: skip


@app.command()
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
        out.record(edition)
        out.table(
            events,
            {"when": "", "what": "", "who": "", "detail": ""},
            [(one.at, one.what, one.actor, one.detail) for one in events],
        )


@app.command()
def new(
    to: Annotated[str, typer.Option("--list", help="Who gets it.")],
    story: Annotated[list[str], typer.Option(help="Slug; repeatable, in order.")],
    name: Annotated[str, typer.Option(help="As readers see it.")],
    template: Annotated[str, typer.Option(help="A folder of templates/email.")] = "press-release",
    segment: Annotated[str, typer.Option()] = "",
    subject: Annotated[str, typer.Option(help="A template; else the mail's own.")] = "",
    language: Annotated[str, typer.Option()] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make an edition by itself, such as a press release.

    Example: [bold]mailer edition new --list press --story open-day --name "Press release"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        edition = editions.create(
            tx.editions,
            NewEdition(
                name=name,
                list=to,
                segment=segment,
                template=template,
                subject=subject,
                language=language or mailer.settings.defaults.language,
                stories=tuple(story),
            ),
            mailer.clock(),
        )
        edition = _compose(mailer, tx, edition, out)
        out.record(edition, f"edition {edition.id} ({edition.state}): {', '.join(story)}")


def _compose(
    mailer: Mailer, tx: Transaction, edition: editions.Edition, out: Output
) -> editions.Edition:
    edition, composition = mailer.composed(tx, edition)
    for warning in composition.warnings if composition else ():
        out.note(f"note: {warning}")
    return edition


@app.command()
def arrange(
    number: Number,
    stories: Annotated[list[str], typer.Argument(help="All its stories, in order.")],
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Give an edition exactly these stories, in this order. An approval is void.

    Example: [bold]mailer edition arrange 3 open-day new-report[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = editions.arrange(tx.editions, known, stories, mailer.clock(), actor(by))
        edition = _compose(mailer, tx, edition, out)
        out.record(edition, f"edition {number}: {', '.join(edition.stories)}")


@app.command()
def reorder(
    number: Number,
    first: Annotated[list[str], typer.Argument(help="The stories that go first, in order.")],
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put stories first; the others follow as they were. An approval is void.

    Example: [bold]mailer edition reorder 3 new-report[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        order = editions.order_first(known, first)
        edition = editions.arrange(tx.editions, known, order, mailer.clock(), actor(by))
        edition = _compose(mailer, tx, edition, out)
        out.record(edition, f"edition {number}: {', '.join(edition.stories)}")


@app.command()
def edit(
    number: Number,
    name: Annotated[str | None, typer.Option()] = None,
    subject: Annotated[str | None, typer.Option(help="A template; empty: the mail's own.")] = None,
    segment: Annotated[str | None, typer.Option(help="Empty: the whole list.")] = None,
    opening: Annotated[
        list[str] | None,
        typer.Option(help="LANGUAGE=one to three sentences in Markdown; repeatable."),
    ] = None,
    in_doubt: Annotated[
        InDoubt | None, typer.Option(help="What happens to deliveries in doubt.")
    ] = None,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change an edition that is not yet sent. An approval is void.

    Example: [bold]mailer edition edit 3 --opening "en=Good morning. Three stories today."[/]"""
    given: dict[str, Any] = {
        "name": name, "subject": subject, "segment": segment, "in_doubt": in_doubt,
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        if opening is not None:
            changes["opening"] = {**known.opening, **pairs(opening, "--opening")}
        if not changes:
            raise UsageError("nothing to change was given", hint="see `mailer edition edit --help`")
        edition = editions.edit(tx.editions, known, changes, mailer.clock(), actor(by))
        edition = _compose(mailer, tx, edition, out)
        out.record(edition, f"edition {number} changed")


@app.command()
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


@app.command()
def approve(
    number: Number,
    seen: Annotated[
        str, typer.Option("--hash", help="The hash that the preview showed, or its beginning.")
    ] = "",
    comment: Annotated[str, typer.Option()] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Let an edition go as it is now; any later change voids it.

    Example: [bold]mailer edition approve 3 --hash 4be1c09d22fa[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = mailer.approve(tx, known, actor(by), comment=comment, seen=seen)
        given = edition.approval
        said = f"edition {number} approved by {given.approver if given else ''}: "
        out.record(edition, said + edition.content_hash[:12])


@app.command()
def reopen(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Put a held or approved edition back to draft. Example: [bold]mailer edition reopen 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        editions.check_transition(known, EditionState.DRAFT)
        edition = tx.editions.set_state(
            known, EditionState.DRAFT, mailer.clock(), reason="reopened", actor=actor(by)
        )
        out.record(edition, f"edition {number} is a draft again")


@app.command()
def pause(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop an edition at the gate: from now on nothing more of it goes out.

    Example: [bold]mailer edition pause 3 --reason "wrong picture"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = editions.pause(tx.editions, known, mailer.clock(), reason=reason, actor=actor(by))
        out.record(edition, f"edition {number} is paused")


@app.command()
def resume(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Let a paused edition go on; then `mailer send` it.

    Example: [bold]mailer edition resume 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = editions.resume(tx.editions, known, mailer.clock(), actor=actor(by))
        out.record(edition, f"edition {number} may go on: mailer send {number}")


@app.command()
def cancel(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop an edition for good. Unsent, its stories go back to the digest.

    Example: [bold]mailer edition cancel 3 --reason superseded[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = mailer.cancel(tx, known, reason=reason, actor=actor(by))
        out.record(edition, f"edition {number} is cancelled")


@app.command()
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
