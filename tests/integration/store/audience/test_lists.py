"""Lists and topics in the database."""

import pytest

from mailer.audience import erasure, lists
from mailer.errors import InputError, NotFound, Refused
from mailer.model.lists import Visibility
from mailer.model.subscribers import MembershipState
from mailer.store import Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW


def test_topic_collects_names_by_language(store: Store) -> None:
    with store.begin() as tx:
        lists.add_topic(tx, STAFF, "health", {}, NOW)
        lists.add_topic(tx, STAFF, "health", {"fr": "Santé", "AR": "الصحة"}, NOW)
        lists.add_topic(tx, STAFF, "climate", {"en": "The climate"}, NOW)
    with store.read() as tx:
        climate, health = tx.lists.list_topics()
    assert health.names == {"en": "Health", "fr": "Santé", "ar": "الصحة"}
    assert climate.names == {"en": "The climate"}


def test_topic_in_use_cannot_be_removed(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_story(tx, "boats", "health")
        factories.add_subscriber(tx, "ana@example.org", "migration", "climate")
        factories.add_digest(tx, topics=("housing",))
        for slug, user in (
            ("health", "1 articles"),
            ("migration", "1 combinations that subscribers chose"),
            ("housing", "1 digests"),
        ):
            with pytest.raises(Refused, match=user):
                lists.remove_topic(tx, STAFF, slug)
        with pytest.raises(NotFound, match="no topic 'sports'"):
            lists.remove_topic(tx, STAFF, "sports")


def test_topic_without_members_can_be_removed(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana@example.org", "migration", "climate")
        factories.add_subscriber(tx, "ana@example.org", "climate")
        lists.remove_topic(tx, STAFF, "migration")
        assert {topic.slug for topic in tx.lists.list_topics()} == {"health", "climate", "housing"}


def test_reused_topic_id_restores_no_old_choice(store: Store) -> None:
    """SQLite may give a new topic the number of one that was removed."""
    with store.begin() as tx:
        factories.add_topics(tx, "health", "climate")
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana@example.org", "health", "climate")
        factories.add_subscriber(tx, "ana@example.org", "health")
        lists.remove_topic(tx, STAFF, "climate")
        factories.add_topics(tx, "housing")
        ana = factories.add_subscriber(tx, "ana@example.org", "housing")
        bo = factories.add_subscriber(tx, "bo@example.org", "health", "housing")
        (membership,) = tx.subscribers.list_memberships(ana)
        assert membership.topics == ("housing",)
        (membership,) = tx.subscribers.list_memberships(bo)
        assert membership.topics == ("health", "housing")


def test_list_counts_active_members(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
        factories.add_subscriber(tx, "ana@example.org")
        factories.add_subscriber(tx, "ana@example.org", list_slug="press")
        factories.add_subscriber(tx, "bo@example.org", state=MembershipState.PENDING)
        factories.add_subscriber(tx, "cy@example.org", state=MembershipState.UNSUBSCRIBED)
        assert {one.slug: one.members for one in tx.lists.list_mailing_lists(counted=True)} == {
            "news": 1,
            "press": 1,
        }


def test_list_fields_are_edited(store: Store) -> None:
    with store.begin() as tx:
        mailing_list = factories.add_mailing_list(tx)
        lists.edit_list(tx, STAFF, "news", {"name": " Our  news", "visibility": Visibility.PRIVATE})
        edited = factories.get_mailing_list(tx)
    assert (edited.id, edited.name, edited.visibility) == (
        mailing_list.id,
        "Our news",
        Visibility.PRIVATE,
    )


def test_list_without_dependents_can_be_removed(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        lists.remove_list(tx, STAFF, "news")
        factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana@example.org", state=MembershipState.UNSUBSCRIBED)
        factories.add_digest(tx)
        factories.add_story(tx, "boats")
        factories.create_edition(tx, "boats")
        uses = tx.lists.count_list_uses(factories.get_mailing_list(tx))
        assert list(uses.values()) == [1, 1, 1, 2]
        with pytest.raises(Refused, match="who are or were on it: 1, digests: 1, editions: 1"):
            lists.remove_list(tx, STAFF, "news")
        erasure.erase_person(tx, STAFF, "ana@example.org", NOW)
        assert list(tx.lists.count_list_uses(factories.get_mailing_list(tx)).values()) == [
            0,
            1,
            1,
            2,
        ]


def test_topic_name_is_removed(store: Store) -> None:
    with store.begin() as tx:
        lists.add_topic(tx, STAFF, "health", {"en": "Health", "fr": "Santé"}, NOW)
        lists.remove_topic_name(tx, STAFF, "health", "fr")
        (topic,) = tx.lists.list_topics()
    assert topic.names == {"en": "Health"}


def test_list_slug_is_unique(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        with pytest.raises(InputError, match="there is a list 'news' already"):
            factories.add_mailing_list(tx)
        with pytest.raises(NotFound, match="no list 'press'"):
            factories.get_mailing_list(tx, "press")
