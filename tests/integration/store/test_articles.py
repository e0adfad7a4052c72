"""Articles in the database: what the verbs of the noun promise."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailer import articles
from mailer.articles import ArticleState, Image, Kind, Outcome, Query
from mailer.errors import InputError, NotFound
from mailer.store import Store
from tests.integration import office
from tests.integration.office import DAY, HOUR, NOW, content


def test_an_article_comes_back_as_it_went(store: Store) -> None:
    full = content(
        "boats",
        "migration",
        "health",
        kind=Kind.PRESS_RELEASE,
        image=Image("https://www.example.org/boat.jpg", "A boat off the coast", "A. Writer"),
        byline="Amina Yusuf",
        dateline="Geneva, 18 December",
        lead=True,
        title="Boats — “all” of them, 船 and 𝒻 and \u202b too",
    )
    with store.begin() as tx:
        office.topics(tx)
        made, outcome = articles.add(tx.articles, full, NOW)
    assert outcome is Outcome.ADDED
    with store.read() as tx:
        kept = articles.get(tx.articles, "boats", "en")
    assert kept == made
    assert kept.content == full
    assert kept.topics == ("migration", "health"), "in the author's order"
    assert (kept.revision, kept.state, kept.created_at) == (1, ArticleState.QUEUED, NOW)


def test_the_same_content_changes_nothing(store: Store) -> None:
    with store.begin() as tx:
        office.topics(tx)
        first = office.story(tx, "boats", "health")
        again, outcome = articles.add(tx.articles, content("boats", "health"), NOW + DAY)
    assert outcome is Outcome.UNCHANGED
    assert again == first


def test_a_moment_in_another_zone_is_the_same_moment(store: Store) -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    with store.begin() as tx:
        office.story(tx, "boats", published=NOW)
        kept = articles.get(tx.articles, "boats", "en")
        assert kept.published.tzinfo is UTC
        _, outcome = articles.add(
            tx.articles, content("boats", published=NOW.astimezone(there)), NOW
        )
        assert outcome is Outcome.UNCHANGED


def test_new_content_is_a_revision_and_the_older_is_kept(store: Store) -> None:
    with store.begin() as tx:
        office.topics(tx)
        office.story(tx, "boats", "health", "climate")
        changed = content("boats", "housing", body="Something else.")
        revised, outcome = articles.add(tx.articles, changed, NOW + HOUR)
    assert outcome is Outcome.REVISED
    assert (revised.revision, revised.topics, revised.body) == (2, ("housing",), "Something else.")
    assert (revised.created_at, revised.updated_at) == (NOW, NOW + HOUR)


def test_without_a_date_of_its_own_an_article_keeps_its_first(store: Store) -> None:
    with store.begin() as tx:
        first = office.story(tx, "boats")
        later = content("boats", body="Something else.", published=NOW + DAY)
        revised, _ = articles.add(tx.articles, later, NOW + DAY, dated=False)
    assert revised.published == first.published


def test_translations_share_a_slug(store: Store) -> None:
    with store.begin() as tx:
        office.topics(tx)
        office.story(tx, "boats", "health")
        office.story(tx, "boats", "migration", language="fr")
        (story,) = articles.stories(tx.articles.matching(Query(slugs=("boats",))))
    assert story.languages == ("en", "fr")
    assert set(story.topics) == {"health", "migration"}


def test_an_unknown_topic_is_named(store: Store) -> None:
    with store.begin() as tx:
        office.topics(tx, "health")
        with pytest.raises(InputError, match="there is no topic 'helth'"):
            office.story(tx, "boats", "health", "helth")
        assert tx.articles.matching(Query()) == []


def test_an_article_that_is_not_there_is_named(store: Store) -> None:
    with store.read() as tx, pytest.raises(NotFound, match="no article boats in fr"):
        articles.get(tx.articles, "boats", "fr")


def test_editing_changes_the_fields_named(store: Store) -> None:
    with store.begin() as tx:
        office.topics(tx)
        office.story(tx, "boats", "health")
        edited, outcome = articles.edit(
            tx.articles, "boats", "EN", {"title": "  New   title ", "topics": ("climate",)}, NOW
        )
        assert (edited.title, edited.topics) == ("New title", ("climate",))
        assert outcome is Outcome.REVISED
        again, outcome = articles.edit(tx.articles, "boats", "en", {"title": "New title"}, NOW)
        assert (again, outcome) == (edited, Outcome.UNCHANGED)


def test_withdrawing_takes_a_story_or_one_of_its_translations(store: Store) -> None:
    with store.begin() as tx:
        office.story(tx, "boats")
        office.story(tx, "boats", language="fr")
        (one,) = articles.withdraw(tx.articles, "boats", "fr", NOW)
        assert (one.language, one.state) == ("fr", ArticleState.WITHDRAWN)
        (other,) = articles.withdraw(tx.articles, "boats", None, NOW)
        assert other.language == "en"
        assert articles.withdraw(tx.articles, "boats", None, NOW) == []
        assert len(articles.restore(tx.articles, "boats", None, NOW)) == 2
        with pytest.raises(NotFound):
            articles.withdraw(tx.articles, "none", None, NOW)


def test_new_content_brings_no_withdrawn_article_back(store: Store) -> None:
    with store.begin() as tx:
        office.story(tx, "boats")
        articles.withdraw(tx.articles, "boats", "en", NOW)
        assert office.story(tx, "boats", body="Something else.").state is ArticleState.WITHDRAWN


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), ["c/en", "a/en", "a/fr", "b/en"]),
        (Query(language="fr"), ["a/fr"]),
        (Query(topic="health"), ["a/en", "b/en"]),
        (Query(kind=Kind.EVENT), ["c/en"]),
        (Query(state=ArticleState.WITHDRAWN), ["b/en"]),
        (Query(slugs=("a", "b")), ["a/en", "a/fr", "b/en"]),
        (Query(topic="health", state=ArticleState.QUEUED), ["a/en"]),
        (Query(topic="housing"), []),
    ],
)
def test_articles_are_listed_newest_first(store: Store, query: Query, found: list[str]) -> None:
    with store.begin() as tx:
        office.topics(tx)
        office.story(tx, "a", "health")
        office.story(tx, "a", language="fr")
        office.story(tx, "b", "climate", "health", published=NOW - 3 * DAY)
        office.story(tx, "c", kind=Kind.EVENT, published=NOW)
        articles.withdraw(tx.articles, "b", None, NOW)
        assert [f"{one.slug}/{one.language}" for one in tx.articles.matching(query)] == found


def test_any_number_of_articles_keep_their_topics(store: Store) -> None:
    """More than one statement may ask for."""
    with store.begin() as tx:
        office.topics(tx)
        for number in range(501):
            tx.articles.add(content(f"story-{number}", office.TOPICS[number % 4]), NOW)
        found = tx.articles.matching(Query())
        assert {one.slug: one.topics for one in found} == {
            f"story-{number}": (office.TOPICS[number % 4],) for number in range(501)
        }


def test_two_authors_of_one_story_are_one_after_the_other(store: Store) -> None:
    with store.begin() as tx:
        first = office.story(tx, "boats")
    with store.begin() as tx:
        second = office.story(tx, "boats", body="Later.", published=datetime.now(UTC))
    assert (first.id, second.revision) == (second.id, 2)
