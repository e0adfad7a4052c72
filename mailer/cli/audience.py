"""``mailer topic``, ``mailer list`` and ``mailer suppression``."""

from typing import Annotated

import typer

from mailer import languages
from mailer.audience import lists as nouns
from mailer.audience import suppressions as blocked
from mailer.audience.lists import Visibility
from mailer.audience.suppressions import Reason
from mailer.cli.options import DryRunOption, JsonOption, pairs, reading, writing
from mailer.cli.output import Output

topics = typer.Typer(no_args_is_help=True, help="What articles are about and subscribers choose.")
lists = typer.Typer(no_args_is_help=True, help="Mailing lists.")
suppressions = typer.Typer(no_args_is_help=True, help="Addresses that must not be mailed.")

Slug = Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")]


@topics.command("add")
def add_topic(
    slug: Slug,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="LANGUAGE=NAME, or the English name.")
    ] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a topic, or names for one.

    Example: [bold]mailer topic add health --name Health --name fr=Santé[/]"""
    out = Output(json)
    given = [one if "=" in one else f"en={one}" for one in name or []]
    names = pairs(given, "--name", languages.normalise)
    with writing(dry_run, out) as (mailer, tx):
        topic = nouns.add_topic(tx.lists, slug, names, mailer.clock())
        out.record(topic, f"topic {topic.slug}: {', '.join(topic.names.values())}")


@topics.command("list")
def list_topics(json: JsonOption = False) -> None:
    """List the topics with their names. Example: [bold]mailer topic list --json[/]"""
    with reading() as (_, tx):
        found = tx.lists.topics()
        Output(json).table(
            found,
            {"topic": "left", "names": "left"},
            [(one.slug, one.names) for one in found],
            empty="no topic yet: mailer topic add health --name Health",
        )


@topics.command("remove")
def remove_topic(slug: Slug, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Remove a topic that nothing uses. Example: [bold]mailer topic remove health[/]"""
    out = Output(json)
    with writing(dry_run, out) as (_, tx):
        out.record(nouns.remove_topic(tx.lists, slug), f"topic {slug} removed")


@lists.command("add")
def add_list(
    slug: Slug,
    name: Annotated[str, typer.Option(help="As readers see it.")],
    description: Annotated[str, typer.Option(help="What it brings.")] = "",
    language: Annotated[str, typer.Option(help="For members who chose none.")] = "",
    visibility: Annotated[Visibility, typer.Option(help="Who may join.")] = Visibility.PUBLIC,
    time_zone: Annotated[str, typer.Option(help="Of members who gave none.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a mailing list. Example: [bold]mailer list add news --name "News"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        made = nouns.add_list(
            tx.lists,
            slug,
            name,
            mailer.clock(),
            description=description,
            language=language or mailer.settings.defaults.language,
            visibility=visibility,
            time_zone=time_zone,
        )
        out.record(made, f"list {made.slug}: {made.name}")


@lists.command("edit")
def edit_list(
    slug: Slug,
    name: Annotated[str | None, typer.Option()] = None,
    description: Annotated[str | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option()] = None,
    visibility: Annotated[Visibility | None, typer.Option()] = None,
    time_zone: Annotated[str | None, typer.Option(help="Empty: the office's.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a list. Example: [bold]mailer list edit news --name "Weekly news"[/]"""
    out = Output(json)
    given = {
        "name": name, "description": description, "language": language, "visibility": visibility,
        "time_zone": time_zone,
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    with writing(dry_run, out) as (_, tx):
        changed = nouns.edit_list(tx.lists, slug, changes)
        out.record(changed, f"list {changed.slug}: {changed.name}")


@lists.command("list")
def list_lists(json: JsonOption = False) -> None:
    """List the mailing lists with their active members. Example: [bold]mailer list list[/]"""
    with reading() as (_, tx):
        found = tx.lists.lists(counted=True)
        Output(json).table(
            found,
            {"list": "", "name": "", "language": "", "visibility": "", "members": "right"},
            [(one.slug, one.name, one.language, one.visibility, one.members) for one in found],
            empty='no list yet: mailer list add news --name "News"',
        )


@lists.command("show")
def show_list(slug: Slug, json: JsonOption = False) -> None:
    """Show one list. Example: [bold]mailer list show news[/]"""
    with reading() as (_, tx):
        nouns.get_list(tx.lists, slug)
        (found,) = [one for one in tx.lists.lists(counted=True) if one.slug == slug]
        Output(json).record(found)


@suppressions.command("add")
def suppress(
    address: str,
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.MANUAL,
    detail: Annotated[str, typer.Option(help="More, for whoever asks later.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop all mail to an address, from the next message on.

    Example: [bold]mailer suppression add someone@example.org --detail "asked by phone"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        made, new = blocked.suppress(tx.suppressions, address, reason, detail, mailer.clock())
        said = "suppressed" if new else "suppressed already"
        out.record(made, f"{made.address}: {said} ({made.reason})")


@suppressions.command("remove")
def release(address: str, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Let an address be mailed again. Example: [bold]mailer suppression remove a@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        freed = blocked.release(tx.suppressions, address, mailer.clock())
        out.record({"address": freed}, f"{freed} may be mailed again")


@suppressions.command("list")
def list_suppressions(json: JsonOption = False) -> None:
    """List suppressed addresses with their reasons. Example: [bold]mailer suppression list[/]"""
    with reading() as (_, tx):
        found = tx.suppressions.suppressions()
        Output(json).table(
            found,
            {"address": "", "reason": "", "detail": "", "since": ""},
            [(o.address or "(only its hash)", o.reason, o.detail, o.created_at) for o in found],
            empty="no address is suppressed",
        )
