"""Making editions, and changing them while they are open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer import editions
from mailer.actor import Actor
from mailer.cli.edition.group import EDITING, app
from mailer.cli.options import (
    ByOption,
    DryRunOption,
    EditionNumber,
    JsonOption,
    parse_changes,
    parse_pairs,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.text_files import read_text
from mailer.cli.transactions import open_for_writing
from mailer.errors import UsageError
from mailer.model.edition_states import BEGUN_STATES, ArchiveVisibility, InDoubtPolicy, Priority
from mailer.model.editions import Edition, NewEdition

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.store import SqlTransaction


@app.command("new", rich_help_panel=EDITING)
def create_edition(
    list_slug: Annotated[str, typer.Option("--list", help="The list that gets the edition.")],
    story: Annotated[list[str], typer.Option(help="A story's slug; repeatable, in order.")],
    name: Annotated[str, typer.Option(help="The name that readers see.")],
    template: Annotated[
        str, typer.Option(help="The template of the mails: a folder below templates/email.")
    ] = "press-release",
    segment: Annotated[
        str, typer.Option(help="Only members in this segment; default: the whole list.")
    ] = "",
    subject: Annotated[
        str,
        typer.Option(help="The subject, which may have variables; default: the template's own."),
    ] = "",
    name_in: Annotated[
        list[str] | None, typer.Option(help="LANGUAGE=the name in that language; repeatable.")
    ] = None,
    subject_in: Annotated[
        list[str] | None, typer.Option(help="LANGUAGE=the subject in that language; repeatable.")
    ] = None,
    language: Annotated[
        str,
        typer.Option(help="Fallback language for readers whose own language has no translation."),
    ] = "",
    priority: Annotated[
        Priority, typer.Option(help="Priority among the editions being sent.")
    ] = Priority.URGENT,
    archive: Annotated[
        ArchiveVisibility,
        typer.Option(help="Show the edition in the list's archive, or keep it private."),
    ] = ArchiveVisibility.PUBLIC,
    sender: Annotated[
        str, typer.Option(help="The sender: [senders.NAME]; default: the list's sender.")
    ] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make an edition without a digest, such as an announcement.

    Example: mailer edition new --list press --story open-day --name "Press release"
    """
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = editions.create_edition(
            tx,
            actor,
            NewEdition(
                name=name,
                list=list_slug,
                segment=segment,
                template=template,
                subject=subject,
                names=parse_pairs(name_in, "--name-in"),
                subjects=parse_pairs(subject_in, "--subject-in"),
                language=language or mailer.settings.defaults.language,
                stories=tuple(story),
                priority=priority,
                archive=archive,
                sender=sender,
            ),
            mailer.clock(),
            senders=mailer.settings.senders,
        )
        edition = _compose_edition(mailer, tx, actor, edition, out)
        out.print_record(edition, f"edition {edition.id} ({edition.state}): {', '.join(story)}")


def _compose_edition(
    mailer: "Mailer", tx: "SqlTransaction", actor: Actor, edition: Edition, out: Output
) -> Edition:
    edition, composition = editions.compose_edition(tx, actor, edition, mailer.renderer)
    for warning in composition.warnings if composition else ():
        out.print_note(f"note: {warning}")
    return edition


