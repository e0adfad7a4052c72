"""How often strangers may do something, by whom: counted in windows that start with the first time.

What is counted by is kept as a keyed hash only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` times in a `window` that starts with the first of them. 0: no limit."""

    what: str
    most: int
    window: timedelta = timedelta(hours=1)


class SignUpLimits:
    """What strangers may do in an hour; 0: no limit."""

    def __init__(self, per_address: int, per_client: int, per_domain: int) -> None:
        self.per_address = Limit("mail", per_address)
        self.per_client = Limit("client", per_client)
        self.per_domain = Limit("domain", per_domain)


class AllowanceStore(Protocol):
    def use(self, what: str, by: str, window: timedelta, now: datetime) -> int: ...
    def forget(self, what: str, by: str) -> None: ...


def use(store: AllowanceStore, limit: Limit, by: str, now: datetime) -> bool:
    """Count once more; whether it was within the limit. Atomic, also between processes."""
    return not limit.most or store.use(limit.what, by, limit.window, now) <= limit.most
