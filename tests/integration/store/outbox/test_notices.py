"""Notices go to given addresses without a list, but never to a suppressed address."""

import threading

import pytest

from mailer import editions
from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind, EditionState, Priority
from mailer.model.editions import EditionBody
from tests.actors import STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import NOW

BODY = EditionBody(
    "en", "Sent: The week", "It was sent.\n", "<p>It was sent.</p>", "z12345678", stories=1
)
ADDRESSES = ("editor@example.org", "press@example.org", "editor@example.org")


@pytest.fixture
def edition_id(mailer: Mailer) -> int:
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        return tx.notices.queue_notice(
            BODY, "news", ADDRESSES, NOW, STAFF, uid="abcdef0123456789"
        ).id


def deliver_all(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def test_notice_goes_once_to_each_address_off_the_list(
    mailer: Mailer, relay: Relay, edition_id: int
) -> None:
    deliver_all(mailer)
    assert sorted(relay.accepted) == ["editor@example.org", "press@example.org"]
    with mailer.store.read() as tx:
        edition = editions.get_edition(tx, edition_id)
    assert (edition.state, edition.kind) == (EditionState.SENT, EditionKind.NOTICE)
    assert edition.priority is Priority.URGENT


def test_notice_to_suppressed_address_is_not_sent(
    mailer: Mailer, relay: Relay, edition_id: int
) -> None:
    with mailer.store.begin() as tx:
        factories.suppress_address(tx, "press@example.org")
    deliver_all(mailer)
    assert relay.accepted == ["editor@example.org"]
    with mailer.store.read() as tx:
        rows = tx.outbox.list_deliveries(editions.get_edition(tx, edition_id))
    states = {delivery.address: delivery.state for delivery in rows}
    assert states["press@example.org"] is DeliveryState.SUPPRESSED


def test_newsletter_on_same_list_still_requires_membership(
    mailer: Mailer, relay: Relay, edition_id: int
) -> None:
    with mailer.store.begin() as tx:
        factories.add_subscriber(tx, "amal@example.org")
        factories.add_subscriber(tx, "bela@example.org")
        factories.add_story(tx, "boats")
        edition = factories.approve_without_composing(
            mailer, tx, factories.create_edition(tx, "boats")
        )
        editions.start_edition(tx, STAFF, edition, mailer.renderer, mailer.clock())
        factories.unsubscribe_address(tx, "bela@example.org")
    deliver_all(mailer)
    assert "amal@example.org" in relay.accepted
    assert "bela@example.org" not in relay.accepted
    assert len(relay.accepted) == 3


def test_notice_is_hidden_from_lists_of_editions(mailer: Mailer, edition_id: int) -> None:
    with mailer.store.read() as tx:
        assert tx.editions.list_recent_editions() == []
        assert [edition.id for edition in tx.editions.list_recent_editions(notices=True)] == [
            edition_id
        ]
        assert tx.editions.find_unnotified_editions(9) == [], "no notice is sent about a notice"


def test_paused_notice_is_not_sent(mailer: Mailer, relay: Relay, edition_id: int) -> None:
    with mailer.store.begin() as tx:
        editions.pause_edition(tx, STAFF, editions.get_edition(tx, edition_id), NOW)
    deliver_all(mailer)
    assert relay.accepted == []