@app.command("edit", rich_help_panel=EDITING)
def edit_edition(
    number: EditionNumber,
    name: Annotated[str | None, typer.Option(help="The name that readers see.")] = None,
    subject: Annotated[
        str | None,
        typer.Option(help="The subject, which may have variables; empty: the template's own."),
    ] = None,
    name_in: Annotated[
        list[str] | None,
        typer.Option(help="LANGUAGE=the name in that language; empty: remove it; repeatable."),
    ] = None,
    subject_in: Annotated[
        list[str] | None,
        typer.Option(help="LANGUAGE=the subject in that language; empty: remove it; repeatable."),
    ] = None,
    segment: Annotated[
        str | None, typer.Option(help="Only members in this segment; empty: the whole list.")
    ] = None,
    opening: Annotated[
        list[str] | None,
        typer.Option(
            help="LANGUAGE=TEXT, the opening: one to three sentences in Markdown; empty: remove "
            "it; repeatable."
        ),
    ] = None,
    opening_file: Annotated[
        list[str] | None,
        typer.Option(help="LANGUAGE=FILE, a file with the opening; repeatable."),
    ] = None,
    preheader: Annotated[
        list[str] | None,
        typer.Option(
            help="LANGUAGE=TEXT, what inboxes show after the subject; empty: the template's own; "
            "repeatable."
        ),
    ] = None,
    lead: Annotated[str | None, typer.Option(help="The slug of the story that goes first.")] = None,
    in_doubt: Annotated[
        InDoubtPolicy | None,
        typer.Option(help="Send deliveries in doubt again, or wait for a person to decide."),
    ] = None,
    priority: Annotated[
        Priority | None,
        typer.Option(help="Priority among the editions being sent."),
    ] = None,
    sender: Annotated[
        str | None, typer.Option(help="The sender: [senders.NAME]; empty: the list's sender.")
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change an unsent edition, until it starts. This voids an earlier approval.

    Only --in-doubt can be changed while the edition is being sent or is paused.

    Example: mailer edition edit 3 --opening "en=Good morning. Three stories today."
    """
    from mailer.intake.markdown_checks import read_markdown
    from mailer.render.staff_texts import mask_fields

    options: dict[str, Any] = {
        "name": name,
        "subject": subject,
        "segment": segment,
        "in_doubt": in_doubt,
        "priority": priority,
        "sender": sender,
        "opening": read_openings(opening, opening_file),
        "preheaders": parse_changes(preheader, "--preheader"),
        "lead": lead or None,
        "names": parse_changes(name_in, "--name-in"),
        "subjects": parse_changes(subject_in, "--subject-in"),
    }
    changes = {key: value for key, value in options.items() if value is not None}
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        for tag, text in changes.get("opening", {}).items():
            read_markdown(mask_fields(text), f"--opening {tag}")  # refuses what mails can't show
        if not changes:
            raise UsageError("no change was given", hint="see `mailer edition edit --help`")
        edition = editions.edit_edition(
            tx,
            actor,
            current_edition,
            changes,
            mailer.clock(),
            senders=mailer.settings.senders,
        )
        if edition.state in BEGUN_STATES:
            out.print_record(edition, f"edition {number}: in doubt: {edition.in_doubt}")
            return
        edition = _compose_edition(mailer, tx, actor, edition, out)
        out.print_record(edition, f"edition {number} changed")


@app.command("urgent", rich_help_panel=EDITING)
def set_urgent(
    number: EditionNumber,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="LANGUAGE=REASON, as the mails' foot states it; repeatable."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="The edition is no longer urgent.")] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send an edition to members of every frequency, and tell them why.

    This voids an earlier approval.

    Example: mailer edition urgent 3 --reason "en=The dam may break tonight."
    """
    if bool(reason) == off:
        raise UsageError("give either a reason or --off", hint='--reason "en=The dam may break."')
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = editions.set_urgent_reasons(
            tx,
            actor,
            editions.get_edition(tx, number),
            parse_pairs(reason, "--reason"),
            mailer.clock(),
        )
        edition = _compose_edition(mailer, tx, actor, edition, out)
        words = "urgent" if edition.is_urgent else "no longer urgent"
        out.print_record(edition, f"edition {number} is {words}")


def read_openings(texts: list[str] | None, files: list[str] | None) -> dict[str, str] | None:
    """Read openings by language from options and from files. Return None if neither was given.
    Raises InputError."""
    openings = parse_changes(texts, "--opening")
    if files is None:
        return openings
    from_files = {
        language: read_text(Path(name)).strip()
        for language, name in parse_pairs(files, "--opening-file").items()
    }
    return {**(openings or {}), **from_files}


@app.command("arrange", rich_help_panel=EDITING)
def arrange_stories(
    number: EditionNumber,
    stories: Annotated[
        list[str], typer.Argument(help="The slugs of all stories of the edition, in order.")
    ],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Replace an edition's stories with the given stories, in the given order.

    This voids an earlier approval.

    Example: mailer edition arrange 3 open-day new-report"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.arrange_stories(tx, actor, current_edition, stories, mailer.clock())
        edition = _compose_edition(mailer, tx, actor, edition, out)
        out.print_record(edition, f"edition {number}: {', '.join(edition.stories)}")


@app.command("reorder", rich_help_panel=EDITING)
def move_stories_first(
    number: EditionNumber,
    first: Annotated[
        list[str], typer.Argument(help="The slugs of the stories that go first, in order.")
    ],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Move stories to the top of an edition; the other stories keep their order.

    This voids an earlier approval.

    Example: mailer edition reorder 3 new-report"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        ordered_slugs = editions.move_stories_first(current_edition, first)
        edition = editions.arrange_stories(
            tx, actor, current_edition, ordered_slugs, mailer.clock()
        )
        edition = _compose_edition(mailer, tx, actor, edition, out)
        out.print_record(edition, f"edition {number}: {', '.join(edition.stories)}")
