"""Relays, senders and the public pages, as `mailer config check` asks them."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mailer.app.config_checks import CheckOutcome, CheckResult
from mailer.app.config_checks.network_checks import check_network, check_pages
from mailer.app.mailer import Mailer
from mailer.config import NamedSender, Settings
from mailer.log import create_logger
from mailer.web.public import create_public_app
from tests.fake_relay import CLOSE, Relay, Step, reply_then_close
from tests.integration.web.public.asgi import open_client

OK, WARNING, PROBLEM = CheckOutcome.OK, CheckOutcome.WARNING, CheckOutcome.PROBLEM
PRESS = NamedSender(
    name="Press", address="press@office.example", return_path="returns@office.example"
)
CHIEF = NamedSender(name="The chief", address="chief@bücher.example")


@pytest.fixture
def settings(office: Settings, relay: Relay) -> Settings:
    """An office with three senders, whose relay is `relay`."""
    return office.model_copy(
        update={
            "relay": office.relay.model_copy(update={"port": relay.port, "timeout": 5.0}),
            "senders": {"press": PRESS, "chief": CHIEF},
        }
    )


def change_relay(settings: Settings, **fields: Any) -> Settings:
    return settings.model_copy(update={"relay": settings.relay.model_copy(update=fields)})


def check_relay(settings: Settings) -> list[CheckResult]:
    """Return all results but that about the public pages."""
    return list(check_network(settings))[:-1]


def list_commands(relay: Relay, *verbs: str) -> list[str]:
    return [command for command in relay.commands if command.upper().startswith(verbs)]


# ---- relays and senders -----------------------------------------------------------------------


def test_each_sender_is_asked_and_withdrawn(settings: Settings, relay: Relay) -> None:
    login, *senders = check_relay(settings)
    assert (login.outcome, login.subject) == (OK, f"relay 127.0.0.1:{relay.port}")
    assert login.detail == "connected without encryption; it offers PIPELINING"
    assert [(sender.outcome, sender.subject, sender.detail) for sender in senders] == [
        (OK, "[sender] at relay", "bounces@example.org is accepted"),
        (OK, "[senders.press] at relay", "returns@office.example is accepted"),
        (OK, "[senders.chief] at relay", "chief@bücher.example is accepted"),
    ]
    assert list_commands(relay, "MAIL", "RSET", "RCPT", "DATA", "QUIT") == [
        "MAIL FROM:<bounces@example.org>",
        "RSET",
        "MAIL FROM:<returns@office.example>",
        "RSET",
        "MAIL FROM:<chief@xn--bcher-kva.example>",
        "RSET",
        "QUIT",
    ]
    assert relay.received == []


def test_return_path_of_two_senders_is_asked_once(settings: Settings, relay: Relay) -> None:
    senders = dict.fromkeys(("press", "notices"), PRESS)
    results = check_relay(settings.model_copy(update={"senders": senders}))
    assert len(results) == 4
    assert len(list_commands(relay, "MAIL")) == 2


def test_refused_sender_is_a_problem_and_a_deferred_one_a_warning(
    settings: Settings, relay: Relay
) -> None:
    relay.answer_once(Step.MAIL, "250 ok", "550 5.7.1 not yours", "451 4.3.0 the greylist is full")
    _, default, press, chief = check_relay(settings)
    assert default.outcome is OK
    assert (press.outcome, press.detail) == (
        PROBLEM,
        "returns@office.example is not accepted: 550 5.7.1 not yours (to MAIL)",
    )
    assert "return_path" in press.hint
    assert (chief.outcome, chief.hint) == (WARNING, "try again later")


@pytest.mark.parametrize("action", [CLOSE, reply_then_close("421 4.3.2 going down")])
def test_next_sender_is_asked_over_a_new_connection(
    settings: Settings, relay: Relay, action: Any
) -> None:
    relay.answer_once(Step.MAIL, action)
    _, default, press, chief = check_relay(settings)
    assert [result.outcome for result in (default, press, chief)] == [WARNING, OK, OK]
    assert relay.connections == 2


def test_log_in_is_tried_with_the_password(settings: Settings, relay: Relay) -> None:
    relay.offer_extensions("AUTH PLAIN")
    settings = change_relay(settings, user="office", password_file=Path("relay.password"))
    missing, *rest = check_relay(settings)
    assert (missing.outcome, rest) == (PROBLEM, [])
    (settings.home / "relay.password").write_text("open sesame\n")
    login, *_ = check_relay(settings)
    assert login.detail == "logged in as office without encryption; it offers PIPELINING"
    relay.answer_always(Step.AUTH, "535 5.7.8 no")
    refused, *rest = check_relay(settings)
    assert (refused.outcome, rest) == (PROBLEM, [])
    assert "535 5.7.8 no (to AUTH)" in refused.detail
    assert "password" in refused.hint


def test_each_relay_is_asked(settings: Settings, relay: Relay) -> None:
    with Relay() as other_relay:
        port = other_relay.port
        spare = settings.relay.model_copy(update={"port": port})
        with_spare = settings.model_copy(update={"relays": {"spare": spare}})
        subjects = [result.subject for result in check_relay(with_spare)]
    assert f"spare 127.0.0.1:{port}" in subjects
    assert "[sender] at spare" in subjects
    results = check_relay(with_spare)
    assert [result.subject for result in results if result.outcome is PROBLEM] == [
        f"spare 127.0.0.1:{port}"
    ]
    assert results[-1].detail == "the connection was refused (at connect)"


# ---- the public pages -------------------------------------------------------------------------


@pytest.fixture
def start_server() -> Iterator[Callable[..., int]]:
    """A function that starts a web server with one answer, and returns its port."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: str = "", tls: ssl.SSLContext | None = None, **fields: str) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.server.paths.append(self.path)  # type: ignore[attr-defined]
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.paths = []  # type: ignore[attr-defined]
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


