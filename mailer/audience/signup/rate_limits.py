"""How often strangers may do something, by whom: counted in windows that start with the first time.

What is counted by is kept as a keyed hash only.
"""

from datetime import datetime

from mailer.model.signup import RateLimit
from mailer.model.transaction import Transaction


def use_allowance(tx: Transaction, limit: RateLimit, subject: str, now: datetime) -> bool:
    """Count once more; whether it was within the limit. Atomic, also between processes."""
    return (
        not limit.maximum
        or tx.sign_ups.use_allowance(limit.action, subject, limit.window, now) <= limit.maximum
    )
