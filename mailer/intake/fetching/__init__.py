"""Fetching from addresses that staff, feeds and pages name: never from inside a network, and never
more than was allowed.

public.py     which IP addresses are on the public internet
addresses.py  web addresses, in one spelling
guard.py      a look-up, its check, and the connection to what was checked
deadline.py   one deadline for all steps
fields.py     header fields that are read
bodies.py     a body within its size, however it is packed
chain.py      the verb: along redirects to the content
"""

from mailer.intake.fetching.chain import FetchLimits, FetchResult, build_user_agent, fetch_url
from mailer.intake.fetching.fields import Validators
from mailer.intake.fetching.guard import FetchGuard

__all__ = [
    "FetchGuard",
    "FetchLimits",
    "FetchResult",
    "Validators",
    "build_user_agent",
    "fetch_url",
]
