"""Sign-ups and changes of address, which take effect only when the owner of the address confirms.

::

    asked ──> mailed ──> confirmed ──> (welcomed) ──> done
      └─────────────────────────────────────────────────^

========== ================================================ =====================================
state      meaning                                          next state set by
========== ================================================ =====================================
asked      an address was typed into a form; it was not     the worker, which decides which mail
           looked up during the request                     the address gets, if any
mailed     the owner of the address got a mail with a link  the owner; after some days the
                                                            confirmation and its link expire
confirmed  the owner confirmed, and it took effect          the worker, after sending a welcome
welcomed   a list that they joined sends new members its    the worker, after sending it
           latest edition
done       nothing is left to do                            deleted like the others
========== ================================================ =====================================

The page that takes a sign-up does the same work for every address, whether it is known, unknown,
suppressed or unsubscribed. A stranger can't find out who subscribes to which list.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from mailer import addresses, languages
from mailer.actor import Actor
from mailer.audience import preferences, subscribers
from mailer.audience.lists import check_open, list_public_lists
from mailer.audience.signup.rate_limits import forget_mail_allowance, use_mail_allowance
from mailer.errors import ApprovalVoid, BadTransition, InputError, NotFound, Refused
from mailer.lines import holds_control, holds_visible
from mailer.model.signup import (
    CONFIRMATION_TRANSITIONS,
    NOT_YET,
    Confirmation,
    ConfirmationKind,
    ConfirmationState,
    MailLimit,
    ServiceMailKind,
    SignUpWishes,
)
from mailer.model.subscribers import (
    ConsentAction,
    Evidence,
    LawfulBasis,
    MembershipState,
    Person,
    Wording,
)
from mailer.model.transaction import Transaction

SIGN_UP_PAGE = "sign-up page"
MOST_LISTS = 50
NO_LIST_CHOSEN = "no_list_chosen"
"""The code of the error for a sign-up whose lists were all deselected."""


def request_confirmation(
    tx: Transaction, actor: Actor, limit: MailLimit, confirmation: Confirmation, now: datetime
) -> None:
    """Save a request until the owner of the address confirms it.

    One mailbox gets at most as many mails as `limit` allows, at growing intervals as long as the
    owner confirms nothing. A request beyond the limit causes no mail, but updates the owner's open
    request, if there is one. The page for confirming shows the updated request.

    One statement counts and one writes, whether or not the address is known. So neither the answer
    nor its time reveals whether the address is known."""
    confirmation = replace(
        confirmation, address=addresses.normalise_address(confirmation.address), asked_at=now
    )
    if use_mail_allowance(tx, actor, limit, confirmation.address, now):
        tx.sign_ups.add_confirmation(confirmation)
    else:
        tx.sign_ups.replace_wishes(confirmation)


def build_sign_up(
    tx: Transaction, address: str, wishes: SignUpWishes, language: str, source: str
) -> Confirmation:
    """Build a sign-up for :func:`request_confirmation`. Raises InputError naming the field, and
    NotFound for a list that is not public or an unknown topic."""
    open_lists = {public_list.slug for public_list in list_public_lists(tx)}
    if not wishes.lists or len(wishes.lists) > MOST_LISTS:
        raise InputError("no list was chosen", field="lists", hint="choose at least one")
    for slug in wishes.lists:
        if slug not in open_lists:
            raise NotFound(f"there is no list {slug!r} to sign up for", field="lists")
    topics = {topic.slug for topic in tx.lists.list_topics()}
    for slug in wishes.topics:
        if slug not in topics:
            raise NotFound(f"there is no topic {slug!r}", field="topics")
    name = " ".join(wishes.name.split()) if holds_visible(wishes.name) else ""
    if holds_control(name) or len(name) > subscribers.LONGEST_NAME:
        raise InputError("it is too long, or holds control characters", field="name")
    return Confirmation(
        id=0,
        kind=ConfirmationKind.SIGN_UP,
        state=ConfirmationState.ASKED,
        address=addresses.normalise_address(address),
        subscriber_id=0,
        language=languages.normalise_tag(language),
        wishes=replace(
            wishes,
            name=name,
            lists=tuple(dict.fromkeys(wishes.lists)),
            topics=tuple(sorted({*wishes.topics})),
        ),
        wording=None,
        source=source,
        asked_at=NOT_YET,
    )


def build_address_change(
    tx: Transaction, subscriber_id: int, address: str, language: str, source: str
) -> Confirmation:
    """Build a change of address for :func:`request_confirmation`. Raises InputError if the
    subscriber has this address already. The caller does not learn whether another subscriber has
    it."""
    subscriber = tx.subscribers.find_subscriber_by_id(subscriber_id)
    if subscriber is None:
        raise NotFound("there is no such subscriber")
    address = addresses.normalise_address(address)
    if address == subscriber.address:
        raise InputError("this is already your address", field="address")
    return Confirmation(
        id=0,
        kind=ConfirmationKind.NEW_ADDRESS,
        state=ConfirmationState.ASKED,
        address=address,
        subscriber_id=subscriber.id,
        language=languages.normalise_tag(language),
        wishes=SignUpWishes(),
        wording=None,
        source=source,
        asked_at=NOT_YET,
    )


def choose_service_mail_kind(tx: Transaction, confirmation: Confirmation) -> ServiceMailKind:
    """Choose which kind of mail answers this confirmation. A suppressed address gets none."""
    if tx.subscribers.find_suppression_reason(confirmation.address):
        return ServiceMailKind.NOTHING
    if confirmation.kind is ConfirmationKind.NEW_ADDRESS:
        return (
            ServiceMailKind.NEW_ADDRESS
            if tx.subscribers.find_subscriber_by_id(confirmation.subscriber_id)
            else ServiceMailKind.NOTHING
        )
    subscriber = tx.subscribers.find_subscriber(confirmation.address)
    active_lists = (
        {
            membership.list
            for membership in tx.subscribers.list_memberships(subscriber)
            if membership.state is MembershipState.ACTIVE
        }
        if subscriber
        else set()
    )
    return (
        ServiceMailKind.ALREADY_SUBSCRIBED
        if {*confirmation.wishes.lists} <= active_lists
        else ServiceMailKind.CONFIRM
    )


def move_confirmation(
    tx: Transaction,
    actor: Actor,
    confirmation: Confirmation,
    state: ConfirmationState,
    now: datetime,
) -> Confirmation:
    """Set a confirmation's state. Raises BadTransition."""
    if state not in CONFIRMATION_TRANSITIONS[confirmation.state]:
        raise BadTransition(
            f"confirmation {confirmation.id} is {confirmation.state} and can't become {state}"
        )
    answered_at = now if state is ConfirmationState.CONFIRMED else confirmation.answered_at
    return tx.sign_ups.update_confirmation(
        replace(confirmation, state=state, answered_at=answered_at)
    )


