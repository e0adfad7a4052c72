"""The records of articles, stories and boilerplates.

An article is content in one language. The articles with the same slug are one story.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum

from mailer import languages
from mailer.model.event_details import EventDetails
from mailer.model.press_release import Release


class ArticleKind(StrEnum):
    NEWS = "news"
    PRESS_RELEASE = "press_release"
    EVENT = "event"
    STATEMENT = "statement"
    OP_ED = "op_ed"
    PHOTO_STORY = "photo_story"
    CAMPAIGN = "campaign"
    REPORT = "report"


class ArticleState(StrEnum):
    """A draft waits until staff queue it. A killed article never comes back."""

    DRAFT = "draft"
    QUEUED = "queued"
    WITHDRAWN = "withdrawn"
    KILLED = "killed"


class ArticleOutcome(StrEnum):
    """The result of adding an article."""

    ADDED = "added"
    REVISED = "revised"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture by its web address, or by its reference if it is an asset (``mailer/assets``).
    `alt` describes it and `caption` explains it in the article's language."""

    url: str
    alt: str
    credit: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an article. `body` is Markdown, `html` its sanitised rendering. `topics` are
    slugs; the first one is the article's section. `published` is an aware datetime. `lead` asks
    digests to put the story first. `release` has the further fields of a press release; a statement
    and an op-ed may have its quotes, a report its assets. `event` says when and where an event
    takes place. `pictures` are those of a photo story, in addition to `image`, in their order."""

    slug: str
    language: str
    kind: ArticleKind
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
    release: Release | None = None
    event: EventDetails | None = None
    pictures: tuple[Image, ...] = ()

    @property
    def all_images(self) -> tuple[Image, ...]:
        """The article's own picture, if it has one, and those of a photo story."""
        return (*((self.image,) if self.image else ()), *self.pictures)

    def compute_fingerprint(self) -> str:
        """Return the SHA-256 of all fields: equal content has an equal fingerprint."""
        values = {f.name: getattr(self, f.name) for f in fields(Content)}
        values["image"] = asdict(self.image) if self.image else None
        values["pictures"] = [asdict(picture) for picture in self.pictures]
        values["release"] = asdict(self.release) if self.release else None
        values["event"] = asdict(self.event) if self.event else None
        values["published"] = self.published.astimezone(UTC).isoformat()
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Article(Content):
    """A stored article. `revision` counts from 1. `queued_at` is when it was last queued."""

    id: int = field(kw_only=True)
    state: ArticleState = field(kw_only=True)
    revision: int = field(kw_only=True)
    created_at: datetime = field(kw_only=True)
    updated_at: datetime = field(kw_only=True)
    queued_at: datetime | None = field(default=None, kw_only=True)

    @property
    def content(self) -> Content:
        return Content(**{f.name: getattr(self, f.name) for f in fields(Content)})


@dataclass(frozen=True, slots=True)
class Story:
    """The articles that share a slug. A story has the topics of all its translations, so that it
    reaches the readers of a topic even if one translation does not name the topic."""

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

    def find_translation(self, language: str, default: str) -> Article | None:
        """Return the article for a reader of `language`: a translation, otherwise the article in
        the `default` language, otherwise None."""
        available = self.languages
        tag = languages.choose_language(
            language, available, languages.choose_language(default, available, "")
        )
        return next((a for a in self.articles if a.language == tag), None)


@dataclass(frozen=True, slots=True)
class ArticleQuery:
    """A query for articles, the newest first. Every field that is set must match. `search_words`
    are folded words of title and slug (``words.parse_line_query``). `after` is the publication,
    slug and language of the article after which the result begins, and `limit` the maximum number
    of articles."""

    state: ArticleState | None = None
    kind: ArticleKind | None = None
    language: str = ""
    topic: str = ""
    slugs: tuple[str, ...] = ()
    search_words: tuple[str, ...] = ()
    after: tuple[datetime, str, str] | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """An organisation's text about itself in one language. `name` is the organisation's name; it is
    empty for the office's own, which is in the settings. `text` is Markdown, `html` its sanitised
    rendering."""

    organisation: str
    language: str
    name: str
    text: str
    html: str
    updated_at: datetime
