"""What is done with articles."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import languages
from mailer.articles.checks import check
from mailer.articles.records import (
    Article,
    ArticleState,
    ArticleStore,
    Content,
    Outcome,
    Query,
    Story,
)
from mailer.errors import InputError, NotFound, Refused


def _check_alive(store: ArticleStore, slug: str) -> None:
    """Raises Refused for a story that was killed."""
    if any(one.state is ArticleState.KILLED for one in store.matching(Query(slugs=(slug,)))):
        raise Refused(
            f"{slug} was killed, and never comes back", hint="tell what is new as another story"
        )


def _check_topics(store: ArticleStore, topics: Iterable[str]) -> None:
    if unknown := store.unknown_topics(topics):
        raise InputError(
            f"there is no topic {', '.join(map(repr, unknown))}",
            where="topics",
            hint=f"add it with `mailer topic add {unknown[0]}`, or correct the spelling",
        )


def add(
    store: ArticleStore,
    content: Content,
    now: datetime,
    *,
    dated: bool = True,
    author: str = "",
    state: ArticleState = ArticleState.QUEUED,
) -> tuple[Article, Outcome]:
    """Queue an article, or revise the one with its slug and language. Without a date of its own
    (`dated` False) it keeps the one that it first came in with. A new one has the `state`.

    The same content again changes nothing, whatever state the article is in. New content brings a
    withdrawn article back into the queue only by :func:`restore`: withdrawing was a decision.
    Unsent editions that hold the story fall back to draft. Raises InputError."""
    content = check(content)
    _check_topics(store, content.topics)
    known = store.find(content.slug, content.language)
    _check_alive(store, content.slug)
    if known and not dated:
        content = replace(content, published=known.published)
    if known is None:
        article = store.add(content, now, author, state)
        store.void_editions(content.slug, f"{content.language} was added", now)
        return article, Outcome.ADDED
    if known.content.fingerprint() == content.fingerprint():
        return known, Outcome.UNCHANGED
    revised = store.revise(known, content, "new file", now, author)
    store.void_editions(content.slug, f"revised to {revised.revision}", now)
    return revised, Outcome.REVISED


def edit(
    store: ArticleStore,
    slug: str,
    language: str,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    author: str = "",
) -> tuple[Article, Outcome]:
    """Change fields of an article; slug and language name it and can't be changed."""
    known = get(store, slug, language)
    _check_alive(store, slug)
    content = check(replace(known.content, **changes))
    _check_topics(store, content.topics)
    if content.fingerprint() == known.content.fingerprint():
        return known, Outcome.UNCHANGED
    note = f"edited {', '.join(sorted(changes))}"
    revised = store.revise(known, content, note, now, author)
    store.void_editions(slug, f"{', '.join(sorted(changes))} edited", now)
    return revised, Outcome.REVISED


def withdraw(store: ArticleStore, slug: str, language: str | None, now: datetime) -> list[Article]:
    """Take a story, or one of its translations, out of every edition that is not yet sent."""
    found = _story(store, slug, language)
    done = [
        store.set_state(article, ArticleState.WITHDRAWN, now)
        for article in found
        if article.state not in {ArticleState.WITHDRAWN, ArticleState.KILLED}
    ]
    if done:
        store.void_editions(slug, "withdrawn", now)
    return done


def queue(store: ArticleStore, slug: str, language: str | None, now: datetime) -> list[Article]:
    """Queue a draft: digests may choose it from now on. The drafts that were queued."""
    done = [
        store.set_state(article, ArticleState.QUEUED, now)
        for article in _story(store, slug, language)
        if article.state is ArticleState.DRAFT
    ]
    if done:
        store.void_editions(slug, "queued", now)
    return done


def restore(store: ArticleStore, slug: str, language: str | None, now: datetime) -> list[Article]:
    """Put a withdrawn story back into the queue. Raises Refused for one that was killed."""
    _check_alive(store, slug)
    return [
        store.set_state(article, ArticleState.QUEUED, now)
        for article in _story(store, slug, language)
        if article.state is ArticleState.WITHDRAWN
    ]


def _story(store: ArticleStore, slug: str, language: str | None) -> list[Article]:
    if language:
        return [get(store, slug, language)]
    found = store.matching(Query(slugs=(slug,)))
    if not found:
        raise _not_found(slug)
    return found


def get(store: ArticleStore, slug: str, language: str) -> Article:
    """One article. Raises NotFound."""
    article = store.find(slug, languages.normalise(language))
    if article is None:
        raise _not_found(f"{slug} in {language}")
    return article


def _not_found(what: str) -> NotFound:
    return NotFound(f"there is no article {what}", hint="see `mailer article list`")


def stories(found: Iterable[Article]) -> list[Story]:
    """Articles gathered by slug, in the order in which each slug first comes."""
    by_slug: dict[str, list[Article]] = {}
    for article in found:
        by_slug.setdefault(article.slug, []).append(article)
    return [Story(slug, tuple(group)) for slug, group in by_slug.items()]
