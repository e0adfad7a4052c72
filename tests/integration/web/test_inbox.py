"""The inbox's pages, called over ASGI."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import MailerError
from mailer.web import mail_folder
from mailer.web.inbox import PER_PAGE, create_inbox_app, serve_inbox
from mailer.web.mail_frame import prepare_mail_frame

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


def test_inbox_of_an_empty_folder_explains_the_next_step(get: Get) -> None:
    page = get("/")
    assert page.status_code == 200
    assert "Run <code>make demo</code>" in page.text


def test_inbox_of_a_missing_folder_is_empty(tmp_path: Path) -> None:
    assert "make demo" in make_client(create_inbox_app(tmp_path / "none"))("/").text


def test_inbox_list_shows_addresses_subject_date_and_language(folder: Path, get: Get) -> None:
    (folder / "amina@example.org.eml").write_bytes(
        make_message(subject="=?utf-8?q?L=27=C3=A9t=C3=A9?=")
    )
    page = get("/").text
    assert "amina@example.org" in page
    assert "news@example.org" in page
    assert "L&#39;été" in page
    assert "Fri 18 Dec 2026, 09:00 UTC+1" in page
    assert "French" in page


def test_inbox_search_finds_addresses_and_subjects(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message("amina@example.org", "Market mornings"))
    (folder / "b.eml").write_bytes(make_message("bo@example.com", "Paper promises"))
    assert list_recipients(get("/?q=AMINA")) == ["amina@example.org"]
    assert list_recipients(get("/?q=paper")) == ["bo@example.com"]
    assert list_recipients(get("/?q=bo+promises")) == ["bo@example.com"]
    empty_page = get("/?q=%3Cscript%3E")
    assert list_recipients(empty_page) == []
    assert "<script>" not in empty_page.text
    assert "0 of 2 match" in empty_page.text


def test_inbox_sorts_newest_first_or_by_address(folder: Path, get: Get) -> None:
    (folder / "1.eml").write_bytes(make_message("c@x.org", date="Fri, 18 Dec 2026 09:00:00 +0000"))
    (folder / "2.eml").write_bytes(make_message("a@x.org", date="Thu, 17 Dec 2026 09:00:00 +0000"))
    (folder / "3.eml").write_bytes(make_message("B@x.org", date="Fri, 18 Dec 2026 09:30:00 +0100"))
    assert list_recipients(get("/")) == ["c@x.org", "B@x.org", "a@x.org"]
    assert list_recipients(get("/?sort=name")) == ["a@x.org", "B@x.org", "c@x.org"]


def test_inbox_list_is_paged_and_follows_the_open_message(folder: Path, get: Get) -> None:
    for number in range(PER_PAGE + 5):
        (folder / f"{number:03}.eml").write_bytes(make_message(f"{number:03}@x.org"))
    assert len(list_recipients(get("/?sort=name"))) == PER_PAGE
    assert list_recipients(get("/?sort=name&page=2"))[0] == f"{PER_PAGE:03}@x.org"
    assert list_recipients(get("/?sort=name&page=99")) == list_recipients(get("/?sort=name&page=2"))
    message_page = get(f"/message/{PER_PAGE + 1:03}?sort=name")
    assert f"{PER_PAGE + 1:03}@x.org" in list_recipients(message_page)
    assert 'aria-current="page"' in message_page.text


@pytest.mark.parametrize("query", ["page=x", "page=-1", "page=9999999999", "view=x", "width=1"])
def test_inbox_ignores_invalid_query_values(folder: Path, get: Get, query: str) -> None:
    (folder / "a.eml").write_bytes(make_message())
    assert get(f"/?{query}").text == get("/").text
    assert get(f"/message/a?{query}").text == get("/message/a").text


def test_mail_folder_reads_only_new_and_changed_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (folder / f"{name}.eml").write_bytes(make_message(f"{name}@x.org"))
    read_keys: list[str] = []
    read_entry = mail_folder._read_entry

    def count_read(key: str, path: Path, stamp: tuple[int, int]) -> mail_folder.CaughtMail:
        read_keys.append(key)
        return read_entry(key, path, stamp)

    monkeypatch.setattr(mail_folder, "_read_entry", count_read)
    scanned_folder = mail_folder.MailFolder(folder)
    scanned_folder.scan_entries()
    assert sorted(read_keys) == ["a", "b", "c"]
    (folder / "b.eml").write_bytes(make_message("new@x.org"))
    os.utime(folder / "b.eml", (1, 1))
    (folder / "c.eml").unlink()
    assert {one.recipient for one in scanned_folder.scan_entries().values()} == {
        "a@x.org",
        "new@x.org",
    }
    assert read_keys[3:] == ["b"]


def test_message_page_shows_headers_and_three_views(folder: Path, get: Get) -> None:
    (folder / "amina@example.org.eml").write_bytes(make_message())
    page = get("/message/amina@example.org").text
    for text in (
        "Example Office &lt;news@example.org&gt;",
        "Friday 18 December 2026, 09:00 UTC+1",
        "News &lt;news.example.org&gt;",
        "&lt;https://mail.example.org/u/x&gt;",
        '<iframe class="wfull" sandbox="" src="/message/amina@example.org/html"',
        "One remote picture is not shown",
        "Lire la suite",
    ):
        assert text in page
    assert "<script" not in page
    assert "Bonjour." in get("/message/amina@example.org?view=text").text
    source = get("/message/amina@example.org?view=source").text
    assert "Content-Type: multipart/alternative" in source
    assert "&lt;script&gt;" in source
    assert 'class="w375"' in get("/message/amina@example.org?width=375").text


def test_message_page_names_missing_parts(folder: Path, get: Get) -> None:
    (folder / "t.eml").write_bytes(make_message(html=None))
    (folder / "h.eml").write_bytes(make_message(text=None))
    assert "Bonjour." in get("/message/t").text, "a message without HTML opens with its text"
    assert "has no HTML part" in get("/message/t?view=html").text
    assert get("/message/t/html").status_code == 404
    assert "has no text part" in get("/message/h?view=text").text


def test_framed_html_has_no_scripts_links_or_network(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message())
    copy = get("/message/a/html")
    policy = copy.headers["content-security-policy"].split("; ")
    assert policy[:3] == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src 'self' data:",
    ]
    assert {"form-action 'none'", "base-uri 'none'", "frame-ancestors 'self'", "sandbox"} <= set(
        policy
    )
    assert copy.text.startswith("<!DOCTYPE html>"), "without it browsers use quirks mode"
    assert '<img src="/media/boat.png" alt="A boat">' in copy.text
    assert '<td background="/media/boat.png">' in copy.text
    assert "https://tracker.example.net/open.gif" in copy.text
    assert "<link" not in copy.text
    assert '<base target="_blank">' in copy.text
    assert '<a target="_self" href="#top">' in copy.text


def test_pictures_come_only_from_the_media_folder(folder: Path, get: Get) -> None:
    picture = get("/media/boat.png")
    assert (picture.content, picture.headers["content-type"]) == (b"\x89PNG boat", "image/png")
    for name in ("secret.txt", "link.png", "none.png", "..%2Foutside.png", "%2e%2e", "boat.png%00"):
        assert get(f"/media/{name}").status_code == 404


def test_raw_download_is_the_file_byte_for_byte(folder: Path, get: Get) -> None:
    message = make_message() + b"\xff\r\n"
    (folder / "Zoë@x.org.eml").write_bytes(message)
    raw = get(f"/message/{quote('Zoë@x.org')}/raw")
    assert raw.content == message
    assert raw.headers["content-type"] == "message/rfc822"
    assert raw.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''Zo%C3%AB%40x.org.eml"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/message/nobody",
        "/message/..%2F..%2Fetc%2Fpasswd",
        "/message/%2e%2e",
        "/message/..%5Coutside",
        "/message/outside",
        "/message/link",
        "/message/.hidden",
        "/message/a%00",
        "/message/%FF",
        "/message/a/nothing",
        "/static/..%2Finbox.py",
        "/static/other.css",
        "/openapi.json",
    ],
)
def test_unknown_inbox_paths_are_404_pages(folder: Path, get: Get, path: str) -> None:
    (folder / "a.eml").write_bytes(make_message())
    (folder / ".hidden.eml").write_bytes(make_message())
    (folder.parent / "outside.eml").write_bytes(make_message())
    (folder / "link.eml").symlink_to(folder.parent / "outside.eml")
    answer = get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert get(path, method="HEAD").status_code == 404


@pytest.mark.parametrize("name", ["a b?c#d%2F", "<i>", "用户@例え.jp", "a;b&q=1"])
def test_message_link_works_for_any_file_name(folder: Path, get: Get, name: str) -> None:
    (folder / f"{name}.eml").write_bytes(make_message())
    [link] = re.findall(r'<a href="(/message/[^"]*)#row"', get("/").text)
    assert get(link).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8025", "127.0.0.1:80", "[::1]", "[::1]:8025"]
)
def test_inbox_answers_loopback_hosts(get: Get, host: str) -> None:
    assert get("/", host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8025", "", "127.0.0.1:x"],
)
@pytest.mark.parametrize("path", ["/", "/message/a/raw", "/static/inbox.css"])
def test_inbox_refuses_other_hosts(folder: Path, get: Get, host: str, path: str) -> None:
    (folder / "a.eml").write_bytes(make_message())
    answer = get(path, host=host)
    assert answer.status_code == 421
    assert "amina" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/", "/message/a", "/message/a/html", "/message/a/raw", "/media/boat.png", "/static/inbox.css",
     "/static/inbox.svg", "/none"],
)  # fmt: skip
def test_every_inbox_response_has_security_headers(folder: Path, get: Get, path: str) -> None:
    (folder / "a.eml").write_bytes(make_message())
    for answer in (get(path), get(path, host="evil.example")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_inbox_is_read_only(get: Get) -> None:
    answer = get("/", method="POST")
    assert answer.status_code == 405
    assert "That is not possible" in answer.text


BROKEN = [
    b"",
    b"\r\n",
    b"no header at all",
    b"Subject: =?nonsense?b?####?=\r\nDate: yesterday\r\nTo: <<>>,;\r\n\r\nx",
    b"Subject: =?utf-8?b?a?=\r\nDate: Fri, 99 Dec 99999 09:00:00 +9999\r\n\r\n",
    b"Subject: caf\xc3\xa9 \xff\r\nContent-Type: text/plain; charset=none-such\r\n\r\n\xff",
    b"Content-Type: multipart/mixed\r\n\r\n--x\r\n",
    b"Content-Type: text/html; charset*=%ff''x\r\n\r\n<a href='http://[' x><img src=http://[/a.png>",
    b"Content-Language: zz-nothing\r\nDate: Mon, 1 Jan 0001 00:00:00 +1400\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
]  # fmt: skip


@pytest.mark.parametrize("message", BROKEN)
def test_broken_message_is_shown_as_far_as_possible(folder: Path, get: Get, message: bytes) -> None:
    (folder / "broken.eml").write_bytes(message)
    for path in (
        "/",
        "/message/broken",
        "/message/broken?view=text",
        "/message/broken?view=source",
    ):
        assert get(path).status_code == 200, path
    assert get("/message/broken/raw").content == message


@given(st.binary(max_size=300), st.sampled_from([b"Subject: ", b"Date: ", b"Content-Type: ", b""]))
def test_reading_any_bytes_raises_nothing(
    tmp_path_factory: pytest.TempPathFactory, random_bytes: bytes, header_name: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.eml"
    path.write_bytes(header_name + random_bytes + b"\r\n\r\n" + random_bytes)
    entry = mail_folder._read_entry("noise", path, (0, 0))
    mail = mail_folder.read_mail(entry)
    prepare_mail_frame(mail.html or "", frozenset())
    assert entry.language_name is not None
    assert mail_folder.format_mail_date(entry.date)
    for value in dict(mail.headers).values():
        value.encode()


def test_invalid_date_is_shown_as_it_is(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message(date="the day before yesterday"))
    assert "<bdi>the day before yesterday</bdi>" in get("/message/a").text


def test_raw_utf8_headers_are_decoded(folder: Path, get: Get) -> None:
    (folder / "a.eml").write_bytes(make_message("用户@例え.jp", "Été"))
    assert list_recipients(get("/")) == ["用户@例え.jp"]
    assert "Été" in get("/").text


def test_serve_inbox_runs_until_sigint(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free_socket:
        port = free_socket.getsockname()[1]
    script = (
        "import sys, pathlib; from mailer.web.inbox import serve_inbox;"
        "serve_inbox(pathlib.Path(sys.argv[1]), None, '127.0.0.1', int(sys.argv[2]))"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, str(folder), str(port)],
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            for _ in range(200):
                with contextlib.suppress(httpx.ConnectError):
                    page = httpx.get(f"http://localhost:{port}/", trust_env=False)
                    break
                time.sleep(0.05)
            assert "make demo" in page.text
            server.send_signal(signal.SIGINT)
            _, error_output = server.communicate(timeout=20)
            assert (server.returncode, error_output) == (0, "")
        finally:
            server.kill()


def test_serve_inbox_reports_a_port_in_use(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used_socket:
        port = used_socket.getsockname()[1]
        with pytest.raises(
            MailerError, match=f"port {port} is in use; stop the program that listens there"
        ):
            serve_inbox(folder, None, "127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", 0), ("192.0.2.1", 8025)]
)
def test_serve_inbox_reports_an_invalid_host_or_port(folder: Path, host: str, port: int) -> None:
    with pytest.raises(MailerError, match=f"http://{host}:{port}: .*; use "):
        serve_inbox(folder, None, host, port)
