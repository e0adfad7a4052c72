"""Valid articles; adding, editing and withdrawing them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import articles
from mailer.actor import Actor
from mailer.articles import SLUG, SLUG_LENGTH
from mailer.errors import InputError, NextStep, NotFound
from mailer.model.articles import (
    Article,
    ArticleKind,
    ArticleOutcome,
    ArticleQuery,
    ArticleState,
    Content,
    Image,
    Story,
)
from mailer.model.press_release import Release
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import DAY, NOW, make_article, make_content

LATER = NOW + DAY


class Shelf:
    """Articles in memory, with the topics `health` and `diaspora`."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Article] = {}
        self.notes: list[str] = []
        self.voided: list[tuple[str, str]] = []

    def find_article(self, slug: str, language: str) -> Article | None:
        return self.kept.get((slug, language))

    def find_articles(self, query: ArticleQuery) -> list[Article]:
        return [one for one in self.kept.values() if one.slug in query.slugs]

    def _keep(self, one: Article) -> Article:
        self.kept[one.slug, one.language] = one
        return one

    def add_article(
        self,
        content: Content,
        now: datetime,
        author: str = "",
        state: ArticleState = ArticleState.QUEUED,
    ) -> Article:
        plain: dict[str, Any] = {f: getattr(content, f) for f in Content.__dataclass_fields__}
        number = len(self.kept) + 1
        return self._keep(
            make_article(**plain, id=number, state=state, created_at=now, updated_at=now)
        )

    def revise_article(
        self, article: Article, content: Content, note: str, now: datetime, author: str = ""
    ) -> Article:
        self.notes.append(note)
        plain: dict[str, Any] = {f: getattr(content, f) for f in Content.__dataclass_fields__}
        revision = article.revision + 1
        return self._keep(replace(article, **plain, revision=revision, updated_at=now))

    def set_state(self, article: Article, state: ArticleState, now: datetime) -> Article:
        return self._keep(replace(article, state=state, updated_at=now))

    def find_unknown_topics(self, slugs: Iterable[str]) -> Sequence[str]:
        return [slug for slug in slugs if slug not in {"health", "diaspora"}]

    def revert_editions_to_draft(
        self, slug: str, reason: str, now: datetime, actor: Actor | None = None
    ) -> Sequence[int]:
        self.voided.append((slug, reason))
        return []


