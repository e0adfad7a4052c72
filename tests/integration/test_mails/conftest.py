"""An office with readers, a story in two languages, and members of staff who get test mails."""

from collections.abc import Callable
from email.message import EmailMessage
from threading import Event
from typing import Any

import pytest

from mailer import notices
from mailer.app import Mailer
from mailer.model.editions import Edition
from mailer.notices import QueuedTest, StaffAddresses
from tests.actors import AMINA
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.delivery.delivery_runs import with_settings

TESTER, APPROVER, READER = "tester@example.org", "approver@example.org", "rana@example.org"
STAFF_ADDRESSES = StaffAddresses(approvers=(APPROVER,), others=(TESTER,))

QueueTest = Callable[..., QueuedTest]


@pytest.fixture
def office_mailer(mailer: Mailer) -> Mailer:
    """An office with two stories, one of them in French too, and two readers."""
    sender = mailer.settings.sender.model_copy(update={"unsubscribe_address": "leave@example.org"})
    with mailer.store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_story(tx, "boats", "climate")
        factories.add_story(tx, "boats", "climate", language="fr")
        factories.add_story(tx, "clinic", "health")
        factories.add_subscriber(tx, READER, "climate", language="fr", name="Rana <Reader>")
        factories.add_subscriber(tx, "other@example.org")
    return with_settings(mailer, sender=sender)


@pytest.fixture
def edition(office_mailer: Mailer) -> Edition:
    """A draft that was never composed."""
    with office_mailer.store.begin() as tx:
        return factories.create_edition(tx, "boats", "clinic", template="digest")


@pytest.fixture
def queue_test(office_mailer: Mailer) -> QueueTest:
    """A function that queues a test mail."""

    def queue(
        edition: Edition,
        *recipients: str,
        staff: StaffAddresses = STAFF_ADDRESSES,
        hourly_limit: int = 30,
        **options: Any,
    ) -> QueuedTest:
        with office_mailer.store.begin() as tx:
            return notices.queue_test_mail(
                tx,
                AMINA,
                factories.reload_edition(tx, edition),
                recipients or (TESTER,),
                office_mailer.renderer,
                staff,
                office_mailer.clock(),
                hourly_limit=hourly_limit,
                **options,
            )

    return queue


@pytest.fixture
def read_sent(office_mailer: Mailer, relay: Relay) -> Callable[[], list[EmailMessage]]:
    """A function that delivers everything and returns the mails that the relay has received."""

    def deliver_and_read() -> list[EmailMessage]:
        office_mailer.deliver_editions([], Event(), follow_new=True)
        return [received.message for received in relay.received]

    return deliver_and_read
