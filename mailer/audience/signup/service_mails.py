"""Service mails: the mails that answer a sign-up or a change of address.

Service mails of one kind differ only in their links. `answering.py` queues them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailer.audience.signup.confirmations import choose_service_mail_kind
from mailer.model.editions import EditionBody
from mailer.model.lists import MailingList
from mailer.model.signup import Confirmation, ConfirmationState, ServiceMailKind
from mailer.model.subscribers import MembershipState
from mailer.model.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ServiceMail:
    """A mail that answers a confirmation. `lists` are the lists that it mentions, by slug.
    `ledger_list` is the list under which the mail is recorded; the mail's unsubscribe link
    unsubscribes the person from this list. `language` is the requested language; the mail is in the
    nearest language with a translation. `edition_id` is the edition that is copied, if any."""

    kind: ServiceMailKind
    language: str = ""
    lists: tuple[MailingList, ...] = ()
    ledger_list: str = ""
    edition_id: int = 0


class ServiceMailComposer(Protocol):
    """Turns a service mail into its body."""

    @property
    def sender_details(self) -> str:
        """The parts of every service mail that come from the settings."""

    def compose_service_mail(self, service_mail: ServiceMail) -> EditionBody:
        """Compose a service mail. Raises ComposeError."""


NO_SERVICE_MAIL = ServiceMail(ServiceMailKind.NOTHING)


def choose_service_mail(
    tx: Transaction, lists: Sequence[MailingList], confirmation: Confirmation
) -> ServiceMail:
    """Choose the mail that the address gets now: an answer to its request, or a welcome once its
    owner has confirmed. Lists that no longer exist or are closed are left out."""
    if confirmation.state is ConfirmationState.CONFIRMED:
        return _choose_welcome_mail(tx, lists, confirmation)
    if confirmation.state is not ConfirmationState.ASKED:
        return NO_SERVICE_MAIL
    kind = choose_service_mail_kind(tx, confirmation)
    if kind is ServiceMailKind.NEW_ADDRESS and lists:
        # The mail is about no list, so it is recorded under the oldest list.
        return ServiceMail(
            kind,
            confirmation.language,
            (),
            min(lists, key=lambda mailing_list: mailing_list.id).slug,
        )
    relevant_lists = _sort_by_slug(
        mailing_list
        for mailing_list in lists
        if mailing_list.slug in confirmation.wishes.lists and not mailing_list.is_closed
    )
    if kind is ServiceMailKind.NOTHING or not relevant_lists:
        return NO_SERVICE_MAIL
    return ServiceMail(kind, confirmation.language, relevant_lists, relevant_lists[0].slug)


def _choose_welcome_mail(
    tx: Transaction, lists: Sequence[MailingList], confirmation: Confirmation
) -> ServiceMail:
    """Choose a welcome mail for the lists that the person joined by this confirmation and has not
    left, if one of these lists welcomes its members."""
    subscriber = tx.subscribers.find_subscriber(confirmation.address)
    if (
        subscriber is None
        or confirmation.answered_at is None
        or tx.subscribers.find_suppression_reason(confirmation.address)
    ):
        return NO_SERVICE_MAIL
    joined_slugs = {
        membership.list
        for membership in tx.subscribers.list_memberships(subscriber)
        if membership.state is MembershipState.ACTIVE
        and membership.joined_at >= confirmation.answered_at
    }
    relevant_lists = _sort_by_slug(
        mailing_list
        for mailing_list in lists
        if mailing_list.slug in joined_slugs
        and mailing_list.slug in confirmation.wishes.lists
        and not mailing_list.is_closed
    )
    ledger_list = next(
        (mailing_list.slug for mailing_list in relevant_lists if mailing_list.welcome), ""
    )
    return (
        ServiceMail(ServiceMailKind.WELCOME, confirmation.language, relevant_lists, ledger_list)
        if ledger_list
        else NO_SERVICE_MAIL
    )


def _sort_by_slug(mailing_lists: Iterable[MailingList]) -> tuple[MailingList, ...]:
    return tuple(sorted(mailing_lists, key=lambda mailing_list: mailing_list.slug))


def find_link_number(tx: Transaction, confirmation: Confirmation, service_mail: ServiceMail) -> int:
    """Return the number in the mail's link: the confirmation's, or the subscriber's if nothing is
    to be confirmed."""
    if service_mail.kind in {ServiceMailKind.CONFIRM, ServiceMailKind.NEW_ADDRESS}:
        return confirmation.id
    subscriber = tx.subscribers.find_subscriber(confirmation.address)
    return subscriber.id if subscriber else 0
