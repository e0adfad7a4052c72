"""Sign-ups and changes of address: nothing of them holds until the address's owner has answered.

::

    asked ──> mailed ──> confirmed ──> done
      └────────────────────────────────^

========== ================================================ =====================================
state      is                                               moved on by
========== ================================================ =====================================
asked      somebody typed an address; nobody was looked up  the worker, which decides what mail
           while they waited                                the address gets, if any
mailed     its owner was asked                              its owner; after some days it is
                                                            deleted, and the link is worth nothing
confirmed  its owner has answered, and it was carried out   the worker, once it has welcomed them
done       nothing is left to do                            deleted with the others
========== ================================================ =====================================

The page that takes a sign-up does the same work for every address, whether it is known, unknown,
suppressed or has left: it can't tell a stranger who reads what.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mailer import addresses, languages
from mailer.audience import preferences, subscribers
from mailer.audience.lists import get_list
from mailer.audience.signup.rate_limits import use_allowance
from mailer.errors import BadTransition, InputError, NotFound, Refused
from mailer.lines import holds_control
from mailer.model.lists import Visibility
from mailer.model.signup import (
    CONFIRMATION_TRANSITIONS,
    NOT_YET,
    Confirmation,
    ConfirmationKind,
    ConfirmationState,
    RateLimit,
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


def request_confirmation(
    tx: Transaction, limit: RateLimit, confirmation: Confirmation, now: datetime
) -> None:
    """Keep what somebody asks for until the owner of the address has answered. A mailbox is
    written to within `limit` only: what is asked for beyond it replaces what its owner was asked
    and has not answered (the page that they confirm on shows it), if there is anything.

    One statement counts and one writes, whatever is known of the address: neither the answer nor
    its time tells."""
    confirmation = replace(
        confirmation, address=addresses.normalise_address(confirmation.address), asked_at=now
    )
    if use_allowance(tx, limit, addresses.guess_mailbox(confirmation.address), now):
        tx.sign_ups.add_confirmation(confirmation)
    else:
        tx.sign_ups.replace_wishes(confirmation)


def build_sign_up(
    tx: Transaction, address: str, wishes: SignUpWishes, language: str, source: str
) -> Confirmation:
    """A sign-up to :func:`request_confirmation` for. Raises InputError naming the field, NotFound for a list that
    nobody can join by themselves."""
    open_lists = {
        mailing_list.slug
        for mailing_list in tx.lists.list_mailing_lists()
        if mailing_list.visibility is Visibility.PUBLIC
    }
    if not wishes.lists or len(wishes.lists) > MOST_LISTS:
        raise InputError("no list was chosen", where="lists", hint="choose at least one")
    for slug in wishes.lists:
        if slug not in open_lists:
            raise NotFound(f"there is no list {slug!r} to sign up for", where="lists")
    topics = {topic.slug for topic in tx.lists.list_topics()}
    for slug in wishes.topics:
        if slug not in topics:
            raise NotFound(f"there is no topic {slug!r}", where="topics")
    name = " ".join(wishes.name.split())
    if holds_control(name) or len(name) > subscribers.LONGEST_NAME:
        raise InputError("it is too long, or holds control characters", where="name")
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
    """A change of address to :func:`request_confirmation` for. Raises InputError, and Refused where it is theirs
    already. Whether it is somebody else's is not told."""
    subscriber = tx.subscribers.find_subscriber_by_id(subscriber_id)
    if subscriber is None:
        raise NotFound("there is no such subscriber")
    address = addresses.normalise_address(address)
    if address == subscriber.address:
        raise InputError("it is the address that you have", where="address")
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
    """What mail the address gets. A suppressed one gets none."""
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
    tx: Transaction, confirmation: Confirmation, state: ConfirmationState, now: datetime
) -> Confirmation:
    """Raises BadTransition."""
    if state not in CONFIRMATION_TRANSITIONS[confirmation.state]:
        raise BadTransition(
            f"confirmation {confirmation.id} is {confirmation.state}, not to become {state}"
        )
    answered_at = now if state is ConfirmationState.CONFIRMED else confirmation.answered_at
    return tx.sign_ups.update_confirmation(
        replace(confirmation, state=state, answered_at=answered_at)
    )


def find_open_confirmation(
    tx: Transaction, confirmation_id: int, now: datetime, lifetime: timedelta
) -> Confirmation | None:
    """One whose owner was asked, and whose link has not expired."""
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
    limit: RateLimit,
    confirmation: Confirmation,
    now: datetime,
    *,
    wording: Wording | None = None,
    accepted_lists: Sequence[str] | None = None,
) -> Confirmation:
    """The owner of the address has answered: carry it out. Idempotent. `wording` is what they
    agreed to, `only` the lists that they have kept of those that were asked for. Raises Refused
    for an address that must not be mailed."""
    if confirmation.state is not ConfirmationState.MAILED:
        return confirmation
    if reason := tx.subscribers.find_suppression_reason(confirmation.address):
        raise Refused(f"{confirmation.address} must not be mailed ({reason})")
    if confirmation.kind is ConfirmationKind.NEW_ADDRESS:
        subscriber = tx.subscribers.find_subscriber_by_id(confirmation.subscriber_id)
        if subscriber is None:
            raise NotFound("there is no such subscriber")
        preferences.change_address(
            tx, subscriber, confirmation.address, now, source=confirmation.source
        )
    else:
        confirmation = replace(confirmation, wording=wording)
        _join_lists(tx, confirmation, now, accepted_lists)
    tx.sign_ups.forget_allowance(limit.action, addresses.guess_mailbox(confirmation.address))
    return move_confirmation(tx, confirmation, ConfirmationState.CONFIRMED, now)


def _join_lists(
    tx: Transaction, confirmation: Confirmation, now: datetime, accepted_lists: Sequence[str] | None
) -> None:
    wishes = confirmation.wishes
    topics = [topic for topic in tx.lists.list_topics() if topic.slug in wishes.topics]
    evidence = Evidence(
        ConsentAction.CONFIRMED, confirmation.source, LawfulBasis.CONSENT, confirmation.wording
    )
    existing_slugs = {mailing_list.slug for mailing_list in tx.lists.list_mailing_lists()}
    for slug in wishes.lists:
        if slug not in existing_slugs or (
            accepted_lists is not None and slug not in accepted_lists
        ):
            continue
        subscribers.subscribe_person(
            tx,
            Person(confirmation.address, name=wishes.name, language=confirmation.language),
            get_list(tx, slug),
            topics,
            now,
            evidence=evidence,
            frequency=wishes.frequency,
            rejoin=True,
        )
