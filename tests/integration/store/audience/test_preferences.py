"""Preferences of subscribers in the database: of a list, for a while, and permanently."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from mailer import digests
from mailer.audience import consent, preferences, subscribers
from mailer.errors import InputError, NotFound, Refused
from mailer.model.lists import Frequency
from mailer.model.subscribers import (
    ConsentAction,
    Evidence,
    LawfulBasis,
    Membership,
    MembershipState,
    Person,
    Subscriber,
    Wording,
)
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW

ANA, BO = "ana@example.org", "bo@example.org"
M = MembershipState


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
    return store


def get_membership(tx: SqlTransaction, address: str, slug: str = "news") -> Membership:
    subscriber = subscribers.get_subscriber(tx, address)
    membership = subscribers.find_membership(tx, subscriber, slug)
    assert membership is not None
    return membership


def list_acts(tx: SqlTransaction, address: str) -> list[tuple[str, str]]:
    return [(entry.act.value, entry.list) for entry in consent.list_consent_entries(tx, address)]


def change_membership(
    tx: SqlTransaction, changes: Mapping[str, Any], slug: str = "news"
) -> Membership:
    subscriber = subscribers.get_subscriber(tx, ANA)
    return preferences.change_membership(
        tx, STAFF, subscriber, factories.get_mailing_list(tx, slug), changes, NOW + DAY
    )


def test_membership_change_is_saved_and_logged_once(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA)
        wish = {"topics": ("housing", "health"), "language": "FR", "frequency": Frequency.WEEKLY}
        for _ in range(2):
            changed = change_membership(tx, wish)
        assert changed == get_membership(tx, ANA)
        assert changed.topics == ("health", "housing")
        assert (changed.language, changed.frequency) == ("fr", Frequency.WEEKLY)
        assert list_acts(tx, ANA) == [("added", "news"), ("changed", "news")]
        detail = consent.list_consent_entries(tx, ANA)[-1].detail
    assert detail == "topics: health, housing; language: fr; frequency: weekly"


def test_frequency_must_be_served_by_digest(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA)
        factories.add_subscriber(tx, ANA, list_slug="press")
        with pytest.raises(InputError, match="no digest of the list 'press' is weekly"):
            change_membership(tx, {"frequency": Frequency.WEEKLY}, "press")
        with pytest.raises(InputError, match="is monthly"):
            change_membership(tx, {"frequency": Frequency.MONTHLY})


def test_unsubscribed_member_cannot_change_choices(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, state=M.UNSUBSCRIBED)
        with pytest.raises(NotFound, match="is not on the list 'news'"):
            change_membership(tx, {"topics": ()})


def test_digest_frequency_with_members_cannot_change(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA)
        change_membership(tx, {"frequency": Frequency.WEEKLY})
        every = {"frequency": Frequency.EVERY}
        with pytest.raises(Refused, match="1 member of the list 'news' chose weekly mails"):
            digests.edit_digest(tx, STAFF, "weekly", every, NOW)
        with pytest.raises(Refused, match="chose weekly"):
            digests.edit_digest(tx, STAFF, "weekly", {"list": "press"}, NOW)
        factories.add_digest(tx, "other", frequency=Frequency.WEEKLY)
        assert (
            digests.edit_digest(tx, STAFF, "weekly", every, NOW).settings.frequency
            is Frequency.EVERY
        )
        with pytest.raises(Refused, match="chose weekly"):
            digests.edit_digest(tx, STAFF, "other", every, NOW)


def test_pause_ends_by_itself_or_by_resume(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        ana = factories.add_subscriber(tx, ANA)
        factories.add_subscriber(tx, ANA, list_slug="press", state=M.UNSUBSCRIBED)
        mailing_lists = [factories.get_mailing_list(tx), factories.get_mailing_list(tx, "press")]
        until = preferences.pause_memberships(
            tx, STAFF, ana, mailing_lists, timedelta(weeks=4), NOW
        )
        assert until == NOW + timedelta(weeks=4)
        assert get_membership(tx, ANA).paused_until == until
        assert get_membership(tx, ANA, "press").paused_until is None
        assert preferences.pause_memberships(tx, STAFF, ana, mailing_lists, None, NOW) is None
        assert get_membership(tx, ANA).paused_until is None
        assert list_acts(tx, ANA)[-2:] == [("paused", "news"), ("resumed", "news")]
        for length in (timedelta(), timedelta(weeks=53), -timedelta(weeks=1)):
            with pytest.raises(InputError, match="between a week and a year"):
                preferences.pause_memberships(tx, STAFF, ana, mailing_lists, length, NOW)


def test_unsubscribe_can_be_undone(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        ana = factories.add_subscriber(tx, ANA, "health")
        factories.unsubscribe_address(tx, ANA)
        news = factories.get_mailing_list(tx)
        for _ in range(2):
            back = preferences.restore_membership(tx, STAFF, ana, news, NOW + DAY, source="page")
        assert back == get_membership(tx, ANA)
        assert (back.state, back.topics, back.left_at) == (M.ACTIVE, ("health",), None)
        assert list_acts(tx, ANA) == [("added", "news"), ("left", "news"), ("returned", "news")]
        factories.unsubscribe_address(tx, ANA)
        factories.suppress_address(tx, ANA)
        with pytest.raises(Refused, match="must not be mailed"):
            preferences.restore_membership(tx, STAFF, ana, news, NOW, source="page")


def test_address_change_keeps_person_and_logs_both(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        ana = factories.add_subscriber(tx, ANA, "health", name="Ana")
        moved = preferences.change_address(tx, STAFF, ana, "ana@EXAMPLE.net", NOW)
        assert (moved.id, moved.address) == (ana.id, "ana@example.net")
        assert tx.subscribers.list_addresses(moved) == ["ana@example.net", ANA]
        assert [act for act, _ in list_acts(tx, "ana@example.net")] == [
            "added",
            "new_address",
            "new_address",
        ]
        factories.suppress_address(tx, BO)
        with pytest.raises(Refused, match="must not be mailed"):
            preferences.change_address(tx, STAFF, moved, BO, NOW)


def test_address_change_to_known_address_merges(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        ana = factories.add_subscriber(tx, ANA, "health", name="Ana", tags=("donor",))
        bo = factories.add_subscriber(tx, BO, "housing", country="GB", tags=("vip",))
        factories.add_subscriber(tx, ANA, list_slug="press")
        merged = preferences.change_address(tx, STAFF, ana, BO, NOW)
        assert merged.id == bo.id
        assert merged.person == Person(BO, "Ana", country="GB", tags=("donor", "vip"))
        assert get_membership(tx, BO).topics == ("health", "housing")
        assert get_membership(tx, BO, "press").state is M.ACTIVE
        assert tx.subscribers.find_subscriber(ANA) is None
        assert tx.subscribers.find_subscriber_by_id(ana.id) == merged, (
            "old links lead to whoever they are now"
        )
        cy = factories.add_subscriber(tx, "cy@example.org")
        last = preferences.merge_subscribers(tx, STAFF, merged, cy, NOW)
        assert tx.subscribers.find_subscriber_by_id(ana.id) == last


@pytest.mark.parametrize(
    ("merged_left_at", "remaining_left_at", "state"),
    [
        (None, None, M.ACTIVE),
        (NOW + 3 * DAY, None, M.UNSUBSCRIBED),
        (NOW + DAY, None, M.ACTIVE),
        (None, NOW + DAY, M.ACTIVE),
        (None, NOW + 3 * DAY, M.UNSUBSCRIBED),
        (NOW + DAY, NOW + DAY, M.UNSUBSCRIBED),
    ],
)
def test_merge_keeps_the_last_change(
    seeded_store: Store, merged_left_at: Any, remaining_left_at: Any, state: MembershipState
) -> None:
    """A subscriber who is still on the list joined two days after NOW, and one who left at NOW."""
    with seeded_store.begin() as tx:
        people: list[Subscriber] = []
        for address, left_at in ((ANA, merged_left_at), (BO, remaining_left_at)):
            joined = NOW if left_at else NOW + 2 * DAY
            people.append(factories.add_subscriber(tx, address, joined=joined))
            if left_at:
                factories.unsubscribe_address(tx, address, now=left_at)
        merged_subscriber, remaining_subscriber = people
        preferences.merge_subscribers(
            tx, STAFF, merged_subscriber, remaining_subscriber, NOW + 9 * DAY
        )
        assert get_membership(tx, BO).state is state


def test_merge_with_self_or_suppressed_address_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        ana, bo = factories.add_subscriber(tx, ANA), factories.add_subscriber(tx, BO)
        with pytest.raises(InputError, match="the same person"):
            preferences.merge_subscribers(tx, STAFF, ana, ana, NOW)
        factories.suppress_address(tx, BO)
        with pytest.raises(Refused, match="must not be mailed"):
            preferences.merge_subscribers(tx, STAFF, ana, bo, NOW)


def test_consent_log_stores_each_wording_once(seeded_store: Store) -> None:
    wording = Wording("fr", "Je suis d’accord.")
    evidence = Evidence(ConsentAction.CONFIRMED, "sign-up page", LawfulBasis.CONSENT, wording)
    with seeded_store.begin() as tx:
        for address in (ANA, BO):
            subscribers.subscribe_person(
                tx,
                STAFF,
                Person(address),
                factories.get_mailing_list(tx),
                (),
                NOW,
                evidence=evidence,
            )
        (entry,) = consent.list_consent_entries(tx, ANA)
        assert (entry.act, entry.source, entry.basis) == (
            ConsentAction.CONFIRMED,
            "sign-up page",
            LawfulBasis.CONSENT,
        )
        assert entry.wording == wording
        assert (
            len({logged_entry.wording for logged_entry in consent.list_consent_entries(tx, BO)})
            == 1
        )
