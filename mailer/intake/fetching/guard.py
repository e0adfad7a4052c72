"""Guard fetches: look up a name once, check all its addresses, and connect to a checked address.

A check that is separate from the connection is worthless: the owner of a name can answer the
look-up for the check with a public address, and the look-up for the connection with an internal one
a moment later (DNS rebinding). So one look-up serves both the check and the connection, here, below
HTTP, for every hop of every fetch. TLS and the Host field still use the name, which httpcore takes
from the address of the request.
"""

import socket
import ssl
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import Any

import httpcore
from httpcore import NetworkBackend, NetworkStream

from mailer.errors import FetchError
from mailer.intake.fetching.addresses import parse_address, parse_ip
from mailer.intake.fetching.deadline import Deadline
from mailer.intake.fetching.public import IPAddress, is_public

PORTS = (80, 443, 8080, 8443)
"""Ports of web sites. On other ports a fetch could talk to a mail server or a database."""

MAX_ADDRESSES_TRIED = 4
"""Maximum number of a name's addresses that are tried, one after another."""

MAX_HEAD_BYTES = 300_000
"""Maximum bytes of the heads of all responses of one fetch; h11 accepts 100 KB for each. Interim
responses (1xx) cost 0.7 µs a byte to read and can be endless."""

HostLookUp = Callable[[str, int], Iterable[str]]
"""A function from a name and a port to the IP addresses of that name. Raises OSError if the name
has none."""


def look_up_host(name: str, port: int) -> list[str]:
    """Return the addresses from the machine's resolver, each once. Raises OSError."""
    address_infos = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address_info[4][0]) for address_info in address_infos))


