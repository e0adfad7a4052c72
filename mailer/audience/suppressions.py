"""Suppressions: addresses that must not be mailed, and why.

A suppression is stored under a keyed hash of the address, so that it outlives the erasure of the
address. The gate checks it in the same statement that lets a message pass.
"""

from collections.abc import Sequence
from datetime import datetime

from mailer import addresses
from mailer.actor import Actor
from mailer.audience.lists import check_line
from mailer.audience.subscribers import STAFF_SOURCE
from mailer.errors import NextStep, NotFound
from mailer.model.stores.audience import SubscriberStore
from mailer.model.subscribers import ConsentAction, ConsentEntry
from mailer.model.suppressions import Suppression, SuppressionReason
from mailer.model.transaction import Transaction


def list_suppressions(
    tx: Transaction,
    reason: SuppressionReason | None = None,
    *,
    after: str = "",
    limit: int = 50,
) -> tuple[list[Suppression], str]:
    """Return up to `limit` suppressions, the newest first, beginning after the one of the address
    `after`, or of a hash that an earlier call returned. Returns (suppressions, the key after which
    the next page begins, or an empty string). Raises InputError, or NotFound if `after` is not
    suppressed."""
    key = addresses.normalise_address(after) if "@" in after else after
    return tx.subscribers.list_suppressions(reason, limit, key)


def suppress_address(
    tx: Transaction,
    actor: Actor,
    address: str,
    reason: SuppressionReason,
    detail: str,
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
) -> tuple[Suppression, bool]:
    """Stop all mail to an address. An earlier suppression stays unchanged.

    Returns the suppression and whether it is new."""
    normal_address = addresses.normalise_address(address)
    if earlier := tx.subscribers.find_suppression(normal_address):
        return earlier, False
    suppression = Suppression(
        normal_address, reason, check_line(detail, "detail", required=False), now
    )
    suppress_addresses(tx.subscribers, actor, [suppression], now, source=source)
    return suppression, True


def suppress_addresses(
    store: SubscriberStore,
    actor: Actor,
    suppressions: Sequence[Suppression],
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
) -> frozenset[str]:
    """Stop all mail to many distinct addresses. Addresses that are already suppressed keep their
    reason.

    Returns the addresses that were already suppressed."""
    already_suppressed = store.find_suppressed_addresses(
        [suppression.address for suppression in suppressions]
    )
    new_suppressions = [
        suppression for suppression in suppressions if suppression.address not in already_suppressed
    ]
    store.add_suppressions(new_suppressions)
    store.log_consent(
        [
            ConsentEntry(
                now,
                ConsentAction.SUPPRESSED,
                0,
                suppression.address,
                source,
                detail=_describe_suppression(suppression),
                actor_key=actor.key,
            )
            for suppression in new_suppressions
        ]
    )
    return already_suppressed


def _describe_suppression(suppression: Suppression) -> str:
    return (
        f"{suppression.reason}: {suppression.detail}"
        if suppression.detail
        else suppression.reason.value
    )


def lift_suppression(
    tx: Transaction, actor: Actor, address: str, now: datetime, *, source: str = STAFF_SOURCE
) -> str:
    """Allow mail to an address again. Returns the address in canonical spelling. Raises NotFound if
    it is not suppressed."""
    normal_address = addresses.normalise_address(address)
    if not tx.subscribers.remove_suppression(normal_address):
        raise NotFound(
            f"{normal_address} is not suppressed", next_steps=[NextStep("list_suppressions")]
        )
    tx.subscribers.log_consent(
        [ConsentEntry(now, ConsentAction.RELEASED, 0, normal_address, source, actor_key=actor.key)]
    )
    return normal_address
