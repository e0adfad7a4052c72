"""Fetch from addresses that staff, feeds and pages name: only from public networks, and within
limits of size and time.

public.py     which IP addresses are on the public internet
addresses.py  web addresses, in one spelling
guard.py      look up a name, check its addresses, connect to a checked address
deadline.py   one deadline for all steps of a fetch
fields.py     header fields of responses
bodies.py     a body within its maximum size, compressed or not
chain.py      fetch an address along its redirects
"""

from mailer.intake.fetching.chain import FetchLimits, FetchResult, fetch_url
from mailer.intake.fetching.guard import FetchGuard
from mailer.intake.request_fields import Validators, build_user_agent

__all__ = [
    "FetchGuard",
    "FetchLimits",
    "FetchResult",
    "Validators",
    "build_user_agent",
    "fetch_url",
]
