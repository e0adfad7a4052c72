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
from mailer.articles.checks import check_web_address
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
from mailer.model.event_details import EventDetails
from mailer.model.press_release import Release
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.samples import DAY, NOW, make_article, make_content

LATER = NOW + DAY


class FakeArticleStore:
    """Articles in memory, with the topics `health` and `diaspora`."""

    def __init__(self) -> None:
        self.saved_articles: dict[tuple[str, str], Article] = {}
        self.notes: list[str] = []
        self.reverted_editions: list[tuple[str, str]] = []

    def find_article(self, slug: str, language: str) -> Article | None:
        return self.saved_articles.get((slug, language))

    def find_articles(self, query: ArticleQuery) -> list[Article]:
        return [article for article in self.saved_articles.values() if article.slug in query.slugs]

    def _save(self, article: Article) -> Article:
        self.saved_articles[article.slug, article.language] = article
        return article

    def add_article(
        self,
        content: Content,
        now: datetime,
        author: str = "",
        state: ArticleState = ArticleState.QUEUED,
    ) -> Article:
        plain: dict[str, Any] = {f: getattr(content, f) for f in Content.__dataclass_fields__}
        number = len(self.saved_articles) + 1
        return self._save(
            make_article(**plain, id=number, state=state, created_at=now, updated_at=now)
        )

    def revise_article(
        self, article: Article, content: Content, note: str, now: datetime, author: str = ""
    ) -> Article:
        self.notes.append(note)
        plain: dict[str, Any] = {f: getattr(content, f) for f in Content.__dataclass_fields__}
        revision = article.revision + 1
        return self._save(replace(article, **plain, revision=revision, updated_at=now))

    def set_state(self, article: Article, state: ArticleState, now: datetime) -> Article:
        return self._save(replace(article, state=state, updated_at=now))

    def find_unknown_topics(self, slugs: Iterable[str]) -> Sequence[str]:
        return [slug for slug in slugs if slug not in {"health", "diaspora"}]

    def revert_editions_to_draft(
        self, slug: str, reason: str, now: datetime, actor: Actor | None = None
    ) -> Sequence[int]:
        self.reverted_editions.append((slug, reason))
        return []


