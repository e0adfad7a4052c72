"""The guard: a name is looked up once, every address that it gives is checked, and the connection
is made to what was checked.

A check apart from the connection is no check: whoever runs a name's servers can answer the check
with a public address and the connection, a moment later, with one inside (DNS rebinding). So both
happen here, below HTTP, where every hop of every fetch passes. TLS and the Host field keep the
name: httpcore takes those from the address of the request.
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
"""Ports that web sites are on. Others could be made to speak to a mail server or a database."""

MAX_ADDRESSES_TRIED = 4
"""Addresses of one name that are tried one after another."""

MAX_HEAD_BYTES = 300_000
"""Bytes that may come in for the heads of all answers of one fetch; h11 takes 100 KB for each.
Interim answers (1xx) cost 0.7 µs a byte to read and can go on for ever."""

HostLookUp = Callable[[str, int], Iterable[str]]
"""A name and a port -> the IP addresses of that name. Raises OSError where there are none."""


def look_up_host(name: str, port: int) -> list[str]:
    """What the machine's resolver says, each address once."""
    address_infos = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address_info[4][0]) for address_info in address_infos))


@dataclass(frozen=True)
class FetchGuard:
    """Where fetches may go. As it is by default, nowhere inside a network.

    `public` says of an address whether it may be reached. It and the others are arguments for
    tests, whose servers are on loopback; no setting and no environment variable reaches them.
    `tls` checks certificates; without one the machine's own trusted authorities do."""

    is_allowed: Callable[[IPAddress], bool] = is_public
    look_up: HostLookUp = look_up_host
    ports: Collection[int] = PORTS
    tls: ssl.SSLContext | None = None

    def check_host(self, host: str, port: int, deadline: Deadline) -> list[IPAddress]:
        """The addresses of `host`, from one look-up. Raises FetchError when there are none, or
        when only one of them is not public: such a mix is a trick."""
        self._check_port(port)
        literal = parse_ip(host)
        addresses = [literal] if literal else _look_up_addresses(self.look_up, host, port, deadline)
        if not addresses:
            raise FetchError(f"{host} has no address", hint="check how it is written")
        self._check_public(addresses)
        return addresses

    def check_url(self, url: str) -> None:
        """Raises FetchError for an address that can't be fetched, whatever a look-up would say."""
        address = parse_address(url)
        self._check_port(address.port)
        if literal := parse_ip(address.host):
            self._check_public([literal])

    def _check_port(self, port: int) -> None:
        if port not in self.ports:
            raise FetchError(
                f"port {port} is none that web sites are on",
                hint="only " + " and ".join(map(str, sorted(self.ports))) + " are fetched from",
                is_permanent=True,
            )

    def _check_public(self, addresses: Iterable[IPAddress]) -> None:
        if not all(self.is_allowed(address) for address in addresses):
            # which address it was is left out: who may name feeds need not learn of the network
            raise FetchError(
                "it leads into a network that is not public",
                hint="give an address that anybody may open",
                is_permanent=True,
            )

    def connect_to_host(self, host: str, port: int, deadline: Deadline) -> NetworkStream:
        """A connection to a checked address of `host`. Raises FetchError."""
        addresses = self.check_host(host, port, deadline)[:MAX_ADDRESSES_TRIED]
        for number, address in enumerate(addresses):
            timeout = deadline.get_remaining_seconds() / (len(addresses) - number)
            try:
                return httpcore.SyncBackend().connect_tcp(str(address), port, timeout=timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        deadline.get_remaining_seconds()
        raise FetchError(
            f"nothing answers there ({_explain_error(failure)})", hint="try again later"
        ) from failure

    def get_tls_context(self) -> ssl.SSLContext:
        """What checks certificates."""
        return self.tls or _create_trusted_context()


PUBLIC_GUARD = FetchGuard()
"""Nowhere but on the public internet."""


class GuardedBackend(NetworkBackend):
    """What httpcore connects by, for one fetch: through `guard`, until `deadline`, and for no more
    bytes in all than :data:`MAX_HEAD_BYTES` and what is allowed on top, whatever they are: fields, interim
    answers, the edges of chunks."""

    def __init__(self, guard: FetchGuard, deadline: Deadline) -> None:
        self.guard = guard
        self.deadline = deadline
        self._remaining_bytes = MAX_HEAD_BYTES

    def allow_body(self, size: int) -> None:
        """Let a body of `size` bytes come in, and half as much of edges."""
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
        """`data`, counted. Raises FetchError when there was too much."""
        self._remaining_bytes -= len(data)
        if self._remaining_bytes < 0:
            raise FetchError("it sends more than we take", is_permanent=True)
        return data


class _MeteredStream(NetworkStream):
    """A connection whose every step ends by the road's deadline: a server that sends a byte a
    second would else keep within any time-out for each."""

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
                f"no safe connection to {server_hostname} could be made ({_explain_error(error)})",
                hint="tell its site, or check how it is written",
            ) from error
        return _MeteredStream(tls_stream, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


_LOOK_UP_SLOTS = BoundedSemaphore(16)
"""Look-ups at one time. One that hangs holds its thread until the system gives up (getaddrinfo
can't be stopped), so that without an end names that hang would use up all threads."""


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
    except RuntimeError:  # the system gives no more threads
        _LOOK_UP_SLOTS.release()
        raise
    try:
        answer = answers.get(timeout=deadline.get_remaining_seconds())
    except Empty:
        raise deadline.create_timeout_error() from None
    if isinstance(answer, OSError | UnicodeError):
        raise FetchError(
            f"{host} can't be looked up ({_explain_error(answer)})", hint="check how it is written"
        ) from answer
    if isinstance(answer, Exception):
        raise answer
    return [ip_address(address) for address in answer]


def _explain_error(error: Exception) -> str:
    """What the system says, without its numbers."""
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
