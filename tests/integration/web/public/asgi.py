"""A client that calls the pages as the server does, without a socket: it sends exactly the bytes of
the test, a thousand times a second and from several threads.

Every answer is checked against the rules of all pages (:func:`check_response`).
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

FORM_TYPE = "application/x-www-form-urlencoded"
Fields = Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]
Headers = Iterable[tuple[str, str | bytes]]


@dataclass(frozen=True)
class AsgiResponse:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def get_header(self, name: str) -> str:
        """Return all values of a header, joined by commas, or "" if it is missing."""
        return ", ".join(value for key, value in self.headers if key == name.lower())

    @property
    def text(self) -> str:
        return self.body.decode()


class AsgiClient:
    """A client of the pages. `sent_secrets` must not appear in the log: the tokens of the paths,
    and the longer words of the queries and forms that were sent."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self.app = app
        self._portal = portal
        self.sent_secrets: set[str] = set()

    def get_page(self, target: str, **options: Any) -> AsgiResponse:
        return self.send_request("GET", target, **options)

    def get_head(self, target: str, **options: Any) -> AsgiResponse:
        return self.send_request("HEAD", target, **options)

    def send_form(self, target: str, fields: Fields = (), **options: Any) -> AsgiResponse:
        """Send a form as a browser does."""
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        body = urlencode(list(pairs), doseq=True).encode()
        headers = [("Content-Type", FORM_TYPE), *options.pop("headers", ())]
        return self.send_request("POST", target, body, headers=headers, **options)

    def send_request(
        self,
        method: str,
        target: str,
        body: bytes | Sequence[bytes] = b"",
        *,
        headers: Headers = (),
        client: str = "192.0.2.7",
        version: str = "1.1",
        fails: bool = False,
    ) -> AsgiResponse:
        """Send one request. `target` is percent-encoded, or Latin-1 byte by byte. A body in pieces
        arrives like a chunked one. `fails`: the answer must be a 5xx."""
        chunks = [body] if isinstance(body, bytes) else list(body)
        self._record_secrets(target, b"".join(chunks))
        path, _, query = target.partition("?")
        fields = [(name.lower().encode(), _encode_latin1(value)) for name, value in headers]
        if not any(name == b"host" for name, _ in fields):
            fields.insert(0, (b"host", b"mail.example.org"))
        if isinstance(body, bytes) and (body or method == "POST"):
            fields.append((b"content-length", str(len(body)).encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": _encode_latin1(path),
            "query_string": _encode_latin1(query),
            "root_path": "",
            "headers": fields,
            "client": (client, 50_000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        response: AsgiResponse = self._portal.call(self._exchange_messages, scope, chunks)
        mail_policy = MAIL_POLICIES.get(path.split("/")[1], "") if "/" in path else ""
        is_counted = path.startswith("/r/")
        check_response(response, method, fails=fails, mail_policy=mail_policy, redirects=is_counted)
        return response

    def _record_secrets(self, target: str, body: bytes) -> None:
        split = urlsplit(target)
        words = [*split.path.split("/")]
        for text in (split.query, body.decode("latin-1")):
            words += [value for _, value in parse_qsl(text)]
        self.sent_secrets |= {word for word in words if len(word) >= 16 or "@" in word}

    async def _exchange_messages(self, scope: dict[str, Any], chunks: list[bytes]) -> AsgiResponse:
        pending_messages = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        ]
        sent_messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return pending_messages.pop(0) if pending_messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent_messages.append(message)

        await self.app(scope, receive, send)
        assert sent_messages, "there was no answer"
        head, *body_messages = sent_messages
        assert head["type"] == "http.response.start"
        assert {body_message["type"] for body_message in body_messages} == {"http.response.body"}
        assert not body_messages[-1].get("more_body", False), "the answer has no end"
        headers = tuple(
            (header_name.decode("latin-1"), header_value.decode("latin-1"))
            for header_name, header_value in head["headers"]
        )
        body = b"".join(body_message.get("body", b"") for body_message in body_messages)
        return AsgiResponse(head["status"], headers, body)


@contextmanager
def open_client(app: FastAPI) -> Iterator[AsgiClient]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
    ):
        yield AsgiClient(app, portal)


def _encode_latin1(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


REQUIRED_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "strict-transport-security": "max-age=31536000",
}
"""Headers of every answer, including errors and files."""

FORBIDDEN_HEADERS = ("set-cookie", "location", "refresh", "access-control-allow-origin", "server")


MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The policy of a mail's body shown as a page: its styles stand in its elements."""

DECISION_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' https: http: data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The policy of a page for staff that shows mails beside a form."""

MAIL_POLICIES = {
    "v": MAIL_POLICY,
    "archive": MAIL_POLICY,
    "d": DECISION_POLICY,
    "k": DECISION_POLICY,
}
"""The policy of pages that show a mail, by the first part of their path."""


def check_response(
    response: AsgiResponse,
    method: str = "GET",
    *,
    fails: bool = False,
    mail_policy: str = "",
    redirects: bool = False,
) -> None:
    """Check the rules of all public pages: no cookie, no redirect, no failure, the security
    headers, and the right length. The answer may show a mail if there is a `mail_policy`, and may
    be a redirect if it `redirects`: to the target of a counted link."""
    assert fails == (response.status >= 500), response
    for name, value in REQUIRED_HEADERS.items():
        assert response.get_header(name) == value, (name, response)
    for name in FORBIDDEN_HEADERS:
        if name == "location" and redirects:
            continue
        assert not response.get_header(name), (name, response)
    is_private = "public" not in response.get_header("cache-control")
    assert response.get_header("cache-control") == "no-store" or not is_private, response
    if method != "HEAD" and response.status != 304:
        assert int(response.get_header("content-length") or math.nan) == len(response.body)
    if response.body and method != "HEAD":
        assert response.get_header("content-type"), response
    if response.get_header("content-type").startswith("text/"):
        assert response.get_header("content-type").endswith("charset=utf-8"), response
    policy = response.get_header("content-security-policy")
    if mail_policy and policy == mail_policy:
        return
    assert re.match(r"default-src 'none'; style-src 'self'; img-src [^;]*; form-action ", policy)
    assert "unsafe" not in policy
    assert re.search(r"; frame-ancestors ('none'|\*)$", policy), policy
