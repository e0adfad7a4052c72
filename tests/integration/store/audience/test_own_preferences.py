"""Preferences that subscribers save by themselves, in the database."""

from dataclasses import replace

import pytest

from mailer.actor import SUBSCRIBER
from mailer.audience import consent, lists, own_preferences, subscribers
from mailer.audience.own_preferences import NO_TOPIC_CHOSEN, ListPreferences, OwnPreferences
from mailer.errors import InputError, Refused
from mailer.model.lists import Frequency, Visibility
from mailer.model.subscribers import (
    ConsentAction,
    LawfulBasis,
    MembershipState,
    Subscriber,
    Wording,
)
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW

ANA = "ana@example.org"
PAGE = "preferences page"
WORDING = Wording("en", "I agree.")
ONE_LIST = OwnPreferences("", "", {"news": ListPreferences(("health",))})


@pytest.fixture
def seeded_store(store: Store) -> Store:
    """Ana is on the public list "news"; "events" is public too, and "press" is private."""
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "events")
        lists.add_list(tx, STAFF, "press", "Press", NOW, visibility=Visibility.PRIVATE)
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        factories.add_subscriber(tx, ANA)
    return store


def save_preferences(tx: SqlTransaction, preferences: OwnPreferences) -> None:
    own_preferences.save_preferences(
        tx,
        SUBSCRIBER,
        subscribers.get_subscriber(tx, ANA),
        preferences,
        NOW + DAY,
        wording=WORDING,
        source=PAGE,
    )


def read_states(tx: SqlTransaction) -> dict[str, MembershipState]:
    subscriber: Subscriber = subscribers.get_subscriber(tx, ANA)
    memberships = tx.subscribers.list_memberships(subscriber)
    return {membership.list: membership.state for membership in memberships}


def test_own_preferences_join_list_without_confirmation(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        both_lists = {**ONE_LIST.lists, "events": ListPreferences(("housing",))}
        save_preferences(tx, replace(ONE_LIST, lists=both_lists))
        assert read_states(tx)["events"] is MembershipState.ACTIVE
        entry = next(
            entry
            for entry in consent.list_consent_entries(tx, ANA)
            if entry.list == "events" and entry.act is ConsentAction.CONFIRMED
        )
        assert (entry.source, entry.basis, entry.wording, entry.actor_key) == (
            PAGE,
            LawfulBasis.CONSENT,
            WORDING,
            SUBSCRIBER.key,
        )


def test_own_preferences_leave_list_that_is_not_chosen(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        save_preferences(tx, replace(ONE_LIST, lists={}))
        assert read_states(tx) == {"news": MembershipState.UNSUBSCRIBED}


def test_own_preferences_do_not_join_private_list(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        save_preferences(
            tx, replace(ONE_LIST, lists={**ONE_LIST.lists, "press": ListPreferences(("health",))})
        )
        assert read_states(tx) == {"news": MembershipState.ACTIVE}


def test_private_list_stays_visible_to_its_member_only(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        all_lists = tx.lists.list_mailing_lists()
        assert {item.slug for item in own_preferences.select_visible_lists(all_lists, {})} == {
            "events",
            "news",
        }
        factories.add_subscriber(tx, ANA, list_slug="press")
        memberships = {
            membership.list: membership
            for membership in tx.subscribers.list_memberships(subscribers.get_subscriber(tx, ANA))
        }
        assert len(own_preferences.select_visible_lists(all_lists, memberships)) == 3


def test_own_preferences_need_a_topic(seeded_store: Store) -> None:
    with seeded_store.begin() as tx, pytest.raises(InputError) as caught:
        save_preferences(tx, replace(ONE_LIST, lists={"news": ListPreferences(("unknown",))}))
    assert (caught.value.code, caught.value.value) == (NO_TOPIC_CHOSEN, "news")


def test_all_topics_chosen_include_later_topics(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        all_topics = tuple(topic.slug for topic in tx.lists.list_topics())
        save_preferences(
            tx, replace(ONE_LIST, lists={"news": ListPreferences(all_topics, Frequency.WEEKLY)})
        )
        membership = subscribers.find_membership(tx, subscribers.get_subscriber(tx, ANA), "news")
        assert membership is not None
        assert (membership.topics, membership.frequency) == ((), Frequency.WEEKLY)
        save_preferences(
            tx, replace(ONE_LIST, lists={"news": ListPreferences(("health",), "monthly")})
        )
        membership = subscribers.find_membership(tx, subscribers.get_subscriber(tx, ANA), "news")
        assert membership is not None
        assert (membership.topics, membership.frequency) == (("health",), Frequency.WEEKLY)


def test_empty_language_keeps_the_stored_language(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        save_preferences(tx, replace(ONE_LIST, language="fr", time_zone="Europe/Paris"))
        save_preferences(tx, ONE_LIST)
        person = subscribers.get_subscriber(tx, ANA).person
        assert (person.language, person.time_zone) == ("fr", "")


def test_suppressed_address_joins_no_list_by_preferences(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.suppress_address(tx, ANA)
        with pytest.raises(Refused, match="must not be mailed"):
            save_preferences(tx, replace(ONE_LIST, lists={"events": ListPreferences(("health",))}))


def test_unsubscribing_from_all_lists_is_logged_once_for_each(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        subscriber = factories.add_subscriber(tx, ANA, list_slug="press")
        for _ in range(2):
            own_preferences.unsubscribe_from_all(tx, SUBSCRIBER, subscriber, NOW, source=PAGE)
        assert set(read_states(tx).values()) == {MembershipState.UNSUBSCRIBED}
        left_lists = [
            entry.list
            for entry in consent.list_consent_entries(tx, ANA)
            if entry.act is ConsentAction.LEFT
        ]
    assert sorted(left_lists) == ["news", "press"]
