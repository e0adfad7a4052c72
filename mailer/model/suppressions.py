"""Suppressions: addresses that must not be mailed, and why.

Kept under a keyed hash of the address, so that a suppression outlives the erasure of the address.
The gate asks for it in the same statement that lets a message out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
