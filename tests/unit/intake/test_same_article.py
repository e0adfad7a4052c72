"""An article is the same from every source: Markdown, a Word file, RSS or Atom.

The articles are the demo's, and those in the folder that MAILER_CORPUS names if it is set.
"""

import os
import re
from dataclasses import replace
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
if corpus_folder := os.environ.get("MAILER_CORPUS"):
    FOLDERS.append(Path(corpus_folder))


def read_contents() -> list[Content]:
    return [
        files.read_article(path, NOW, language="en", time_zone="Europe/London")
        for path in files.find_files(FOLDERS)
    ]


ALL = read_contents()
TOPICS = {topic: topic for one in ALL for topic in one.topics}


def make_defaults(content: Content | None = None) -> DraftDefaults:
    language = content.language if content else "en"
    return DraftDefaults(
        NOW, language=language, time_zone="Europe/London", topics_by_category=TOPICS
    )


def assert_same_article(draft: Draft, content: Content) -> None:
    draft_content = draft.content
    assert parse_blocks(draft_content.html) == parse_blocks(content.html)
    assert (draft_content.title, draft_content.published, draft_content.language) == (
        content.title,
        content.published,
        content.language,
    )
    assert (draft_content.byline, draft.dated, draft.omissions) == (content.byline, True, ())


@pytest.mark.parametrize("content", ALL, ids=lambda article: f"{article.slug}.{article.language}")
def test_same_article_from_word_file(content: Content) -> None:
    # A Word file holds the picture itself, and not its address on the web.
    content = replace(content, html=re.sub(r"<p><img [^>]*></p>\n?", "", content.html))
    assert "<img" not in content.html
    assert_same_article(
        word.read_docx(factories.build_docx(content), make_defaults(content), name="release.docx"),
        content,
    )


@pytest.mark.parametrize("build_feed", [factories.build_rss, factories.build_atom])
def test_same_article_from_feed(build_feed: object) -> None:
    assert callable(build_feed)
    batch = feeds.read_feed(build_feed(ALL), make_defaults(), address="https://example.org/feed")
    assert (len(batch.drafts), batch.problems) == (len(ALL), ())
    for draft, content in zip(batch.drafts, ALL, strict=True):
        assert_same_article(draft, content)
        draft_content = draft.content
        assert (draft_content.summary, draft_content.topics) == (content.summary, content.topics)
        assert draft_content.canonical_url == factories.choose_address(content)


def test_same_article_samples_cover_four_languages() -> None:
    assert {content.language for content in ALL} >= {"en", "fr", "es", "ar"}
