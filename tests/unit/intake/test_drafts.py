"""What a source says becomes checked content; what can't be taken over is said."""

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


def made(**changes: object) -> Draft:
    return build_draft(replace(PLAIN, **changes), DEFAULTS, OmissionReport())  # type: ignore[arg-type]


def left_out(one: Draft) -> dict[str, str]:
    return {dropped.what: dropped.example for dropped in one.omissions}


def test_defaults_hold_where_nothing_is_said() -> None:
    one = made()
    assert (one.content.kind, one.content.language) == (ArticleKind.STATEMENT, "en")
    assert (one.content.topics, one.content.published, one.dated) == (("press",), NOW, False)
    assert (one.key, one.omissions, one.pictures) == ("", (), ())
    assert one.fingerprint == one.content.compute_fingerprint()


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
)  # fmt: skip
def test_a_slug_is_of_words_or_always_the_same_number(changes: dict[str, str], slug: str) -> None:
    assert made(**changes).content.slug == slug


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_whatever_a_title_is_the_draft_can_be_taken(title: str, key: str, slug: str) -> None:
    one = made(title=title, key=key, slug=slug)
    assert SLUG.fullmatch(one.content.slug)
    assert one.content.title
    assert one.content.slug == made(title=title, key=key, slug=slug).content.slug


def test_stories_of_one_slug_are_kept_apart_the_first_unchanged() -> None:
    old = made(key="1", published=datetime(2026, 1, 1, tzinfo=UTC))
    new = made(key="2", published=datetime(2026, 2, 1, tzinfo=UTC))
    other = made(key="3", language="fr", published=datetime(2026, 3, 1, tzinfo=UTC))
    assert [one.content.slug for one in separate_slugs([other, new, old])] == [
        "lanterns",
        "lanterns-d4735e3a",
        "lanterns",
    ]
    assert separate_slugs([old]) == (old,)


@pytest.mark.parametrize(
    ("written", "shown"),
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
def test_a_title_is_one_line_of_plain_text(written: str, shown: str) -> None:
    assert to_one_line(written) == shown


def test_what_is_too_long_is_cut_at_a_word() -> None:
    one = made(title="word " * 100, summary="<p>" + "word " * 400)
    assert one.content.title.endswith("word…")
    assert len(one.content.title) <= TITLE_LENGTH
    assert one.content.summary.endswith("word…")
    assert len(one.content.summary) <= SUMMARY_LENGTH
    assert left_out(one)["end of a long title"]
    assert shorten_text("one two, three", 12) == "one two…"
    assert shorten_text("x" * 30, 10) == "x" * 9 + "…"


def test_a_summary_that_is_the_text_is_none() -> None:
    assert made(summary="Text.").content.summary == ""
    assert made(summary="Other.").content.summary == "Other."


def test_the_first_words_stand_for_a_missing_title() -> None:
    one = made(title=" ", body="<h2>Part</h2><p>Text of it.</p>")
    assert one.content.title == "Part Text of it."
    assert any("title was missing" in what for what in left_out(one))


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
def test_a_byline_is_names_alone(author: str, name: str) -> None:
    assert made(authors=(author, author, "")).content.byline == name


def test_categories_are_topics_where_they_are_known() -> None:
    one = made(categories=("Sea", "PORTS", "Other", "other  thing"))
    assert one.content.topics == ("press", "sea")
    assert [(each.what, each.times) for each in one.omissions] == [("category", 2)]


def test_an_unknown_language_is_said_and_the_default_taken() -> None:
    one = made(language="tlh-x")
    assert (one.content.language, left_out(one)) == ("en", {"unknown language": "tlh-x"})
    assert made(language="pt_br").content.language == "pt-BR"


def test_a_picture_needs_an_address_and_words() -> None:
    url = "https://example.org/a.jpg"
    assert made(picture=Image(url, "A &amp; b")).content.image == Image(url, "A & b")
    assert left_out(made(picture=Image(url, " "))) == {"picture without alt text": url}
    assert left_out(made(picture=Image("/a.jpg", "A"))) == {"picture without address": "/a.jpg"}


def test_a_date_is_kept_to_the_second_in_utc() -> None:
    one = made(published=datetime.fromisoformat("2026-11-03T09:30:15.5+01:00"))
    assert (one.content.published, one.dated) == (
        datetime(2026, 11, 3, 8, 30, 15, tzinfo=UTC),
        True,
    )


def test_without_text_there_is_no_draft() -> None:
    with pytest.raises(InputError, match="no text") as caught:
        made(body="<script>x</script><img src=x>")
    assert caught.value.where == "x"


def test_a_package_that_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "feedparser", None)
    with pytest.raises(ConfigError, match=r"pip install 'pressmail\[intake\]'"):
        import_package("feedparser")
