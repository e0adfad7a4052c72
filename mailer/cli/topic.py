"""``mailer topic``: subjects of articles, for subscribers to choose."""

from datetime import timedelta
from typing import Annotated

import typer

from mailer.audience import lists, topics
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import (
    ByOption,
    DryRunOption,
    JsonOption,
    check_number,
    parse_language_texts,
    parse_pairs,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.errors import UsageError
from mailer.model.lists import TopicVisibility

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
        all_topics = tx.lists.list_topics()
        Output(json).print_table(
            all_topics,
            {"topic": "left", "names": "left", "": "left"},
            [(topic.slug, topic.names, "hidden" * topic.is_hidden) for topic in all_topics],
            empty="no topic yet: mailer topic add health --name Health",
        )


@app.command("show")
def show_topic(slug: Slug, json: JsonOption = False) -> None:
    """Show a topic with its names.

    Example: mailer topic show health"""
    with open_for_reading() as (_, tx):
        Output(json).print_record(lists.get_topic(tx, slug))


@app.command("edit")
def edit_topic(
    slug: Slug,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="LANGUAGE=NAME, or the English name; repeatable."),
    ] = None,
    description: Annotated[
        list[str] | None,
        typer.Option(
            "--description",
            help="LANGUAGE=LINE on what it is about, or the English line; repeatable; LANGUAGE= "
            "removes it.",
        ),
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a topic's names and descriptions.

    Sign-up and preference pages show the description below the name.

    Example: mailer topic edit health --description "fr=Soins et prévention"
    """
    out = Output(json)
    if name is None and description is None:
        raise UsageError("no change was given", hint="see `mailer topic edit --help`")
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        topic = topics.edit_topic(
            tx,
            actor,
            slug,
            names=parse_language_texts(name, "--name", "en"),
            descriptions=parse_language_texts(description, "--description", "en", allow_empty=True),
        )
        out.print_record(topic, f"topic {topic.slug}: {', '.join(topic.names.values())}")


@app.command("rename")
def rename_topic(
    slug: Slug,
    new_slug: Annotated[str, typer.Argument(help="The new slug.")],
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A new LANGUAGE=NAME, or the English name; repeatable."),
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Give a topic another slug and, if you like, other names.

    Articles, digests, people's choices, segments, sources and waiting sign-ups follow.

    Example: mailer topic rename health care --name Care --name fr=Soins"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        topic = topics.rename_topic(tx, actor, slug, new_slug, mailer.clock())
        if name:
            names = parse_language_texts(name, "--name", "en")
            topic = topics.edit_topic(tx, actor, new_slug, names=names)
        out.print_record(topic, f"topic {slug} is now {topic.slug}")


@app.command("hide")
def hide_topic(
    slug: Slug, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Stop offering a topic. People who chose it keep it.

    Example: mailer topic hide health"""
    _set_visibility(slug, TopicVisibility.HIDDEN, "is no longer offered", by, json, dry_run)


@app.command("offer")
def offer_topic(
    slug: Slug, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Offer a hidden topic again.

    Example: mailer topic offer health"""
    _set_visibility(slug, TopicVisibility.OFFERED, "is offered", by, json, dry_run)


def _set_visibility(
    slug: str, visibility: TopicVisibility, words: str, by: str, json: bool, dry_run: bool
) -> None:
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        topic = topics.set_topic_visibility(tx, actor, slug, visibility)
        out.print_record(topic, f"topic {slug} {words}")


@app.command("merge")
def merge_topics(
    slug: Slug,
    into: Annotated[str, typer.Option("--into", help="The topic that stays.")],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Merge a topic into another one, and remove it.

    People who chose either get stories about both, and other people do not. Articles, digests,
    segments, sources and waiting sign-ups move. Unsent editions with such a story return to draft.
    Look at the numbers with --dry-run first: a merge can't be undone.

    Example: mailer topic merge health --into care --dry-run"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        merge = topics.merge_topics(tx, actor, slug, into, mailer.clock())
        out.print_record(merge, f"topic {slug} was merged into {into}")
        if json:
            return
        for kind, count in merge.moved.items():
            out.print_note(f"{count:,} {kind}")
        out.print_note(
            f"{merge.source_only:,} members had chosen only {slug}, {merge.target_only:,} only "
            f"{into}, and {merge.both_topics:,} both: all of them get {into} now"
        )


@app.command("audit")
def audit_topics(
    days: Annotated[
        int | None,
        typer.Option(
            help="Also topics about which nothing was sent for so many days.",
            min=1,
            max=36_500,
            callback=check_number,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List topics that bring their readers nothing, topics without readers, and stories that no
    reader can choose.

    Example: mailer topic audit --days 90"""
    out = Output(json)
    with open_for_reading() as (mailer, tx):
        silence = timedelta(days=days) if days else None
        audit = topics.audit_topics(tx, mailer.clock(), silence)
        if json:
            out.print_json(audit)
            return
        rows = [
            *(("people chose it, and nothing comes", fact) for fact in audit.silent),
            *(("no member chose it", fact) for fact in audit.unread),
        ]
        out.print_table(
            rows,
            {"topic": "", "finding": "", "members": "right", "queued": "right", "last sent": ""},
            [
                (fact.topic.slug, finding, fact.readers, fact.queued, fact.last_sent_at)
                for finding, fact in rows
            ],
            empty="every topic has members, and brings them something",
        )
        for story in audit.unchoosable:
            out.print_note(f"story {story}: all its topics are hidden, so no new reader gets it")


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
