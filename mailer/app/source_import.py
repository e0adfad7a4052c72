"""What sources bring: known by its key and by its content, so that nothing comes twice, and kept
from what staff have chosen."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mailer import articles, releases, sources
from mailer.actor import Actor, ActorKind
from mailer.app.mailer import Mailer
from mailer.articles import SLUG_LENGTH
from mailer.errors import (
    ConcurrencyError,
    ConfigError,
    FetchError,
    InputError,
    MailerError,
    Refused,
)
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.embedded_images import convert_to_assets
from mailer.intake.fetching import FetchGuard, Validators, build_user_agent
from mailer.intake.fetching.guard import PUBLIC_GUARD
from mailer.intake.files import ArticleFile
from mailer.intake.omissions import Omission
from mailer.intake.sources import SourceContent, read_source
from mailer.model.articles import (
    Article,
    ArticleKind,
    ArticleOutcome,
    ArticleQuery,
    ArticleState,
    Content,
)
from mailer.model.sources import OnImport, Source, SourceItem
from mailer.store import SqlTransaction

_UNDATED_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class ImportResult:
    """What a look at a source gave. `taken` are those that were added or revised; `kept` of
    those that have changed there, and stay as they are as somebody has queued them."""

    imported: list[tuple[ArticleOutcome, Article, tuple[Omission, ...]]] = field(
        default_factory=list
    )
    unchanged: int = 0
    unchanged_queued: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    has_internal_errors: bool = False
    """Whether some are missing for a fault of ours: the server is asked for all of it again."""

    def __str__(self) -> str:
        added = sum(outcome is ArticleOutcome.ADDED for outcome, _, _ in self.imported)
        counts = {
            "added": added,
            "revised": len(self.imported) - added,
            "unchanged": self.unchanged,
            "changed there, and kept as it is queued": len(self.unchanged_queued),
            "refused": len(self.problems),
        }
        summary = ", ".join(f"{count} {label}" for label, count in counts.items() if count)
        return summary or "nothing there"


def make_defaults(
    mailer: Mailer, tx: SqlTransaction, source: Source | None = None
) -> DraftDefaults:
    """What holds where a source says nothing. Categories that are named as topics are, or their
    slugs, become topics."""
    default_settings = mailer.settings.defaults
    topic_slugs = {
        name.lower(): topic.slug
        for topic in tx.lists.list_topics()
        for name in (topic.slug, *topic.names.values())
    }
    source_settings = source.settings if source else None
    return DraftDefaults(
        now=mailer.clock(),
        language=(source_settings.language if source_settings else "") or default_settings.language,
        kind=source_settings.article_kind if source_settings else ArticleKind.NEWS,
        topics=source_settings.topics if source_settings else (),
        time_zone=default_settings.time_zone,
        topics_by_category=topic_slugs,
    )


class _DiscardImport(Exception):
    """Leaves a transaction whose work is not kept."""


def import_source(
    mailer: Mailer, source: Source, guard: FetchGuard = PUBLIC_GUARD, *, save: bool = True
) -> ImportResult | None:
    """Look at a source, and take in what it has; None where nothing has changed there. What is
    fetched is fetched while no transaction is open. Raises what went wrong, which is kept with the
    source. Unless it is to `keep` what it brings, nothing is written."""
    with mailer.store.read() as tx:
        defaults = make_defaults(mailer, tx, source)
    try:
        gathered = read_source(
            source.settings,
            defaults,
            previous_validators=Validators(source.etag, source.last_modified),
            agent=build_user_agent(mailer.settings.organisation.website),
            guard=guard,
        )
        return _save_import(mailer, source, gathered, save=save)
    except Exception as error:
        if save:
            _record_failure(mailer, source, error)
        raise


def _record_failure(mailer: Mailer, source: Source, error: Exception) -> None:
    """Keep what went wrong with the source; also a fault of ours, or it would be first in turn
    again and again, and those behind it never looked at."""
    fetch_error = error if isinstance(error, FetchError) else None
    message = str(error) if isinstance(error, MailerError) else _describe_fault(error)
    with suppress(Refused), mailer.store.begin() as tx:
        sources.record_failure(
            tx,
            sources.reload_source(tx, source),
            message,
            mailer.clock(),
            is_permanent=bool(fetch_error and fetch_error.status == 410),
            retry_after=(fetch_error.retry_after if fetch_error else None) or 0.0,
        )


def _describe_fault(error: Exception) -> str:
    return f"a fault of ours: {type(error).__name__}: {error}".splitlines()[0][:300]


def _save_import(
    mailer: Mailer, source: Source, gathered: SourceContent, *, save: bool
) -> ImportResult | None:
    result: ImportResult | None = None
    with suppress(_DiscardImport), mailer.store.begin() as tx:
        tx.lock_releases()
        source = sources.reload_source(tx, source)
        result = None if gathered.unchanged else import_entries(mailer, tx, source, gathered)
        validators = Validators() if result and result.has_internal_errors else gathered.validators
        sources.record_success(
            tx,
            source,
            "unchanged" if result is None else str(result),
            mailer.clock(),
            etag=validators.etag or (source.etag if gathered.unchanged else ""),
            last_modified=validators.last_modified
            or (source.last_modified if gathered.unchanged else ""),
            place=gathered.permanent_url,
        )
        if not save:
            raise _DiscardImport
    return result


def import_entries(
    mailer: Mailer, tx: SqlTransaction, source: Source, gathered: SourceContent
) -> ImportResult:
    """Take in what a source has. One bad entry keeps no other out."""
    result = ImportResult(problems=[str(problem.error) for problem in gathered.batch.problems])
    # Oldest first, as they came out.
    for draft in reversed(gathered.batch.drafts):
        try:
            with tx.open_savepoint():
                _import_draft(mailer, tx, source, draft, result)
        except (InputError, Refused) as error:
            result.problems.append(f"{draft.origin}: {error}")
        except (ConfigError, ConcurrencyError):
            raise
        except Exception as error:
            _record_fault(result, draft.origin, error)
    first_files: dict[tuple[str, str], ArticleFile] = {}
    for file in gathered.files:
        if file.content is not None:
            first_file = first_files.setdefault((file.content.slug, file.content.language), file)
            if first_file is not file:  # they would revise each other at every look
                result.problems.append(
                    f"{file.locate_key('slug')}: {first_file.path} tells {file.content.slug} in "
                    f"{file.content.language} already; give one of them another slug or language"
                )
                continue
        try:
            with tx.open_savepoint():
                _import_watched_file(mailer, tx, source, file, result)
        except (ConfigError, ConcurrencyError):
            raise
        except Exception as error:
            _record_fault(result, str(file.path), error)
    return result


def _record_fault(result: ImportResult, origin: str, error: Exception) -> None:
    result.problems.append(f"{origin}: {_describe_fault(error)}")
    result.has_internal_errors = True


def _import_draft(
    mailer: Mailer, tx: SqlTransaction, source: Source, draft: Draft, result: ImportResult
) -> None:
    now = mailer.clock()
    fingerprint = _compute_fingerprint(draft)
    draft = _save_files(tx, draft, now)
    key = draft.key or draft.content.canonical_url or draft.content.title
    item = tx.sources.find_item(source, key)
    if item is None and (same_item := tx.sources.find_item_by_fingerprint(source, fingerprint)):
        # The same under another name: sites change their ids.
        item = SourceItem(key, fingerprint, same_item.slug, same_item.language)
        tx.sources.save_item(source, item, now)
    if item is not None and item.fingerprint == fingerprint:
        result.unchanged += 1
        return
    if item is None:
        content = replace(draft.content, slug=_find_free_slug(tx, draft.content))
    else:
        content = replace(draft.content, slug=item.slug, language=item.language)
    existing = tx.articles.find_article(content.slug, content.language)
    tx.sources.save_item(source, SourceItem(key, fingerprint, content.slug, content.language), now)
    may_queue = source.settings.arrival is OnImport.QUEUE
    open_states = {ArticleState.DRAFT, ArticleState.QUEUED} if may_queue else {ArticleState.DRAFT}
    if existing is not None and (
        existing.state not in open_states or _is_edited(tx, existing, source)
    ):
        result.unchanged_queued.append(f"{content.slug} ({content.language})")
        return
    article, outcome = articles.add_article(
        tx,
        content,
        now,
        dated=draft.dated,
        author=_name_author(source),
        state=ArticleState.QUEUED if may_queue else ArticleState.DRAFT,
    )
    if outcome is ArticleOutcome.UNCHANGED:
        result.unchanged += 1
    else:
        result.imported.append((outcome, article, draft.omissions))


def _is_edited(tx: SqlTransaction, article: Article, source: Source) -> bool:
    """Whether somebody has written in it since the source brought it: that is not undone."""
    return tx.articles.find_last_author(article) != _name_author(source)


def _name_author(source: Source) -> str:
    return f"source {source.settings.name}"


def _compute_fingerprint(draft: Draft) -> str:
    """What tells whether an entry has changed: not the moment at which one without a date came."""
    if draft.dated:
        return draft.fingerprint
    return replace(draft.content, published=_UNDATED_MOMENT).compute_fingerprint()


def _find_free_slug(tx: SqlTransaction, content: Content) -> str:
    """A slug that no other story has."""
    slug, number = content.slug, 1
    while tx.articles.find_articles(ArticleQuery(slugs=(slug,))):
        number += 1
        suffix = f"-{number}"
        slug = content.slug[: SLUG_LENGTH - len(suffix)].rstrip("-") + suffix
    return slug


def _import_watched_file(
    mailer: Mailer, tx: SqlTransaction, source: Source, file: ArticleFile, result: ImportResult
) -> None:
    """A Markdown file of a watched folder: as `mailer article add` takes it."""
    if file.content is None:
        result.problems.append(str(file.error))
        return
    may_queue = source.settings.arrival is OnImport.QUEUE
    existing = tx.articles.find_article(file.content.slug, file.content.language)
    queued_articles = [
        story_article
        for story_article in tx.articles.find_articles(ArticleQuery(slugs=(file.content.slug,)))
        if story_article.state is ArticleState.QUEUED
    ]
    if file.embargo and queued_articles and not may_queue:
        # A file of a source that only makes drafts has no say in what is out.
        result.problems.append(
            f"{file.locate_key('embargo')}: {file.content.slug} is queued already"
        )
        return
    is_edited = existing is not None and _is_edited(tx, existing, source)
    if existing is not None and (
        is_edited or (existing.state is not ArticleState.DRAFT and not may_queue)
    ):
        if _has_changed(file, existing):
            result.unchanged_queued.append(f"{existing.slug} ({existing.language})")
        else:
            result.unchanged += 1
        return
    try:
        article, outcome = releases.import_article(
            tx,
            Actor(ActorKind.SOURCE, source.settings.name, _name_author(source)),
            file,
            mailer.clock(),
            state=ArticleState.QUEUED if may_queue else ArticleState.DRAFT,
        )
    except (InputError, Refused) as error:
        result.problems.append(f"{file.locate_key(error.where or error.field)}: {error.message}")
        return
    if outcome is ArticleOutcome.UNCHANGED:
        result.unchanged += 1
    else:
        result.imported.append((outcome, article, ()))


def _has_changed(file: ArticleFile, article: Article) -> bool:
    assert file.content is not None
    content = articles.check_content(file.content)
    if not file.dated:
        content = replace(content, published=article.published)
    return content.compute_fingerprint() != article.content.compute_fingerprint()


def add_draft(
    mailer: Mailer, tx: SqlTransaction, draft: Draft, *, author: str, queue: bool = False
) -> tuple[Article, ArticleOutcome, tuple[Omission, ...]]:
    """Take in one draft that somebody has asked for by hand: as a draft, unless it `queues`. What
    is queued already is not changed by it. Returns also what was left out."""
    draft = _save_files(tx, draft, mailer.clock())
    content = draft.content
    existing = tx.articles.find_article(content.slug, content.language)
    is_same_story = existing is not None and existing.canonical_url == content.canonical_url
    if existing is not None and not (
        is_same_story and (queue or existing.state is ArticleState.DRAFT)
    ):
        content = replace(content, slug=_find_free_slug(tx, content))
    article, outcome = articles.add_article(
        tx,
        content,
        mailer.clock(),
        dated=draft.dated,
        author=author,
        state=ArticleState.QUEUED if queue else ArticleState.DRAFT,
    )
    return article, outcome, draft.omissions


def _save_files(tx: SqlTransaction, draft: Draft, now: datetime) -> Draft:
    """The draft with its pictures as assets, where it has a place for them."""
    draft_with_assets, files = convert_to_assets(draft)
    for file in files:
        tx.releases.save_file(file.sha256, file.media_type, file.content, now)
    return draft_with_assets


def describe_dropped(dropped: Sequence[Omission]) -> list[str]:
    """What was left out, for people."""
    return [
        f"left out: {omission.what}"
        + (f" (× {omission.times})" if omission.times > 1 else "")
        + (f": {omission.example}" if omission.example else "")
        for omission in dropped
    ]
