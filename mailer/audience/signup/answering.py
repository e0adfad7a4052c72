"""Answer sign-ups and changes of address, and welcome new members.

A page only records the request. The worker decides later which mail an address gets, if any, so
that the time that a page takes reveals nothing to strangers. One transaction queues the service
mail and changes the state of its confirmation, so each mail is sent once, whatever fails in
between.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailer.actor import Actor
from mailer.audience.signup import confirmations
from mailer.audience.signup.service_mails import (
    NO_SERVICE_MAIL,
    ServiceMail,
    ServiceMailComposer,
    choose_service_mail,
    find_link_number,
)
from mailer.model.edition_states import EditionKind
from mailer.model.editions import EditionBody
from mailer.model.lists import MailingList
from mailer.model.service_mails import Addressee, ServiceEditionKey
from mailer.model.signup import Confirmation, ConfirmationState, ServiceMailKind
from mailer.model.transaction import Transaction

PENDING_STATES = (ConfirmationState.ASKED, ConfirmationState.CONFIRMED)
"""States of confirmations that need an answer."""

MAX_CONFIRMATIONS = 500
"""Maximum number of confirmations that are looked at, the oldest first."""

BATCH = 100
"""Maximum number of confirmations answered in a transaction, with the same mail."""


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """Confirmations that need the same service mail, by their ids."""

    mail: ServiceMail
    confirmation_ids: tuple[int, ...]


def list_unanswered(tx: Transaction, now: datetime, link_lifetime: timedelta) -> list[AnswerBatch]:
    """Return the confirmations that need an answer, in batches for :func:`answer_confirmations`.

    A batch uses only one rolling edition, because two transactions that lock several editions could
    wait for each other."""
    lists = tx.lists.list_mailing_lists()
    ids_by_mail: dict[ServiceMail, list[int]] = {}
    for confirmation in tx.sign_ups.list_in_state(PENDING_STATES, MAX_CONFIRMATIONS):
        mail = _choose_mail(tx, lists, confirmation, now, link_lifetime)
        ids_by_mail.setdefault(mail, []).append(confirmation.id)
    return [
        AnswerBatch(mail, tuple(confirmation_ids[start : start + BATCH]))
        for mail, confirmation_ids in ids_by_mail.items()
        for start in range(0, len(confirmation_ids), BATCH)
    ]


def _choose_mail(
    tx: Transaction,
    lists: Sequence[MailingList],
    confirmation: Confirmation,
    now: datetime,
    link_lifetime: timedelta,
) -> ServiceMail:
    """Choose the mail that answers a confirmation. Return NO_SERVICE_MAIL if the link would have
    expired already, because no worker has run for a long time."""
    if now - confirmation.asked_at >= link_lifetime:
        return NO_SERVICE_MAIL
    return choose_service_mail(tx, lists, confirmation)


def answer_confirmations(
    tx: Transaction,
    actor: Actor,
    batch: AnswerBatch,
    composer: ServiceMailComposer,
    now: datetime,
    link_lifetime: timedelta,
) -> tuple[int, str]:
    """Answer the confirmations of a batch that still need its service mail. If an address needs it
    twice, the second mail waits for the next call. Returns (number of mails, their language)."""
    mail = batch.mail
    pending = _list_pending(tx, batch, now, link_lifetime)
    if mail.kind is ServiceMailKind.NOTHING:
        for confirmation in pending:
            confirmations.move_confirmation(tx, actor, confirmation, ConfirmationState.DONE, now)
        return 0, ""
    by_address: dict[str, Confirmation] = {}
    for confirmation in pending:
        by_address.setdefault(confirmation.address, confirmation)
    if not by_address:
        return 0, ""
    body = composer.compose_service_mail(mail)
    mailed_addresses = tx.service_mails.queue_service_mail(
        build_edition_key(mail, body, composer.sender_details, now),
        body,
        {
            address: _build_addressee(tx, mail, confirmation)
            for address, confirmation in by_address.items()
        },
        now,
        actor,
    )
    awaits_reply = mail.kind in {ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS}
    state = ConfirmationState.MAILED if awaits_reply else ConfirmationState.DONE
    for address in mailed_addresses:
        confirmations.move_confirmation(tx, actor, by_address[address], state, now)
    return len(mailed_addresses), body.language


def _list_pending(
    tx: Transaction, batch: AnswerBatch, now: datetime, link_lifetime: timedelta
) -> list[Confirmation]:
    """Return the confirmations of a batch that still need its mail."""
    lists = tx.lists.list_mailing_lists()
    return [
        confirmation
        for confirmation in map(tx.sign_ups.find_confirmation, batch.confirmation_ids)
        if confirmation is not None
        and confirmation.state in PENDING_STATES
        and _choose_mail(tx, lists, confirmation, now, link_lifetime) == batch.mail
    ]


def _build_addressee(tx: Transaction, mail: ServiceMail, confirmation: Confirmation) -> Addressee:
    """Build the addressee. The name of an unconfirmed person is left out, since a stranger may have
    typed it."""
    reference_id = find_link_number(tx, confirmation, mail)
    subscriber = (
        tx.subscribers.find_subscriber_by_id(reference_id)
        if mail.kind is ServiceMailKind.WELCOME
        else None
    )
    return Addressee(reference_id, subscriber.person.name if subscriber else "")


def build_edition_key(
    mail: ServiceMail, body: EditionBody, sender_details: str, now: datetime
) -> ServiceEditionKey:
    """Build the key of the rolling edition that this service mail belongs to. A new edition begins
    each day (UTC), and whenever the body or the settings that appear in the mail have changed."""
    day = f"{now.astimezone(UTC):%Y-%m-%d}"
    slugs = [mailing_list.slug for mailing_list in mail.lists]
    seed_parts = [
        mail.kind.value,
        mail.ledger_list,
        slugs,
        day,
        body.compute_hash(),
        sender_details,
    ]
    list_names = ", ".join(mailing_list.name for mailing_list in mail.lists)
    return ServiceEditionKey(
        kind=EditionKind.WELCOME if mail.kind is ServiceMailKind.WELCOME else EditionKind.SERVICE,
        template=mail.kind.value,
        list=mail.ledger_list,
        name=" · ".join(filter(None, (mail.kind.value, list_names, body.language, day))),
        seed=hashlib.sha256(json.dumps(seed_parts).encode()).hexdigest(),
    )
