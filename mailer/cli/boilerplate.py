"""``mailer boilerplate``: what organisations say about themselves, once for each language."""

from pathlib import Path
from textwrap import shorten
from typing import Annotated

import typer

from mailer.articles import boilerplates
from mailer.articles.boilerplates import OWN_ORGANISATION
from mailer.cli.options import (
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.errors import InputError
from mailer.intake.markup import to_html
from mailer.model.articles import Boilerplate

app = typer.Typer(
    no_args_is_help=True, help="Boilerplate: what stands about us at the foot of a release."
)

Organisation = Annotated[str, typer.Option(help="A short name for a partner; else our own.")]
EXCERPT_LENGTH = 80
"""Characters of a text that the list shows."""

Language = Annotated[str, typer.Option(help="Else the default language.")]


@app.command("set")
def set_boilerplate(
    file: Annotated[Path, typer.Argument(help="Markdown, without front matter.")],
    language: Language = "",
    organisation: Organisation = OWN_ORGANISATION,
    name: Annotated[str, typer.Option(help="A partner's whole name.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Keep what an organisation says about itself in one language, in place of the one before.
    Releases that are approved stay as they are.

    Example: [bold]mailer boilerplate set about-us.md --language en[/]"""
    out = Output(json)
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"it can't be read ({error})", where=str(file)) from error
    with open_for_writing(dry_run, out) as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        boilerplate = Boilerplate(organisation, tag, name, text, to_html(text), mailer.clock())
        saved_boilerplate, changed = boilerplates.save_boilerplate(
            tx, resolve_actor(""), boilerplate
        )
        outcome = "kept" if changed else "unchanged"
        out.print_record(
            saved_boilerplate,
            f"boilerplate of {organisation} in {saved_boilerplate.language}: {outcome}",
        )


@app.command("list")
def list_boilerplates(json: JsonOption = False) -> None:
    """List all boilerplate by its beginning; `boilerplate show` has the rest.

    Example: [bold]mailer boilerplate list[/]"""
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
                    shorten(boilerplate.text, EXCERPT_LENGTH, placeholder=" …"),
                )
                for boilerplate in all_boilerplates
            ],
            empty="none yet: mailer boilerplate set FILE",
        )


@app.command("show")
def show_boilerplate(
    language: Language = "", organisation: Organisation = OWN_ORGANISATION, json: JsonOption = False
) -> None:
    """Show an organisation's boilerplate. Example: [bold]mailer boilerplate show[/]"""
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
    language: Language = "",
    organisation: Organisation = OWN_ORGANISATION,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove an organisation's boilerplate in one language.

    Example: [bold]mailer boilerplate remove --language fr --organisation partner[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        boilerplate = boilerplates.get_boilerplate(tx, organisation, tag)
        tx.articles.remove_boilerplate(boilerplate)
        out.print_record(
            boilerplate, f"boilerplate of {organisation} in {boilerplate.language}: removed"
        )
