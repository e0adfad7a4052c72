"""The records of sources: feeds, WordPress sites and folders that articles are imported from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from mailer.model.articles import ArticleKind, Content
from mailer.model.assets import PictureFile
from mailer.model.lists import Topic
from mailer.model.reading import ReadArticle, ReadAsset

DEFAULT_INTERVAL = timedelta(minutes=30)


class SourceKind(StrEnum):
    FEED = "feed"
    WORDPRESS = "wordpress"
    FOLDER = "folder"


class SourceState(StrEnum):
    """The state of a source. A source that is permanently gone (HTTP 410) is no longer polled,
    until staff resume it."""

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
    """An entry that was imported from a source. `key` identifies the entry in the source,
    `fingerprint` is the hash of its last imported content, and `slug` and `language` name the
    article."""

    key: str
    fingerprint: str
    slug: str
    language: str


class ReadFile(ReadArticle, Protocol):
    """An article file of a watched folder."""

    def locate_key(self, key: str) -> str:
        """Return the file and the line of a field, for an error."""


class ReadOmission(Protocol):
    """A kind of content that was left out of an entry, how often, and the first example."""

    @property
    def kind(self) -> str: ...
    @property
    def times(self) -> int: ...
    @property
    def example(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """An entry read from a source: a feed entry, a post, a Word file, or an article file of a
    watched folder (in `file`).

    `origin` is its address or path, for people. `key` identifies it in the source, and
    `fingerprint` changes with its content. An article `file` is identified by slug and language
    instead. If the entry is unreadable, `content` is None and `problem` says why. `dated`: the
    entry states its date of publication. `attached_files` are files that a release offers to
    journalists, and `pictures` those that the article shows."""

    origin: str
    content: Content | None
    key: str = ""
    fingerprint: str = ""
    dated: bool = True
    problem: str = ""
    attached_files: Sequence[ReadAsset] = ()
    pictures: Sequence[PictureFile] = ()
    omissions: Sequence[ReadOmission] = ()
    file: ReadFile | None = None


@dataclass(frozen=True, slots=True)
class SourceReading:
    """The result of reading a source. `unchanged`: the source is the same as when it was last read,
    and no entries were read. `permanent_url` is the address to which it has moved permanently.
    `long_files` are the paths of files that were not read yet, since each may take seconds."""

    entries: tuple[SourceEntry, ...] = ()
    problems: tuple[str, ...] = ()
    etag: str = ""
    last_modified: str = ""
    permanent_url: str = ""
    unchanged: bool = False
    long_files: tuple[str, ...] = ()


class FileReading(Protocol):
    """A long file of a folder that is being read in another process."""

    def find_result(self) -> SourceReading | None:
        """Return the file's entry, or None while the file is being read."""

    def wait(self) -> SourceReading:
        """Return the file's entry once it is read."""

    def stop(self) -> None:
        """End the reading."""


class Reader(Protocol):
    """Reads sources for the verbs that import them. It opens files and connections, but never the
    database."""

    def read_source(self, source: Source, topics: Iterable[Topic], now: datetime) -> SourceReading:
        """Read the entries that a source has now. Raises FetchError and InputError."""

    def start_file(
        self, source: Source, topics: Iterable[Topic], now: datetime, path: str
    ) -> FileReading:
        """Begin to read a long file of a source."""
