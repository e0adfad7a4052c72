"""Sources: where articles come from by themselves. A feed, a WordPress site, or a folder of files
that somebody writes into.

What a source brings is a draft until somebody queues it, unless the source is trusted to queue. An
entry is known by its key in the source, and by its content: one that comes again changes nothing, a
changed one revises the draft. What staff have queued is revised only by a source that may queue:
nothing from outside changes what was chosen.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.model.articles import ArticleKind

DEFAULT_INTERVAL = timedelta(minutes=30)


class SourceKind(StrEnum):
    FEED = "feed"
    WORDPRESS = "wordpress"
    FOLDER = "folder"


class SourceState(StrEnum):
    """A source that is gone for good (410) is stopped; staff may let it go on."""

    ACTIVE = "active"
    STOPPED = "stopped"


class OnImport(StrEnum):
    """What becomes of what a source brings."""

    DRAFT = "draft"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What staff say of a source. `place` is an address, or a folder's path. `kind`, `language`
    and `topics` are for what doesn't say; topics are slugs."""

    name: str
    kind: SourceKind
    place: str
    every: timedelta = DEFAULT_INTERVAL
    arrival: OnImport = OnImport.DRAFT
    article_kind: ArticleKind = ArticleKind.NEWS
    language: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """`etag` and `last_modified` are what the server said of what it gave last (RFC 9110 §8.8).
    `failures` counts those since the last success, `said` is what came of the last look."""

    id: int
    settings: SourceSettings
    state: SourceState
    etag: str
    last_modified: str
    failures: int
    said: str
    next_at: datetime
    looked_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SourceItem:
    """An entry that a source has brought: by its `key` there; `fingerprint` is that of what it
    brought last."""

    key: str
    fingerprint: str
    slug: str
    language: str
