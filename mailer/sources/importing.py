"""Import the entries of a source: read it, decide about each entry, and save the result."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailer import articles, assets
from mailer.actor import Actor
from mailer.errors import (
    ConcurrencyError,
    ConfigError,
    FetchError,
    InputError,
    MailerError,
    Refused,
)
from mailer.model.articles import Article, ArticleOutcome, ArticleState, Content
from mailer.model.assets import PictureFile
from mailer.model.sources import (
    Reader,
    ReadOmission,
    Source,
    SourceEntry,
    SourceReading,
)
from mailer.model.transaction import Database, Transaction
from mailer.releases.article_import import import_article
from mailer.sources.decisions import (
    EntryDecision,
    ImportAction,
    decide_import,
)
from mailer.sources.entry_reports import describe_gaps
from mailer.sources.settings import (
    record_failure,
    record_file_result,
    record_success,
    reload_source,
)
from mailer.sources.stored_entries import build_author, find_free_slug, has_same_content, load_entry


@dataclass(slots=True)
class ImportResult:
    """The result of an import. `imported` are the articles that were added or revised;
    `changed_after_queueing` names articles that stay as staff left them although their entry has
    changed.
    `has_internal_errors`: a bug prevented the import of some entries, so all entries are fetched
    again next time. `long_files` are the paths of files that are still to be read. `gaps` say which
    fields an imported article's entry did not state, by slug and language."""

    imported: list[tuple[ArticleOutcome, Article, Sequence[ReadOmission]]] = field(
        default_factory=list
    )
    unchanged: int = 0
    changed_after_queueing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    has_internal_errors: bool = False
    long_files: tuple[str, ...] = ()
    gaps: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add_result(self, result: "ImportResult") -> None:
        """Add the result of another part of the source."""
        self.imported += result.imported
        self.unchanged += result.unchanged
        self.changed_after_queueing += result.changed_after_queueing
        self.problems += result.problems
        self.gaps |= result.gaps
        self.has_internal_errors |= result.has_internal_errors

    def __str__(self) -> str:
        added_count = sum(outcome is ArticleOutcome.ADDED for outcome, _, _ in self.imported)
        counts = {
            "added": added_count,
            "revised": len(self.imported) - added_count,
            "unchanged": self.unchanged,
            "changed in the source but left as staff queued them": len(self.changed_after_queueing),
            "refused": len(self.problems),
            "still being read": len(self.long_files),
        }
        summary = ", ".join(f"{count} {label}" for label, count in counts.items() if count)
        return summary or "no entries"


class _DiscardImport(Exception):
    """Raised to end a transaction and roll back its changes."""


def poll_source(
    database: Database,
    actor: Actor,
    source: Source,
    reader: Reader,
    clock: Callable[[], datetime],
    *,
    save: bool = True,
    waits: bool = True,
) -> ImportResult | None:
    """Read a source and import its entries. No transaction is open while the source is read.

    If the caller `waits`, long files are read and imported one by one after all other entries.
    Otherwise they are not read: the result names them in `long_files`, for the caller to read.
    Returns None if the source has not changed since it was last read. Raises the error of reading
    or importing, after recording it in the source. Without `save`, nothing is written."""
    with database.read() as tx:
        topics = tx.lists.list_topics()
    try:
        reading = reader.read_source(source, topics, clock())
        result = _save_reading(database, actor, source, reading, clock, save=save)
        if result is not None and waits:
            for path in result.long_files:
                file_reading = reader.start_file(source, topics, clock(), path).wait()
                result.add_result(
                    save_file(database, actor, source, path, file_reading, clock, save=save)
                )
            result.long_files = ()
        return result
    except Exception as error:
        if save:
            _save_failure(database, actor, source, error, clock())
        raise


def save_file(
    database: Database,
    actor: Actor,
    source: Source,
    path: str,
    reading: SourceReading,
    clock: Callable[[], datetime],
    *,
    save: bool = True,
) -> ImportResult:
    """Import the entry of a long file that was read by itself, and record its result in the
    source."""
    result = ImportResult()
    _decode_new_pictures(database, source, reading)
    with suppress(_DiscardImport), database.begin() as tx:
        tx.lock_releases()
        source = reload_source(tx, source)
        result = import_entries(tx, source, reading, clock())
        record_file_result(tx, actor, source, path, str(result))
        if not save:
            raise _DiscardImport
    return result


def _save_failure(
    database: Database, actor: Actor, source: Source, error: Exception, now: datetime
) -> None:
    """Record an error in the source. A bug is recorded too: otherwise the source would always be
    the first due source, and the sources after it would never be read."""
    fetch_error = error if isinstance(error, FetchError) else None
    message = str(error) if isinstance(error, MailerError) else _describe_bug(error)
    with suppress(Refused), database.begin() as tx:
        record_failure(
            tx,
            actor,
            reload_source(tx, source),
            message,
            now,
            is_permanent=bool(fetch_error and fetch_error.status == 410),
            retry_after=(fetch_error.retry_after if fetch_error else None) or 0.0,
        )


def _describe_bug(error: Exception) -> str:
    return f"internal error: {type(error).__name__}: {error}".splitlines()[0][:300]


def _save_reading(
    database: Database,
    actor: Actor,
    source: Source,
    reading: SourceReading,
    clock: Callable[[], datetime],
    *,
    save: bool,
) -> ImportResult | None:
    result: ImportResult | None = None
    _decode_new_pictures(database, source, reading)
    with suppress(_DiscardImport), database.begin() as tx:
        tx.lock_releases()
        source = reload_source(tx, source)
        result = None if reading.unchanged else import_entries(tx, source, reading, clock())
        has_bugs = result is not None and result.has_internal_errors
        record_success(
            tx,
            actor,
            source,
            "unchanged" if result is None else str(result),
            clock(),
            etag=("" if has_bugs else reading.etag) or (source.etag if reading.unchanged else ""),
            last_modified=("" if has_bugs else reading.last_modified)
            or (source.last_modified if reading.unchanged else ""),
            place=reading.permanent_url,
        )
        if not save:
            raise _DiscardImport
    return result