# ---- what an article may be -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "where", "what"),
    [
        ({"title": " \n "}, "title", "no title"),
        ({"title": "x" * 301}, "title", "longer than 300"),
        ({"slug": ""}, "slug", "can't be a slug"),
        ({"slug": "Storm"}, "slug", "can't be a slug"),
        ({"slug": "storm--relief"}, "slug", "can't be a slug"),
        ({"slug": "-storm"}, "slug", "can't be a slug"),
        ({"slug": "storm\n"}, "slug", "can't be a slug"),
        ({"slug": "stürm"}, "slug", "can't be a slug"),
        ({"slug": "../storm"}, "slug", "can't be a slug"),
        ({"slug": "x" * 81}, "slug", "can't be a slug"),
        ({"body": " \n"}, "body", "no text"),
        ({"summary": "x" * 1001}, "summary", "longer than 1000"),
        ({"image": Image("/boat.jpg", "A boat")}, "image.url", "not a web address"),
        ({"image": Image("https://example.org/b.jpg", " ")}, "image.alt", "no alt text"),
        ({"canonical_url": "javascript:alert(1)"}, "canonical_url", "not a web address"),
        ({"canonical_url": "https://"}, "canonical_url", "not a web address"),
        ({"canonical_url": "https://[::1"}, "canonical_url", "not a web address"),
        ({"canonical_url": "https://a.org/\nb"}, "canonical_url", "not a web address"),
        ({"canonical_url": "https://a.org/b c"}, "canonical_url", "not a web address"),
    ],
)
def test_a_field_that_can_not_be_is_named(fields: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        articles.check_content(make_content(**fields))
    assert caught.value.field == where


def test_a_language_that_can_not_be_is_refused() -> None:
    with pytest.raises(InputError, match="not a language tag"):
        articles.check_content(make_content(language="english"))


def test_a_date_without_its_zone_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="aware"):
        articles.check_content(make_content(published=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_fields_come_out_in_canonical_form() -> None:
    checked = articles.check_content(
        make_content(
            title=" Relief\n reaches ",
            language="EN-gb",
            topics=("health", "diaspora", "health"),
            byline=" Ana  Bo ",
            dateline="GENEVA\t",
        )
    )
    assert checked.title == "Relief reaches"
    assert checked.language == "en-GB"
    assert checked.topics == ("health", "diaspora")
    assert (checked.byline, checked.dateline) == ("Ana Bo", "GENEVA")
    assert articles.check_content(checked) == checked


@given(st.text(max_size=300))
def test_a_slug_made_from_a_title_is_a_slug_or_nothing(title: str) -> None:
    slug = articles.make_slug(title)
    assert slug == "" or SLUG.fullmatch(slug)
    assert len(slug) <= SLUG_LENGTH


def test_a_slug_is_made_of_whole_words() -> None:
    assert articles.make_slug("It’s a boy: 3 kg!") == "its-a-boy-3-kg"
    assert articles.make_slug("移民") == ""
    assert articles.make_slug("word " * 40) == "-".join(["word"] * 16)


@given(st.sampled_from(list(Content.__dataclass_fields__)))
def test_a_fingerprint_depends_on_every_field(name: str) -> None:
    other: dict[str, Any] = {
        "kind": ArticleKind.EVENT,
        "published": LATER,
        "topics": ("health",),
        "image": Image("https://example.org/b.jpg", "A boat"),
        "lead": True,
        "release": Release(subhead="and more"),
    }
    one = make_content()
    assert (
        replace(one, **{name: other.get(name, "other")}).compute_fingerprint()
        != one.compute_fingerprint()
    )
    assert replace(one).compute_fingerprint() == one.compute_fingerprint()


# ---- stories ----------------------------------------------------------------------------------


def test_translations_are_one_story_with_the_topics_of_all() -> None:
    found = articles.group_stories(
        [
            make_article("storm", topics=("health",), published=NOW),
            make_article("vote"),
            make_article("storm", language="fr", topics=("diaspora", "health"), published=LATER),
            make_article("storm", language="ar", lead=True, published=NOW - DAY),
        ]
    )
    assert [story.slug for story in found] == ["storm", "vote"]
    storm = found[0]
    assert storm.topics == ("health", "diaspora")
    assert storm.languages == ("en", "fr", "ar")
    assert storm.published == NOW - DAY
    assert storm.lead
    assert not found[1].lead


@pytest.mark.parametrize(
    ("wanted", "default", "read"),
    [("fr", "en", "fr"), ("fr-CA", "en", "fr"), ("ru", "en", "en"), ("ru", "es", None)],
)
def test_a_reader_gets_their_language_else_the_default_else_nothing(
    wanted: str, default: str, read: str | None
) -> None:
    story = Story("storm", (make_article("storm"), make_article("storm", language="fr")))
    found = story.find_translation(wanted, default)
    assert (found.language if found else None) == read


# ---- verbs ------------------------------------------------------------------------------------


def test_an_article_is_added_then_unchanged_then_revised() -> None:
    shelf = Shelf()
    first, outcome = articles.add_article(
        make_transaction(articles=shelf), STAFF, make_content(), NOW
    )
    assert outcome is ArticleOutcome.ADDED
    assert articles.add_article(
        make_transaction(articles=shelf),
        STAFF,
        make_content(title=" Relief reaches  the coast"),
        LATER,
    ) == (
        first,
        ArticleOutcome.UNCHANGED,
    )
    revised, outcome = articles.add_article(
        make_transaction(articles=shelf), STAFF, make_content(body="Boats left."), LATER
    )
    assert outcome is ArticleOutcome.REVISED
    assert (revised.revision, revised.body) == (2, "Boats left.")


def test_what_changes_a_story_voids_the_editions_that_hold_it() -> None:
    shelf = Shelf()
    articles.add_article(make_transaction(articles=shelf), STAFF, make_content(), NOW)
    articles.add_article(make_transaction(articles=shelf), STAFF, make_content(), NOW)
    articles.add_article(make_transaction(articles=shelf), STAFF, make_content(language="fr"), NOW)
    articles.edit_article(
        make_transaction(articles=shelf),
        STAFF,
        "storm-relief",
        "EN",
        {"title": "New", "byline": "Ana"},
        NOW,
    )
    articles.edit_article(
        make_transaction(articles=shelf), STAFF, "storm-relief", "en", {"title": "New"}, NOW
    )
    articles.withdraw_articles(make_transaction(articles=shelf), STAFF, "storm-relief", None, NOW)
    articles.withdraw_articles(make_transaction(articles=shelf), STAFF, "storm-relief", None, NOW)
    assert shelf.voided == [
        ("storm-relief", "en was added"),
        ("storm-relief", "fr was added"),
        ("storm-relief", "byline, title edited"),
        ("storm-relief", "withdrawn"),
    ]


def test_an_undated_file_brought_in_again_keeps_its_first_date() -> None:
    shelf = Shelf()
    articles.add_article(
        make_transaction(articles=shelf), STAFF, make_content(published=NOW), NOW, dated=False
    )
    again = make_content(published=LATER)
    assert (
        articles.add_article(make_transaction(articles=shelf), STAFF, again, LATER, dated=False)[1]
        is ArticleOutcome.UNCHANGED
    )
    revised, outcome = articles.add_article(make_transaction(articles=shelf), STAFF, again, LATER)
    assert outcome is ArticleOutcome.REVISED
    assert revised.published == LATER


def test_new_content_does_not_bring_a_withdrawn_article_back() -> None:
    shelf = Shelf()
    articles.add_article(make_transaction(articles=shelf), STAFF, make_content(), NOW)
    articles.withdraw_articles(make_transaction(articles=shelf), STAFF, "storm-relief", "en", NOW)
    revised, _ = articles.add_article(
        make_transaction(articles=shelf), STAFF, make_content(body="Boats left."), LATER
    )
    assert revised.state is ArticleState.WITHDRAWN
    (restored,) = articles.restore_articles(
        make_transaction(articles=shelf), STAFF, "storm-relief", None, LATER
    )
    assert restored.state is ArticleState.QUEUED
    assert (
        articles.restore_articles(
            make_transaction(articles=shelf), STAFF, "storm-relief", None, LATER
        )
        == []
    )


def test_one_translation_can_be_withdrawn_alone() -> None:
    shelf = Shelf()
    articles.add_article(make_transaction(articles=shelf), STAFF, make_content(), NOW)
    articles.add_article(make_transaction(articles=shelf), STAFF, make_content(language="fr"), NOW)
    done = articles.withdraw_articles(
        make_transaction(articles=shelf), STAFF, "storm-relief", "fr", NOW
    )
    assert [one.language for one in done] == ["fr"]
    assert (
        articles.get_article(make_transaction(articles=shelf), "storm-relief", "en").state
        is ArticleState.QUEUED
    )


def test_an_unknown_topic_is_refused_and_nothing_is_kept() -> None:
    shelf = Shelf()
    with pytest.raises(
        InputError, match=r"topics: there is no topic 'helth'; correct the spelling"
    ):
        articles.add_article(
            make_transaction(articles=shelf), STAFF, make_content(topics=("health", "helth")), NOW
        )
    assert shelf.kept == {}


def test_a_bad_edit_changes_nothing() -> None:
    shelf = Shelf()
    before, _ = articles.add_article(make_transaction(articles=shelf), STAFF, make_content(), NOW)
    with pytest.raises(InputError, match="no title"):
        articles.edit_article(
            make_transaction(articles=shelf), STAFF, "storm-relief", "en", {"title": ""}, LATER
        )
    assert articles.get_article(make_transaction(articles=shelf), "storm-relief", "en") == before


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match="there is no article storm in fr"):
        articles.get_article(make_transaction(articles=Shelf()), "storm", "fr")
    with pytest.raises(NotFound, match="there is no article storm") as caught:
        articles.withdraw_articles(make_transaction(articles=Shelf()), STAFF, "storm", None, NOW)
    assert caught.value.next_steps == (NextStep("list_articles"),)


def test_content_without_its_record_is_what_was_given() -> None:
    assert make_article(title="A").content == make_content(title="A")
    assert make_article().published.tzinfo is UTC
    assert make_article().updated_at - make_article().published == timedelta(days=1)