# ---- what an article may be -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "message"),
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
def test_invalid_article_field_is_named(fields: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        articles.check_content(make_content(**fields))
    assert caught.value.field == field


def test_invalid_article_language_is_refused() -> None:
    with pytest.raises(InputError, match="not a language tag"):
        articles.check_content(make_content(language="english"))


def test_article_date_without_zone_raises_value_error() -> None:
    with pytest.raises(ValueError, match="aware"):
        articles.check_content(make_content(published=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_article_fields_are_put_in_canonical_form() -> None:
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
def test_slug_from_any_title_is_valid_or_empty(title: str) -> None:
    slug = articles.make_slug(title)
    assert slug == "" or SLUG.fullmatch(slug)
    assert len(slug) <= SLUG_LENGTH


def test_slug_from_title_has_whole_words() -> None:
    assert articles.make_slug("It’s a boy: 3 kg!") == "its-a-boy-3-kg"
    assert articles.make_slug("移民") == ""
    assert articles.make_slug("word " * 40) == "-".join(["word"] * 16)


@given(st.sampled_from(list(Content.__dataclass_fields__)))
def test_article_fingerprint_depends_on_every_field(name: str) -> None:
    other: dict[str, Any] = {
        "kind": ArticleKind.EVENT,
        "published": LATER,
        "topics": ("health",),
        "image": Image("https://example.org/b.jpg", "A boat"),
        "lead": True,
        "release": Release(subhead="and more"),
        "event": EventDetails("2026-12-18", "UTC"),
        "pictures": (Image("https://example.org/b.jpg", "A boat"),),
    }
    content = make_content()
    changed = replace(content, **{name: other.get(name, "other")})
    assert changed.compute_fingerprint() != content.compute_fingerprint()
    assert replace(content).compute_fingerprint() == content.compute_fingerprint()


# ---- stories ----------------------------------------------------------------------------------


def test_story_groups_translations_and_their_topics() -> None:
    stories = articles.group_stories(
        [
            make_article("storm", topics=("health",), published=NOW),
            make_article("vote"),
            make_article("storm", language="fr", topics=("diaspora", "health"), published=LATER),
            make_article("storm", language="ar", lead=True, published=NOW - DAY),
        ]
    )
    assert [story.slug for story in stories] == ["storm", "vote"]
    storm = stories[0]
    assert storm.topics == ("health", "diaspora")
    assert storm.languages == ("en", "fr", "ar")
    assert storm.published == NOW - DAY
    assert storm.lead
    assert not stories[1].lead


@pytest.mark.parametrize(
    ("language", "default", "expected"),
    [("fr", "en", "fr"), ("fr-CA", "en", "fr"), ("ru", "en", "en"), ("ru", "es", None)],
)
def test_story_translation_falls_back_to_default_language(
    language: str, default: str, expected: str | None
) -> None:
    story = Story("storm", (make_article("storm"), make_article("storm", language="fr")))
    translation = story.find_translation(language, default)
    assert (translation.language if translation else None) == expected


# ---- verbs ------------------------------------------------------------------------------------


def test_article_is_added_unchanged_then_revised() -> None:
    article_store = FakeArticleStore()
    first, outcome = articles.add_article(
        make_transaction(articles=article_store), STAFF, make_content(), NOW
    )
    assert outcome is ArticleOutcome.ADDED
    assert articles.add_article(
        make_transaction(articles=article_store),
        STAFF,
        make_content(title=" Relief reaches  the coast"),
        LATER,
    ) == (
        first,
        ArticleOutcome.UNCHANGED,
    )
    revised, outcome = articles.add_article(
        make_transaction(articles=article_store), STAFF, make_content(body="Boats left."), LATER
    )
    assert outcome is ArticleOutcome.REVISED
    assert (revised.revision, revised.body) == (2, "Boats left.")


def test_article_change_reverts_editions_to_draft() -> None:
    article_store = FakeArticleStore()
    articles.add_article(make_transaction(articles=article_store), STAFF, make_content(), NOW)
    articles.add_article(make_transaction(articles=article_store), STAFF, make_content(), NOW)
    articles.add_article(
        make_transaction(articles=article_store), STAFF, make_content(language="fr"), NOW
    )
    articles.edit_article(
        make_transaction(articles=article_store),
        STAFF,
        "storm-relief",
        "EN",
        {"title": "New", "byline": "Ana"},
        NOW,
    )
    articles.edit_article(
        make_transaction(articles=article_store), STAFF, "storm-relief", "en", {"title": "New"}, NOW
    )
    articles.withdraw_articles(
        make_transaction(articles=article_store), STAFF, "storm-relief", None, NOW
    )
    articles.withdraw_articles(
        make_transaction(articles=article_store), STAFF, "storm-relief", None, NOW
    )
    assert article_store.reverted_editions == [
        ("storm-relief", "en was added"),
        ("storm-relief", "fr was added"),
        ("storm-relief", "byline, title edited"),
        ("storm-relief", "withdrawn"),
    ]


def test_undated_article_added_again_keeps_first_date() -> None:
    article_store = FakeArticleStore()
    articles.add_article(
        make_transaction(articles=article_store),
        STAFF,
        make_content(published=NOW),
        NOW,
        dated=False,
    )
    again = make_content(published=LATER)
    assert (
        articles.add_article(
            make_transaction(articles=article_store), STAFF, again, LATER, dated=False
        )[1]
        is ArticleOutcome.UNCHANGED
    )
    revised, outcome = articles.add_article(
        make_transaction(articles=article_store), STAFF, again, LATER
    )
    assert outcome is ArticleOutcome.REVISED
    assert revised.published == LATER


def test_withdrawn_article_stays_withdrawn_after_revision() -> None:
    article_store = FakeArticleStore()
    articles.add_article(make_transaction(articles=article_store), STAFF, make_content(), NOW)
    articles.withdraw_articles(
        make_transaction(articles=article_store), STAFF, "storm-relief", "en", NOW
    )
    revised, _ = articles.add_article(
        make_transaction(articles=article_store), STAFF, make_content(body="Boats left."), LATER
    )
    assert revised.state is ArticleState.WITHDRAWN
    (restored,) = articles.restore_articles(
        make_transaction(articles=article_store), STAFF, "storm-relief", None, LATER
    )
    assert restored.state is ArticleState.QUEUED
    assert (
        articles.restore_articles(
            make_transaction(articles=article_store), STAFF, "storm-relief", None, LATER
        )
        == []
    )


def test_single_translation_can_be_withdrawn() -> None:
    article_store = FakeArticleStore()
    articles.add_article(make_transaction(articles=article_store), STAFF, make_content(), NOW)
    articles.add_article(
        make_transaction(articles=article_store), STAFF, make_content(language="fr"), NOW
    )
    withdrawn = articles.withdraw_articles(
        make_transaction(articles=article_store), STAFF, "storm-relief", "fr", NOW
    )
    assert [article.language for article in withdrawn] == ["fr"]
    assert (
        articles.get_article(make_transaction(articles=article_store), "storm-relief", "en").state
        is ArticleState.QUEUED
    )


def test_article_with_unknown_topic_is_not_saved() -> None:
    article_store = FakeArticleStore()
    with pytest.raises(
        InputError, match=r"topics: there is no topic 'helth'; correct the spelling"
    ):
        articles.add_article(
            make_transaction(articles=article_store),
            STAFF,
            make_content(topics=("health", "helth")),
            NOW,
        )
    assert article_store.saved_articles == {}


def test_topic_with_capitals_is_offered_as_its_slug() -> None:
    article_store = FakeArticleStore()
    with pytest.raises(InputError, match="write the topic's slug, such as health") as caught:
        articles.add_article(
            make_transaction(articles=article_store), STAFF, make_content(topics=("Health",)), NOW
        )
    assert caught.value.next_steps == (NextStep("list_topics"),)


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("https://example.org/a b", "write each space as %20"),
        ("example.org", "start it with https:// and a host"),
        ("https://example.org/\u200b", "remove the invisible characters"),
    ],
)
def test_hint_for_web_address_fits_its_fault(address: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        check_web_address(address, "canonical_url")
    assert caught.value.hint == hint


def test_invalid_article_edit_changes_nothing() -> None:
    article_store = FakeArticleStore()
    before, _ = articles.add_article(
        make_transaction(articles=article_store), STAFF, make_content(), NOW
    )
    with pytest.raises(InputError, match="no title"):
        articles.edit_article(
            make_transaction(articles=article_store),
            STAFF,
            "storm-relief",
            "en",
            {"title": ""},
            LATER,
        )
    assert (
        articles.get_article(make_transaction(articles=article_store), "storm-relief", "en")
        == before
    )


def test_missing_article_raises_not_found() -> None:
    tx = make_transaction(articles=FakeArticleStore())
    with pytest.raises(NotFound, match="there is no article storm in fr"):
        articles.get_article(tx, "storm", "fr")
    with pytest.raises(NotFound, match="there is no article storm") as caught:
        articles.withdraw_articles(tx, STAFF, "storm", None, NOW)
    assert caught.value.next_steps == (NextStep("list_articles"),)


def test_article_content_equals_given_content() -> None:
    assert make_article(title="A").content == make_content(title="A")
    assert make_article().published.tzinfo is UTC
    assert make_article().updated_at - make_article().published == timedelta(days=1)
