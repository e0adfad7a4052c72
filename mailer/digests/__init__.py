"""Digests: standing orders that gather queued stories into editions.

orders.py    what staff decide about a digest
choosing.py  which stories its next edition holds
"""

from mailer.digests.choosing import assemble, choose
from mailer.digests.orders import (
    Choice,
    Digest,
    DigestStore,
    Order,
    WhenEmpty,
    add,
    check,
    edit,
    get,
)

__all__ = [
    "Choice",
    "Digest",
    "DigestStore",
    "Order",
    "WhenEmpty",
    "add",
    "assemble",
    "check",
    "choose",
    "edit",
    "get",
]