def find_open_confirmation(
    tx: Transaction, confirmation_id: int, now: datetime, lifetime: timedelta
) -> Confirmation | None:
    """Return a confirmation whose owner got a mail and whose link has not expired, or None."""
    confirmation = tx.sign_ups.find_confirmation(confirmation_id)
    if (
        confirmation is None
        or confirmation.state is ConfirmationState.ASKED
        or now - confirmation.asked_at >= lifetime
    ):
        return None
    return confirmation


def apply_confirmation(
    tx: Transaction,
    actor: Actor,
    limit: MailLimit,
    confirmation: Confirmation,
    now: datetime,
    *,
    wording: Wording | None = None,
    accepted_lists: Sequence[str] | None = None,
    fingerprint: str = "",
) -> Confirmation:
    """Carry out a request that the owner of the address has confirmed. Idempotent.

    `wording` is the text that they agreed to, `accepted_lists` the requested lists that they did
    not deselect, and `fingerprint` identifies the choices that the page showed, if the form sent a
    fingerprint. Raises ApprovalVoid if the address was signed up again since with other choices,
    InputError for a sign-up without a list, and Refused if the address is suppressed, or if every
    chosen list was closed since. A closed list among others is left out."""
    if confirmation.kind is ConfirmationKind.SIGN_UP:
        if fingerprint not in {"", compute_choices_fingerprint(confirmation)}:
            raise ApprovalVoid("the choices have changed since they were shown")
        if accepted_lists is not None and not accepted_lists:
            raise InputError(
                "no list was chosen", code=NO_LIST_CHOSEN, field="lists", hint="choose at least one"
            )
    if confirmation.state is not ConfirmationState.MAILED:
        return confirmation
    if reason := tx.subscribers.find_suppression_reason(confirmation.address):
        raise Refused(f"{confirmation.address} must not be mailed ({reason})")
    if confirmation.kind is ConfirmationKind.NEW_ADDRESS:
        subscriber = tx.subscribers.find_subscriber_by_id(confirmation.subscriber_id)
        if subscriber is None:
            raise NotFound("there is no such subscriber")
        preferences.change_address(
            tx, actor, subscriber, confirmation.address, now, source=confirmation.source
        )
    else:
        confirmation = replace(confirmation, wording=wording)
        _join_lists(tx, actor, confirmation, now, accepted_lists)
    forget_mail_allowance(tx, actor, limit, confirmation.address)
    return move_confirmation(tx, actor, confirmation, ConfirmationState.CONFIRMED, now)


def compute_choices_fingerprint(confirmation: Confirmation) -> str:
    """Return a short hash of the choices that the page shows, which its form sends back."""
    shown_choices = json.dumps(
        [confirmation.language, confirmation.wishes.to_plain()], sort_keys=True
    )
    return sha256(shown_choices.encode()).hexdigest()[:16]


def _join_lists(
    tx: Transaction,
    actor: Actor,
    confirmation: Confirmation,
    now: datetime,
    accepted_lists: Sequence[str] | None,
) -> None:
    wishes = confirmation.wishes
    topics = [topic for topic in tx.lists.list_topics() if topic.slug in wishes.topics]
    evidence = Evidence(
        ConsentAction.CONFIRMED, confirmation.source, LawfulBasis.CONSENT, confirmation.wording
    )
    chosen_lists = [
        mailing_list
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.slug in wishes.lists
        and (accepted_lists is None or mailing_list.slug in accepted_lists)
    ]
    if chosen_lists and all(mailing_list.is_closed for mailing_list in chosen_lists):
        check_open(chosen_lists[0])
    for mailing_list in chosen_lists:
        if mailing_list.is_closed:
            continue
        subscribers.subscribe_person(
            tx,
            actor,
            Person(confirmation.address, name=wishes.name, language=confirmation.language),
            mailing_list,
            topics,
            now,
            evidence=evidence,
            frequency=wishes.frequency,
            rejoin=True,
        )
