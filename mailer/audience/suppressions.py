"""Suppressions: addresses that must not be mailed, and why.

Kept under a keyed hash of the address, so that a suppression outlives the erasure of the address.
The gate asks for it in the same statement that lets a message out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mailer.audience import addresses
from mailer.audience.consent import Act, Entry
from mailer.audience.lists import check_line
from mailer.audience.subscribers import STAFF
from mailer.errors import NotFound


class Reason(StrEnum):
    MANUAL = "manual"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Suppression:
    """`address` is empty when only its hash was kept."""

    address: str
    reason: Reason
    detail: str
    created_at: datetime


class SuppressionStore(Protocol):
    def suppressions(self) -> list[Suppression]: ...
    def find_suppression(self, address: str) -> Suppression | None: ...
    def suppress(self, suppression: Suppression) -> None: ...
    def unsuppress(self, address: str) -> bool: ...
    def log(self, entries: Sequence[Entry]) -> None: ...


def suppress(
    store: SuppressionStore,
    address: str,
    reason: Reason,
    detail: str,
    now: datetime,
    *,
    source: str = STAFF,
) -> tuple[Suppression, bool]:
    """Stop all mail to an address. Returns the suppression, the earlier one if there is one, and
    whether it is new."""
    normal = addresses.normalise(address)
    if known := store.find_suppression(normal):
        return known, False
    made = Suppression(normal, reason, check_line(detail, "detail", required=False), now)
    store.suppress(made)
    said = f"{reason}: {made.detail}" if made.detail else reason.value
    store.log([Entry(now, Act.SUPPRESSED, 0, normal, source, detail=said)])
    return made, True


def release(store: SuppressionStore, address: str, now: datetime, *, source: str = STAFF) -> str:
    """Let an address be mailed again. Raises NotFound when it isn't suppressed."""
    normal = addresses.normalise(address)
    if not store.unsuppress(normal):
        raise NotFound(f"{normal} is not suppressed", hint="see `mailer suppression list`")
    store.log([Entry(now, Act.RELEASED, 0, normal, source)])
    return normal
