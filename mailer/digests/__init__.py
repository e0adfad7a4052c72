"""Digests: standing orders that gather queued stories into editions.

orders.py    what staff decide about a digest
choosing.py  which stories its next edition holds
"""

from mailer.digests.choosing import assemble, choose
from mailer.digests.orders import (
    ApprovalRule,
    Choice,
    Digest,
    DigestStore,
    Order,
    Policy,
    WhenEmpty,
    WhenLate,
    add,
    check,
    edit,
    get,
)

__all__ = [
    "ApprovalRule",
    "Choice",
    "Digest",
    "DigestStore",
    "Order",
    "Policy",
    "WhenEmpty",
    "WhenLate",
    "add",
    "assemble",
    "check",
    "choose",
    "edit",
    "get",
]
