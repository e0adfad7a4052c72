"""One conversation with a relay: commands, TLS, passwords and the bytes of messages."""

import shutil
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailer.app import Mailer
from mailer.config import Relay as RelaySettings
from mailer.config import Tls
from mailer.delivery.replies import Verdict
from mailer.delivery.smtp import RelayCredentials
from mailer.errors import RelayError
from mailer.model.edition_states import EditionState
from mailer.store import Store
from tests.actors import STAFF
from tests.fake_relay import CLOSE, SILENCE, Relay, Response, Step, reply_then_close
from tests.integration import factories
from tests.integration.delivery.delivery_runs import deliver_edition, with_relay
from tests.integration.delivery.smtp_dialogue import Conversation
from tests.integration.factories import begin_edition

MESSAGE = b"Subject: Hello\r\n\r\nOne line.\r\n"
ENVELOPE_SENDER, ANA = "news@example.org", "ana@example.org"


@pytest.fixture
def backend() -> str:
    return "sqlite"


def make_settings(relay: Relay, tls: Tls = Tls.NONE, timeout: float = 5) -> RelaySettings:
    return RelaySettings(host="127.0.0.1", port=relay.port, tls=tls, timeout=timeout)


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        b".first\r\n\r\n..two\r\n.\r\n...\r\nend.\r\n",
        b"Subject: x\r\n\r\nno line end",
        b"Subject: x\r\n\r\n.\r\n",
        b"Subject: x\r\n\r\n" + b".dot\r\n" * 5000,
    ],
)
def test_leading_dots_are_stuffed(relay: Relay, message: bytes) -> None:
    with Conversation(make_settings(relay)) as connection:
        assert connection.send_message(ENVELOPE_SENDER, ANA, message).verdict is Verdict.ACCEPTED
    (received,) = relay.received
    assert received.data == message + (b"" if message.endswith(b"\r\n") else b"\r\n")
    lines = received.wire.split(b"\r\n")
    assert not [line for line in lines if line.startswith(b".") and not line.startswith(b"..")]


