"""The record of a suppression: an address that must not be mailed, and the reason."""

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
    """A suppressed address. `address` is empty if only its keyed hash is stored."""

    address: str
    reason: SuppressionReason
    detail: str
    created_at: datetime
