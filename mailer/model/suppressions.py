"""Suppressions: addresses that must not be mailed, and why.

Kept under a keyed hash of the address, so that a suppression outlives the erasure of the address.
The gate asks for it in the same statement that lets a message out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mailer.model.subscribers import ConsentEntry


class SuppressionReason(StrEnum):
    MANUAL = "manual"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Suppression:
    """`address` is empty when only its hash was kept."""

    address: str
    reason: SuppressionReason
    detail: str
    created_at: datetime


class SuppressionStore(Protocol):
    def list_suppressions(
        self, reason: SuppressionReason | None = None, limit: int | None = None
    ) -> list[Suppression]: ...
    def find_suppression(self, address: str) -> Suppression | None: ...
    def find_suppressed_addresses(self, addresses: Sequence[str]) -> frozenset[str]: ...
    def add_suppressions(self, suppressions: Sequence[Suppression]) -> None: ...
    def remove_suppression(self, address: str) -> bool: ...
    def log_consent(self, entries: Sequence[ConsentEntry]) -> None: ...
