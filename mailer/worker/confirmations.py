"""Answers to sign-ups and changes of address, and welcomes.

A page only records the request. This module decides which mail an address gets, if any, so that the
time that a page takes reveals nothing to strangers. One transaction queues the service mail and
changes the state of its confirmation, so each mail is sent once, whatever fails in between.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from mailer import editions
from mailer.actor import DELIVERY, WORKER
from mailer.app import Mailer
from mailer.audience.signup import confirmations
from mailer.audience.signup.service_mails import (
    NO_SERVICE_MAIL,
    ServiceMail,
    choose_service_mail,
    find_link_number,
)
from mailer.log import Log
from mailer.model.edition_states import PER_RECIPIENT_KINDS, EditionKind, EditionState
from mailer.model.editions import Edition, EditionBody
from mailer.model.lists import MailingList
from mailer.model.signup import Confirmation, ConfirmationState, ServiceMailKind
from mailer.render import compose_service_mail
from mailer.store import SqlTransaction
from mailer.store.outbox.service_mails import Addressee, ServiceEditionKey

_S = ConfirmationState

PENDING_STATES = (_S.ASKED, _S.CONFIRMED)
"""States of confirmations that the worker has to handle."""

MAX_CONFIRMATIONS = 500
"""Maximum number of confirmations read in a pass, the oldest first."""

BATCH = 100
"""Maximum number of confirmations answered in a transaction, with the same mail."""

RESUME_DELAY = timedelta(minutes=15)
"""Time after which service mails that delivery has stopped are tried again (it stops them if the
relay rejects the password, for example). Staff do not see their edition and could not resume it."""

ConfirmationJob = Callable[[SqlTransaction], None]


def list_due_jobs(
    mailer: Mailer, tx: SqlTransaction, now: datetime, log: Log
) -> Iterator[tuple[str, ConfirmationJob]]:
    """List the jobs that answer confirmations, with their names. Each job uses only one rolling
    edition, because two transactions that lock several editions could wait for each other."""
    lists = tx.lists.list_mailing_lists()
    ids_by_mail: dict[ServiceMail, list[int]] = {}
    for confirmation in tx.sign_ups.list_in_state(PENDING_STATES, MAX_CONFIRMATIONS):
        mail = _choose_mail(mailer, tx, lists, confirmation, now)
        ids_by_mail.setdefault(mail, []).append(confirmation.id)
    for mail, confirmation_ids in ids_by_mail.items():
        for start in range(0, len(confirmation_ids), BATCH):
            batch_ids = confirmation_ids[start : start + BATCH]
            yield (
                f"answering {batch_ids[0]}",
                partial(answer_confirmations, mailer, mail, batch_ids, log),
            )
    for edition in tx.editions.list_recent_editions(
        [EditionState.PAUSED], MAX_CONFIRMATIONS, notices=True
    ):
        if edition.kind in PER_RECIPIENT_KINDS and _may_resume(tx, edition, now):
            yield f"edition {edition.id}", partial(resume_paused_edition, mailer, edition.id, log)


def _choose_mail(
    mailer: Mailer,
    tx: SqlTransaction,
    lists: Sequence[MailingList],
    confirmation: Confirmation,
    now: datetime,
) -> ServiceMail:
    """Choose the mail that answers a confirmation. Return NO_SERVICE_MAIL if the link would have
    expired already, because no worker has run for a long time."""
    if now - confirmation.asked_at >= mailer.link_lifetime:
        return NO_SERVICE_MAIL
    return choose_service_mail(tx, lists, confirmation)


def answer_confirmations(
    mailer: Mailer, mail: ServiceMail, confirmation_ids: Sequence[int], log: Log, tx: SqlTransaction
) -> None:
    """Answer the given confirmations that still need this service mail. If an address needs it
    twice, the second mail waits for the next pass."""
    now = mailer.clock()
    lists = tx.lists.list_mailing_lists()
    by_address: dict[str, Confirmation] = {}
    unanswered: list[Confirmation] = []
    for confirmation_id in confirmation_ids:
        confirmation = tx.sign_ups.find_confirmation(confirmation_id)
        if confirmation is None or confirmation.state not in PENDING_STATES:
            continue
        if _choose_mail(mailer, tx, lists, confirmation, now) != mail:
            continue
        if mail.kind is ServiceMailKind.NOTHING:
            unanswered.append(confirmation)
        else:
            by_address.setdefault(confirmation.address, confirmation)
    if by_address:
        body = compose_service_mail(mail, mailer.settings)
        addressees = {
            confirmation.address: _build_addressee(tx, mail, confirmation)
            for confirmation in by_address.values()
        }
        mailed_addresses = tx.service_mails.queue_service_mail(
            _build_edition_key(mailer, mail, body, now), body, addressees, now
        )
        for address in mailed_addresses:
            _advance_confirmation(tx, by_address[address], mail, now)
        log_fields = {
            "letter": mail.kind.value,
            "language": body.language,
            "count": len(mailed_addresses),
        }
        log.info("answered", lists=[mailing_list.slug for mailing_list in mail.lists], **log_fields)
    for confirmation in unanswered:
        _advance_confirmation(tx, confirmation, mail, now)


def _advance_confirmation(
    tx: SqlTransaction, confirmation: Confirmation, mail: ServiceMail, now: datetime
) -> None:
    awaits_reply = mail.kind in {ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS}
    confirmations.move_confirmation(
        tx, WORKER, confirmation, _S.MAILED if awaits_reply else _S.DONE, now
    )


def _build_addressee(
    tx: SqlTransaction, mail: ServiceMail, confirmation: Confirmation
) -> Addressee:
    """Build the addressee. The name of an unconfirmed person is left out, since a stranger may have
    typed it."""
    reference_id = find_link_number(tx, confirmation, mail)
    subscriber = (
        tx.subscribers.find_subscriber_by_id(reference_id)
        if mail.kind is ServiceMailKind.WELCOME
        else None
    )
    return Addressee(reference_id, subscriber.person.name if subscriber else "")


def _build_edition_key(
    mailer: Mailer, mail: ServiceMail, body: EditionBody, now: datetime
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
        mailer.settings.sender_details,
    ]
    list_names = ", ".join(mailing_list.name for mailing_list in mail.lists)
    return ServiceEditionKey(
        kind=EditionKind.WELCOME if mail.kind is ServiceMailKind.WELCOME else EditionKind.SERVICE,
        template=mail.kind.value,
        list=mail.ledger_list,
        name=" · ".join(filter(None, (mail.kind.value, list_names, body.language, day))),
        seed=hashlib.sha256(json.dumps(seed_parts).encode()).hexdigest(),
    )


# ---- editions that delivery paused--------------------------------------------------------------


def _may_resume(tx: SqlTransaction, edition: Edition, now: datetime) -> bool:
    """Check that the edition was paused by delivery, and long enough ago. An edition that a person
    paused stays paused."""
    pause_events = [
        event
        for event in tx.editions.list_events(edition)
        if event.event_type == EditionState.PAUSED
    ]
    return (
        bool(pause_events)
        and pause_events[-1].actor_key == DELIVERY.key
        and now - pause_events[-1].at >= RESUME_DELAY
    )


def resume_paused_edition(mailer: Mailer, edition_id: int, log: Log, tx: SqlTransaction) -> None:
    """Resume an edition of service mails that delivery has paused."""
    edition = editions.get_edition(tx, edition_id)
    if edition.state is EditionState.PAUSED and _may_resume(tx, edition, mailer.clock()):
        editions.resume_edition(tx, WORKER, edition, mailer.clock())
        log.info("service mails resumed", edition=edition_id, why=edition.reason)
