"""``mailer boilerplate``: what organisations say about themselves, once for each language."""

from pathlib import Path
from textwrap import shorten
from typing import Annotated

import typer

from mailer.articles import boilerplates
from mailer.articles.boilerplates import OURS, Boilerplate
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output
from mailer.errors import InputError
from mailer.intake.markup import to_html

app = typer.Typer(
    no_args_is_help=True, help="Boilerplate: what stands about us at the foot of a release."
)

Organisation = Annotated[str, typer.Option(help="A short name for a partner; else our own.")]
BEGINNING = 80
"""Characters of a text that the list shows."""

Language = Annotated[str, typer.Option(help="Else the default language.")]


@app.command("set")
def set_(
    file: Annotated[Path, typer.Argument(help="Markdown, without front matter.")],
    language: Language = "",
    organisation: Organisation = OURS,
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
    with writing(dry_run, out) as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        made = Boilerplate(organisation, tag, name, text, to_html(text), mailer.clock())
        kept, changed = boilerplates.save(tx.boilerplates, made)
        word = "kept" if changed else "unchanged"
        out.record(kept, f"boilerplate of {organisation} in {kept.language}: {word}")


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List all boilerplate by its beginning; `boilerplate show` has the rest.

    Example: [bold]mailer boilerplate list[/]"""
    with reading() as (_, tx):
        found = tx.boilerplates.all()
        Output(json).table(
            found,
            {"organisation": "", "language": "", "name": "", "text": ""},
            [
                (
                    one.organisation,
                    one.language,
                    one.name,
                    shorten(one.text, BEGINNING, placeholder=" …"),
                )
                for one in found
            ],
            empty="none yet: mailer boilerplate set FILE",
        )


@app.command("show")
def show(
    language: Language = "", organisation: Organisation = OURS, json: JsonOption = False
) -> None:
    """Show an organisation's boilerplate. Example: [bold]mailer boilerplate show[/]"""
    with reading() as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        found = boilerplates.get(tx.boilerplates, organisation, tag)
        out = Output(json)
        if json:
            out.json(found)
        else:
            out.text(found.text)


@app.command("remove")
def remove(
    language: Language = "",
    organisation: Organisation = OURS,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove an organisation's boilerplate in one language.

    Example: [bold]mailer boilerplate remove --language fr --organisation partner[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        tag = language or mailer.settings.defaults.language
        found = boilerplates.get(tx.boilerplates, organisation, tag)
        tx.boilerplates.remove(found)
        out.record(found, f"boilerplate of {organisation} in {found.language}: removed")
