"""Rate limits for strangers, counted in windows that start with the first use.

The subject that is counted (an address, a client) is stored as a keyed hash only.
"""

from datetime import datetime

from mailer.model.signup import RateLimit
from mailer.model.transaction import Transaction


def use_allowance(tx: Transaction, limit: RateLimit, subject: str, now: datetime) -> bool:
    """Count one use and check that it is within the limit. Atomic, also between processes."""
    return (
        not limit.maximum
        or tx.sign_ups.use_allowance(limit.action, subject, limit.window, now) <= limit.maximum
    )
