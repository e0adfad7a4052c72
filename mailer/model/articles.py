"""Articles and stories as records, and what the verbs on them need kept.

Boilerplate: what an organisation says about itself at the foot of every release. It is kept
once for each organisation and language. Our own organisation's slug is :data:`OWN_ORGANISATION`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum

from mailer import languages
from mailer.model.press_release import Release


class ArticleKind(StrEnum):
    NEWS = "news"
    PRESS_RELEASE = "press_release"
    EVENT = "event"
    STATEMENT = "statement"
    OP_ED = "op_ed"
    PHOTO_STORY = "photo_story"
    CAMPAIGN = "campaign"


class ArticleState(StrEnum):
    """A draft waits for somebody to queue it; what was killed never comes back."""

    DRAFT = "draft"
    QUEUED = "queued"
    WITHDRAWN = "withdrawn"
    KILLED = "killed"


class ArticleOutcome(StrEnum):
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
    first. `release` is what a press release has beside its text."""

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

    def compute_fingerprint(self) -> str:
        """SHA-256 over every field: equal content has an equal fingerprint."""
        values = {f.name: getattr(self, f.name) for f in fields(Content)}
        values["image"] = asdict(self.image) if self.image else None
        values["release"] = asdict(self.release) if self.release else None
        values["published"] = self.published.astimezone(UTC).isoformat()
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


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

    def find_translation(self, language: str, default: str) -> Article | None:
        """The article for a reader of `wanted`: a translation, else the `default` language's,
        else None: nothing that this reader could read."""
        available = self.languages
        tag = languages.choose_language(
            language, available, languages.choose_language(default, available, "")
        )
        return next((a for a in self.articles if a.language == tag), None)


@dataclass(frozen=True, slots=True)
class ArticleQuery:
    """Which articles to list: every field given must match."""

    state: ArticleState | None = None
    kind: ArticleKind | None = None
    language: str = ""
    topic: str = ""
    slugs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """`name` is the organisation's; empty of ours, whose name the settings have. `text` is
    Markdown, `html` its sanitised rendering."""

    organisation: str
    language: str
    name: str
    text: str
    html: str
    updated_at: datetime