HEALTHY = json.dumps({"status": "ok"})


def test_pages_that_answer_without_encryption_are_a_warning(
    start_server: Callable[..., int],
) -> None:
    result = check_pages(f"http://127.0.0.1:{start_server(200, HEALTHY)}/mail/")
    assert (result.outcome, result.subject) == (WARNING, "web.base_url")
    assert "RFC 8058" in result.hint


def test_pages_that_answer_over_tls_are_in_order(
    start_server: Callable[..., int],
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    url = f"https://127.0.0.1:{start_server(200, HEALTHY, tls)}"
    untrusted = check_pages(url)
    assert untrusted.outcome is PROBLEM
    assert "its certificate is not valid (self-signed certificate)" in untrusted.detail
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert check_pages(url) == CheckResult("web.base_url", OK, f"{url} answers")


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        ((200, "<p>It works!</p>"), PROBLEM, "answers with 200, but not as `mailer serve` does"),
        ((404, ""), PROBLEM, "answers with 404, but not as"),
        ((200, "[]"), PROBLEM, "but not as"),
        ((503, json.dumps({"status": "no database"})), WARNING, "answers: no database"),
    ],
)
def test_other_answers_are_named(
    start_server: Callable[..., int],
    answer: tuple[int, str],
    outcome: CheckOutcome,
    detail: str,
) -> None:
    result = check_pages(f"http://127.0.0.1:{start_server(*answer)}")
    assert result.outcome is outcome
    assert detail in result.detail


def test_redirect_is_named_and_not_followed(start_server: Callable[..., int]) -> None:
    port = start_server(301, "", Location="https://www.example.org/")
    result = check_pages(f"http://127.0.0.1:{port}")
    assert result.outcome is PROBLEM
    assert "redirects to https://www.example.org/" in result.detail


def test_pages_that_do_not_answer_are_a_problem(relay: Relay) -> None:
    with Relay() as closed:
        port = closed.port
    refused = check_pages(f"http://127.0.0.1:{port}")
    assert (refused.outcome, "refused" in refused.detail.lower()) == (PROBLEM, True)
    assert check_pages(f"http://127.0.0.1:{relay.port}").outcome is PROBLEM, "it is no web server"
    example = check_pages("https://mail.example.invalid")
    assert "set it to the web address of your pages" in example.hint


def test_health_page_answers_as_the_check_expects(
    mailer: Mailer, start_server: Callable[..., int]
) -> None:
    with open_client(create_public_app(mailer, create_logger(StringIO()))) as pages:
        answer = pages.get_page("/healthz")
    port = start_server(answer.status, answer.body.decode())
    assert check_pages(f"http://127.0.0.1:{port}").outcome is WARNING
