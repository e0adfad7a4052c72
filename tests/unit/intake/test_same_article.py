"""An article is the same by whichever road it comes: as Markdown, a Word file, RSS or Atom.

The demo's articles, and those of a folder that MAILER_CORPUS names, where it is set.
"""

import os
from pathlib import Path

import pytest

import mailer.demo
from mailer.intake import feeds, files, word
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.normalise import parse_blocks
from mailer.model.articles import Content
from tests.unit.intake import factories
from tests.unit.samples import NOW

FOLDERS = [Path(mailer.demo.__file__).parent / "articles"]
if named := os.environ.get("MAILER_CORPUS"):
    FOLDERS.append(Path(named))


def contents() -> list[Content]:
    return [
        files.read_article(path, NOW, language="en", time_zone="Europe/London")
        for path in files.find_files(FOLDERS)
    ]


ALL = contents()
TOPICS = {topic: topic for one in ALL for topic in one.topics}


def defaults(content: Content | None = None) -> DraftDefaults:
    language = content.language if content else "en"
    return DraftDefaults(
        NOW, language=language, time_zone="Europe/London", topics_by_category=TOPICS
    )


def assert_same(draft: Draft, content: Content) -> None:
    got = draft.content
    assert parse_blocks(got.html) == parse_blocks(content.html)
    assert (got.title, got.published, got.language) == (
        content.title,
        content.published,
        content.language,
    )
    assert (got.byline, draft.dated, draft.omissions) == (content.byline, True, ())


@pytest.mark.parametrize("content", ALL, ids=lambda one: f"{one.slug}.{one.language}")
def test_by_word_it_is_the_same(content: Content) -> None:
    assert_same(
        word.read_docx(factories.build_docx(content), defaults(content), name="release.docx"),
        content,
    )


@pytest.mark.parametrize("made", [factories.build_rss, factories.build_atom])
def test_by_a_feed_it_is_the_same(made: object) -> None:
    assert callable(made)
    batch = feeds.read_feed(made(ALL), defaults(), address="https://example.org/feed")
    assert (len(batch.drafts), batch.problems) == (len(ALL), ())
    for draft, content in zip(batch.drafts, ALL, strict=True):
        assert_same(draft, content)
        got = draft.content
        assert (got.summary, got.topics) == (content.summary, content.topics)
        assert got.canonical_url == factories.choose_address(content)


def test_the_samples_are_in_four_languages() -> None:
    assert {one.language for one in ALL} >= {"en", "fr", "es", "ar"}
