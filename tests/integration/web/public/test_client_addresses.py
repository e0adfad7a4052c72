"""The client that a request is counted to."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mailer.config import Web
from mailer.web.public.forwarding import ForwardedRequestMiddleware
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import SeededOffice
from tests.integration.web.public.requests import on_sqlite


def find_client_behind_proxy(from_: str, forwarded: str | None, trusted: Sequence[str]) -> str:
    """Return the client that the pages see behind our proxies."""
    clients: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clients.append(scope["client"][0])

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    scope: Any = {"type": "http", "scheme": "http", "client": (from_, 1), "headers": headers}
    wrapped_app: Any = ForwardedRequestMiddleware(app, list(trusted))

    async def receive_nothing(*_: Any) -> Any:
        return None

    asyncio.run(wrapped_app(scope, receive_nothing, receive_nothing))
    return clients[0]


@pytest.mark.parametrize(
    ("from_", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", None, "127.0.0.1"),
        # The client's own words stand before the address that the proxy adds.
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
        ("::ffff:127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("127.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "fe80::7%eth0", "fe80::7"),
        # A proxy adds addresses, so other text comes from the client itself.
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, nonsense", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1,", "127.0.0.1"),
        ("127.0.0.1", "nonsense, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9:port", "127.0.0.1"),
        ("127.0.0.1", ", ".join(["127.0.0.1"] * 100_000), "127.0.0.1"),
    ],
)
def test_x_forwarded_for_is_believed_only_from_our_proxy(
    from_: str, forwarded: str | None, client: str
) -> None:
    assert find_client_behind_proxy(from_, forwarded, Web().proxies) == client


@on_sqlite
def test_forged_forwarding_headers_do_not_evade_the_limit(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """Without a proxy, headers change nothing."""
    signup = seeded_office.mailer.settings.signup.model_copy(update={"per_client": 20})
    seeded_office.mailer.settings = seeded_office.mailer.settings.model_copy(
        update={"signup": signup}
    )
    answers = [
        pages.send_form(
            "/subscribe",
            {"email": f"reader{number}@example.org", "list": "news"},
            headers=[
                ("X-Forwarded-For", f"198.51.100.{number}"),
                ("X-Real-IP", f"198.51.100.{number}"),
                ("Forwarded", f"for=198.51.100.{number}"),
            ],
        ).status
        for number in range(25)
    ]
    assert answers == [200] * 20 + [429] * 5
