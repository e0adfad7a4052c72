"""Articles: one piece of content in one language. The slug names the story; translations share it.

Here are the records, the rules for a field, and the verbs. Reading files is ``intake``'s, SQL is
the store's. An article is ``queued`` until it is withdrawn; what a digest has run is the digest's
own ledger, so an article that one digest ran is still news to another.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

from mailer import languages
from mailer.errors import InputError, NotFound
from mailer.lines import holds_control

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = 80
TITLE_LENGTH = 300
SUMMARY_LENGTH = 1000


class Kind(StrEnum):
    NEWS = "news"
    PRESS_RELEASE = "press_release"
    EVENT = "event"
    STATEMENT = "statement"
    OP_ED = "op_ed"
    PHOTO_STORY = "photo_story"
    CAMPAIGN = "campaign"


class ArticleState(StrEnum):
    QUEUED = "queued"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """What adding an article did."""

    ADDED = "added"
    REVISED = "revised"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture by its web address. `alt` says what it shows, in the article's language."""

    url: str
    alt: str
    credit: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What an author gives. `body` is Markdown, `html` its sanitised rendering; `topics` are
    slugs, the first names its section; `published` is aware. `lead` asks digests to put the story
    first."""

    slug: str
    language: str
    kind: Kind
    title: str
    published: datetime
    body: str
    html: str
    summary: str = ""
    topics: tuple[str, ...] = ()
    image: Image | None = None
    canonical_url: str = ""
    byline: str = ""
    dateline: str = ""
    lead: bool = False

    def fingerprint(self) -> str:
        """SHA-256 over every field: equal content has an equal fingerprint."""
        plain = {f.name: getattr(self, f.name) for f in fields(Content)}
        plain["image"] = asdict(self.image) if self.image else None
        plain["published"] = self.published.astimezone(UTC).isoformat()
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Article(Content):
    """An article as the store keeps it. `revision` counts from 1."""

    id: int = field(kw_only=True)
    state: ArticleState = field(kw_only=True)
    revision: int = field(kw_only=True)
    created_at: datetime = field(kw_only=True)
    updated_at: datetime = field(kw_only=True)

    @property
    def content(self) -> Content:
        return Content(**{f.name: getattr(self, f.name) for f in fields(Content)})


@dataclass(frozen=True, slots=True)
class Story:
    """The articles that share a slug, by language. Its topics are those of all its translations:
    a translator who forgets one does not take the story from anyone."""

    slug: str
    articles: tuple[Article, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(topic for a in self.articles for topic in a.topics))

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(a.language for a in self.articles)

    @property
    def published(self) -> datetime:
        return min(a.published for a in self.articles)

    @property
    def lead(self) -> bool:
        return any(a.lead for a in self.articles)

    def in_language(self, wanted: str, default: str) -> Article | None:
        """The article for a reader of `wanted`: a translation, else the `default` language's,
        else None: nothing that this reader could read."""
        available = self.languages
        found = languages.choose(wanted, available, languages.choose(default, available, ""))
        return next((a for a in self.articles if a.language == found), None)


@dataclass(frozen=True, slots=True)
class Query:
    """Which articles to list: every field given must match."""

    state: ArticleState | None = None
    kind: Kind | None = None
    language: str = ""
    topic: str = ""
    slugs: tuple[str, ...] = ()


class ArticleStore(Protocol):
    """What the verbs here need kept."""

    def find(self, slug: str, language: str) -> Article | None: ...
    def matching(self, query: Query) -> list[Article]: ...
    def add(self, content: Content, now: datetime, author: str = "") -> Article: ...
    def revise(
        self, article: Article, content: Content, note: str, now: datetime, author: str = ""
    ) -> Article: ...
    def set_state(self, article: Article, state: ArticleState, now: datetime) -> Article: ...
    def unknown_topics(self, slugs: Iterable[str]) -> Sequence[str]: ...
    def void_editions(self, slug: str, reason: str, now: datetime) -> Sequence[int]: ...


def check(content: Content) -> Content:
    """The content with its fields in canonical form. Raises InputError naming the field."""
    title = " ".join(content.title.split())
    if not title:
        raise InputError("there is no title", where="title", hint="give the article a title")
    if len(title) > TITLE_LENGTH:
        raise InputError(f"the title is longer than {TITLE_LENGTH} characters", where="title")
    if not SLUG.fullmatch(content.slug) or len(content.slug) > SLUG_LENGTH:
        raise InputError(
            f"{content.slug!r} can't be a slug",
            where="slug",
            hint=f"use up to {SLUG_LENGTH} small letters, digits and single hyphens",
        )
    if not content.body.strip():
        raise InputError("the article has no text", where="body", hint="write some below the ---")
    summary = " ".join(content.summary.split())
    if len(summary) > SUMMARY_LENGTH:
        raise InputError(f"it is longer than {SUMMARY_LENGTH} characters", where="summary")
    image = content.image
    for where, line in {
        "title": title, "summary": summary, "byline": content.byline, "dateline": content.dateline,
        "image.alt": image.alt if image else "", "image.credit": image.credit if image else "",
    }.items():  # fmt: skip
        if holds_control(" ".join(line.split())):
            raise InputError("it holds control characters", where=where, hint="remove them")
    if content.published.tzinfo is None:
        raise ValueError("published must be aware")
    if content.image:
        check_web_address(content.image.url, "image.url")
        if not content.image.alt.strip():
            raise InputError(
                "the picture has no alt text",
                where="image.alt",
                hint="say what it shows, for those who can't see it",
            )
    if content.canonical_url:
        check_web_address(content.canonical_url, "canonical_url")
    return replace(
        content,
        title=title,
        summary=summary,
        language=languages.normalise(content.language),
        topics=tuple(dict.fromkeys(content.topics)),
        byline=" ".join(content.byline.split()),
        dateline=" ".join(content.dateline.split()),
    )


def check_web_address(value: str, where: str) -> None:
    """Raises InputError unless `value` is an absolute http or https address."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or not value.isprintable() or " " in value:
        raise InputError(
            f"{value!r} is not a web address", where=where, hint="start it with https://"
        )


