"""Who a request is counted to."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from mailer.config import Web
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import SeededOffice
from tests.integration.web.public.requests import on_sqlite


def client_seen(from_: str, forwarded: str | None, trusted: Sequence[str]) -> str:
    """Whom the pages take a request for, behind what uvicorn puts around them."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    scope: Any = {"type": "http", "scheme": "http", "client": (from_, 1), "headers": headers}
    guarded: Any = ProxyHeadersMiddleware(app, trusted_hosts=list(trusted))

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(guarded(scope, nothing, nothing))
    return seen[0]


@pytest.mark.parametrize(
    ("from_", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", None, "127.0.0.1"),
        # What a client wrote itself stands before what the proxy has seen.
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
    ],
)
def test_only_a_proxy_of_ours_is_believed_whom_it_speaks_for(
    from_: str, forwarded: str | None, client: str
) -> None:
    assert client_seen(from_, forwarded, Web().proxies) == client


@on_sqlite
def test_who_claims_to_be_somebody_else_is_counted_all_the_same(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    """Not behind a proxy: a header changes nothing."""
    signup = stage.mailer.settings.signup.model_copy(update={"per_client": 20})
    stage.mailer.settings = stage.mailer.settings.model_copy(update={"signup": signup})
    answers = [
        pages.send_form(
            "/subscribe",
            {"email": f"reader{number}@example.org", "list": "news"},
            headers=[
                ("X-Forwarded-For", f"198.51.100.{number}"), ("X-Real-IP", f"198.51.100.{number}"),
                ("Forwarded", f"for=198.51.100.{number}"),
            ],
        ).status
        for number in range(25)
    ]  # fmt: skip
    assert answers == [200] * 20 + [429] * 5
