"""Combinations of topics, each kept once."""

from sqlalchemy import func, select

from mailer.store import Store
from mailer.store.audience.topic_sets import TopicSets
from mailer.store.schema import topic_set
from tests.integration import office


def test_no_topic_is_no_combination(store: Store) -> None:
    with store.begin() as tx:
        assert TopicSets(tx.connection).id_of(()) is None


def test_a_combination_is_one_whatever_its_order(store: Store) -> None:
    with store.begin() as tx:
        office.topics(tx)
        sets = TopicSets(tx.connection)
        one = sets.id_of(("health", "climate"))
        assert one == sets.id_of(("climate", "health", "climate"))
        assert one != sets.id_of(("climate",))
    with store.begin() as tx:
        assert TopicSets(tx.connection).id_of(["climate", "health"]) == one
        assert TopicSets(tx.connection).slugs([one or 0]) == {one: ("climate", "health")}
        assert tx.connection.scalar(select(func.count()).select_from(topic_set)) == 2


def test_many_people_share_their_combinations(store: Store) -> None:
    with store.begin() as tx:
        office.topics(tx)
        office.mailing_list(tx)
        for number in range(200):
            chosen = [slug for bit, slug in enumerate(office.TOPICS) if number >> bit & 1]
            office.person(tx, f"reader{number}@example.org", *chosen)
        assert tx.connection.scalar(select(func.count()).select_from(topic_set)) == 15
