"""An inbox over a folder of mails, called over ASGI."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from mailer.web.inbox import create_inbox_app

Get = Callable[..., httpx.Response]

HTML = (
    '<!DOCTYPE html><html lang="fr"><head><link rel="preconnect" href="https://evil.example">'
    "<script>alert(1)</script></head><body>"
    '<img src="https://media.example.org/boat.png" alt="A boat">'
    '<img src="https://tracker.example.net/open.gif?u=1" alt="">'
    '<td background="https://media.example.org/a/b/boat.png?w=600">'
    '<a href="https://www.example.org/story">Lire la suite</a> <a href="#top">Haut</a>'
    '<form action="https://evil.example"></form></body></html>'
)


def make_message(
    to: str = "amina@example.org",
    subject: str = "Hello",
    *,
    date: str = "Fri, 18 Dec 2026 09:00:00 +0100",
    html: str | None = HTML,
    text: str | None = "Bonjour.\r\n",
    extra_headers: str = "",
) -> bytes:
    parts = [
        f"--b\r\nContent-Type: text/{subtype}; charset=utf-8\r\n\r\n{body}\r\n"
        for subtype, body in (("plain", text), ("html", html))
        if body is not None
    ]
    return (
        f"From: Example Office <news@example.org>\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Date: {date}\r\nList-Id: News <news.example.org>\r\n"
        f"List-Unsubscribe: <https://mail.example.org/u/x>\r\n{extra_headers}"
        'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
        f"{''.join(parts)}--b--\r\n"
    ).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "caught"
    folder.mkdir()
    return folder


@pytest.fixture
def media(tmp_path: Path) -> Path:
    media = tmp_path / "media"
    media.mkdir()
    (media / "boat.png").write_bytes(b"\x89PNG boat")
    (media / "secret.txt").write_text("no picture")
    (tmp_path / "outside.png").write_bytes(b"outside")
    (media / "link.png").symlink_to(tmp_path / "outside.png")
    return media


@pytest.fixture
def get(folder: Path, media: Path) -> Get:
    return make_client(create_inbox_app(folder, media))


def make_client(app: FastAPI) -> Get:
    def send_request(
        path: str, *, host: str = "127.0.0.1:8025", method: str = "GET"
    ) -> httpx.Response:
        async def send_async() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://inbox"
            ) as http_client:
                return await http_client.request(method, path, headers={"Host": host})

        return asyncio.run(send_async())

    return send_request


def list_recipients(page: httpx.Response) -> list[str]:
    return re.findall(r'class="to"><bdi>(.*?)</bdi>', page.text)
