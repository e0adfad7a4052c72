"""``mailer topic``: subjects of articles, for subscribers to choose."""

from typing import Annotated

import typer

from mailer.audience import lists
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import ByOption, DryRunOption, JsonOption, parse_pairs, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading, open_for_writing

app = CommandGroup(help="Topics: subjects of articles, for subscribers to choose.")

Slug = Annotated[str, typer.Argument(help="The topic's slug: small letters, digits and hyphens.")]


@app.command("add")
def add_topic(
    slug: Slug,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="LANGUAGE=NAME, or the English name; repeatable."),
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a topic, or add names to an existing topic.

    Example: mailer topic add health --name Health --name fr=Santé"""
    from mailer import languages

    out = Output(json)
    options = [text if "=" in text else f"en={text}" for text in name or []]
    names = parse_pairs(options, "--name", languages.normalise_tag)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        topic = lists.add_topic(tx, actor, slug, names, mailer.clock())
        out.print_record(topic, f"topic {topic.slug}: {', '.join(topic.names.values())}")


@app.command("list")
def list_topics(json: JsonOption = False) -> None:
    """List the topics with their names.

    Example: mailer topic list --json"""
    with open_for_reading() as (_, tx):
        topics = tx.lists.list_topics()
        Output(json).print_table(
            topics,
            {"topic": "left", "names": "left"},
            [(topic.slug, topic.names) for topic in topics],
            empty="no topic yet: mailer topic add health --name Health",
        )


@app.command("show")
def show_topic(slug: Slug, json: JsonOption = False) -> None:
    """Show a topic with its names.

    Example: mailer topic show health"""
    with open_for_reading() as (_, tx):
        Output(json).print_record(lists.get_topic(tx, slug))


@app.command("remove-name")
def remove_name(
    slug: Slug,
    language: Annotated[str, typer.Argument(help="The language of the name, such as fr.")],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove a topic's name in one language.

    Example: mailer topic remove-name health fr"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        topic = lists.remove_topic_name(tx, actor, slug, language)
        out.print_record(topic, f"topic {topic.slug}: {', '.join(topic.names.values())}")


@app.command("remove")
def remove_topic(
    slug: Slug, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a topic that is not in use.

    Example: mailer topic remove health"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        out.print_record(lists.remove_topic(tx, actor, slug), f"topic {slug} removed")
