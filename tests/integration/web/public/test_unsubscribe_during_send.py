"""Leaving while an edition is being sent: nothing passes the gate once that is answered."""

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


def one_click(mailer: Mailer, address: str) -> str:
    """The link that the mail of this address has."""
    with mailer.store.read() as tx:
        link = MemberLink(
            subscribers.get_subscriber(tx, address).id,
            factories.get_mailing_list(tx).id,
        )
    return "/u/" + links.sign_member_link(mailer.store.key, LinkPurpose.UNSUBSCRIBE, link)


def state(mailer: Mailer, edition: Edition, address: str) -> DeliveryState:
    columns = delivery.c
    wanted = select(columns.state).where(
        columns.edition_id == edition.id, columns.address == address
    )
    with mailer.store.read() as tx:
        return DeliveryState(tx.connection.execute(wanted).scalar_one())


@pytest.mark.parametrize("leaving", [20, pytest.param(200, marks=pytest.mark.proof)])
def test_who_has_left_gets_no_message_that_had_not_passed_the_gate(
    mailer: Mailer, relay: Relay, leaving: int
) -> None:
    readers = [f"reader{number:05}@example.org" for number in range(40 * leaving)]
    edition = begin_edition(mailer, *readers)
    chosen = random.Random(8058).sample(readers, leaving)
    targets = {address: one_click(mailer, address) for address in chosen}
    waiting: set[str] = set()
    run = threading.Thread(target=deliver_edition, args=(mailer, edition))

    with open_client(create_public_app(mailer, create_logger(StringIO()))) as pages:
        run.start()
        try:
            for address, target in targets.items():
                assert pages.send_form(target, {"List-Unsubscribe": "One-Click"}).status == 200
                # As it stands when they have their answer.
                if state(mailer, edition, address) is DeliveryState.QUEUED:
                    waiting.add(address)
        finally:
            run.join()

    got = set(relay.accepted)
    assert waiting, "all had been sent before anybody left"
    assert not waiting & got
    after = read_deliveries(mailer.store, edition)
    assert {after[address].state for address in waiting} == {DeliveryState.SUPPRESSED}
    assert got >= {*readers} - {*chosen}
    assert len(relay.accepted) == len(got)
