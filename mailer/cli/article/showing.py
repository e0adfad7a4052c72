"""Listing articles and showing one."""

from typing import Annotated

import typer

from mailer import articles
from mailer.cli.article.group import LanguageOption, app
from mailer.cli.options import JsonOption, StorySlug
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading
from mailer.model.articles import ArticleKind, ArticleQuery, ArticleState


@app.command("list")
def list_articles(
    kind: Annotated[ArticleKind | None, typer.Option(help="Only this kind.")] = None,
    language: Annotated[str, typer.Option(help="Only this language.")] = "",
    topic: Annotated[str, typer.Option(help="Only this topic.")] = "",
    state: Annotated[ArticleState | None, typer.Option(help="Only this state.")] = None,
    search: Annotated[
        str, typer.Option("--search", help="Only articles with these words in title or slug.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """List articles, newest first.

    --search finds parts of words; a word of one or two letters is found only at the beginning of a
    word. Capitals and accents make no difference.

    Example: mailer article list --topic health"""
    with open_for_reading() as (_, tx):
        query = ArticleQuery(state, kind, language, topic)
        matching_articles = articles.find_articles(tx, query, search)
        Output(json).print_table(
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


@app.command("show")
def show_article(slug: StorySlug, language: LanguageOption = "", json: JsonOption = False) -> None:
    """Show an article with its text.

    Example: mailer article show open-day --language fr"""
    with open_for_reading() as (mailer, tx):
        article = articles.get_article(tx, slug, language or mailer.settings.defaults.language)
        Output(json).print_record(article)
