"""``mailer boilerplate``: what organisations say about themselves, in each language."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer.articles import boilerplates
from mailer.articles.boilerplates import OWN_ORGANISATION
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.text_files import read_text
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import UsageError
from mailer.model.articles import Boilerplate
from mailer.text_breaks import shorten_text

app = CommandGroup(help="Boilerplate: the text about an organisation.")

EXCERPT_LENGTH = 80
"""Characters of a text that the list shows."""

OrganisationOption = Annotated[
    str, typer.Option(help="A partner's slug; default: our own organisation.")
]
LanguageOption = Annotated[str, typer.Option(help="The text's language; default: the office's.")]


@app.command("set")
def set_boilerplate(
    file: Annotated[Path, typer.Argument(help="A Markdown file without front matter.")],
    language: LanguageOption = "",
    organisation: OrganisationOption = OWN_ORGANISATION,
    name: Annotated[str, typer.Option(help="A partner's full name.")] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Save an organisation's boilerplate in one language. An earlier text is replaced.

    Approved releases keep the earlier text.

    Example: mailer boilerplate set about-us.md --language en"""
    from mailer.intake.markdown_checks import read_markdown

    out = Output(json)
    text = read_text(file)
    html = read_markdown(text, str(file))
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        boilerplate = Boilerplate(organisation, tag, name, text, html, mailer.clock())
        saved_boilerplate, changed = boilerplates.save_boilerplate(tx, actor, boilerplate)
        outcome = "saved" if changed else "unchanged"
        out.print_record(
            saved_boilerplate,
            f"boilerplate of {organisation} in {saved_boilerplate.language}: {outcome}",
        )


@app.command("list")
def list_boilerplates(json: JsonOption = False) -> None:
    """List all boilerplate with the beginning of each text.

    Example: mailer boilerplate list"""
    with open_for_reading() as (_, tx):
        all_boilerplates = tx.articles.list_boilerplates()
        Output(json).print_table(
            all_boilerplates,
            {"organisation": "", "language": "", "name": "", "text": ""},
            [
                (
                    boilerplate.organisation,
                    boilerplate.language,
                    boilerplate.name,
                    shorten_text(boilerplate.text, EXCERPT_LENGTH),
                )
                for boilerplate in all_boilerplates
            ],
            empty="no boilerplate yet: mailer boilerplate set FILE",
        )


@app.command("show")
def show_boilerplate(
    language: LanguageOption = "",
    organisation: OrganisationOption = OWN_ORGANISATION,
    json: JsonOption = False,
) -> None:
    """Show an organisation's boilerplate.

    Example: mailer boilerplate show"""
    with open_for_reading() as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        boilerplate = boilerplates.get_boilerplate(tx, organisation, tag)
        out = Output(json)
        if json:
            out.print_json(boilerplate)
        else:
            out.print_text(boilerplate.text)


@app.command("remove")
def remove_boilerplate(
    language: LanguageOption = "",
    organisation: Annotated[
        str | None, typer.Option(help="A partner's slug; default: our own organisation.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove our own organisation's text without asking.")
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove an organisation's boilerplate in one language.

    Example: mailer boilerplate remove --language fr --organisation partner"""
    out = Output(json)
    actor = resolve_actor(by)
    if organisation is None and not (yes or dry_run):
        if not sys.stdin.isatty():
            raise UsageError(
                "this removes your own organisation's text, and asks for confirmation",
                hint=f"give --yes, or --organisation {OWN_ORGANISATION}",
            )
        typer.confirm("Remove your own organisation's text?", abort=True, err=True)
    organisation = organisation or OWN_ORGANISATION
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        boilerplate = boilerplates.remove_boilerplate(tx, actor, organisation, tag)
        out.print_record(
            boilerplate, f"boilerplate of {organisation} in {boilerplate.language}: removed"
        )
