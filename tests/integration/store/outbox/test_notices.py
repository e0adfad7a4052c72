"""Notices go to addresses of their own: no list is asked, but a suppressed address is spared."""

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
TO = ("editor@example.org", "press@example.org", "editor@example.org")


@pytest.fixture
def number(mailer: Mailer) -> int:
    with mailer.store.begin() as tx:
        factories.add_mailing_list(tx)
        return tx.notices.queue_notice(BODY, "news", TO, NOW, uid="abcdef0123456789").id


def deliver(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def test_each_address_gets_it_once_though_none_is_on_the_list(
    mailer: Mailer, relay: Relay, number: int
) -> None:
    deliver(mailer)
    assert sorted(relay.accepted) == ["editor@example.org", "press@example.org"]
    with mailer.store.read() as tx:
        found = editions.get_edition(tx, number)
    assert (found.state, found.kind) == (EditionState.SENT, EditionKind.NOTICE)
    assert found.priority is Priority.URGENT


def test_an_address_that_is_suppressed_is_spared(mailer: Mailer, relay: Relay, number: int) -> None:
    with mailer.store.begin() as tx:
        factories.suppress_address(tx, "press@example.org")
    deliver(mailer)
    assert relay.accepted == ["editor@example.org"]
    with mailer.store.read() as tx:
        rows = tx.outbox.list_deliveries(editions.get_edition(tx, number))
    states = {one.address: one.state for one in rows}
    assert states["press@example.org"] is DeliveryState.SUPPRESSED


def test_a_mailing_to_the_same_list_still_asks_for_membership(
    mailer: Mailer, relay: Relay, number: int
) -> None:
    with mailer.store.begin() as tx:
        factories.add_subscriber(tx, "amal@example.org")
        factories.add_subscriber(tx, "bela@example.org")
        factories.add_story(tx, "boats")
        made = factories.approve_without_composing(
            mailer, tx, factories.create_edition(tx, "boats")
        )
        editions.start_edition(tx, STAFF, made, mailer.renderer, mailer.clock())
        factories.unsubscribe_address(tx, "bela@example.org")
    deliver(mailer)
    assert "amal@example.org" in relay.accepted
    assert "bela@example.org" not in relay.accepted
    assert len(relay.accepted) == 3


def test_staff_s_lists_of_editions_do_not_show_it(mailer: Mailer, number: int) -> None:
    with mailer.store.read() as tx:
        assert tx.editions.list_recent_editions() == []
        assert [one.id for one in tx.editions.list_recent_editions(notices=True)] == [number]
        assert tx.editions.find_unnotified_editions(9) == [], (
            "nobody is told that somebody was told"
        )


def test_a_notice_that_was_paused_waits(mailer: Mailer, relay: Relay, number: int) -> None:
    with mailer.store.begin() as tx:
        editions.pause_edition(tx, STAFF, editions.get_edition(tx, number), NOW)
    deliver(mailer)
    assert relay.accepted == []
