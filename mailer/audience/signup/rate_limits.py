"""How often strangers may do something, by whom: counted in windows that start with the first time.

What is counted by is kept as a keyed hash only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `most` times in a `window` that starts with the first of them. 0: no limit."""

    action: str
    maximum: int
    window: timedelta = timedelta(hours=1)


class SignUpLimits:
    """What strangers may do in an hour; 0: no limit."""

    def __init__(self, per_address: int, per_client: int, per_domain: int) -> None:
        self.per_address = RateLimit("mail", per_address)
        self.per_client = RateLimit("client", per_client)
        self.per_domain = RateLimit("domain", per_domain)


class AllowanceStore(Protocol):
    def use_allowance(self, action: str, subject: str, window: timedelta, now: datetime) -> int: ...
    def forget_allowance(self, action: str, subject: str) -> None: ...


def use_allowance(store: AllowanceStore, limit: RateLimit, subject: str, now: datetime) -> bool:
    """Count once more; whether it was within the limit. Atomic, also between processes."""
    return (
        not limit.maximum
        or store.use_allowance(limit.action, subject, limit.window, now) <= limit.maximum
    )
