"""Import the entries of a source: read it, decide about each entry, and save the result."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailer import articles, assets
from mailer.actor import Actor, ActorKind
from mailer.articles import SLUG_LENGTH
from mailer.errors import (
    ConcurrencyError,
    ConfigError,
    FetchError,
    InputError,
    MailerError,
    Refused,
)
from mailer.model.articles import Article, ArticleOutcome, ArticleQuery, ArticleState, Content
from mailer.model.sources import (
    Reader,
    ReadOmission,
    Source,
    SourceEntry,
    SourceItem,
    SourceReading,
)
from mailer.model.transaction import Database, Transaction
from mailer.releases.article_import import import_article
from mailer.sources.decisions import (
    EntryDecision,
    ImportAction,
    StoredEntry,
    decide_import,
)
from mailer.sources.entry_reports import describe_gaps
from mailer.sources.settings import (
    record_failure,
    record_file_result,
    record_success,
    reload_source,
)


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


def import_entries(
    tx: Transaction, source: Source, reading: SourceReading, now: datetime
) -> ImportResult:
    """Import all entries of a reading. An entry that fails does not block the others."""
    result = ImportResult(problems=list(reading.problems), long_files=reading.long_files)
    for entry in _refuse_duplicate_files(reading.entries):
        try:
            with tx.open_savepoint():
                decision = decide_import(source.settings, entry, load_entry(tx, source, entry))
                apply_import(tx, _build_author(source), source, entry, decision, result, now)
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


def load_entry(tx: Transaction, source: Source, entry: SourceEntry) -> StoredEntry:
    """Load the stored data that :func:`~mailer.sources.decide_import` needs for an entry."""
    content = entry.content
    if content is None:
        return StoredEntry()
    if entry.file is not None:
        article = tx.articles.find_article(content.slug, content.language)
        story_articles = tx.articles.find_articles(ArticleQuery(slugs=(content.slug,)))
        return StoredEntry(
            article=article,
            is_own_revision=article is None or _is_own_revision(tx, source, article),
            is_story_queued=any(
                story_article.state is ArticleState.QUEUED for story_article in story_articles
            ),
        )
    item = tx.sources.find_item(source, entry.key)
    same_item = (
        tx.sources.find_item_by_fingerprint(source, entry.fingerprint) if item is None else None
    )
    known_item = item or same_item
    if known_item is None:
        known_item = _find_same_article(tx, entry, content)
        same_item = known_item
    article = tx.articles.find_article(known_item.slug, known_item.language) if known_item else None
    return StoredEntry(
        item,
        same_item,
        article,
        is_own_revision=article is None or _is_own_revision(tx, source, article),
        free_slug="" if known_item else _find_free_slug(tx, content),
    )


def _find_same_article(tx: Transaction, entry: SourceEntry, content: Content) -> SourceItem | None:
    """Return the item of an entry that staff have added already, such as a Word file, with the same
    content. Return None if there is no such article."""
    article = tx.articles.find_article(content.slug, content.language)
    if article is None or not _has_same_content(article, content, dated=entry.dated):
        return None
    return SourceItem(entry.key, entry.fingerprint, article.slug, article.language)


def _has_same_content(article: Article, content: Content, *, dated: bool) -> bool:
    """Check whether an article has this content. If the content is not `dated`, its date is that of
    reading, and does not count."""
    checked = articles.check_content(content)
    if not dated:
        checked = replace(checked, published=article.published)
    return checked.compute_fingerprint() == article.content.compute_fingerprint()


def _is_own_revision(tx: Transaction, source: Source, article: Article) -> bool:
    """Check whether the source wrote the last revision, since edits of staff are not
    overwritten."""
    return tx.articles.find_last_author_key(article) == _build_author(source).key


def _build_author(source: Source) -> Actor:
    return Actor(ActorKind.SOURCE, source.settings.name, f"source {source.settings.name}")


def _find_free_slug(tx: Transaction, content: Content) -> str:
    """Return the content's slug, with a number if another story has it."""
    slug, number = content.slug, 1
    while tx.articles.find_articles(ArticleQuery(slugs=(slug,))):
        number += 1
        suffix = f"-{number}"
        slug = content.slug[: SLUG_LENGTH - len(suffix)].rstrip("-") + suffix
    return slug


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
    if existing is not None and _has_same_content(existing, content, dated=entry.dated):
        return existing, ArticleOutcome.UNCHANGED
    is_same_story = existing is not None and existing.canonical_url == content.canonical_url
    if existing is not None and not (
        is_same_story and (queue or existing.state is ArticleState.DRAFT)
    ):
        content = replace(content, slug=_find_free_slug(tx, content))
    state = ArticleState.QUEUED if queue else ArticleState.DRAFT
    return _import_content(tx, actor, entry, content, state, now)
