"""Speaks to the pages as the server does, without a socket: what is sent is exactly what a test
says, a thousand times a second and from several threads.

Every answer is held to what all pages promise, whoever asks and whatever for: :func:`held_to_all`.
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

FORM = "application/x-www-form-urlencoded"
Fields = Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]
Headers = Iterable[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """All its values, joined by commas; empty where there is none."""
        return ", ".join(value for key, value in self.headers if key == name.lower())

    @property
    def text(self) -> str:
        return self.body.decode()


class Pages:
    """The pages, open to be asked. `asked` is what they must tell no log: the tokens in the paths
    and the longer words in the queries and forms that they were sent."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self.app = app
        self._portal = portal
        self.asked: set[str] = set()

    def get(self, target: str, **how: Any) -> Answer:
        return self.ask("GET", target, **how)

    def head(self, target: str, **how: Any) -> Answer:
        return self.ask("HEAD", target, **how)

    def post(self, target: str, fields: Fields = (), **how: Any) -> Answer:
        """A form, as a browser sends it."""
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        body = urlencode(list(pairs), doseq=True).encode()
        headers = [("Content-Type", FORM), *how.pop("headers", ())]
        return self.ask("POST", target, body, headers=headers, **how)

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | Sequence[bytes] = b"",
        *,
        headers: Headers = (),
        client: str = "192.0.2.7",
        version: str = "1.1",
        fails: bool = False,
    ) -> Answer:
        """One request. `target` is percent-encoded, or taken as Latin-1 byte by byte; a body in
        pieces comes as a chunked one does. `fails` where the answer is to be a 5xx."""
        chunks = [body] if isinstance(body, bytes) else list(body)
        self._remember(target, b"".join(chunks))
        path, _, query = target.partition("?")
        fields = [(name.lower().encode(), _bytes(value)) for name, value in headers]
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
            "raw_path": _bytes(path),
            "query_string": _bytes(query),
            "root_path": "",
            "headers": fields,
            "client": (client, 50_000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        answer: Answer = self._portal.call(self._conversation, scope, chunks)
        held_to_all(answer, method, fails=fails, is_mail=path.startswith(("/v/", "/archive/")))
        return answer

    def _remember(self, target: str, body: bytes) -> None:
        split = urlsplit(target)
        words = [*split.path.split("/")]
        for text in (split.query, body.decode("latin-1")):
            words += [value for _, value in parse_qsl(text)]
        self.asked |= {word for word in words if len(word) >= 16 or "@" in word}

    async def _conversation(self, scope: dict[str, Any], chunks: list[bytes]) -> Answer:
        left = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        ]
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return left.pop(0) if left else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        await self.app(scope, receive, send)
        assert said, "nothing was answered"
        head, *rest = said
        assert head["type"] == "http.response.start"
        assert {one["type"] for one in rest} == {"http.response.body"}
        assert not rest[-1].get("more_body", False), "the answer has no end"
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in head["headers"])
        body = b"".join(one.get("body", b"") for one in rest)
        return Answer(head["status"], headers, body)


@contextmanager
def open_pages(app: FastAPI) -> Iterator[Pages]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
    ):
        yield Pages(app, portal)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "strict-transport-security": "max-age=31536000",
}
"""Headers of every answer, errors and files too."""

NEVER = ("set-cookie", "location", "refresh", "access-control-allow-origin", "server")


MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The policy of a mail's body as a page, whose style stands in its elements."""


def held_to_all(
    answer: Answer, method: str = "GET", *, fails: bool = False, is_mail: bool = False
) -> None:
    """What every answer of the public pages keeps: no cookie, no redirect, no failure, the headers
    that protect its reader, and a length that is its body's. `is_mail`: it may be a mail's body."""
    assert fails == (answer.status >= 500), answer
    for name, value in ALWAYS.items():
        assert answer.header(name) == value, (name, answer)
    for name in NEVER:
        assert not answer.header(name), (name, answer)
    private = "public" not in answer.header("cache-control")
    assert answer.header("cache-control") == "no-store" or not private, answer
    if method != "HEAD" and answer.status != 304:
        assert int(answer.header("content-length") or math.nan) == len(answer.body)
    if answer.body and method != "HEAD":
        assert answer.header("content-type"), answer
    if answer.header("content-type").startswith("text/"):
        assert answer.header("content-type").endswith("charset=utf-8"), answer
    policy = answer.header("content-security-policy")
    if is_mail and policy == MAIL:
        return
    assert re.match(r"default-src 'none'; style-src 'self'; img-src [^;]*; form-action ", policy)
    assert "unsafe" not in policy
    assert re.search(r"; frame-ancestors ('none'|\*)$", policy), policy
