"""The verbs on articles: add, edit, queue, withdraw, restore."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import languages, words
from mailer.actor import Actor
from mailer.articles.checks import check_content, make_slug
from mailer.articles.pictures import complete_assets, complete_pictures, share_credits
from mailer.errors import InputError, NextStep, NotFound, Refused
from mailer.model.articles import (
    Article,
    ArticleOutcome,
    ArticleQuery,
    ArticleState,
    Content,
    Story,
)
from mailer.model.transaction import Transaction


def _check_not_killed(tx: Transaction, slug: str) -> None:
    """Check that the story was not killed. Raises Refused."""
    if any(
        article.state is ArticleState.KILLED
        for article in tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
    ):
        raise Refused(
            f"{slug} was killed, and never comes back", hint="publish the news as another story"
        )


def _check_topics(tx: Transaction, topics: Iterable[str]) -> None:
    if unknown_topics := tx.articles.find_unknown_topics(topics):
        slug = make_slug(unknown_topics[0])
        if slug != unknown_topics[0]:  # it can name no topic: adding it would be refused
            raise InputError(
                f"there is no topic {', '.join(map(repr, unknown_topics))}",
                field="topics",
                hint="write the topic's slug" + (f", such as {slug}" if slug else ""),
                next_steps=[NextStep("list_topics")],
            )
        raise InputError(
            f"there is no topic {', '.join(map(repr, unknown_topics))}",
            field="topics",
            hint="correct the spelling, or add the topic",
            next_steps=[NextStep("add_topic", topic=unknown_topics[0])],
        )


def find_articles(tx: Transaction, query: ArticleQuery, search: str = "") -> list[Article]:
    """Return the articles that match a query, the newest first. With `search`, their title and slug
    must contain every word of it: a word of at least three characters anywhere, a shorter one at
    the beginning of a word. Raises InputError for an unusable `search`."""
    if search:
        query = replace(query, search_words=words.parse_line_query(search))
    return tx.articles.find_articles(query)


def add_article(
    tx: Transaction,
    actor: Actor,
    content: Content,
    now: datetime,
    *,
    dated: bool = True,
    state: ArticleState = ArticleState.QUEUED,
) -> tuple[Article, ArticleOutcome]:
    """Add an article in `state`, or revise the article with the same slug and language.

    If the content has no date (`dated` is False), the article keeps its first date. Content that is
    already stored changes nothing, whatever the article's state. New content does not put a
    withdrawn article back into the queue: withdrawing was a decision, which only
    :func:`restore_articles` reverses. Unsent editions with the story return to draft.

    Returns the article and whether it was added, revised or left unchanged. Raises InputError."""
    content = complete_pictures(tx, check_content(content))
    _check_topics(tx, content.topics)
    existing = tx.articles.find_article(content.slug, content.language)
    _check_not_killed(tx, content.slug)
    if existing and not dated:
        content = replace(content, published=existing.published)
    complete_assets(tx, actor, content, now)
    share_credits(tx, actor, content, now)
    if existing is None:
        article = tx.articles.add_article(content, now, actor, state)
        tx.articles.revert_editions_to_draft(
            content.slug, f"{content.language} was added", now, actor
        )
        return article, ArticleOutcome.ADDED
    if existing.content.compute_fingerprint() == content.compute_fingerprint():
        return existing, ArticleOutcome.UNCHANGED
    revised = tx.articles.revise_article(existing, content, "new file", now, actor)
    tx.articles.revert_editions_to_draft(content.slug, f"revised to {revised.revision}", now, actor)
    return revised, ArticleOutcome.REVISED


def edit_article(
    tx: Transaction,
    actor: Actor,
    slug: str,
    language: str,
    changes: Mapping[str, Any],
    now: datetime,
) -> tuple[Article, ArticleOutcome]:
    """Change fields of an article. Its slug and language identify it and can't be changed."""
    article = get_article(tx, slug, language)
    _check_not_killed(tx, slug)
    content = complete_pictures(tx, check_content(replace(article.content, **changes)))
    _check_topics(tx, content.topics)
    complete_assets(tx, actor, content, now)
    share_credits(tx, actor, content, now)
    if content.compute_fingerprint() == article.content.compute_fingerprint():
        return article, ArticleOutcome.UNCHANGED
    note = f"edited {', '.join(sorted(changes))}"
    revised = tx.articles.revise_article(article, content, note, now, actor)
    tx.articles.revert_editions_to_draft(slug, f"{', '.join(sorted(changes))} edited", now, actor)
    return revised, ArticleOutcome.REVISED


def withdraw_articles(
    tx: Transaction, actor: Actor, slug: str, language: str | None, now: datetime
) -> list[Article]:
    """Take a story, or one of its translations, out of every edition that is not sent yet.

    Returns the articles that were withdrawn."""
    story_articles = _find_story_articles(tx, slug, language)
    withdrawn = [
        tx.articles.set_state(article, ArticleState.WITHDRAWN, now)
        for article in story_articles
        if article.state not in {ArticleState.WITHDRAWN, ArticleState.KILLED}
    ]
    if withdrawn:
        tx.articles.revert_editions_to_draft(slug, "withdrawn", now, actor)
    return withdrawn


def queue_articles(
    tx: Transaction, actor: Actor, slug: str, language: str | None, now: datetime
) -> list[Article]:
    """Queue the drafts of a story, so that digests may choose them. Returns the queued articles.
    Raises Refused if the story was killed."""
    _check_not_killed(tx, slug)
    queued = [
        tx.articles.set_state(article, ArticleState.QUEUED, now)
        for article in _find_story_articles(tx, slug, language)
        if article.state is ArticleState.DRAFT
    ]
    if queued:
        tx.articles.revert_editions_to_draft(slug, "queued", now, actor)
    return queued


def restore_articles(
    tx: Transaction, actor: Actor, slug: str, language: str | None, now: datetime
) -> list[Article]:
    """Put a withdrawn story back into the queue. Returns the restored articles. Raises Refused if
    the story was killed."""
    _check_not_killed(tx, slug)
    return [
        tx.articles.set_state(article, ArticleState.QUEUED, now)
        for article in _find_story_articles(tx, slug, language)
        if article.state is ArticleState.WITHDRAWN
    ]


def _find_story_articles(tx: Transaction, slug: str, language: str | None) -> list[Article]:
    if language:
        return [get_article(tx, slug, language)]
    story_articles = tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
    if not story_articles:
        raise _make_not_found(slug)
    return story_articles


def get_article(tx: Transaction, slug: str, language: str) -> Article:
    """Return an article by slug and language. Raises NotFound."""
    article = tx.articles.find_article(slug, languages.normalise_tag(language))
    if article is None:
        raise _make_not_found(f"{slug} in {language}")
    return article


def _make_not_found(description: str) -> NotFound:
    return NotFound(f"there is no article {description}", next_steps=[NextStep("list_articles")])


def group_stories(articles: Iterable[Article]) -> list[Story]:
    """Group articles into stories by slug. The order of the stories is that of their first
    articles."""
    by_slug: dict[str, list[Article]] = {}
    for article in articles:
        by_slug.setdefault(article.slug, []).append(article)
    return [Story(slug, tuple(translations)) for slug, translations in by_slug.items()]
