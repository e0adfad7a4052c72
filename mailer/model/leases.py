"""The record of a lease: the row that decides which worker ticks."""

from datetime import datetime
from typing import NamedTuple

TICK = "tick"
"""The lease of the worker that ticks."""


class Lease(NamedTuple):
    """A lease and its holder. Its epoch grows when its holder changes. `heartbeat_at` is the time
    on the holder's clock, for people to read."""

    epoch: int
    holder: str
    heartbeat: int
    heartbeat_at: datetime
