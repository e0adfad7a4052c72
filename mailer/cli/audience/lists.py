"""``mailer list``."""

import re
from typing import Annotated

import typer

from mailer.audience import lists as nouns
from mailer.cli.audience.common import Slug
from mailer.cli.options import (
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.errors import ConfigError, InputError
from mailer.model.lists import Visibility

app = typer.Typer(no_args_is_help=True, help="Mailing lists.")


def _check_name(name: str) -> None:
    """Raises InputError for a name as topics have them, one for each language."""
    if re.match(r"[A-Za-z]{2,3}(-\w+)*=", name):
        raise InputError(
            f"{name!r} would be shown to readers as it is: a list has one name for all languages",
            where="--name",
            hint="give it once, without a language",
        )


@app.command("add")
def add_list(
    slug: Slug,
    name: Annotated[str, typer.Option(help="As readers see it.")],
    description: Annotated[str, typer.Option(help="What it brings.")] = "",
    language: Annotated[str, typer.Option(help="For members who chose none.")] = "",
    visibility: Annotated[Visibility, typer.Option(help="Who may join.")] = Visibility.PUBLIC,
    time_zone: Annotated[str, typer.Option(help="Of members who gave none.")] = "",
    welcome: Annotated[bool, typer.Option("--welcome", help="New members get a mail.")] = False,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a mailing list. Example: [bold]mailer list add news --name "News"[/]"""
    out = Output(json)
    _check_name(name)
    with open_for_writing(dry_run, out) as (mailer, tx):
        mailing_list = nouns.add_list(
            tx,
            resolve_actor(""),
            slug,
            name,
            mailer.clock(),
            description=description,
            language=language or mailer.settings.defaults.language,
            visibility=visibility,
            time_zone=time_zone,
            welcome=welcome,
        )
        out.print_record(mailing_list, f"list {mailing_list.slug}: {mailing_list.name}")


@app.command("edit")
def edit_list(
    slug: Slug,
    name: Annotated[str | None, typer.Option()] = None,
    description: Annotated[str | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option()] = None,
    visibility: Annotated[Visibility | None, typer.Option()] = None,
    time_zone: Annotated[str | None, typer.Option(help="Empty: the office's.")] = None,
    welcome: Annotated[
        bool | None, typer.Option("--welcome/--no-welcome", help="New members get a mail.")
    ] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a list. Example: [bold]mailer list edit news --name "Weekly news"[/]"""
    out = Output(json)
    options = {
        "name": name, "description": description, "language": language, "visibility": visibility,
        "time_zone": time_zone, "welcome": welcome,
    }  # fmt: skip
    _check_name(name or "")
    changes = {key: value for key, value in options.items() if value is not None}
    with open_for_writing(dry_run, out) as (_, tx):
        mailing_list = nouns.edit_list(tx, resolve_actor(""), slug, changes)
        out.print_record(mailing_list, f"list {mailing_list.slug}: {mailing_list.name}")


@app.command("list")
def list_lists(json: JsonOption = False) -> None:
    """List the mailing lists with their active members. Example: [bold]mailer list list[/]"""
    with open_for_reading() as (_, tx):
        mailing_lists = tx.lists.list_mailing_lists(counted=True)
        Output(json).print_table(
            mailing_lists,
            {"list": "", "name": "", "language": "", "visibility": "", "members": "right"},
            [
                (
                    mailing_list.slug,
                    mailing_list.name,
                    mailing_list.language,
                    mailing_list.visibility,
                    mailing_list.members,
                )
                for mailing_list in mailing_lists
            ],
            empty='no list yet: mailer list add news --name "News"',
        )


@app.command("show")
def show_list(slug: Slug, json: JsonOption = False) -> None:
    """Show one list. Example: [bold]mailer list show news[/]"""
    with open_for_reading() as (_, tx):
        nouns.get_list(tx, slug)
        (mailing_list,) = [
            one for one in tx.lists.list_mailing_lists(counted=True) if one.slug == slug
        ]
        Output(json).print_record(mailing_list)


@app.command("remove")
def remove_list(slug: Slug, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Remove a list that nobody was ever on, and that nothing was made for.

    Example: [bold]mailer list remove news[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (_, tx):
        out.print_record(nouns.remove_list(tx, resolve_actor(""), slug), f"list {slug} removed")


@app.command("form")
def print_form(
    slug: Slug,
    language: Annotated[str, typer.Option(help="Of its words; else the list's.")] = "",
) -> None:
    """Print a sign-up form as plain HTML, to paste into any page of your site.

    It works without scripts, and sends to the page that `mailer serve` answers at web.base_url.

    Example: [bold]mailer list form news --language fr[/]"""
    try:
        from mailer.web.public import pasted
    except ImportError as error:
        raise ConfigError(
            f"the web's parts are not installed ({error.name} is missing)",
            hint="install them with `pip install 'mailer[web]'`",
        ) from error
    with open_for_reading() as (mailer, tx):
        mailing_list = nouns.get_list(tx, slug)
        form_language = pasted.choose_page_language(language or mailing_list.language)
        base_url = mailer.settings.web.base_url
        Output().print_text(
            pasted.render_pasted_form(mailing_list, tx.lists.list_topics(), form_language, base_url)
        )
