"""What is done with articles."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import languages
from mailer.articles.checks import check_content
from mailer.errors import InputError, NotFound, Refused
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
    """Raises Refused for a story that was killed."""
    if any(
        article.state is ArticleState.KILLED
        for article in tx.articles.find_articles(ArticleQuery(slugs=(slug,)))
    ):
        raise Refused(
            f"{slug} was killed, and never comes back", hint="tell what is new as another story"
        )


def _check_topics(tx: Transaction, topics: Iterable[str]) -> None:
    if unknown_topics := tx.articles.find_unknown_topics(topics):
        raise InputError(
            f"there is no topic {', '.join(map(repr, unknown_topics))}",
            where="topics",
            hint=f"add it with `mailer topic add {unknown_topics[0]}`, or correct the spelling",
        )


def add_article(
    tx: Transaction,
    content: Content,
    now: datetime,
    *,
    dated: bool = True,
    author: str = "",
    state: ArticleState = ArticleState.QUEUED,
) -> tuple[Article, ArticleOutcome]:
    """Queue an article, or revise the one with its slug and language. Without a date of its own
    (`dated` False) it keeps the one that it first came in with. A new one has the `state`.

    The same content again changes nothing, whatever state the article is in. New content brings a
    withdrawn article back into the queue only by :func:`restore_articles`: withdrawing was a decision.
    Unsent editions that hold the story fall back to draft. Raises InputError."""
    content = check_content(content)
    _check_topics(tx, content.topics)
    existing = tx.articles.find_article(content.slug, content.language)
    _check_not_killed(tx, content.slug)
    if existing and not dated:
        content = replace(content, published=existing.published)
    if existing is None:
        article = tx.articles.add_article(content, now, author, state)
        tx.articles.revert_editions_to_draft(content.slug, f"{content.language} was added", now)
        return article, ArticleOutcome.ADDED
    if existing.content.compute_fingerprint() == content.compute_fingerprint():
        return existing, ArticleOutcome.UNCHANGED
    revised = tx.articles.revise_article(existing, content, "new file", now, author)
    tx.articles.revert_editions_to_draft(content.slug, f"revised to {revised.revision}", now)
    return revised, ArticleOutcome.REVISED


def edit_article(
    tx: Transaction,
    slug: str,
    language: str,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    author: str = "",
) -> tuple[Article, ArticleOutcome]:
    """Change fields of an article; slug and language name it and can't be changed."""
    article = get_article(tx, slug, language)
    _check_not_killed(tx, slug)
    content = check_content(replace(article.content, **changes))
    _check_topics(tx, content.topics)
    if content.compute_fingerprint() == article.content.compute_fingerprint():
        return article, ArticleOutcome.UNCHANGED
    note = f"edited {', '.join(sorted(changes))}"
    revised = tx.articles.revise_article(article, content, note, now, author)
    tx.articles.revert_editions_to_draft(slug, f"{', '.join(sorted(changes))} edited", now)
    return revised, ArticleOutcome.REVISED


def withdraw_articles(
    tx: Transaction, slug: str, language: str | None, now: datetime
) -> list[Article]:
    """Take a story, or one of its translations, out of every edition that is not yet sent."""
    story_articles = _find_story_articles(tx, slug, language)
    withdrawn = [
        tx.articles.set_state(article, ArticleState.WITHDRAWN, now)
        for article in story_articles
        if article.state not in {ArticleState.WITHDRAWN, ArticleState.KILLED}
    ]
    if withdrawn:
        tx.articles.revert_editions_to_draft(slug, "withdrawn", now)
    return withdrawn


def queue_articles(
    tx: Transaction, slug: str, language: str | None, now: datetime
) -> list[Article]:
    """Queue a draft: digests may choose it from now on. The drafts that were queued."""
    queued = [
        tx.articles.set_state(article, ArticleState.QUEUED, now)
        for article in _find_story_articles(tx, slug, language)
        if article.state is ArticleState.DRAFT
    ]
    if queued:
        tx.articles.revert_editions_to_draft(slug, "queued", now)
    return queued


def restore_articles(
    tx: Transaction, slug: str, language: str | None, now: datetime
) -> list[Article]:
    """Put a withdrawn story back into the queue. Raises Refused for one that was killed."""
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
    """One article. Raises NotFound."""
    article = tx.articles.find_article(slug, languages.normalise_tag(language))
    if article is None:
        raise _make_not_found(f"{slug} in {language}")
    return article


def _make_not_found(description: str) -> NotFound:
    return NotFound(f"there is no article {description}", hint="see `mailer article list`")


def group_stories(articles: Iterable[Article]) -> list[Story]:
    """Articles gathered by slug, in the order in which each slug first comes."""
    by_slug: dict[str, list[Article]] = {}
    for article in articles:
        by_slug.setdefault(article.slug, []).append(article)
    return [Story(slug, tuple(translations)) for slug, translations in by_slug.items()]
