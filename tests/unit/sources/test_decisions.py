"""Decisions about the entries of a source, made without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from mailer.model.articles import ArticleState, Content
from mailer.model.assets import PictureFile
from mailer.model.embargoes import EmbargoTerms
from mailer.model.reading import ReadAsset
from mailer.model.sources import OnImport, SourceEntry, SourceItem, SourceKind, SourceSettings
from mailer.sources import ImportAction, StoredEntry, compute_fingerprint, decide_import
from tests.unit.samples import NOW, make_article, make_content

FEED = SourceSettings("theirs", SourceKind.FEED, "https://www.example.org/feed")
QUEUING_FEED = replace(FEED, on_import=OnImport.QUEUE)
CLOSED_STATES = (ArticleState.WITHDRAWN, ArticleState.KILLED)


@dataclass(frozen=True)
class FakeFile:
    """A file of a watched folder, whose fields are all on line 3."""

    content: Content | None
    dated: bool = True
    embargo: EmbargoTerms | None = None
    files: Sequence[ReadAsset] = field(default=())
    pictures: Sequence[PictureFile] = ()

    def locate_key(self, key: str) -> str:
        return f"a.md, line 3 ({key})"


def make_entry(content: Content | None = None, **changes: Any) -> SourceEntry:
    entry_content = content or make_content()
    fingerprint = compute_fingerprint(entry_content, dated=True)
    return replace(
        SourceEntry("https://www.example.org/feed", entry_content, "one", fingerprint), **changes
    )


def make_file_entry(content: Content | None = None, **changes: Any) -> SourceEntry:
    file_content = content or make_content()
    return SourceEntry("a.md", file_content, file=FakeFile(file_content, **changes))


def make_item(entry: SourceEntry, key: str = "one") -> SourceItem:
    assert entry.content is not None
    return SourceItem(key, entry.fingerprint, entry.content.slug, entry.content.language)


@pytest.mark.parametrize(
    ("settings", "state"), [(FEED, ArticleState.DRAFT), (QUEUING_FEED, ArticleState.QUEUED)]
)
def test_new_entry_is_imported_under_free_slug(
    settings: SourceSettings, state: ArticleState
) -> None:
    decision = decide_import(settings, make_entry(), StoredEntry(free_slug="storm-2"))
    assert decision.action is ImportAction.IMPORT
    assert decision.article is not None
    assert (decision.article.content.slug, decision.article.state) == ("storm-2", state)
    assert decision.item is not None
    assert (decision.item.key, decision.item.slug) == ("one", "storm-2")


def test_entry_with_stored_fingerprint_is_unchanged() -> None:
    entry = make_entry()
    decision = decide_import(FEED, entry, StoredEntry(make_item(entry)))
    assert (decision.action, decision.item) == (ImportAction.LEAVE_UNCHANGED, None)


def test_same_content_under_another_key_is_same_story() -> None:
    entry = make_entry()
    decision = decide_import(FEED, entry, StoredEntry(same_item=make_item(entry, "old")))
    assert decision.action is ImportAction.LEAVE_UNCHANGED
    assert decision.item == make_item(entry)


def test_changed_entry_revises_its_draft_under_stored_slug() -> None:
    item = replace(make_item(make_entry()), slug="stored-slug", language="fr")
    changed_entry = make_entry(make_content(title="Another title"))
    decision = decide_import(
        FEED, changed_entry, StoredEntry(item, article=make_article(state=ArticleState.DRAFT))
    )
    assert decision.action is ImportAction.IMPORT
    assert decision.article is not None
    assert decision.article.content.slug == "stored-slug"
    assert decision.article.content.language == "fr"


@pytest.mark.parametrize(
    ("settings", "state", "is_own_revision"),
    [
        (FEED, ArticleState.QUEUED, True),
        (FEED, ArticleState.DRAFT, False),
        (QUEUING_FEED, ArticleState.QUEUED, False),
        *((settings, state, True) for settings in (FEED, QUEUING_FEED) for state in CLOSED_STATES),
    ],
)
def test_changed_entry_never_overwrites_decision_of_staff(
    settings: SourceSettings, state: ArticleState, is_own_revision: bool
) -> None:
    stored = StoredEntry(
        make_item(make_entry()), article=make_article(state=state), is_own_revision=is_own_revision
    )
    changed_entry = make_entry(make_content(title="Another title"))
    decision = decide_import(settings, changed_entry, stored)
    assert decision.action is ImportAction.KEEP_QUEUED
    assert decision.label.endswith("(en)")
    assert decision.item is not None, "the change is not reported again"


def test_source_that_may_queue_revises_queued_article() -> None:
    stored = StoredEntry(make_item(make_entry()), article=make_article(state=ArticleState.QUEUED))
    decision = decide_import(QUEUING_FEED, make_entry(make_content(title="Another title")), stored)
    assert decision.action is ImportAction.IMPORT


def test_unreadable_entry_is_refused_with_its_problem() -> None:
    entry = SourceEntry("a.md", None, problem="a.md, line 1: it has no title")
    decision = decide_import(FEED, entry, StoredEntry())
    assert (decision.action, decision.problem) == (ImportAction.REFUSE, entry.problem)


def test_file_keeps_its_own_slug_and_needs_no_item() -> None:
    decision = decide_import(FEED, make_file_entry(), StoredEntry())
    assert (decision.action, decision.item) == (ImportAction.IMPORT, None)
    assert decision.article is not None
    assert decision.article.content == make_content()


@pytest.mark.parametrize(
    ("title", "action"),
    [("Another title", ImportAction.KEEP_QUEUED), ("", ImportAction.LEAVE_UNCHANGED)],
)
def test_file_of_queued_article_changes_nothing(title: str, action: ImportAction) -> None:
    content = make_content(title=title) if title else make_content()
    stored = StoredEntry(article=make_article(state=ArticleState.QUEUED), is_story_queued=True)
    assert decide_import(FEED, make_file_entry(content), stored).action is action


def test_file_with_embargo_of_queued_story_is_refused() -> None:
    terms = EmbargoTerms(NOW.replace(tzinfo=None) + timedelta(days=1), "UTC")
    entry = make_file_entry(embargo=terms)
    decision = decide_import(FEED, entry, StoredEntry(is_story_queued=True))
    assert decision.action is ImportAction.REFUSE
    assert decision.problem == "a.md, line 3 (embargo): storm-relief is queued already"
    allowed = decide_import(QUEUING_FEED, entry, StoredEntry(is_story_queued=True))
    assert allowed.action is ImportAction.IMPORT


def test_fingerprint_of_undated_content_ignores_moment_of_reading() -> None:
    later_content = make_content(published=NOW + timedelta(days=1))
    assert compute_fingerprint(make_content(), dated=False) == compute_fingerprint(
        later_content, dated=False
    )
    assert compute_fingerprint(make_content(), dated=True) != compute_fingerprint(
        later_content, dated=True
    )
