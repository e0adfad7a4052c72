"""Rate limits for strangers. A window of time starts with the first use.

The subject that is counted (an address, a client) is stored as a keyed hash only.
"""

from datetime import datetime

from mailer.model.signup import RateLimit
from mailer.model.transaction import Transaction


def use_allowance(tx: Transaction, limit: RateLimit, subject: str, now: datetime) -> bool:
    """Count one use and return whether it is within the limit. Atomic across processes."""
    return (
        not limit.maximum
        or tx.sign_ups.use_allowance(limit.action, subject, limit.window, now) <= limit.maximum
    )
