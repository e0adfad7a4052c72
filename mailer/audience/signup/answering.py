"""Answer sign-ups and changes of address, and welcome new members.

A page only records the request. The worker decides later which mail an address gets, if any, so
that the time that a page takes reveals nothing to strangers. One transaction queues the service
mail and changes the state of its confirmation, so each mail is sent once, whatever fails in
between.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from mailer.actor import Actor
from mailer.audience.signup import confirmations
from mailer.audience.signup.latest_edition import (
    EditionCopier,
    EditionCopy,
    find_edition_copy,
    may_send_latest_edition,
)
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

PENDING_STATES = (
    ConfirmationState.ASKED,
    ConfirmationState.CONFIRMED,
    ConfirmationState.WELCOMED,
)
"""States of confirmations that need an answer."""

MAX_CONFIRMATIONS = 500
"""Maximum number of confirmations that are looked at, the oldest first."""

WELCOME_KINDS = (ServiceMailKind.WELCOME, ServiceMailKind.LATEST_EDITION)
"""Kinds of mails to new members, which go out only as long as the person is a member."""

BATCH = 100
"""Maximum number of confirmations answered in a transaction, with the same mail."""


class AnswerComposer(ServiceMailComposer, EditionCopier, Protocol):
    """Makes the bodies of all answers."""


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
    if confirmation.state is ConfirmationState.WELCOMED:
        copy = find_edition_copy(tx, lists, confirmation, now)
        return _describe_copy(copy) if copy else NO_SERVICE_MAIL
    return choose_service_mail(tx, lists, confirmation)


def _describe_copy(copy: EditionCopy) -> ServiceMail:
    return ServiceMail(
        ServiceMailKind.LATEST_EDITION,
        copy.language,
        (copy.list,),
        copy.list.slug,
        copy.edition.id,
    )


def answer_confirmations(
    tx: Transaction,
    actor: Actor,
    batch: AnswerBatch,
    composer: AnswerComposer,
    now: datetime,
    link_lifetime: timedelta,
) -> tuple[int, str]:
    """Answer the confirmations of a batch that still need its service mail. If an address needs it
    twice, the second mail waits for the next call. Returns (number of mails, their language)."""
    mail = batch.mail
    pending = _list_pending(tx, batch, now, link_lifetime)
    if mail.kind is ServiceMailKind.NOTHING:
        for confirmation in pending:
            state = _choose_next_state(tx, mail, confirmation)
            confirmations.move_confirmation(tx, actor, confirmation, state, now)
        return 0, ""
    by_address: dict[str, Confirmation] = {}
    for confirmation in pending:
        by_address.setdefault(confirmation.address, confirmation)
    if not by_address:
        return 0, ""
    if mail.kind is ServiceMailKind.LATEST_EDITION:
        mailed_addresses, language = _queue_copies(tx, actor, mail, by_address, composer, now)
        for address in mailed_addresses:
            confirmations.move_confirmation(
                tx, actor, by_address[address], ConfirmationState.DONE, now
            )
        return len(mailed_addresses), language
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
    for address in mailed_addresses:
        confirmation = by_address[address]
        state = _choose_next_state(tx, mail, confirmation)
        confirmations.move_confirmation(tx, actor, confirmation, state, now)
    return len(mailed_addresses), body.language


def _choose_next_state(
    tx: Transaction, mail: ServiceMail, confirmation: Confirmation
) -> ConfirmationState:
    """Return the state of a confirmation after its mail. A sign-up is welcomed if a list sends the
    latest edition, too."""
    if mail.kind in {ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS}:
        return ConfirmationState.MAILED
    is_confirmed = confirmation.state is ConfirmationState.CONFIRMED
    lists = tx.lists.list_mailing_lists() if is_confirmed else ()
    if any(may_send_latest_edition(mailing_list, confirmation) for mailing_list in lists):
        return ConfirmationState.WELCOMED
    return ConfirmationState.DONE


def _queue_copies(
    tx: Transaction,
    actor: Actor,
    mail: ServiceMail,
    by_address: Mapping[str, Confirmation],
    copier: EditionCopier,
    now: datetime,
) -> tuple[frozenset[str], str]:
    """Queue the copies of an edition, each with its reader's stories. Returns (the addresses for
    which they were queued, their language)."""
    lists = tx.lists.list_mailing_lists()
    copies = {
        address: copy
        for address, confirmation in by_address.items()
        if (copy := find_edition_copy(tx, lists, confirmation, now))
    }
    first_copy = next(iter(copies.values()))
    edition = first_copy.edition
    (frozen_body,) = [
        body for body in tx.editions.list_bodies(edition) if body.language == mail.language
    ]
    body = replace(copier.fill_send_day(frozen_body, edition), page=None)
    bits = tx.editions.fetch_story_bits(edition)
    key = replace(
        build_edition_key(mail, body, ",".join(first_copy.slugs), now),
        template=edition.template,
        stories=first_copy.slugs,
        story_order=tuple(sorted(bits, key=lambda slug: bits[slug])),
        sender=edition.sender_identity,
    )
    addressees = {
        address: replace(_build_addressee(tx, mail, by_address[address]), stories=copy.stories)
        for address, copy in copies.items()
    }
    mailed = tx.service_mails.queue_service_mail(key, body, addressees, now, actor)
    return mailed, body.language


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
        tx.subscribers.find_subscriber_by_id(reference_id) if mail.kind in WELCOME_KINDS else None
    )
    if subscriber is None:
        return Addressee(reference_id)
    return Addressee(reference_id, subscriber.person.name, fields=subscriber.person.fields)


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
        mail.edition_id,
        body.compute_hash(),
        sender_details,
    ]
    list_names = ", ".join(mailing_list.name for mailing_list in mail.lists)
    return ServiceEditionKey(
        kind=EditionKind.WELCOME if mail.kind in WELCOME_KINDS else EditionKind.SERVICE,
        template=mail.kind.value,
        list=mail.ledger_list,
        name=" · ".join(filter(None, (mail.kind.value, list_names, body.language, day))),
        seed=hashlib.sha256(json.dumps(seed_parts).encode()).hexdigest(),
    )
