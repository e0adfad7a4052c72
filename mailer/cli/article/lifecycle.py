"""Queueing drafts, and withdrawing and restoring stories."""

from typing import Annotated

import typer

from mailer import articles
from mailer.cli.article.group import app
from mailer.cli.options import ByOption, DryRunOption, JsonOption, StorySlug, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_writing
from mailer.model.articles import ArticleQuery

OnlyLanguageOption = Annotated[
    str, typer.Option("--language", help="Only this translation; default: all translations.")
]


@app.command("queue")
def queue_article(
    slug: StorySlug,
    language: OnlyLanguageOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue a draft, so that digests may choose it.

    Example: mailer article queue open-day"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        queued = articles.queue_articles(tx, actor, slug, language or None, mailer.clock())
        translations = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
        states = ", ".join(dict.fromkeys(article.state for article in translations))
        message = f"{len(queued)} queued" if queued else f"it is not a draft but {states}"
        out.print_record(queued, f"{slug}: {message}")


@app.command("withdraw")
def withdraw_article(
    slug: StorySlug,
    language: OnlyLanguageOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Withdraw a story from the queue and from every unsent edition.

    Example: mailer article withdraw open-day"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        withdrawn = articles.withdraw_articles(tx, actor, slug, language or None, mailer.clock())
        out.print_record(withdrawn, f"{slug}: {len(withdrawn)} withdrawn")


@app.command("restore")
def restore_article(
    slug: StorySlug,
    language: OnlyLanguageOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Return a withdrawn story to the queue.

    Example: mailer article restore open-day"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        restored = articles.restore_articles(tx, actor, slug, language or None, mailer.clock())
        out.print_record(restored, f"{slug}: {len(restored)} queued again")
