"""The server of the inbox: its hosts, headers, paths and ports."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from mailer.errors import MailerError, UsageError
from mailer.web.inbox import serve_inbox
from mailer.web.sockets import open_listening_socket
from tests.integration.web.inbox.conftest import Get, make_message
from tests.ports import find_free_port


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
    [
        "/",
        "/message/a",
        "/message/a/html",
        "/message/a/raw",
        "/media/boat.png",
        "/static/inbox.css",
        "/static/inbox.svg",
        "/none",
    ],
)
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


def test_serve_inbox_runs_until_sigint(folder: Path) -> None:
    port = find_free_port()
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


@pytest.mark.parametrize("port", [70_000, 0])
def test_serve_inbox_reports_an_invalid_port(folder: Path, port: int) -> None:
    with pytest.raises(MailerError, match=f"http://127.0.0.1:{port}: .*; use "):
        serve_inbox(folder, None, "127.0.0.1", port)


def test_socket_reports_an_address_of_another_machine() -> None:
    with pytest.raises(MailerError, match=r"http://192\.0\.2\.1:8025: .*; use "):
        open_listening_socket("192.0.2.1", 8025)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "office.example.org"])  # noqa: S104
def test_serve_inbox_refuses_to_listen_for_others(folder: Path, host: str) -> None:
    with pytest.raises(UsageError, match="not a loopback address"):
        serve_inbox(folder, None, host, 8025)
