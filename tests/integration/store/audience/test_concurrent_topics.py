"""Topics are merged while another transaction is still open, on PostgreSQL."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from mailer import articles
from mailer.audience import preferences, subscribers, topics
from mailer.audience.topics import TopicMerge
from mailer.errors import ConcurrencyError, NotFound
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

ANA, BEN = "ana@example.org", "ben@example.org"
COUNT_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture(autouse=True)
def _skip_sqlite(backend: str) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def news_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, ANA, "health")
        factories.add_subscriber(tx, BEN, "housing")
    return store


def merge(store: Store, slug: str = "health", target: str = "climate") -> TopicMerge:
    with store.begin() as tx:
        return topics.merge_topics(tx, STAFF, slug, target, NOW)


def choose_topics(tx: SqlTransaction, address: str, *slugs: str) -> None:
    subscriber = subscribers.get_subscriber(tx, address)
    mailing_list = factories.get_mailing_list(tx)
    preferences.change_membership(tx, STAFF, subscriber, mailing_list, {"topics": slugs}, NOW)


def find_topics(store: Store, address: str) -> tuple[str, ...]:
    with store.read() as tx:
        subscriber = subscribers.get_subscriber(tx, address)
        membership = subscribers.find_membership(tx, subscriber, "news")
        assert membership is not None
        return membership.topics


def wait_for_lock(tx: SqlTransaction) -> None:
    deadline = time.monotonic() + 10
    while not tx.connection.scalar(COUNT_WAITING):
        assert time.monotonic() < deadline, "nothing waits"
        time.sleep(0.01)


def test_choice_made_before_a_merge_moves_with_it(
    news_store: Store, executor: ThreadPoolExecutor
) -> None:
    """Ben chooses the combination that Ana has."""
    with news_store.begin() as tx:
        choose_topics(tx, BEN, "health")
        merging = executor.submit(merge, news_store)
        wait_for_lock(tx)
    merging.result(10)
    assert find_topics(news_store, ANA) == ("climate",)
    assert find_topics(news_store, BEN) == ("climate",)


def test_choice_made_during_a_merge_is_of_the_merged_topic(
    news_store: Store, executor: ThreadPoolExecutor
) -> None:
    """Ben's transaction has found Ana's combination before the merge begins."""

    def choose() -> None:
        with news_store.begin() as tx:
            choose_topics(tx, BEN, "health")

    with news_store.begin() as tx:
        topics.merge_topics(tx, STAFF, "health", "climate", NOW)
        choosing = executor.submit(choose)
        wait_for_lock(tx)
    choosing.result(10)
    assert find_topics(news_store, BEN) == ("climate",)


def test_new_combination_is_made_before_the_merge(
    news_store: Store, executor: ThreadPoolExecutor
) -> None:
    with news_store.begin() as tx:
        choose_topics(tx, BEN, "health", "housing")
        merging = executor.submit(merge, news_store)
        wait_for_lock(tx)
    merging.result(10)
    assert find_topics(news_store, BEN) == ("climate", "housing")


def test_article_is_added_before_the_merge(news_store: Store, executor: ThreadPoolExecutor) -> None:
    with news_store.begin() as tx:
        factories.add_story(tx, "storm", "health")
        merging = executor.submit(merge, news_store)
        wait_for_lock(tx)
    merging.result(10)
    with news_store.read() as tx:
        assert articles.get_article(tx, "storm", "en").topics == ("climate",)


def test_topics_merged_into_each_other_at_once_do_not_both_vanish(
    news_store: Store, executor: ThreadPoolExecutor
) -> None:
    with news_store.begin() as tx:
        topics.merge_topics(tx, STAFF, "climate", "health", NOW)
        merging = executor.submit(merge, news_store)
        wait_for_lock(tx)
    with pytest.raises((ConcurrencyError, NotFound)):
        merging.result(10)
    assert find_topics(news_store, ANA) == ("health",)


def test_combination_of_a_merged_topic_is_not_taken_for_a_later_topic(news_store: Store) -> None:
    merge(news_store)
    with news_store.begin() as tx:
        choose_topics(tx, BEN, "climate")
        factories.add_topics(tx, "later")
        choose_topics(tx, ANA, "later")
    assert (find_topics(news_store, ANA), find_topics(news_store, BEN)) == (
        ("later",),
        ("climate",),
    )
