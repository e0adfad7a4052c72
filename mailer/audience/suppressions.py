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
    def suppressions(
        self, reason: Reason | None = None, limit: int | None = None
    ) -> list[Suppression]: ...
    def find_suppression(self, address: str) -> Suppression | None: ...
    def suppressed_of(self, addresses: Sequence[str]) -> frozenset[str]: ...
    def suppress(self, suppressions: Sequence[Suppression]) -> None: ...
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
    suppress_all(store, [made], now, source=source)
    return made, True


def suppress_all(
    store: SuppressionStore, wanted: Sequence[Suppression], now: datetime, *, source: str = STAFF
) -> frozenset[str]:
    """Stop all mail to many addresses, each of which stands there once. Returns those to which it
    was stopped already: they keep their reason."""
    known = store.suppressed_of([one.address for one in wanted])
    new = [one for one in wanted if one.address not in known]
    store.suppress(new)
    store.log(
        [Entry(now, Act.SUPPRESSED, 0, one.address, source, detail=_spelt(one)) for one in new]
    )
    return known


def _spelt(one: Suppression) -> str:
    return f"{one.reason}: {one.detail}" if one.detail else one.reason.value


def release(store: SuppressionStore, address: str, now: datetime, *, source: str = STAFF) -> str:
    """Let an address be mailed again. Raises NotFound when it isn't suppressed."""
    normal = addresses.normalise(address)
    if not store.unsuppress(normal):
        raise NotFound(f"{normal} is not suppressed", hint="see `mailer suppression list`")
    store.log([Entry(now, Act.RELEASED, 0, normal, source)])
    return normal