@dataclass(frozen=True)
class FetchGuard:
    """The rules for the targets of fetches. The default allows only the public internet.

    `is_allowed` decides whether an address may be reached, `look_up` resolves names, and `ports`
    are the allowed ports. These three are parameters only for tests, whose servers are on loopback;
    settings and environment variables cannot change them. `tls` checks certificates; the default
    trusts the machine's certificate authorities."""

    is_allowed: Callable[[IPAddress], bool] = is_public
    look_up: HostLookUp = look_up_host
    ports: Collection[int] = PORTS
    tls: ssl.SSLContext | None = None

    def check_host(self, host: str, port: int, deadline: Deadline) -> list[IPAddress]:
        """Return the addresses of `host`, from one look-up.

        Raises FetchError if there are none, if any of them is not public (a mix of public and
        internal addresses is an attack), if the port is not allowed, or if `deadline` passes."""
        self._check_port(port)
        literal = parse_ip(host)
        addresses = [literal] if literal else _look_up_addresses(self.look_up, host, port, deadline)
        if not addresses:
            raise FetchError(f"{host} has no address", hint="check the spelling")
        self._check_public(addresses)
        return addresses

    def check_url(self, url: str) -> None:
        """Check `url` as far as possible without a look-up. Raises FetchError."""
        address = parse_address(url)
        self._check_port(address.port)
        if literal := parse_ip(address.host):
            self._check_public([literal])

    def _check_port(self, port: int) -> None:
        if port not in self.ports:
            raise FetchError(
                f"port {port} is not a port of web sites",
                hint="use "
                + " or ".join(map(str, sorted(self.ports)))
                + ", or put the articles into a folder that is a source",
                is_permanent=True,
            )

    def _check_public(self, addresses: Iterable[IPAddress]) -> None:
        if not all(self.is_allowed(address) for address in addresses):
            # The error does not name the IP address, so that people who add feeds do not learn
            # about the network.
            raise FetchError(
                "the address leads into a network that is not public",
                hint="use an address that anyone may open, or put the articles into a folder that "
                "is a source",
                is_permanent=True,
            )

    def connect_to_host(self, host: str, port: int, deadline: Deadline) -> NetworkStream:
        """Connect to a checked address of `host`. Raises the FetchErrors of :meth:`check_host`, and
        a FetchError if no address accepts the connection."""
        addresses = self.check_host(host, port, deadline)[:MAX_ADDRESSES_TRIED]
        for number, address in enumerate(addresses):
            timeout = deadline.get_remaining_seconds() / (len(addresses) - number)
            try:
                return httpcore.SyncBackend().connect_tcp(str(address), port, timeout=timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        deadline.get_remaining_seconds()
        raise FetchError(
            f"the site does not answer ({_explain_error(failure)})", hint="try again later"
        ) from failure

    def get_tls_context(self) -> ssl.SSLContext:
        """Return the context that checks certificates."""
        return self.tls or _create_trusted_context()


PUBLIC_GUARD = FetchGuard()
"""The guard that allows only the public internet."""


class GuardedBackend(NetworkBackend):
    """httpcore's network backend for one fetch: connects through `guard`, until `deadline`.

    It limits all incoming bytes (fields, interim responses, edges of chunks) to
    :data:`MAX_HEAD_BYTES` plus the body that :meth:`allow_body` allows."""

    def __init__(self, guard: FetchGuard, deadline: Deadline) -> None:
        self.guard = guard
        self.deadline = deadline
        self._remaining_bytes = MAX_HEAD_BYTES

    def allow_body(self, size: int) -> None:
        """Allow a body of `size` bytes, and half as many bytes for the edges of its chunks."""
        self._remaining_bytes += size + size // 2

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        return _MeteredStream(self.guard.connect_to_host(host, port, self.deadline), self)

    def count_bytes(self, data: bytes) -> bytes:
        """Count and return `data`. Raises FetchError if the limit is exceeded."""
        self._remaining_bytes -= len(data)
        if self._remaining_bytes < 0:
            raise FetchError("the site sends more than the mailer accepts", is_permanent=True)
        return data


class _MeteredStream(NetworkStream):
    """A connection on which every step ends by the fetch's deadline. If each step had its own
    time-out, a server could send a byte a second forever."""

    def __init__(self, stream: NetworkStream, backend: GuardedBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._backend.count_bytes(
            self._stream.read(max_bytes, self._backend.deadline.get_remaining_seconds())
        )

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.deadline.get_remaining_seconds())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        try:
            remaining = self._backend.deadline.get_remaining_seconds()
            tls_stream = self._stream.start_tls(ssl_context, server_hostname, remaining)
        except httpcore.ConnectError as error:
            raise FetchError(
                f"no secure connection to {server_hostname} is possible ({_explain_error(error)})",
                hint="check the spelling, or tell the site's owner",
            ) from error
        return _MeteredStream(tls_stream, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


_LOOK_UP_SLOTS = BoundedSemaphore(16)
"""Maximum number of look-ups at the same time. A look-up that hangs blocks its thread until the
system gives up (getaddrinfo can't be stopped), so without a limit such names could block all
threads."""


def _look_up_addresses(
    look_up: HostLookUp, host: str, port: int, deadline: Deadline
) -> list[IPAddress]:
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def put_answer() -> None:
        try:
            answers.put(list(look_up(host, port)))
        except Exception as error:
            answers.put(error)
        finally:
            _LOOK_UP_SLOTS.release()

    if not _LOOK_UP_SLOTS.acquire(timeout=deadline.get_remaining_seconds()):
        raise deadline.create_timeout_error()
    try:
        Thread(target=put_answer, name=f"look up {host}", daemon=True).start()
    except RuntimeError:  # The system can't start another thread.
        _LOOK_UP_SLOTS.release()
        raise
    try:
        answer = answers.get(timeout=deadline.get_remaining_seconds())
    except Empty:
        raise deadline.create_timeout_error() from None
    if isinstance(answer, OSError | UnicodeError):
        raise FetchError(
            f"{host} can't be looked up ({_explain_error(answer)})", hint="check the spelling"
        ) from answer
    if isinstance(answer, Exception):
        raise answer
    return [ip_address(address) for address in answer]


def _explain_error(error: Exception) -> str:
    """Return the system's explanation of an error, without its numbers."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return str(cause.verify_message)
    if isinstance(cause, ssl.SSLError):
        return str(cause.reason or "TLS failed").lower().replace("_", " ")
    if isinstance(cause, TimeoutError):
        return "timed out"
    return str(getattr(cause, "strerror", None) or cause)


@lru_cache(maxsize=1)
def _create_trusted_context() -> ssl.SSLContext:
    return ssl.create_default_context()
