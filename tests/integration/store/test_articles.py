"""Articles in the database: added, edited, revised, translated and withdrawn."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailer import articles
from mailer.errors import InputError, NotFound
from mailer.model.articles import ArticleKind, ArticleOutcome, ArticleQuery, ArticleState, Image
from mailer.store import Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, HOUR, NOW, make_content


def test_article_round_trip_keeps_content(store: Store) -> None:
    full = make_content(
        "boats",
        "migration",
        "health",
        kind=ArticleKind.PRESS_RELEASE,
        image=Image("https://www.example.org/boat.jpg", "A boat off the coast", "A. Writer"),
        byline="Amina Yusuf",
        dateline="Geneva, 18 December",
        lead=True,
        title="Boats — “all” of them, 船 and 𝒻 and \u202b too",
    )
    with store.begin() as tx:
        factories.add_topics(tx)
        added, outcome = articles.add_article(tx, STAFF, full, NOW)
    assert outcome is ArticleOutcome.ADDED
    with store.read() as tx:
        saved = articles.get_article(tx, "boats", "en")
    assert saved == added
    assert saved.content == full
    assert saved.topics == ("migration", "health"), "in the author's order"
    assert (saved.revision, saved.state, saved.created_at) == (1, ArticleState.QUEUED, NOW)


def test_same_content_leaves_article_unchanged(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        first = factories.add_story(tx, "boats", "health")
        again, outcome = articles.add_article(tx, STAFF, make_content("boats", "health"), NOW + DAY)
    assert outcome is ArticleOutcome.UNCHANGED
    assert again == first


def test_published_time_in_another_zone_is_unchanged(store: Store) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    with store.begin() as tx:
        factories.add_story(tx, "boats", published=NOW)
        article = articles.get_article(tx, "boats", "en")
        assert article.published.tzinfo is UTC
        _, outcome = articles.add_article(
            tx, STAFF, make_content("boats", published=NOW.astimezone(zone)), NOW
        )
        assert outcome is ArticleOutcome.UNCHANGED


def test_new_content_makes_article_revision(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_story(tx, "boats", "health", "climate")
        changed = make_content("boats", "housing", body="Something else.")
        revised, outcome = articles.add_article(tx, STAFF, changed, NOW + HOUR)
    assert outcome is ArticleOutcome.REVISED
    assert (revised.revision, revised.topics, revised.body) == (2, ("housing",), "Something else.")
    assert (revised.created_at, revised.updated_at) == (NOW, NOW + HOUR)


def test_undated_revision_keeps_published_time(store: Store) -> None:
    with store.begin() as tx:
        first = factories.add_story(tx, "boats")
        later = make_content("boats", body="Something else.", published=NOW + DAY)
        revised, _ = articles.add_article(tx, STAFF, later, NOW + DAY, dated=False)
    assert revised.published == first.published


def test_article_translations_share_slug(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_story(tx, "boats", "health")
        factories.add_story(tx, "boats", "migration", language="fr")
        (story,) = articles.group_stories(tx.articles.find_articles(ArticleQuery(slugs=("boats",))))
    assert story.languages == ("en", "fr")
    assert set(story.topics) == {"health", "migration"}


def test_unknown_topic_of_article_is_refused(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx, "health")
        with pytest.raises(InputError, match="there is no topic 'helth'"):
            factories.add_story(tx, "boats", "health", "helth")
        assert tx.articles.find_articles(ArticleQuery()) == []


def test_missing_article_is_named_in_error(store: Store) -> None:
    with store.read() as tx, pytest.raises(NotFound, match="no article boats in fr"):
        articles.get_article(tx, "boats", "fr")


def test_article_edit_changes_only_named_fields(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_story(tx, "boats", "health")
        edited, outcome = articles.edit_article(
            tx, STAFF, "boats", "EN", {"title": "  New   title ", "topics": ("climate",)}, NOW
        )
        assert (edited.title, edited.topics) == ("New title", ("climate",))
        assert outcome is ArticleOutcome.REVISED
        again, outcome = articles.edit_article(
            tx, STAFF, "boats", "en", {"title": "New title"}, NOW
        )
        assert (again, outcome) == (edited, ArticleOutcome.UNCHANGED)


def test_withdrawal_applies_to_story_or_translation(store: Store) -> None:
    with store.begin() as tx:
        factories.add_story(tx, "boats")
        factories.add_story(tx, "boats", language="fr")
        (translation,) = articles.withdraw_articles(tx, STAFF, "boats", "fr", NOW)
        assert (translation.language, translation.state) == ("fr", ArticleState.WITHDRAWN)
        (original,) = articles.withdraw_articles(tx, STAFF, "boats", None, NOW)
        assert original.language == "en"
        assert articles.withdraw_articles(tx, STAFF, "boats", None, NOW) == []
        assert len(articles.restore_articles(tx, STAFF, "boats", None, NOW)) == 2
        with pytest.raises(NotFound):
            articles.withdraw_articles(tx, STAFF, "none", None, NOW)


def test_new_content_leaves_article_withdrawn(store: Store) -> None:
    with store.begin() as tx:
        factories.add_story(tx, "boats")
        articles.withdraw_articles(tx, STAFF, "boats", "en", NOW)
        assert (
            factories.add_story(tx, "boats", body="Something else.").state is ArticleState.WITHDRAWN
        )


@pytest.mark.parametrize(
    ("query", "expected_names"),
    [
        (ArticleQuery(), ["c/en", "a/en", "a/fr", "b/en"]),
        (ArticleQuery(language="fr"), ["a/fr"]),
        (ArticleQuery(topic="health"), ["a/en", "b/en"]),
        (ArticleQuery(kind=ArticleKind.EVENT), ["c/en"]),
        (ArticleQuery(state=ArticleState.WITHDRAWN), ["b/en"]),
        (ArticleQuery(slugs=("a", "b")), ["a/en", "a/fr", "b/en"]),
        (ArticleQuery(topic="health", state=ArticleState.QUEUED), ["a/en"]),
        (ArticleQuery(topic="housing"), []),
    ],
)
def test_articles_are_listed_newest_first(
    store: Store, query: ArticleQuery, expected_names: list[str]
) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_story(tx, "a", "health")
        factories.add_story(tx, "a", language="fr")
        factories.add_story(tx, "b", "climate", "health", published=NOW - 3 * DAY)
        factories.add_story(tx, "c", kind=ArticleKind.EVENT, published=NOW)
        articles.withdraw_articles(tx, STAFF, "b", None, NOW)
        assert [
            f"{article.slug}/{article.language}" for article in tx.articles.find_articles(query)
        ] == expected_names


def test_article_topics_are_not_limited_in_number(store: Store) -> None:
    """More than one statement may ask for."""
    with store.begin() as tx:
        factories.add_topics(tx)
        for number in range(501):
            tx.articles.add_article(
                make_content(f"story-{number}", factories.TOPICS[number % 4]), NOW, STAFF
            )
        found_articles = tx.articles.find_articles(ArticleQuery())
        assert {article.slug: article.topics for article in found_articles} == {
            f"story-{number}": (factories.TOPICS[number % 4],) for number in range(501)
        }


def test_second_author_of_story_makes_revision(store: Store) -> None:
    with store.begin() as tx:
        first = factories.add_story(tx, "boats")
    with store.begin() as tx:
        second = factories.add_story(tx, "boats", body="Later.", published=datetime.now(UTC))
    assert (first.id, second.revision) == (second.id, 2)
