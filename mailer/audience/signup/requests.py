"""Requests of strangers through public forms: they count against the limits, then a confirmation is
requested.

Each use counts, also that of a request which is then refused.
"""

from datetime import datetime

from mailer import addresses
from mailer.actor import Actor
from mailer.audience.signup.confirmations import (
    build_address_change,
    build_sign_up,
    request_confirmation,
)
from mailer.audience.signup.rate_limits import use_allowance, use_client_allowance
from mailer.errors import TooManyRequests
from mailer.model.signup import RateLimit, SignUpLimits, SignUpWishes
from mailer.model.transaction import Transaction


def request_sign_up(
    tx: Transaction,
    actor: Actor,
    limits: SignUpLimits,
    client: str,
    address: str,
    wishes: SignUpWishes,
    language: str,
    source: str,
    now: datetime,
    *,
    is_automated: bool = False,
) -> None:
    """Sign an address up, which its owner must confirm. `client` is the host of the request.

    A request that only a program would make (`is_automated`) counts and is otherwise dropped, which
    the answer must not reveal. Raises TooManyRequests if the client or the address's domain is
    beyond its limit, InputError naming the field, and NotFound for an unknown list or topic."""
    _count_client(tx, actor, limits, client, now)
    if is_automated:
        return
    address = addresses.normalise_address(address)
    _count_domain(tx, actor, limits, address, now)
    sign_up = build_sign_up(tx, address, wishes, language, source=source)
    request_confirmation(tx, actor, limits.per_address, sign_up, now)


def request_address_change(
    tx: Transaction,
    actor: Actor,
    limits: SignUpLimits,
    client: str,
    subscriber_id: int,
    address: str,
    language: str,
    source: str,
    now: datetime,
) -> None:
    """Request the change of a subscriber's address, which the owner of the new one must confirm.

    There are limits for both the client and the subscriber, so that a preferences link cannot be
    used to send mails to strangers. Raises TooManyRequests, and InputError for an address that is
    invalid or the subscriber's present one."""
    _count_client(tx, actor, limits, client, now)
    _count_use(tx, actor, limits.per_client, f"subscriber {subscriber_id}", now)
    address_change = build_address_change(tx, subscriber_id, address, language, source)
    _count_domain(tx, actor, limits, address_change.address, now)
    request_confirmation(tx, actor, limits.per_address, address_change, now)


def _count_client(
    tx: Transaction, actor: Actor, limits: SignUpLimits, client: str, now: datetime
) -> None:
    if not use_client_allowance(tx, actor, limits.per_client, client, now):
        raise TooManyRequests("this client has made too many requests", hint="wait an hour")


def _count_domain(
    tx: Transaction, actor: Actor, limits: SignUpLimits, address: str, now: datetime
) -> None:
    _count_use(tx, actor, limits.per_domain, addresses.extract_wire_domain(address), now)


def _count_use(
    tx: Transaction, actor: Actor, limit: RateLimit, subject: str, now: datetime
) -> None:
    if not use_allowance(tx, actor, limit, subject, now):
        raise TooManyRequests(f"there were too many requests for {subject}", hint="wait an hour")
