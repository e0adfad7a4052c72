"""Listing articles and showing one."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mailer import articles
from mailer.cli.article.group import LanguageOption, app
from mailer.cli.options import MAX_NUMBER, JsonOption, LimitOption, StorySlug
from mailer.cli.output import Output
from mailer.cli.paging import print_next_page
from mailer.cli.transactions import open_for_reading
from mailer.model.articles import ArticleKind, ArticleQuery, ArticleState

if TYPE_CHECKING:
    from mailer.store import SqlTransaction


@app.command("list")
def list_articles(
    kind: Annotated[ArticleKind | None, typer.Option(help="Only this kind.")] = None,
    language: Annotated[str, typer.Option(help="Only this language.")] = "",
    topic: Annotated[str, typer.Option(help="Only this topic.")] = "",
    state: Annotated[ArticleState | None, typer.Option(help="Only this state.")] = None,
    search: Annotated[
        str, typer.Option("--search", help="Only articles with these words in title or slug.")
    ] = "",
    limit: LimitOption = 100,
    after: Annotated[
        str,
        typer.Option(
            "--after",
            metavar="STORY:LANGUAGE",
            help="Begin after this story's article in LANGUAGE.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """List articles, newest first.

    --search finds parts of words; a word of one or two letters is found only at the beginning of a
    word. Capitals and accents make no difference. If there are more articles than --limit, a note
    gives the command for the next ones.

    Example: mailer article list --topic health"""
    with open_for_reading() as (_, tx):
        query = ArticleQuery(
            state,
            kind,
            language,
            topic,
            after=_find_place(tx, after) if after else None,
            limit=min(limit + 1, MAX_NUMBER),
        )
        found_articles = articles.find_articles(tx, query, search)
        matching_articles = found_articles[:limit]
        out = Output(json)
        out.print_table(
            matching_articles,
            {
                "published": "",
                "story": "",
                "language": "",
                "kind": "",
                "state": "",
                "topics": "",
                "title": "",
            },
            [
                (
                    f"{article.published:%Y-%m-%d}",
                    article.slug,
                    article.language,
                    article.kind,
                    f"{article.state}{', lead' if article.lead else ''}",
                    article.topics,
                    article.title,
                )
                for article in matching_articles
            ],
            empty="no such article; to add one: mailer article add FILE",
        )
        if len(found_articles) > limit:
            last_article = matching_articles[-1]
            print_next_page(out, f"{last_article.slug}:{last_article.language}")


def _find_place(tx: "SqlTransaction", after: str) -> tuple[datetime, str, str]:
    """Return the place in the list of the article that --after names. Raises NotFound."""
    slug, _, language = after.partition(":")
    article = articles.get_article(tx, slug, language)
    return article.published, article.slug, article.language


@app.command("show")
def show_article(slug: StorySlug, language: LanguageOption = "", json: JsonOption = False) -> None:
    """Show an article with its text.

    Example: mailer article show open-day --language fr"""
    with open_for_reading() as (mailer, tx):
        article = articles.get_article(tx, slug, language or mailer.settings.defaults.language)
        Output(json).print_record(article)
