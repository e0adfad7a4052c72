"""Read the present content of a source as drafts or files. Nothing here touches the database.

All fetching goes through ``fetching``, and all content is checked before a parser opens it: XML by
``documents``, Word files by ``archives``.
"""

import re
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from mailer.errors import InputError, MailerError, NextStep
from mailer.intake import (
    archives,
    documents,
    feeds,
    files,
    json_feeds,
    page_pictures,
    pages,
    word,
    wordpress,
)
from mailer.intake.drafts import Draft, DraftBatch, DraftDefaults, DraftProblem
from mailer.intake.extra import import_package
from mailer.intake.files import ArticleFile
from mailer.intake.named_files import read_named_file
from mailer.intake.request_fields import Validators
from mailer.model.sources import SourceKind, SourceSettings

if TYPE_CHECKING:
    from mailer.intake.fetching import FetchGuard, FetchResult

SETTLING_SECONDS = 2.0
"""Seconds without a change after which a file in a watched folder counts as complete."""

WORD_SUFFIX = ".docx"
MAX_WORD_BYTES = 25_000_000

MAX_WORD_TAGS = 150_000
"""Maximum number of tags in the texts of a Word file. A file of 4,000 paragraphs and 18,000 runs of
alternating format reaches it, and takes 5 seconds of processor time."""

LONG_WORD_TAGS = 12_000
LONG_WORD_BYTES = 4_000_000
"""A Word file is long if its XML has more tags or more bytes than these limits: reading it may take
more than a second."""

MAX_HELD_BYTES = 50_000_000
"""Size of a folder's Word files above which the next ones are read one by one, as long files are:
their pictures are held until they are imported."""

_WORD_TEXTS = re.compile(r"word/(?:comments|document|endnotes|footer|footnotes|header)\d*\.xml")

_ACCEPT_FEEDS = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, "
    "text/xml;q=0.9, */*;q=0.5"
)
_ACCEPT_JSON = "application/json"
_ACCEPT_PAGES = "text/html, application/xhtml+xml, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class SourceContent:
    """The present content of a source: drafts, and a folder's Markdown `files`.

    `long_files` are Word files that were not read, since each may take seconds or much memory.

    `unchanged`: the content is the same as at the last fetch, so it was not read. `permanent_url`
    is the address to which the source has moved permanently, or ""."""

    batch: DraftBatch = field(default_factory=lambda: DraftBatch(()))
    files: tuple[ArticleFile, ...] = ()
    long_files: tuple[Path, ...] = ()
    validators: Validators = field(default_factory=Validators)
    permanent_url: str = ""
    unchanged: bool = False


def read_source(
    source_settings: SourceSettings,
    defaults: DraftDefaults,
    *,
    previous_validators: Validators | None = None,
    agent: str = "",
    guard: "FetchGuard | None" = None,
) -> SourceContent:
    """Read a source's present content.

    `previous_validators` belong to the content of the last fetch. `guard` decides which addresses
    may be fetched; the default allows only public addresses. Raises FetchError if the source can't
    be fetched, InputError if its content can't be read, ConfigError if packages are missing."""
    if source_settings.kind is SourceKind.FOLDER:
        return _read_folder(Path(source_settings.place), defaults)
    is_feed = source_settings.kind is SourceKind.FEED
    address = source_settings.place if is_feed else wordpress.build_posts_url(source_settings.place)
    result = _fetch_url(
        address,
        previous_validators=previous_validators,
        accept=_ACCEPT_FEEDS if is_feed else _ACCEPT_JSON,
        agent=agent,
        guard=guard,
    )
    permanent_url = result.permanent_url if is_feed else ""
    if result.status == 304:
        return SourceContent(
            validators=result.validators, permanent_url=permanent_url, unchanged=True
        )
    if is_feed:
        batch = _read_feed(result.content, result.charset, result.url, defaults)
    else:
        batch = wordpress.read_posts(result.content, defaults, address=result.url)
    return SourceContent(batch, validators=result.validators, permanent_url=permanent_url)


def _fetch_url(
    address: str,
    *,
    accept: str,
    agent: str,
    guard: "FetchGuard | None",
    previous_validators: Validators | None = None,
) -> "FetchResult":
    import_package("httpcore")
    from mailer.intake.fetching import fetch_url
    from mailer.intake.fetching.guard import PUBLIC_GUARD

    return fetch_url(
        address,
        previous_validators=previous_validators,
        accept=accept,
        agent=agent,
        guard=guard or PUBLIC_GUARD,
    )


def _read_feed(content: bytes, charset: str, address: str, defaults: DraftDefaults) -> DraftBatch:
    if json_feeds.is_json_feed(content):
        return feeds.read_feed(content, defaults, address=address)
    checked_content = documents.normalise_xml(content, address, charset)
    return feeds.read_feed(
        checked_content, defaults, address=address, content_type="application/xml; charset=utf-8"
    )


