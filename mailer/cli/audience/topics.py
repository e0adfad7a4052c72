"""``mailer topic``."""

from typing import Annotated

import typer

from mailer import languages
from mailer.audience import lists
from mailer.cli.audience.common import Slug
from mailer.cli.options import (
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    parse_pairs,
    resolve_actor,
)
from mailer.cli.output import Output

app = typer.Typer(no_args_is_help=True, help="What articles are about and subscribers choose.")


@app.command("add")
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
    options = [one if "=" in one else f"en={one}" for one in name or []]
    names = parse_pairs(options, "--name", languages.normalise_tag)
    with open_for_writing(dry_run, out) as (mailer, tx):
        topic = lists.add_topic(tx, resolve_actor(""), slug, names, mailer.clock())
        out.print_record(topic, f"topic {topic.slug}: {', '.join(topic.names.values())}")


@app.command("list")
def list_topics(json: JsonOption = False) -> None:
    """List the topics with their names. Example: [bold]mailer topic list --json[/]"""
    with open_for_reading() as (_, tx):
        topics = tx.lists.list_topics()
        Output(json).print_table(
            topics,
            {"topic": "left", "names": "left"},
            [(one.slug, one.names) for one in topics],
            empty="no topic yet: mailer topic add health --name Health",
        )


@app.command("show")
def show_topic(slug: Slug, json: JsonOption = False) -> None:
    """Show one topic with its names. Example: [bold]mailer topic show health[/]"""
    with open_for_reading() as (_, tx):
        Output(json).print_record(lists.get_topic(tx, slug))


@app.command("remove-name")
def remove_name(
    slug: Slug,
    language: Annotated[str, typer.Argument(help="The language whose name goes, such as fr.")],
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take away a topic's name in one language.

    Example: [bold]mailer topic remove-name health fr[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (_, tx):
        topic = lists.remove_topic_name(tx, resolve_actor(""), slug, language)
        out.print_record(topic, f"topic {topic.slug}: {', '.join(topic.names.values())}")


@app.command("remove")
def remove_topic(slug: Slug, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Remove a topic that nothing uses. Example: [bold]mailer topic remove health[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (_, tx):
        out.print_record(lists.remove_topic(tx, resolve_actor(""), slug), f"topic {slug} removed")