def _decode_new_pictures(database: Database, source: Source, reading: SourceReading) -> None:
    """Decode the pictures of the entries that will be imported, before the transaction."""
    pictures: list[PictureFile] = []
    entries = [entry for entry in reading.entries if entry.pictures or entry.file]
    with database.read() as tx:
        for entry in entries:
            entry_pictures = entry.file.pictures if entry.file else entry.pictures
            with suppress(Exception):  # importing the entry raises it again, and reports it
                if (
                    entry_pictures
                    and decide_import(source.settings, entry, load_entry(tx, source, entry)).article
                ):
                    pictures += entry_pictures
    assets.decode_pictures(database, pictures)


def import_entries(
    tx: Transaction, source: Source, reading: SourceReading, now: datetime
) -> ImportResult:
    """Import all entries of a reading. An entry that fails does not block the others."""
    result = ImportResult(problems=list(reading.problems), long_files=reading.long_files)
    for entry in _refuse_duplicate_files(reading.entries):
        try:
            with tx.open_savepoint():
                decision = decide_import(source.settings, entry, load_entry(tx, source, entry))
                apply_import(tx, build_author(source), source, entry, decision, result, now)
        except (InputError, Refused) as error:
            result.problems.append(_describe_problem(entry, error))
        except (ConfigError, ConcurrencyError):
            raise
        except Exception as error:
            result.problems.append(f"{entry.origin}: {_describe_bug(error)}")
            result.has_internal_errors = True
    return result


def _refuse_duplicate_files(entries: Iterable[SourceEntry]) -> Iterable[SourceEntry]:
    """Refuse a file with the slug and language of an earlier file, since each would revise the
    other's article whenever the folder is read."""
    first_origins: dict[tuple[str, str], str] = {}
    for entry in entries:
        if entry.file is None or entry.content is None:
            yield entry
            continue
        slug, language = entry.content.slug, entry.content.language
        first_origin = first_origins.setdefault((slug, language), entry.origin)
        if first_origin == entry.origin:
            yield entry
            continue
        problem = (
            f"{entry.file.locate_key('slug')}: {first_origin} has {slug} in {language} already; "
            "give one of them another slug or language"
        )
        yield replace(entry, content=None, problem=problem)


def _describe_problem(entry: SourceEntry, error: MailerError) -> str:
    if entry.file is None:
        return f"{entry.origin}: {error}"
    return f"{entry.file.locate_key(error.where or error.field)}: {error.message}"


def apply_import(
    tx: Transaction,
    actor: Actor,
    source: Source,
    entry: SourceEntry,
    decision: EntryDecision,
    result: ImportResult,
    now: datetime,
) -> None:
    """Carry out a decision about an entry, and add its outcome to `result`. The actor is the
    source."""
    if decision.item is not None:
        tx.sources.save_item(source, decision.item, now)
    if decision.action is ImportAction.REFUSE:
        result.problems.append(decision.problem)
    elif decision.action is ImportAction.LEAVE_UNCHANGED:
        result.unchanged += 1
    elif decision.action is ImportAction.KEEP_QUEUED:
        result.changed_after_queueing.append(decision.label)
    else:
        assert decision.article is not None
        article, outcome = _import_content(
            tx,
            actor,
            entry,
            decision.article.content,
            decision.article.state,
            now,
        )
        if outcome is ArticleOutcome.UNCHANGED:
            result.unchanged += 1
        else:
            result.imported.append((outcome, article, entry.omissions))
            gaps = describe_gaps(entry) if entry.file is None else []
            result.gaps[article.slug, article.language] = gaps


def _import_content(
    tx: Transaction,
    actor: Actor,
    entry: SourceEntry,
    content: Content,
    state: ArticleState,
    now: datetime,
) -> tuple[Article, ArticleOutcome]:
    if entry.file is not None:
        return import_article(tx, actor, entry.file, now, state=state)
    for attached_file in entry.attached_files:
        tx.releases.save_file(
            attached_file.sha256, attached_file.media_type, attached_file.content, now
        )
    for picture in entry.pictures:
        assets.add_asset(tx, actor, picture, now)
    return articles.add_article(tx, actor, content, now, dated=entry.dated, state=state)


def import_draft(
    tx: Transaction, actor: Actor, entry: SourceEntry, now: datetime, *, queue: bool = False
) -> tuple[Article, ArticleOutcome]:
    """Import a single entry that staff asked for: as a draft, or queued if `queue` is set.

    Unless `queue` is set, a queued article is never changed; the entry becomes another story
    instead. Raises InputError if the entry can't be imported."""
    content = entry.content
    if content is None:
        raise InputError(entry.problem)
    existing = tx.articles.find_article(content.slug, content.language)
    if existing is not None and has_same_content(existing, content, dated=entry.dated):
        return existing, ArticleOutcome.UNCHANGED
    is_same_story = existing is not None and existing.canonical_url == content.canonical_url
    if existing is not None and not (
        is_same_story and (queue or existing.state is ArticleState.DRAFT)
    ):
        content = replace(content, slug=find_free_slug(tx, content))
    state = ArticleState.QUEUED if queue else ArticleState.DRAFT
    return _import_content(tx, actor, entry, content, state, now)
