"""Test mails: the mail of an edition as one reader would get it, sent to members of staff.

A test mail is an edition of its own kind, with one frozen body and a delivery for each recipient,
and goes through the gate and the ledger like every other mail. The edition that it shows stays
untouched: its bodies, its approval and its counts. The values of the reader are filled in, and all
personal links lead to a page that says that they change nothing.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from mailer import addresses, editions, outbox
from mailer.actor import Actor
from mailer.editions.previews import discard_changes
from mailer.errors import InputError, Refused, TooManyRequests
from mailer.message import fill_reader_values
from mailer.model.deliveries import EditionReader
from mailer.model.editions import Edition, EditionBody
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction
from mailer.notices.recipients import StaffAddresses

TEST_EVENT = "test mail"
"""The event that records a test mail and its recipients."""

LIMIT_PERIOD = timedelta(hours=1)
"""Time for which the limit of test mails is counted."""


class ReaderMailRenderer(Renderer, Protocol):
    """Composes editions, and marks a mail as a test mail."""

    def mark_test_mail(
        self, body: EditionBody, edition: Edition, reader: EditionReader
    ) -> EditionBody:
        """Return the body with a marked subject and a banner that names the reader. Raises
        ComposeError."""


@dataclass(frozen=True, slots=True)
class QueuedTest:
    """A test mail in the outbox: its own edition, the edition and the hash of the content that it
    shows, its reader and its recipients."""

    mail: Edition
    edition: Edition
    reader: EditionReader
    recipients: tuple[str, ...]


def queue_test_mail(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    recipients: Sequence[str],
    renderer: ReaderMailRenderer,
    staff: StaffAddresses,
    now: datetime,
    *,
    hourly_limit: int,
    reader_address: str = "",
    language: str = "",
) -> QueuedTest:
    """Put a test mail of an edition into the outbox, due at once: the mail of the subscriber with
    `reader_address`, or of a nameless reader who gets every story, in `language` or their own.

    A draft is composed for it, and stays as it is. Raises Refused for a recipient who is not an
    approver, a watcher or another member of staff, if the edition does not go to that reader, and
    if one of its stories was killed; TooManyRequests if more than `hourly_limit` test mails would
    be sent within an hour; and ComposeError."""
    recipients = _check_recipients(tx, edition, recipients, staff)
    editions.check_not_killed(tx, edition)
    _check_limit(tx, len(recipients), hourly_limit, now)
    with discard_changes(tx):
        composed, _ = editions.compose_edition(tx, actor, edition, renderer)
        reader = outbox.find_reader(tx, composed, reader_address, language)
        body = _build_body(tx, composed, reader, renderer, now)
    mail = tx.notices.queue_test_mail(
        body,
        edition,
        recipients,
        now,
        actor,
        uid=secrets.token_hex(8),
        reader_id=reader.subscriber_id,
        sender=composed.sender_identity,
    )
    tx.editions.add_event(
        edition, TEST_EVENT, f"{body.language}: {', '.join(recipients)}", now, actor
    )
    return QueuedTest(mail, composed, reader, recipients)


def _check_recipients(
    tx: Transaction, edition: Edition, recipients: Sequence[str], staff: StaffAddresses
) -> tuple[str, ...]:
    """Return the recipients in canonical spelling, each once. Raises InputError if there is none,
    and Refused for an address that is not an address of staff."""
    policy = editions.get_policy(tx, edition)
    staff_texts = (
        *policy.approvers,
        *policy.watchers,
        *staff.approvers,
        *staff.watchers,
        *staff.others,
    )
    staff_addresses = {addresses.normalise_address(text) for text in staff_texts}
    normal_addresses = tuple(
        dict.fromkeys(addresses.normalise_address(text, "recipient") for text in recipients)
    )
    if not normal_addresses:
        raise InputError("a test mail needs a recipient", field="recipient")
    for address in normal_addresses:
        if address not in staff_addresses:
            raise Refused(
                f"{address} is not an address of staff: test mails go only to members of staff",
                field="recipient",
                value=address,
                hint="add it to [staff] addresses, or name an approver or a watcher",
            )
    return normal_addresses


def _check_limit(tx: Transaction, count: int, hourly_limit: int, now: datetime) -> None:
    tx.notices.lock_test_mails()
    earlier_count = tx.notices.count_test_mails(now - LIMIT_PERIOD)
    if earlier_count + count > hourly_limit:
        raise TooManyRequests(
            f"{earlier_count} test mails were sent within an hour, and the limit is {hourly_limit}",
            field="recipient",
            hint="wait, or raise [staff] tests_per_hour",
        )


def _build_body(
    tx: Transaction,
    edition: Edition,
    reader: EditionReader,
    renderer: ReaderMailRenderer,
    now: datetime,
) -> EditionBody:
    """Build the frozen body of a test mail, with the reader's values and stories."""
    (body,) = [
        body for body in tx.editions.list_bodies(edition) if body.language == reader.language
    ]
    body = fill_reader_values(
        body,
        reader.name,
        reader.address or outbox.EXAMPLE_ADDRESS,
        reader.fields,
        editions.find_send_day(tx, edition, now),
    )
    body = renderer.mark_test_mail(body, edition, reader)
    return replace(body, stories=reader.stories, titles=(), summary="", page=None)
