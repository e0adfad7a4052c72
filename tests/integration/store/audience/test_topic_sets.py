"""Combinations of topics, each kept once."""

from sqlalchemy import func, select

from mailer.store import Store
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.schema import topic_set
from tests.integration import factories


def test_no_topic_has_no_topic_set(store: Store) -> None:
    with store.begin() as tx:
        assert SqlTopicSetStore(tx.connection).find_or_create_id(()) is None


def test_topic_set_ignores_order(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        sets = SqlTopicSetStore(tx.connection)
        set_id = sets.find_or_create_id(("health", "climate"))
        assert set_id == sets.find_or_create_id(("climate", "health", "climate"))
        assert set_id != sets.find_or_create_id(("climate",))
    with store.begin() as tx:
        assert SqlTopicSetStore(tx.connection).find_or_create_id(["climate", "health"]) == set_id
        assert SqlTopicSetStore(tx.connection).find_slugs([set_id or 0]) == {
            set_id: ("climate", "health")
        }
        assert tx.connection.scalar(select(func.count()).select_from(topic_set)) == 2


def test_topic_sets_are_shared_by_members(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        for number in range(200):
            chosen = [slug for bit, slug in enumerate(factories.TOPICS) if number >> bit & 1]
            factories.add_subscriber(tx, f"reader{number}@example.org", *chosen)
        assert tx.connection.scalar(select(func.count()).select_from(topic_set)) == 15
