"""sd_notify(3): telling systemd that the worker is ready, is alive, or is stopping.

The message is a datagram to the socket that ``$NOTIFY_SOCKET`` names; if the variable is not set,
nothing is sent. The code is our own because it has twenty lines and the packages for it are no
longer maintained.
"""

import os
import socket
from collections.abc import Mapping


class SystemdNotifier:
    """The service manager that started the worker, if it wants to be notified."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environ is None else environ
        self._address = variables.get("NOTIFY_SOCKET", "")
        usec = variables.get("WATCHDOG_USEC", "")
        is_for_us = variables.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = int(usec) / 1e6 if usec.isdigit() and is_for_us else 0.0
        """Seconds within which systemd expects a sign of life; 0 if it expects none."""

    def send_state(self, *assignments: str) -> bool:
        """Send assignments such as ``READY=1``. Returns False if no service manager listens, which
        is not an error."""
        if not self._address:
            return False
        # A leading @ stands for the zero byte of an abstract socket (sd_notify(3)).
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
            ) as notify_socket:
                notify_socket.sendto("\n".join(assignments).encode(), address)
        except OSError:
            return False
        return True