def test_one_connection_sends_many_messages_and_quits(relay: Relay) -> None:
    with Conversation(make_settings(relay)) as connection:
        for _ in range(3):
            assert (
                connection.send_message(ENVELOPE_SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED
            )
    assert relay.connections == 1
    assert [command.split(" ")[0].upper() for command in relay.commands] == [
        "EHLO",
        *["MAIL", "RCPT", "DATA"] * 3,
        "QUIT",
    ]


def test_550_recipient_is_followed_by_rset(relay: Relay) -> None:
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user")
    with Conversation(make_settings(relay)) as connection:
        reply = connection.send_message(ENVELOPE_SENDER, ANA, MESSAGE)
        assert (reply.verdict, reply.code) == (Verdict.REFUSED, 550)
        assert (
            connection.send_message(ENVELOPE_SENDER, "bo@example.org", MESSAGE).verdict
            is Verdict.ACCEPTED
        )
    assert "RSET" in [command.upper() for command in relay.commands]
    assert relay.accepted == ["bo@example.org"]


@pytest.mark.parametrize(
    ("step", "response", "verdict"),
    [
        (Step.MAIL, CLOSE, Verdict.LOST),
        (Step.RCPT, CLOSE, Verdict.LOST),
        (Step.RCPT, "what?", Verdict.LOST),
        (Step.DATA, CLOSE, Verdict.LOST),
        (Step.DATA, SILENCE, Verdict.LOST),
        (Step.DATA, "250 ok, but not 354", Verdict.LOST),
        (Step.BODY, CLOSE, Verdict.IN_DOUBT),
        (Step.DOT, CLOSE, Verdict.IN_DOUBT),
        (Step.DOT, "hello", Verdict.IN_DOUBT),
        (Step.DOT, "354 go on", Verdict.IN_DOUBT),
        (Step.DOT, reply_then_close("250 2.0.0 taken"), Verdict.ACCEPTED),
        (Step.RCPT, reply_then_close("550 5.7.1 go away"), Verdict.REFUSED),
        (Step.RCPT, reply_then_close("450 4.7.1 go away"), Verdict.DEFERRED),
        (Step.MAIL, "451 4.3.0 later", Verdict.RELAY),
    ],
)
def test_end_of_conversation_gives_verdict_of_its_phase(
    relay: Relay, step: Step, response: Response, verdict: Verdict
) -> None:
    relay.answer_once(step, response)
    with Conversation(make_settings(relay, timeout=0.5)) as connection:
        reply = connection.send_message(ENVELOPE_SENDER, ANA, MESSAGE)
    assert reply.verdict is verdict


def test_smtputf8_is_requested_only_if_needed(relay: Relay) -> None:
    relay.offer_extensions("SMTPUTF8")
    with Conversation(make_settings(relay)) as connection:
        for address in ("ana@example.org", "ana@bücher.example", "añá@bücher.example", ANA):
            assert (
                connection.send_message(ENVELOPE_SENDER, address, MESSAGE).verdict
                is Verdict.ACCEPTED
            )
    assert [(message.recipient, "SMTPUTF8" in message.mail) for message in relay.received] == [
        ("ana@example.org", False),
        ("ana@xn--bcher-kva.example", False),
        ("añá@xn--bcher-kva.example", True),
        (ANA, False),
    ]
    assert all(f"SIZE={len(MESSAGE)}" in message.mail.upper() for message in relay.received)


def test_relay_without_smtputf8_refuses_only_international_address(relay: Relay) -> None:
    with Conversation(make_settings(relay)) as connection:
        assert (
            connection.send_message(ENVELOPE_SENDER, "añá@example.org", MESSAGE).verdict
            is Verdict.REFUSED
        )
        assert connection.send_message(ENVELOPE_SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("step", "response", "is_permanent"),
    [
        (Step.CONNECT, "554 5.3.2 closed", True),
        (Step.CONNECT, "421 4.3.2 busy", False),
        (Step.CONNECT, CLOSE, False),
        (Step.CONNECT, "SSH-2.0-OpenSSH_9.2", False),
        (Step.CONNECT, SILENCE, False),
    ],
)
def test_unusable_relay_raises_relay_error(
    relay: Relay, step: Step, response: Response, is_permanent: bool
) -> None:
    relay.answer_always(step, response)
    with pytest.raises(RelayError, match=rf"relay 127\.0\.0\.1:{relay.port}") as caught:
        Conversation(make_settings(relay, timeout=0.5))
    assert caught.value.is_permanent is is_permanent


def test_password_is_not_sent_without_auth_extension(relay: Relay) -> None:
    with pytest.raises(RelayError, match="does not offer AUTH") as caught:
        Conversation(make_settings(relay), RelayCredentials("office", "hush"))
    assert caught.value.is_permanent
    assert not any("AUTH" in command.upper() for command in relay.commands)


def test_password_is_sent_with_auth_extension(relay: Relay) -> None:
    relay.offer_extensions("AUTH PLAIN LOGIN")
    with Conversation(make_settings(relay), RelayCredentials("office", "hush")) as connection:
        assert connection.send_message(ENVELOPE_SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED


def test_relay_without_starttls_gets_no_mail(relay: Relay) -> None:
    with pytest.raises(RelayError, match="does not offer STARTTLS") as caught:
        Conversation(make_settings(relay, Tls.STARTTLS))
    assert caught.value.is_permanent
    assert not any(command.upper().startswith(("MAIL", "AUTH")) for command in relay.commands)


def test_untrusted_certificate_is_refused(certificate: tuple[Path, Path], relay: Relay) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    with pytest.raises(RelayError, match="certificate is not valid") as caught:
        Conversation(make_settings(relay, Tls.STARTTLS))
    assert caught.value.is_permanent
    assert not any(command.upper().startswith("MAIL") for command in relay.commands)


def test_trusted_certificate_is_accepted(
    certificate: tuple[Path, Path], relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    with Conversation(make_settings(relay, Tls.STARTTLS)) as connection:
        assert connection.send_message(ENVELOPE_SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA]


def test_untrusted_certificate_pauses_edition(
    certificate: tuple[Path, Path], relay: Relay, mailer: Mailer, store: Store
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    edition = begin_edition(mailer, ANA)
    with pytest.raises(RelayError, match="certificate"):
        deliver_edition(with_relay(mailer, tls=Tls.STARTTLS), edition)
    with store.read() as tx:
        assert factories.reload_edition(tx, edition).state is EditionState.PAUSED


def test_ca_file_in_config_folder_is_trusted(
    certificate: tuple[Path, Path], relay: Relay, mailer: Mailer
) -> None:
    """The file's path is relative to the folder that contains config/, like all paths."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    (mailer.settings.home / "config").mkdir()
    shutil.copy(certificate[0], mailer.settings.home / "config/relay-ca.pem")
    edition = begin_edition(mailer, ANA)
    deliver_edition(
        with_relay(mailer, tls=Tls.STARTTLS, ca_file=Path("config/relay-ca.pem")), edition
    )
    assert relay.accepted == [ANA]


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_unreadable_ca_file_is_named_in_error(
    tmp_path: Path, relay: Relay, text: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    settings = make_settings(relay, Tls.STARTTLS).model_copy(update={"ca_file": file})
    with pytest.raises(RelayError, match=r"ca\.pem can't be read") as caught:
        Conversation(settings)
    assert caught.value.is_permanent


def test_received_message_equals_preview(mailer: Mailer, relay: Relay) -> None:
    """Every byte is the same except the date. The text has a line that begins with a dot."""
    edition = begin_edition(mailer, ANA, template="press-release")
    deliver_edition(mailer, edition)
    with mailer.store.read() as tx:
        previewed_message = mailer.preview_edition(tx, STAFF, edition, address=ANA).message
    received_message = relay.find_message(ANA).data

    def drop_date(message: bytes) -> list[bytes]:
        return [line for line in message.split(b"\r\n") if not line.startswith(b"Date:")]

    assert drop_date(received_message) == drop_date(previewed_message)
    parsed = message_from_bytes(received_message, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert b"\r\n=2EAnd" in relay.find_message(ANA).wire, "no line begins with a dot"
    text = parsed.get_body(("plain",))
    assert text is not None
    lines = text.get_content().splitlines()
    assert ".And a line that starts with a dot." in lines
