"""How often strangers may do something, by whom: counted in windows that start with the first time.

What is counted by is kept as a keyed hash only.
"""

from datetime import datetime

from mailer.model.signup import AllowanceStore, RateLimit


def use_allowance(store: AllowanceStore, limit: RateLimit, subject: str, now: datetime) -> bool:
    """Count once more; whether it was within the limit. Atomic, also between processes."""
    return (
        not limit.maximum
        or store.use_allowance(limit.action, subject, limit.window, now) <= limit.maximum
    )
