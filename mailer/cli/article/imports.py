"""Importing articles as drafts: from web pages and from pasted text."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.actor import Actor
from mailer.cli.article.group import KindOption, LanguageOption, TopicsOption, app
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.text_files import read_bytes
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.model.articles import ArticleKind, ArticleState

if TYPE_CHECKING:
    from mailer.intake.drafts import Draft


@app.command("fetch")
def fetch_article(
    address: Annotated[str, typer.Argument(help="The web page of an article.")],
    kind: KindOption = ArticleKind.NEWS,
    topic: TopicsOption = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import the article on a web page as a draft, and list the parts that were left out.

    Example: mailer article fetch https://www.example.org/news/open-day"""
    from mailer.intake.request_fields import build_user_agent
    from mailer.intake.source_reader import SourceReader
    from mailer.intake.sources import fetch_page

    out = Output(json)
    with open_for_reading() as (mailer, tx):
        reader = SourceReader(mailer.settings)
        defaults = reader.make_defaults(tx.lists.list_topics(), mailer.clock())
        agent = build_user_agent(mailer.settings.organisation.website)
    defaults = replace(defaults, kind=kind, topics=tuple(topic or ()))
    draft = fetch_page(address, defaults, agent=agent)
    _add_draft(draft, out, resolve_actor(by), dry_run=dry_run)


@app.command("paste")
def paste_article(
    file: Annotated[
        Path | None, typer.Argument(help="HTML from a word processor; default: stdin.")
    ] = None,
    title: Annotated[str, typer.Option(help="The title; default: the first heading.")] = "",
    kind: KindOption = ArticleKind.NEWS,
    language: LanguageOption = "",
    topic: TopicsOption = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import text copied from Word, Google Docs, Outlook or LibreOffice as a draft.

    Example: mailer article paste copied.html
    xclip -o -t text/html | mailer article paste"""
    from mailer.intake import word
    from mailer.intake.source_reader import SourceReader

    out = Output(json)
    data = read_bytes(file)
    with open_for_reading() as (mailer, tx):
        reader = SourceReader(mailer.settings)
        defaults = reader.make_defaults(tx.lists.list_topics(), mailer.clock())
    defaults = replace(
        defaults, kind=kind, topics=tuple(topic or ()), language=language or defaults.language
    )
    origin = str(file or "what was pasted")
    draft = word.read_pasted(data, defaults, origin=origin, title=title)
    _add_draft(draft, out, resolve_actor(by), dry_run=dry_run)


def _add_draft(draft: "Draft", out: Output, actor: Actor, *, dry_run: bool) -> None:
    from mailer import sources
    from mailer.intake.source_reader import build_entry

    entry = build_entry(draft)
    with open_for_writing(actor, dry_run, out, entry.pictures) as (mailer, tx):
        article, outcome = sources.import_draft(tx, actor, entry, mailer.clock())
        message = f"{outcome}: {article.slug} ({article.language}, {article.state}) {article.title}"
        out.print_record(
            {"outcome": outcome, "article": article, "left_out": entry.omissions}, message
        )
        for omission in sources.describe_omissions(entry.omissions):
            out.print_note(omission)
        for gap in sources.describe_gaps(entry):
            out.print_note(gap)
        if article.state is ArticleState.DRAFT:
            out.print_note(f"check it, then: mailer article queue {article.slug}")
