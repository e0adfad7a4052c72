"""Making an edition and changing it while it is open."""

from typing import Annotated, Any

import typer

from mailer import editions
from mailer.app import Mailer
from mailer.cli.edition.common import Number, app
from mailer.cli.options import (
    By,
    DryRunOption,
    JsonOption,
    open_for_writing,
    parse_pairs,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.errors import UsageError
from mailer.model.edition_states import ArchiveVisibility, InDoubtPolicy, Priority
from mailer.model.editions import Edition, NewEdition
from mailer.store import SqlTransaction


@app.command("new")
def create_edition(
    list_slug: Annotated[str, typer.Option("--list", help="Who gets it.")],
    story: Annotated[list[str], typer.Option(help="Slug; repeatable, in order.")],
    name: Annotated[str, typer.Option(help="As readers see it.")],
    template: Annotated[str, typer.Option(help="A folder of templates/email.")] = "press-release",
    segment: Annotated[str, typer.Option()] = "",
    subject: Annotated[str, typer.Option(help="A template; else the mail's own.")] = "",
    language: Annotated[str, typer.Option()] = "",
    priority: Annotated[
        Priority, typer.Option(help="Whose messages go first, of editions being sent at once.")
    ] = Priority.URGENT,
    archive: Annotated[
        ArchiveVisibility, typer.Option(help="Whether it stands in its list's public archive.")
    ] = ArchiveVisibility.PUBLIC,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make an edition by itself, such as a press release.

    Example: [bold]mailer edition new --list press --story open-day --name "Press release"[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition = editions.create_edition(
            tx,
            resolve_actor(by),
            NewEdition(
                name=name,
                list=list_slug,
                segment=segment,
                template=template,
                subject=subject,
                language=language or mailer.settings.defaults.language,
                stories=tuple(story),
                priority=priority,
                archive=archive,
            ),
            mailer.clock(),
        )
        edition = _compose_edition(mailer, tx, edition, out)
        out.print_record(edition, f"edition {edition.id} ({edition.state}): {', '.join(story)}")


def _compose_edition(mailer: Mailer, tx: SqlTransaction, edition: Edition, out: Output) -> Edition:
    edition, composition = editions.compose_edition(tx, edition, mailer.renderer)
    for warning in composition.warnings if composition else ():
        out.print_note(f"note: {warning}")
    return edition


@app.command("arrange")
def arrange_stories(
    number: Number,
    stories: Annotated[list[str], typer.Argument(help="All its stories, in order.")],
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Give an edition exactly these stories, in this order. An approval is void.

    Example: [bold]mailer edition arrange 3 open-day new-report[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.arrange_stories(
            tx, resolve_actor(by), current_edition, stories, mailer.clock()
        )
        edition = _compose_edition(mailer, tx, edition, out)
        out.print_record(edition, f"edition {number}: {', '.join(edition.stories)}")


@app.command("reorder")
def move_stories_first(
    number: Number,
    first: Annotated[list[str], typer.Argument(help="The stories that go first, in order.")],
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put stories first; the others follow as they were. An approval is void.

    Example: [bold]mailer edition reorder 3 new-report[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        ordered_slugs = editions.move_stories_first(current_edition, first)
        edition = editions.arrange_stories(
            tx, resolve_actor(by), current_edition, ordered_slugs, mailer.clock()
        )
        edition = _compose_edition(mailer, tx, edition, out)
        out.print_record(edition, f"edition {number}: {', '.join(edition.stories)}")


@app.command("edit")
def edit_edition(
    number: Number,
    name: Annotated[str | None, typer.Option()] = None,
    subject: Annotated[str | None, typer.Option(help="A template; empty: the mail's own.")] = None,
    segment: Annotated[str | None, typer.Option(help="Empty: the whole list.")] = None,
    opening: Annotated[
        list[str] | None,
        typer.Option(help="LANGUAGE=one to three sentences in Markdown; repeatable."),
    ] = None,
    in_doubt: Annotated[
        InDoubtPolicy | None, typer.Option(help="What happens to deliveries in doubt.")
    ] = None,
    priority: Annotated[Priority | None, typer.Option(help="Whose messages go first.")] = None,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change an edition that is not yet sent. An approval is void.

    Example: [bold]mailer edition edit 3 --opening "en=Good morning. Three stories today."[/]"""
    options: dict[str, Any] = {
        "name": name, "subject": subject, "segment": segment, "in_doubt": in_doubt,
        "priority": priority,
    }  # fmt: skip
    changes = {key: value for key, value in options.items() if value is not None}
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        if opening is not None:
            changes["opening"] = {**current_edition.opening, **parse_pairs(opening, "--opening")}
        if not changes:
            raise UsageError("nothing to change was given", hint="see `mailer edition edit --help`")
        edition = editions.edit_edition(
            tx, resolve_actor(by), current_edition, changes, mailer.clock()
        )
        edition = _compose_edition(mailer, tx, edition, out)
        out.print_record(edition, f"edition {number} changed")
