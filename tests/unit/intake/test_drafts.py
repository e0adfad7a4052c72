"""Drafts from sources: checked content, and a report of omissions."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.articles import SLUG, SUMMARY_LENGTH, TITLE_LENGTH
from mailer.errors import ConfigError, InputError
from mailer.intake.drafts import (
    Draft,
    DraftDefaults,
    SourceArticle,
    build_draft,
    separate_slugs,
    to_one_line,
)
from mailer.intake.extra import import_package
from mailer.intake.omissions import OmissionReport, shorten_text
from mailer.model.articles import ArticleKind, Image
from tests.unit.samples import NOW

DEFAULTS = DraftDefaults(
    NOW, "en", ArticleKind.STATEMENT, ("press",), topics_by_category={"sea": "sea", "ports": "sea"}
)
PLAIN = SourceArticle("x", title="Lanterns", body="<p>Text.</p>")


def make_draft(**changes: object) -> Draft:
    return build_draft(replace(PLAIN, **changes), DEFAULTS, OmissionReport())  # type: ignore[arg-type]


def map_omissions(draft: Draft) -> dict[str, str]:
    return {omission.kind: omission.example for omission in draft.omissions}


def test_draft_uses_defaults_for_missing_fields() -> None:
    draft = make_draft()
    assert (draft.content.kind, draft.content.language) == (ArticleKind.STATEMENT, "en")
    assert (draft.content.topics, draft.content.published, draft.dated) == (("press",), NOW, False)
    assert (draft.key, draft.omissions, draft.pictures) == ("", (), ())
    assert draft.fingerprint == draft.content.compute_fingerprint()


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({}, "lanterns"),
        ({"title": "Événement à l’étranger"}, "evenement-a-letranger"),
        ({"title": "Straße"}, "stra-e"),
        ({"slug": "own-word"}, "own-word"),
        ({"title": "ضوء الميناء", "address": "https://example.org/ar/light/"}, "light"),
        ({"title": "ضوء 2026", "address": "https://example.org/a/night.html?x=1"}, "night"),
        ({"title": "ضوء", "address": "https://example.org/?p=3", "key": "3"}, "story-4e074085"),
        ({"title": "ضوء الميناء IOM", "slug": "%d8%b6%d9%88%d8%a1", "key": "3"}, "story-4e074085"),
        ({"title": "ضوء", "slug": "ضوء", "key": "3"}, "story-4e074085"),
        ({"title": "2026", "key": "3"}, "story-4e074085"),
    ],
)
def test_draft_slug_from_words_or_stable_hash(changes: dict[str, str], slug: str) -> None:
    assert make_draft(**changes).content.slug == slug


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_draft_with_any_title_has_valid_slug(title: str, key: str, slug: str) -> None:
    draft = make_draft(title=title, key=key, slug=slug)
    assert SLUG.fullmatch(draft.content.slug)
    assert draft.content.title
    assert draft.content.slug == make_draft(title=title, key=key, slug=slug).content.slug


def test_draft_slug_collision_changes_later_story() -> None:
    old = make_draft(key="1", published=datetime(2026, 1, 1, tzinfo=UTC))
    new = make_draft(key="2", published=datetime(2026, 2, 1, tzinfo=UTC))
    translation = make_draft(key="3", language="fr", published=datetime(2026, 3, 1, tzinfo=UTC))
    assert [draft.content.slug for draft in separate_slugs([translation, new, old])] == [
        "lanterns",
        "lanterns-d4735e3a",
        "lanterns",
    ]
    assert separate_slugs([old]) == (old,)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("a &amp; b", "a & b"),
        ("a &amp;amp; b", "a & b"),
        ("<b>a</b> &lt;i&gt;b&lt;/i&gt;", "a b"),
        ("&amp;lt;b&amp;gt;x", "x"),
        ("5 &lt; 6", "5 < 6"),
        ("a &lt;x&gt; b", "a <x> b"),
        ("&amp;#8217;&amp;nbsp;x", "’ x"),
        ("a\n\tb\u2028c", "a b c"),
        ("<script>x</script>y", "y"),
        ("R&amp;D; x", "R&D; x"),
        ("", ""),
    ],
)
def test_draft_title_is_one_line_of_plain_text(written: str, title: str) -> None:
    assert to_one_line(written) == title


def test_draft_long_title_and_summary_are_cut_between_words() -> None:
    draft = make_draft(title="word " * 100, summary="<p>" + "word " * 400)
    assert draft.content.title.endswith("word…")
    assert len(draft.content.title) <= TITLE_LENGTH
    assert draft.content.summary.endswith("word…")
    assert len(draft.content.summary) <= SUMMARY_LENGTH
    assert map_omissions(draft)["end of a long title"]
    assert shorten_text("one two, three", 12) == "one two…"
    assert shorten_text("x" * 30, 10) == "x" * 9 + "…"


def test_draft_summary_equal_to_text_is_dropped() -> None:
    assert make_draft(summary="Text.").content.summary == ""
    assert make_draft(summary="Other.").content.summary == "Other."


def test_draft_missing_title_is_replaced_by_first_words() -> None:
    draft = make_draft(title=" ", body="<h2>Part</h2><p>Text of it.</p>")
    assert draft.content.title == "Part Text of it."
    assert any("title was missing" in kind for kind in map_omissions(draft))


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("Press desk", "Press desk"),
        ("desk@example.org (Press desk)", "Press desk"),
        ("Press desk <desk@example.org>", "Press desk"),
        ('"Press desk" <mailto:desk@example.org>', "Press desk"),
        ("desk@example.org", ""),
        ("Bread &amp; salt", "Bread & salt"),
        ("<b>Press</b>", "Press"),
    ],
)
def test_draft_byline_has_names_without_addresses(author: str, name: str) -> None:
    assert make_draft(authors=(author, author, "")).content.byline == name


def test_draft_categories_become_topics() -> None:
    draft = make_draft(categories=("Sea", "PORTS", "Other", "other  thing"))
    assert draft.content.topics == ("press", "sea")
    assert [(omission.kind, omission.times) for omission in draft.omissions] == [("category", 2)]


def test_draft_with_unknown_language_uses_default() -> None:
    draft = make_draft(language="tlh-x")
    assert (draft.content.language, map_omissions(draft)) == ("en", {"unknown language": "tlh-x"})
    assert make_draft(language="pt_br").content.language == "pt-BR"


def test_draft_picture_needs_address_and_alt_text() -> None:
    url = "https://example.org/a.jpg"
    assert make_draft(picture=Image(url, "A &amp; b")).content.image == Image(url, "A & b")
    assert map_omissions(make_draft(picture=Image(url, " "))) == {"picture without alt text": url}
    assert map_omissions(make_draft(picture=Image("/a.jpg", "A"))) == {
        "picture without address": "/a.jpg"
    }


def test_draft_date_is_stored_in_utc_seconds() -> None:
    draft = make_draft(published=datetime.fromisoformat("2026-11-03T09:30:15.5+01:00"))
    assert (draft.content.published, draft.dated) == (
        datetime(2026, 11, 3, 8, 30, 15, tzinfo=UTC),
        True,
    )


def test_draft_without_text_is_refused() -> None:
    with pytest.raises(InputError, match="no text") as caught:
        make_draft(body="<script>x</script><img src=x>")
    assert caught.value.where == "x"


def test_missing_extra_package_offers_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "feedparser", None)
    with pytest.raises(ConfigError, match="feedparser is missing") as caught:
        import_package("feedparser")
    (step,) = caught.value.next_steps
    assert (step.action, step.facts) == ("install_extra", {"extra": "intake"})
