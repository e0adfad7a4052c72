"""``mailer list``: mailing lists."""

import re
from typing import Annotated

import typer

from mailer.audience import lists
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import (
    ByOption,
    DryRunOption,
    JsonOption,
    parse_language_texts,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import ConfigError, InputError, UsageError
from mailer.model.lists import Visibility

app = CommandGroup(help="Mailing lists.")

Slug = Annotated[str, typer.Argument(help="The list's slug: small letters, digits and hyphens.")]


def _check_name(name: str) -> None:
    """Check that a name is not written as LANGUAGE=NAME, like a topic's names. Raises
    InputError."""
    if re.match(r"[A-Za-z]{2,3}(-\w+)*=", name):
        raise InputError(
            f"readers would see {name!r} unchanged: a list has one name for all languages",
            where="--name",
            hint="give it once, without a language",
        )


@app.command("add")
def add_list(
    slug: Slug,
    name: Annotated[str, typer.Option(help="The name that readers see.")],
    description: Annotated[str, typer.Option(help="A sentence about the list for readers.")] = "",
    language: Annotated[
        str, typer.Option(help="Language of members who chose no language; default: the office's.")
    ] = "",
    visibility: Annotated[
        Visibility,
        typer.Option(
            help="Anyone may join a public list; only staff add people to a private list."
        ),
    ] = Visibility.PUBLIC,
    time_zone: Annotated[
        str, typer.Option(help="Time zone of members who gave no time zone.")
    ] = "",
    welcome: Annotated[
        bool, typer.Option("--welcome", help="Send new members a welcome mail.")
    ] = False,
    welcome_edition: Annotated[
        bool,
        typer.Option("--welcome-edition", help="Send new members the list's latest edition."),
    ] = False,
    sender: Annotated[
        str, typer.Option(help="The sender of its editions: [senders.NAME]; default: [sender].")
    ] = "",
    count_clicks: Annotated[
        bool, typer.Option("--count-clicks", help="Count clicks on links, but not who clicked.")
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a mailing list.

    Example: mailer list add news --name News"""
    out = Output(json)
    _check_name(name)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailing_list = lists.add_list(
            tx,
            actor,
            slug,
            name,
            mailer.clock(),
            description=description,
            language=language or mailer.settings.defaults.language,
            visibility=visibility,
            time_zone=time_zone,
            welcome=welcome,
            welcome_edition=welcome_edition,
            sender=sender,
            senders=mailer.settings.senders,
            counts_clicks=count_clicks,
        )
        out.print_record(mailing_list, f"list {mailing_list.slug}: {mailing_list.name}")


@app.command("list")
def list_lists(json: JsonOption = False) -> None:
    """List the mailing lists with the numbers of their active members.

    Example: mailer list list"""
    with open_for_reading() as (_, tx):
        mailing_lists = tx.lists.list_mailing_lists(counted=True)
        Output(json).print_table(
            mailing_lists,
            {
                "list": "",
                "name": "",
                "language": "",
                "visibility": "",
                "members": "right",
                "closed": "",
            },
            [
                (
                    mailing_list.slug,
                    mailing_list.name,
                    mailing_list.language,
                    mailing_list.visibility,
                    mailing_list.members,
                    f"{mailing_list.closed_at:%Y-%m-%d}" if mailing_list.closed_at else "",
                )
                for mailing_list in mailing_lists
            ],
            empty="no list yet: mailer list add news --name News",
        )


@app.command("show")
def show_list(slug: Slug, json: JsonOption = False) -> None:
    """Show a list.

    Example: mailer list show news"""
    with open_for_reading() as (_, tx):
        lists.get_list(tx, slug)
        (mailing_list,) = [
            counted_list
            for counted_list in tx.lists.list_mailing_lists(counted=True)
            if counted_list.slug == slug
        ]
        Output(json).print_record(mailing_list)


@app.command("edit")
def edit_list(
    slug: Slug,
    name: Annotated[str | None, typer.Option(help="The name that readers see.")] = None,
    description: Annotated[
        str | None, typer.Option(help="A sentence about the list for readers.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of members who chose no language.")
    ] = None,
    visibility: Annotated[
        Visibility | None,
        typer.Option(
            help="Anyone may join a public list; only staff add people to a private list."
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(help="Time zone of members who gave no time zone; empty: the office's."),
    ] = None,
    welcome: Annotated[
        bool | None,
        typer.Option("--welcome/--no-welcome", help="Send new members a welcome mail."),
    ] = None,
    welcome_edition: Annotated[
        bool | None,
        typer.Option(
            "--welcome-edition/--no-welcome-edition",
            help="Send new members the list's latest edition.",
        ),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(help="The sender of its editions: [senders.NAME]; empty: [sender]."),
    ] = None,
    count_clicks: Annotated[
        bool | None,
        typer.Option(
            "--count-clicks/--no-count-clicks",
            help="Count clicks on links, but not who clicked.",
        ),
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a list.

    Example: mailer list edit news --name "Weekly news"
    """
    out = Output(json)
    options = {
        "name": name,
        "description": description,
        "language": language,
        "visibility": visibility,
        "time_zone": time_zone,
        "welcome": welcome,
        "welcome_edition": welcome_edition,
        "sender": sender,
        "counts_clicks": count_clicks,
    }
    _check_name(name or "")
    changes = {key: value for key, value in options.items() if value is not None}
    if not changes:
        raise UsageError("no change was given", hint="see `mailer list edit --help`")
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailing_list = lists.edit_list(tx, actor, slug, changes, senders=mailer.settings.senders)
        out.print_record(mailing_list, f"list {mailing_list.slug}: {mailing_list.name}")


@app.command("form")
def print_form(
    slug: Slug,
    language: Annotated[str, typer.Option(help="The form's language; default: the list's.")] = "",
) -> None:
    """Print a sign-up form as plain HTML, to paste into any page of your site.

    The form works without scripts. It posts to the page that `mailer serve` serves at
    web.base_url.

    Example: mailer list form news --language fr"""
    try:
        from mailer.web.public import form_snippet
    except ImportError as error:
        raise ConfigError(
            f"the packages for web pages are not installed ({error.name} is missing)",
            hint="install them with `pip install 'pressmail[web]'`",
        ) from error
    with open_for_reading() as (mailer, tx):
        mailing_list = lists.get_list(tx, slug)
        form_language = form_snippet.choose_page_language(language or mailing_list.language)
        base_url = mailer.settings.web.base_url
        Output().print_text(
            form_snippet.render_form_snippet(
                mailing_list, tx.lists.list_topics(), form_language, base_url
            )
        )


@app.command("close")
def close_list(
    slug: Slug,
    reason: Annotated[
        list[str],
        typer.Option(
            "--reason",
            help="Why, for readers: LANGUAGE=TEXT, or the text in the list's language; repeatable.",
        ),
    ],
    no_mail: Annotated[bool, typer.Option("--no-mail", help="Send members no last mail.")] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Close a list: people can no longer join it, and its digests make no further editions.

    Members get a last mail with the reason: this command makes its edition, which you approve and
    send like any other. Unsent editions of the list are cancelled. The archive stays, and members'
    links still work.

    Example: mailer list close news --reason "The project has ended." \
--reason "fr=Le projet est terminé."
    """
    from mailer import editions, list_closing

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailing_list = lists.get_list(tx, slug)
        closed = list_closing.close_list(
            tx,
            actor,
            slug,
            parse_language_texts(reason, "--reason", mailing_list.language),
            mailer.clock(),
            writer=None if no_mail else mailer.renderer,
        )
        last_edition = closed.last_edition
        if last_edition:
            last_edition, composition = editions.compose_edition(
                tx, actor, last_edition, mailer.renderer
            )
            for warning in composition.warnings if composition else ():
                out.print_note(f"note: {warning}")
        out.print_record(
            {
                "list": closed.list,
                "last_edition": last_edition.id if last_edition else None,
                "cancelled": [edition.id for edition in closed.cancelled],
            },
            f"list {slug} is closed",
        )
        for edition in closed.cancelled:
            out.print_note(f"edition {edition.id} ({edition.name}) was cancelled")
        if last_edition:
            out.print_note(
                f"the last mail is edition {last_edition.id}: mailer edition preview "
                f"{last_edition.id}, then approve and send it"
            )


@app.command("reopen")
def reopen_list(
    slug: Slug, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Open a closed list again, with the members who have not left it.

    Example: mailer list reopen news"""
    from mailer import list_closing

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailing_list = list_closing.reopen_list(tx, actor, slug, mailer.clock())
        out.print_record(mailing_list, f"list {slug} is open again")


@app.command("remove")
def remove_list(
    slug: Slug, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a list that never had members, digests or editions.

    Example: mailer list remove news"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        out.print_record(lists.remove_list(tx, actor, slug), f"list {slug} removed")
