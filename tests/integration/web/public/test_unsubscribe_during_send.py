"""Unsubscribing while an edition is being sent: no message passes the gate after the answer."""

import random
import threading
from io import StringIO

import pytest
from sqlalchemy import select

from mailer.app import Mailer
from mailer.audience import links, subscribers
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.log import create_logger
from mailer.model.deliveries import DeliveryState
from mailer.model.editions import Edition
from mailer.store.schema import delivery
from mailer.web.public import create_public_app
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.delivery.delivery_runs import deliver_edition
from tests.integration.factories import begin_edition, read_deliveries
from tests.integration.web.public.asgi import open_client


def build_unsubscribe_path(mailer: Mailer, address: str) -> str:
    """Return the unsubscribe link in the mail of this address."""
    with mailer.store.read() as tx:
        link = MemberLink(
            subscribers.get_subscriber(tx, address).id,
            factories.get_mailing_list(tx).id,
        )
    return "/u/" + links.sign_member_link(mailer.store.key, LinkPurpose.UNSUBSCRIBE, link)


def read_delivery_state(mailer: Mailer, edition: Edition, address: str) -> DeliveryState:
    columns = delivery.c
    statement = select(columns.state).where(
        columns.edition_id == edition.id, columns.address == address
    )
    with mailer.store.read() as tx:
        return DeliveryState(tx.connection.execute(statement).scalar_one())


@pytest.mark.parametrize("leaving_count", [20, pytest.param(200, marks=pytest.mark.proof)])
def test_unsubscribe_during_send_blocks_gate(
    mailer: Mailer, relay: Relay, leaving_count: int
) -> None:
    readers = [f"reader{number:05}@example.org" for number in range(40 * leaving_count)]
    edition = begin_edition(mailer, *readers)
    leaving_addresses = random.Random(8058).sample(readers, leaving_count)
    targets = {address: build_unsubscribe_path(mailer, address) for address in leaving_addresses}
    queued_addresses: set[str] = set()
    delivery_thread = threading.Thread(target=deliver_edition, args=(mailer, edition))

    with open_client(create_public_app(mailer, create_logger(StringIO()))) as pages:
        delivery_thread.start()
        try:
            for address, target in targets.items():
                assert pages.send_form(target, {"List-Unsubscribe": "One-Click"}).status == 200
                # The state at the time of the answer.
                if read_delivery_state(mailer, edition, address) is DeliveryState.QUEUED:
                    queued_addresses.add(address)
        finally:
            delivery_thread.join()

    accepted_addresses = set(relay.accepted)
    assert queued_addresses, "all messages were sent before the first unsubscription"
    assert not queued_addresses & accepted_addresses
    deliveries = read_deliveries(mailer.store, edition)
    assert {deliveries[address].state for address in queued_addresses} == {DeliveryState.SUPPRESSED}
    assert accepted_addresses >= {*readers} - {*leaving_addresses}
    assert len(relay.accepted) == len(accepted_addresses)
