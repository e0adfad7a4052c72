"""The records of sources: feeds, WordPress sites and folders that articles are imported from."""

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
    """The state of a source. A source that is permanently gone (HTTP 410) is stopped; staff may
    resume it."""

    ACTIVE = "active"
    STOPPED = "stopped"


class OnImport(StrEnum):
    """The state of newly imported articles: drafts, or queued."""

    DRAFT = "draft"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """The settings of a source. `place` is a web address, or a folder's path. `article_kind`,
    `language` and `topics` (slugs) apply to entries that state none."""

    name: str
    kind: SourceKind
    place: str
    every: timedelta = DEFAULT_INTERVAL
    on_import: OnImport = OnImport.DRAFT
    article_kind: ArticleKind = ArticleKind.NEWS
    language: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A source and its state. `etag` and `last_modified` are the validators of the server's last
    answer (RFC 9110 §8.8). `failures` counts failures since the last success. `last_result`
    describes the result of the last import. `added_by` is the key of the actor who added it."""

    id: int
    settings: SourceSettings
    state: SourceState
    etag: str
    last_modified: str
    failures: int
    last_result: str
    next_at: datetime
    last_read_at: datetime | None
    created_at: datetime
    added_by: str = ""


@dataclass(frozen=True, slots=True)
class SourceItem:
    """An entry that was imported from a source. `key` identifies it in the source, `fingerprint` is
    that of its last imported content, `slug` and `language` name the article."""

    key: str
    fingerprint: str
    slug: str
    language: str