def slug_from(title: str) -> str:
    """A slug made of the ASCII words of `title`; empty when there are none."""
    words = re.findall(r"[a-z0-9]+", title.lower().replace("'", "").replace("’", ""))
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > SLUG_LENGTH:
            break
        slug = longer
    return slug


def _check_topics(store: ArticleStore, topics: Iterable[str]) -> None:
    if unknown := store.unknown_topics(topics):
        raise InputError(
            f"there is no topic {', '.join(map(repr, unknown))}",
            where="topics",
            hint=f"add it with `mailer topic add {unknown[0]}`, or correct the spelling",
        )


def add(
    store: ArticleStore, content: Content, now: datetime, *, dated: bool = True, author: str = ""
) -> tuple[Article, Outcome]:
    """Queue an article, or revise the one with its slug and language. Without a date of its own
    (`dated` False) it keeps the one that it first came in with.

    The same content again changes nothing, whatever state the article is in. New content brings a
    withdrawn article back into the queue only by :func:`restore`: withdrawing was a decision.
    Unsent editions that hold the story fall back to draft. Raises InputError."""
    content = check(content)
    _check_topics(store, content.topics)
    known = store.find(content.slug, content.language)
    if known and not dated:
        content = replace(content, published=known.published)
    if known is None:
        article = store.add(content, now, author)
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
        if article.state is not ArticleState.WITHDRAWN
    ]
    if done:
        store.void_editions(slug, "withdrawn", now)
    return done


def restore(store: ArticleStore, slug: str, language: str | None, now: datetime) -> list[Article]:
    """Put a withdrawn story back into the queue."""
    return [
        store.set_state(article, ArticleState.QUEUED, now)
        for article in _story(store, slug, language)
        if article.state is not ArticleState.QUEUED
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
