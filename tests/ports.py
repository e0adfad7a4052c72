"""Ports of loopback for servers that start, stop and start again while a test runs."""

import random
import socket

_LOOPBACK = "127.0.0.1"

_FIRST, _LAST = 10_000, 32_000
"""Below the ports that Linux (32768 to 60999, ``ip_local_port_range``) and the IANA (RFC 6335,
section 6) hand out to programs that ask for any port, so that no client and no listener of
another test is given one of these while its server is down."""


def find_free_port() -> int:
    """Find a port that no program listens on, and that none is given unless it asks for it.

    Raises:
        OSError: no free port in fifty attempts.
    """
    for port in random.sample(range(_FIRST, _LAST), 50):
        try:
            with socket.create_server((_LOOPBACK, port)):
                return port
        except OSError:
            continue
    raise OSError(f"no free port of {_LOOPBACK} among fifty between {_FIRST} and {_LAST}")
