"""Service mails in the outbox, and the editions that they share."""

import threading

from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind, EditionState
from mailer.model.editions import Edition, EditionBody
from mailer.model.service_mails import Addressee, ServiceEditionKey
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

BODY = EditionBody("en", "Please confirm", "Confirm.\n", "<p>Confirm.</p>", "z12345678", stories=1)
CONFIRM = ServiceEditionKey(EditionKind.SERVICE, "confirm", "news", "confirm · News", "seed")
WELCOME = ServiceEditionKey(
    EditionKind.WELCOME, "welcome", "news", "welcome · News", "another seed"
)


def queue_mail(
    tx: SqlTransaction, *addresses: str, key: ServiceEditionKey = CONFIRM
) -> frozenset[str]:
    people = {address: Addressee(number) for number, address in enumerate(addresses, 7)}
    return tx.service_mails.queue_service_mail(key, BODY, people, NOW, STAFF)


def list_all_editions(store: Store) -> list[Edition]:
    """List all editions, the oldest first."""
    with store.read() as tx:
        return tx.editions.list_recent_editions([], 100, notices=True)[::-1]


def deliver_all(mailer: Mailer) -> None:
    mailer.deliver_editions([], threading.Event(), follow_new=True)


def find_stranded_addresses(store: Store) -> list[str]:
    """Find addresses whose mail is queued in an edition that is marked as sent."""
    return [
        delivery.address
        for edition in list_all_editions(store)
        if edition.state is EditionState.SENT
        for delivery in factories.read_deliveries(store, edition).values()
        if delivery.state is DeliveryState.QUEUED
    ]