def fetch_page(
    address: str, defaults: DraftDefaults, *, agent: str = "", guard: "FetchGuard | None" = None
) -> Draft:
    """Fetch the article on a web page, with its pictures.

    Raises FetchError if the page can't be fetched, InputError if it has no article. The error
    offers the page's feed if the page names one."""
    result = _fetch_url(address, accept=_ACCEPT_PAGES, agent=agent, guard=guard)
    content_type = (
        f"{result.media_type}; charset={result.charset}" if result.charset else result.media_type
    )

    def fetch_picture(picture_address: str) -> bytes:
        picture_result = _fetch_url(
            picture_address, accept=page_pictures.ACCEPT, agent=agent, guard=guard
        )
        return picture_result.content

    try:
        draft = pages.read_page(
            result.content, defaults, address=result.url, content_type=content_type
        )
        return page_pictures.fetch_pictures(draft, fetch_picture)
    except InputError as error:
        feed_addresses = feeds.find_feed_addresses(
            result.content.decode("utf-8", "replace"), result.url
        )
        if not feed_addresses:
            raise
        raise InputError(
            error.message,
            where=error.where,
            hint="the page names a feed, which can be added as a source",
            next_steps=[NextStep("add_feed", url=feed_addresses[0])],
        ) from error


def load_word_file(path: Path, defaults: DraftDefaults) -> Draft:
    """Read a Word file as a draft. Raises InputError if it can't be read or is unsafe."""
    return _read_word_file(path, _load_word_bytes(path), defaults)


def _load_word_bytes(path: Path) -> bytes:
    return read_named_file(path, MAX_WORD_BYTES, str(path), too_large_hint="remove its pictures")


def _read_word_file(path: Path, data: bytes, defaults: DraftDefaults) -> Draft:
    if data[:2] == b"PK":
        archives.check_zip(data, str(path))
        _check_xml_parts(data, path)
    return word.read_docx(data, defaults, name=str(path))


def _check_xml_parts(data: bytes, path: Path) -> None:
    """Check all XML in a Word file. Raises InputError for XML that word processors do not write, or
    for too many tags."""
    tag_count = 0
    with ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            if not name.endswith((".xml", ".rels")):
                continue
            part = archive.read(name)
            tag_count += part.count(b"<") if _WORD_TEXTS.fullmatch(name) else 0
            if tag_count > MAX_WORD_TAGS:
                raise InputError(
                    f"the file is longer than any article: it has more than {MAX_WORD_TAGS:,} tags",
                    where=str(path),
                    hint="import a part of it, and link to the rest",
                )
            documents.check_xml(part, f"{path}, {name}")


def is_long_file(path: Path) -> bool:
    """Check that reading a Word file may take more than a second. Raises InputError for a file that
    can't be read."""
    return _is_long(_load_word_bytes(path))


def _is_long(data: bytes) -> bool:
    """Check that reading a Word file may take more than a second. A file that its reader refuses
    at once is not long."""
    if data.count(archives.ENTRY_SIGNATURE) > archives.MOST_ENTRIES:
        return False
    try:
        with ZipFile(BytesIO(data)) as archive:
            parts = [part for part in archive.infolist() if part.filename.endswith(".xml")]
            if sum(part.file_size for part in parts) > LONG_WORD_BYTES:
                return True
            return sum(archive.read(part).count(b"<") for part in parts) > LONG_WORD_TAGS
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        return False
    except (struct.error, zlib.error):
        return False


def _read_folder(folder: Path, defaults: DraftDefaults) -> SourceContent:
    """Read all Markdown and Word files in a folder, except long Word files, those beyond
    :data:`MAX_HELD_BYTES`, and files that are still being written.

    Raises InputError if there is no such folder."""
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", where=str(folder), hint="create it, or name another folder"
        )
    article_files: list[ArticleFile] = []
    drafts: list[Draft] = []
    problems: list[DraftProblem] = []
    long_files: list[Path] = []
    held_bytes = 0
    for path in _find_settled_files(folder):
        if path.suffix.lower() != WORD_SUFFIX:
            article_file = files.read_file(
                path, defaults.now, language=defaults.language, time_zone=defaults.time_zone
            )
            article_files.append(article_file)
            continue
        try:
            data = _load_word_bytes(path)
            if held_bytes + len(data) > MAX_HELD_BYTES or _is_long(data):
                long_files.append(path)
            else:
                held_bytes += len(data)
                drafts.append(_read_word_file(path, data, defaults))
        except MailerError as error:
            problems.append(DraftProblem(str(path), error, str(path)))
    return SourceContent(
        DraftBatch(tuple(drafts), tuple(problems)), tuple(article_files), tuple(long_files)
    )


def _find_settled_files(folder: Path) -> Iterator[Path]:
    now = time.time()
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)
        if is_hidden or path.suffix.lower() not in {*files.SUFFIXES, WORD_SUFFIX}:
            continue
        if path.stem.lower() == "readme" or path.is_dir():
            continue
        try:
            modified_at = path.stat().st_mtime
        except OSError:
            modified_at = 0.0  # a link without a target: its reader says so
        if now - modified_at >= SETTLING_SECONDS:
            yield path
