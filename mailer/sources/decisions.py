"""Decisions about the entries of a source. This code is pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from mailer.articles import check_content
from mailer.model.articles import Article, ArticleState, Content
from mailer.model.sources import OnImport, SourceEntry, SourceItem, SourceSettings

_UNDATED_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


class ImportAction(StrEnum):
    """An action for an entry."""

    IMPORT = "import"
    """Add the entry's article, or revise it."""
    LEAVE_UNCHANGED = "unchanged"
    """The entry has not changed since its last import."""
    KEEP_QUEUED = "keep"
    """The entry has changed, but staff have queued, withdrawn or edited its article."""
    REFUSE = "refuse"
    """The entry can't be imported."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """The stored data about an entry: its `item`, its `article`, and whether the source itself
    wrote the article's last revision. `same_item` is an item with the same content under another
    key. `free_slug` is a slug that no other story has. `is_story_queued` is True if the story is
    queued in any language."""

    item: SourceItem | None = None
    same_item: SourceItem | None = None
    article: Article | None = None
    is_own_revision: bool = True
    is_story_queued: bool = False
    free_slug: str = ""


@dataclass(frozen=True, slots=True)
class ArticleImport:
    """The content to import, with its final slug and language, and the state of a new article."""

    content: Content
    state: ArticleState


@dataclass(frozen=True, slots=True)
class EntryDecision:
    """The decision about an entry. `item` is saved if it is set. `label` names an article that
    stays unchanged, and `problem` says why an entry is refused."""

    action: ImportAction
    item: SourceItem | None = None
    article: ArticleImport | None = None
    label: str = ""
    problem: str = ""


def compute_fingerprint(content: Content, *, dated: bool) -> str:
    """Compute the fingerprint by which a changed entry is recognised. If the entry has no date, the
    content's date is the time of reading, and does not count."""
    return (content if dated else replace(content, published=_UNDATED_MOMENT)).compute_fingerprint()


def decide_import(
    settings: SourceSettings, entry: SourceEntry, stored: StoredEntry
) -> EntryDecision:
    """Decide what to do with a feed entry or a file of a source."""
    if entry.content is None:
        return EntryDecision(ImportAction.REFUSE, problem=entry.problem)
    may_queue = settings.on_import is OnImport.QUEUE
    new_state = ArticleState.QUEUED if may_queue else ArticleState.DRAFT
    if entry.file is not None:
        return _decide_file(entry, entry.content, stored, new_state)
    item = stored.item
    moved_item = None
    if item is None and stored.same_item is not None:
        # The same content under another key, since sites change the ids of their entries.
        item = moved_item = replace(stored.same_item, key=entry.key)
    if item is not None and item.fingerprint == entry.fingerprint:
        return EntryDecision(ImportAction.LEAVE_UNCHANGED, item=moved_item)
    if item is None:
        content = replace(entry.content, slug=stored.free_slug)
    else:
        content = replace(entry.content, slug=item.slug, language=item.language)
    new_item = SourceItem(entry.key, entry.fingerprint, content.slug, content.language)
    open_states = {ArticleState.DRAFT, new_state}
    if stored.article is not None and (
        stored.article.state not in open_states or not stored.is_own_revision
    ):
        return EntryDecision(
            ImportAction.KEEP_QUEUED, item=new_item, label=f"{content.slug} ({content.language})"
        )
    return EntryDecision(
        ImportAction.IMPORT, item=new_item, article=ArticleImport(content, new_state)
    )


def _decide_file(
    entry: SourceEntry, content: Content, stored: StoredEntry, new_state: ArticleState
) -> EntryDecision:
    """Decide about a file of a watched folder. The file itself names the story."""
    assert entry.file is not None
    may_queue = new_state is ArticleState.QUEUED
    article = stored.article
    if entry.file.embargo and stored.is_story_queued and not may_queue:
        # A source that only makes drafts must not embargo a queued story.
        problem = f"{entry.file.locate_key('embargo')}: {content.slug} is queued already"
        return EntryDecision(ImportAction.REFUSE, problem=problem)
    is_closed = article is not None and (
        not stored.is_own_revision or (article.state is not ArticleState.DRAFT and not may_queue)
    )
    if article is not None and is_closed:
        checked = check_content(content)
        if not entry.dated:
            checked = replace(checked, published=article.published)
        if checked.compute_fingerprint() == article.content.compute_fingerprint():
            return EntryDecision(ImportAction.LEAVE_UNCHANGED)
        return EntryDecision(ImportAction.KEEP_QUEUED, label=f"{article.slug} ({article.language})")
    return EntryDecision(ImportAction.IMPORT, article=ArticleImport(content, new_state))
