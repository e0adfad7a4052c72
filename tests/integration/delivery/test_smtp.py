"""One conversation with a relay: what stands on the wire."""

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
from tests.fake_relay import CLOSE, SILENCE, Relay, Response, Step, reply_then_close
from tests.integration import factories
from tests.integration.delivery.delivery_runs import deliver_edition, with_relay
from tests.integration.delivery.smtp_dialogue import Conversation
from tests.integration.factories import begin_edition

MESSAGE = b"Subject: Hello\r\n\r\nOne line.\r\n"
SENDER, ANA = "news@example.org", "ana@example.org"


@pytest.fixture
def backend() -> str:
    return "sqlite"


def settings_for(relay: Relay, tls: Tls = Tls.NONE, timeout: float = 5) -> RelaySettings:
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
def test_dots_are_stuffed(relay: Relay, message: bytes) -> None:
    with Conversation(settings_for(relay)) as connection:
        assert connection.send_message(SENDER, ANA, message).verdict is Verdict.ACCEPTED
    (got,) = relay.received
    assert got.data == message + (b"" if message.endswith(b"\r\n") else b"\r\n")
    lines = got.wire.split(b"\r\n")
    assert not [line for line in lines if line.startswith(b".") and not line.startswith(b"..")]


def test_one_connection_carries_many_and_says_goodbye(relay: Relay) -> None:
    with Conversation(settings_for(relay)) as connection:
        for _ in range(3):
            assert connection.send_message(SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED
    assert relay.connections == 1
    assert [one.split(" ")[0].upper() for one in relay.commands] == [
        "EHLO", *["MAIL", "RCPT", "DATA"] * 3, "QUIT",
    ]  # fmt: skip


def test_a_refused_recipient_is_followed_by_a_clean_start(relay: Relay) -> None:
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user")
    with Conversation(settings_for(relay)) as connection:
        reply = connection.send_message(SENDER, ANA, MESSAGE)
        assert (reply.verdict, reply.code) == (Verdict.REFUSED, 550)
        assert (
            connection.send_message(SENDER, "bo@example.org", MESSAGE).verdict is Verdict.ACCEPTED
        )
    assert "RSET" in [one.upper() for one in relay.commands]
    assert relay.accepted == ["bo@example.org"]


@pytest.mark.parametrize(
    ("step", "how", "verdict"),
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
def test_what_an_end_of_the_conversation_means(
    relay: Relay, step: Step, how: Response, verdict: Verdict
) -> None:
    relay.answer_once(step, how)
    with Conversation(settings_for(relay, timeout=0.5)) as connection:
        reply = connection.send_message(SENDER, ANA, MESSAGE)
    assert reply.verdict is verdict


def test_smtputf8_is_asked_for_only_where_it_is_needed(relay: Relay) -> None:
    relay.offer_extensions("SMTPUTF8")
    with Conversation(settings_for(relay)) as connection:
        for address in ("ana@example.org", "ana@bücher.example", "añá@bücher.example", ANA):
            assert connection.send_message(SENDER, address, MESSAGE).verdict is Verdict.ACCEPTED
    assert [(one.recipient, "SMTPUTF8" in one.mail) for one in relay.received] == [
        ("ana@example.org", False),
        ("ana@xn--bcher-kva.example", False),
        ("añá@xn--bcher-kva.example", True),
        (ANA, False),
    ]
    assert all(f"SIZE={len(MESSAGE)}" in one.mail.upper() for one in relay.received)


def test_a_relay_without_smtputf8_costs_only_those_who_need_it(relay: Relay) -> None:
    with Conversation(settings_for(relay)) as connection:
        assert (
            connection.send_message(SENDER, "añá@example.org", MESSAGE).verdict is Verdict.REFUSED
        )
        assert connection.send_message(SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("step", "how", "lasting"),
    [
        (Step.CONNECT, "554 5.3.2 closed", True),
        (Step.CONNECT, "421 4.3.2 busy", False),
        (Step.CONNECT, CLOSE, False),
        (Step.CONNECT, "SSH-2.0-OpenSSH_9.2", False),
        (Step.CONNECT, SILENCE, False),
    ],
)
def test_a_relay_that_cannot_be_used(
    relay: Relay, step: Step, how: Response, lasting: bool
) -> None:
    relay.answer_always(step, how)
    with pytest.raises(RelayError, match=rf"relay 127\.0\.0\.1:{relay.port}") as caught:
        Conversation(settings_for(relay, timeout=0.5))
    assert caught.value.is_permanent is lasting


def test_a_password_is_not_sent_where_none_is_asked_for(relay: Relay) -> None:
    with pytest.raises(RelayError, match="does not offer AUTH") as caught:
        Conversation(settings_for(relay), RelayCredentials("office", "hush"))
    assert caught.value.is_permanent
    assert not any("AUTH" in one.upper() for one in relay.commands)


def test_a_password_is_accepted(relay: Relay) -> None:
    relay.offer_extensions("AUTH PLAIN LOGIN")
    with Conversation(settings_for(relay), RelayCredentials("office", "hush")) as connection:
        assert connection.send_message(SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED


def test_a_relay_without_starttls_gets_nothing(relay: Relay) -> None:
    with pytest.raises(RelayError, match="does not offer STARTTLS") as caught:
        Conversation(settings_for(relay, Tls.STARTTLS))
    assert caught.value.is_permanent
    assert not any(one.upper().startswith(("MAIL", "AUTH")) for one in relay.commands)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: tuple[Path, Path], relay: Relay
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    with pytest.raises(RelayError, match="certificate is not valid") as caught:
        Conversation(settings_for(relay, Tls.STARTTLS))
    assert caught.value.is_permanent
    assert not any(one.upper().startswith("MAIL") for one in relay.commands)


def test_a_certificate_that_somebody_vouches_for_is_taken(
    certificate: tuple[Path, Path], relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    with Conversation(settings_for(relay, Tls.STARTTLS)) as connection:
        assert connection.send_message(SENDER, ANA, MESSAGE).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA]


def test_a_certificate_refused_pauses_the_edition(
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


def test_an_authority_of_the_offices_own_is_trusted_beside_the_systems(
    certificate: tuple[Path, Path], relay: Relay, mailer: Mailer
) -> None:
    """Its file is named as all files are: from the folder that holds config/ on."""
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
def test_an_authoritys_file_that_is_of_no_use_is_named(
    tmp_path: Path, relay: Relay, text: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    settings = settings_for(relay, Tls.STARTTLS).model_copy(update={"ca_file": file})
    with pytest.raises(RelayError, match=r"ca\.pem can't be read") as caught:
        Conversation(settings)
    assert caught.value.is_permanent


def test_what_arrives_is_the_message_that_was_previewed(mailer: Mailer, relay: Relay) -> None:
    """Every byte but for the date: the text has a line that begins with a dot."""
    edition = begin_edition(mailer, ANA, template="press-release")
    deliver_edition(mailer, edition)
    with mailer.store.read() as tx:
        previewed = mailer.preview_edition(tx, edition, address=ANA).message
    got = relay.find_message(ANA).data

    def without_date(message: bytes) -> list[bytes]:
        return [line for line in message.split(b"\r\n") if not line.startswith(b"Date:")]

    assert without_date(got) == without_date(previewed)
    parsed = message_from_bytes(got, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert b"\r\n=2EAnd" in relay.find_message(ANA).wire, "no line begins with a dot"
    text = parsed.get_body(("plain",))
    assert text is not None
    lines = text.get_content().splitlines()
    assert ".And a line that starts with a dot." in lines
