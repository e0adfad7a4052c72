"""The client and the scheme of requests that our reverse proxies pass on.

uvicorn's own middleware accepts any text in ``X-Forwarded-For`` as a client. A stranger could then
exceed the limits by sending a new text each time.
"""

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.audience.signup.client_networks import (
    IpAddress,
    find_forwarded_client,
    parse_ip_address,
)


def build_proxy_check(proxies: Sequence[str]) -> Callable[[IpAddress], bool]:
    """Return a function that checks whether an address is that of a trusted proxy."""
    networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]

    @lru_cache(maxsize=4096)
    def is_trusted(address: IpAddress) -> bool:
        return any(address in network for network in networks)

    return is_trusted


class ForwardedRequestMiddleware:
    """Sets the client and the scheme that a trusted proxy has named. `proxies`: the addresses and
    networks of these proxies."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self.app = app
        self._is_trusted = build_proxy_check(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            peer, port = scope["client"]
            address = parse_ip_address(peer)
            if address is not None and self._is_trusted(address):
                headers = Headers(scope=scope)
                entries = ",".join(headers.getlist("x-forwarded-for"))
                client = find_forwarded_client(peer, entries, self._is_trusted)
                scheme = headers.get("x-forwarded-proto", "").strip()
                scope = {
                    **scope,
                    "client": (client, port if client == peer else 0),
                    "scheme": scheme if scheme in {"http", "https"} else scope["scheme"],
                }
        await self.app(scope, receive, send)
