"""The time for which a thread keeps the interpreter lock while other threads wait for it.

Every SQL statement releases the interpreter lock and must get it back. With Python's default of
5 ms, a transaction of ten statements would hold its database lock for 50 ms while another thread
renders a page or talks to relays.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL = 0.0005
"""The interval in seconds while a process writes to the database in one of several threads."""


@contextmanager
def shorten_switch_interval() -> Iterator[None]:
    """Let threads of this process switch more often until the block ends."""
    previous_interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(previous_interval)
