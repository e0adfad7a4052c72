"""Looking at a source: what it has now, as drafts or files. Nothing here touches the database.

Everything fetched goes through ``fetching``, and everything fetched or read is looked at before a
parser opens it: XML by ``documents``, Word files by ``archives``.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from mailer.errors import InputError, MailerError
from mailer.intake import archives, documents, feeds, files, pages, word, wordpress
from mailer.intake.drafts import Batch, Defaults, Draft, Problem
from mailer.intake.fetching import Guard, Validators, fetch
from mailer.intake.fetching.guard import PUBLIC
from mailer.intake.files import Found
from mailer.sources import Order, SourceKind

SETTLED = 2.0
"""Seconds after which a file in a watched folder counts as written."""

WORD = ".docx"
LARGEST_WORD = 25_000_000
"""Bytes."""

_FEEDS = (
    "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
_JSON = "application/json"
_PAGES = "text/html, application/xhtml+xml, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a source has. `unchanged`: the same as at the last look, so nothing was read.
    `place` is where it has moved to for good; `files` are a folder's Markdown files."""

    batch: Batch = field(default_factory=lambda: Batch(()))
    files: tuple[Found, ...] = ()
    validators: Validators = field(default_factory=Validators)
    place: str = ""
    unchanged: bool = False


def gather(
    order: Order,
    defaults: Defaults,
    *,
    held: Validators | None = None,
    agent: str = "",
    guard: Guard = PUBLIC,
) -> Gathered:
    """What a source has now. `held` is what its server said of what it gave last. Raises FetchError
    for what can't be fetched, InputError for what can't be read."""
    if order.kind is SourceKind.FOLDER:
        return _folder(Path(order.place), defaults)
    is_feed = order.kind is SourceKind.FEED
    address = order.place if is_feed else wordpress.address(order.place)
    got = fetch(address, held=held, accept=_FEEDS if is_feed else _JSON, agent=agent, guard=guard)
    moved = got.permanent_url if is_feed else ""
    if got.status == 304:
        return Gathered(validators=got.validators, place=moved, unchanged=True)
    if is_feed:
        batch = _feed(got.content, got.charset, got.url, defaults)
    else:
        batch = wordpress.read(got.content, defaults, address=got.url)
    return Gathered(batch, validators=got.validators, place=moved)


def _feed(content: bytes, charset: str, address: str, defaults: Defaults) -> Batch:
    checked = documents.plain_xml(content, address, charset)
    return feeds.read(
        checked, defaults, address=address, content_type="application/xml; charset=utf-8"
    )


def page(address: str, defaults: Defaults, *, agent: str = "", guard: Guard = PUBLIC) -> Draft:
    """The article on a web page. Raises FetchError and InputError; one that names its feeds says
    so where it has no article."""
    got = fetch(address, accept=_PAGES, agent=agent, guard=guard)
    kind = f"{got.media_type}; charset={got.charset}" if got.charset else got.media_type
    try:
        return pages.read(got.content, defaults, address=got.url, content_type=kind)
    except InputError as error:
        found = feeds.addresses(got.content.decode("utf-8", "replace"), got.url)
        if not found:
            raise
        raise InputError(
            error.what,
            where=error.where,
            hint=f"it names a feed: mailer source add NAME --feed {found[0]}",
        ) from error


def word_file(path: Path, defaults: Defaults) -> Draft:
    """The draft of a Word file. Raises InputError."""
    try:
        if path.stat().st_size > LARGEST_WORD:
            raise InputError(
                f"it is larger than {LARGEST_WORD // 1_000_000} MB",
                where=str(path),
                hint="take its pictures out",
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"it can't be read ({error.strerror})", where=str(path)) from error
    if data[:2] == b"PK":
        archives.check_zip(data, str(path))
        _check_parts(data, path)
    return word.read(data, defaults, name=str(path))


def _check_parts(data: bytes, path: Path) -> None:
    """Raises InputError for XML in a Word file that no word processor writes."""
    with ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                documents.check_xml(archive.read(name), f"{path}, {name}")


def _folder(folder: Path, defaults: Defaults) -> Gathered:
    """All Markdown and Word files in a folder, but those that somebody is writing just now."""
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", where=str(folder), hint="make it, or name another"
        )
    markdown: list[Found] = []
    drafts: list[Draft] = []
    problems: list[Problem] = []
    for path in _written(folder):
        if path.suffix.lower() != WORD:
            markdown += files.read_all(
                [path],
                defaults.now,
                language=defaults.language,
                time_zone=defaults.time_zone,
            )
            continue
        try:
            drafts.append(word_file(path, defaults))
        except MailerError as error:
            problems.append(Problem(str(path), error, str(path)))
    return Gathered(Batch(tuple(drafts), tuple(problems)), tuple(markdown))


def _written(folder: Path) -> Iterator[Path]:
    now = time.time()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)
        if hidden or path.suffix.lower() not in {*files.SUFFIXES, WORD}:
            continue
        if path.stem.lower() == "readme" or not path.is_file():
            continue
        if now - path.stat().st_mtime >= SETTLED:
            yield path
