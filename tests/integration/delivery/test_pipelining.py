"""Pipelining: commands and messages in one write, and refusals in the middle of it."""

from collections.abc import Callable

import pytest

from mailer.config import Relay as RelaySettings
from mailer.config import Tls
from mailer.delivery.outgoing_mail import OutgoingMail
from mailer.delivery.replies import Phase, Verdict
from tests.fake_relay import CLOSE, SILENCE, Envelope, Relay, Response, Step, reply_then_close
from tests.integration.delivery.smtp_dialogue import Conversation, prepare_mail

ENVELOPE_SENDER = "news@example.org"
ANA, BO, CY = (
    prepare_mail(
        ENVELOPE_SENDER, f"{name}@example.org", f"Subject: {name}\r\n\r\nHello.\r\n".encode()
    )
    for name in ("ana", "bo", "cy")
)


@pytest.fixture
def backend() -> str:
    return "sqlite"


def open_conversation(relay: Relay, timeout: float = 5) -> Conversation:
    return Conversation(
        RelaySettings(host="127.0.0.1", port=relay.port, tls=Tls.NONE, timeout=timeout)
    )


def return_mail(following: OutgoingMail) -> Callable[[], OutgoingMail]:
    return lambda: following


def list_verbs(relay: Relay) -> list[str]:
    return [command.split(" ")[0].upper() for command in relay.commands]


def test_pipelining_sends_next_envelope_after_final_dot(relay: Relay) -> None:
    with open_conversation(relay) as connection:
        for mail, following in ((ANA, BO), (BO, CY)):
            assert (
                connection.deliver_mail(mail, get_following=return_mail(following)).verdict
                is Verdict.ACCEPTED
            )
        assert connection.deliver_mail(CY).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA.recipient, BO.recipient, CY.recipient]
    assert list_verbs(relay) == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3, "QUIT"]


def test_following_message_is_announced_only_with_pipelining(relay: Relay) -> None:
    requested_mails: list[OutgoingMail] = []

    def request_following() -> OutgoingMail:
        requested_mails.append(BO)
        return BO

    with open_conversation(relay) as connection:
        connection.deliver_mail(ANA, get_following=request_following)
        assert (
            bool(requested_mails)
            == connection.supports_pipelining
            == ("PIPELINING" in relay.offers)
        )
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("step", "response", "verdict"),
    [
        (Step.RCPT, "550 5.1.1 no such user", Verdict.REFUSED),
        (Step.RCPT, "450 4.2.1 greylisted", Verdict.DEFERRED),
        (Step.DATA, "451 4.3.0 later", Verdict.DEFERRED),
        (Step.DATA, "554 5.7.1 no", Verdict.REFUSED),
        (Step.DOT, "554 5.7.1 looks like spam", Verdict.REFUSED),
    ],
)
@pytest.mark.parametrize("lax", [False, True], ids=["strict", "lax"])
def test_refused_pipelined_message_leaves_others_accepted(
    relay: Relay, step: Step, response: str, verdict: Verdict, lax: bool
) -> None:
    """A `lax` relay accepts DATA although it has refused the recipient."""
    relay.lax = lax
    relay.answer_once(step, response, to=BO.recipient)
    with open_conversation(relay) as connection:
        assert (
            connection.deliver_mail(ANA, get_following=return_mail(BO)).verdict is Verdict.ACCEPTED
        )
        reply = connection.deliver_mail(BO, get_following=return_mail(CY))
        assert (reply.verdict, reply.needs_close) == (verdict, False)
        assert f"{reply.code} {reply.text}" == response
        assert connection.deliver_mail(CY).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA.recipient, CY.recipient]
    assert relay.connections == 1


@pytest.mark.parametrize("lax", [False, True], ids=["strict", "lax"])
def test_refused_envelope_sender_keeps_connection_usable(relay: Relay, lax: bool) -> None:
    relay.lax = lax
    relay.answer_once(Step.MAIL, "550 5.7.1 not your address")
    with open_conversation(relay) as connection:
        reply = connection.deliver_mail(ANA)
        assert (reply.verdict, reply.needs_close) == (Verdict.RELAY, False)
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.accepted == [BO.recipient]


@pytest.mark.parametrize(
    ("response", "verdict"),
    [
        (reply_then_close("550 5.7.1 go away"), Verdict.REFUSED),
        (reply_then_close("450 4.7.1 go away"), Verdict.DEFERRED),
        ("421 4.3.2 going down", Verdict.DEFERRED),
        (CLOSE, Verdict.LOST),
        (SILENCE, Verdict.LOST),
    ],
)
def test_closing_after_reply_leaves_previous_message_settled(
    relay: Relay, response: Response, verdict: Verdict
) -> None:
    relay.answer_once(Step.RCPT, response, to=BO.recipient)
    with open_conversation(relay, timeout=0.5) as connection:
        assert (
            connection.deliver_mail(ANA, get_following=return_mail(BO)).verdict is Verdict.ACCEPTED
        )
        assert connection.deliver_mail(BO).verdict is verdict
    assert relay.accepted == [ANA.recipient]


def test_close_after_final_dot_leaves_next_message_lost_not_in_doubt(relay: Relay) -> None:
    relay.answer_once(Step.DOT, CLOSE, to=ANA.recipient)
    with open_conversation(relay) as connection:
        assert (
            connection.deliver_mail(ANA, get_following=return_mail(BO)).verdict is Verdict.IN_DOUBT
        )
        assert connection.deliver_mail(BO).verdict is Verdict.LOST
    assert relay.accepted == []


def test_withheld_message_is_not_sent(relay: Relay) -> None:
    with open_conversation(relay) as connection:
        connection.deliver_mail(ANA, get_following=return_mail(BO))
        reply = connection.deliver_mail(BO, may_send=lambda: False)
        assert reply.verdict is Verdict.WITHHELD
        assert connection.deliver_mail(CY).verdict is Verdict.LOST, (
            "the relay still waits for Bo's message"
        )
    assert [message.recipient for message in relay.received] == [ANA.recipient]


def test_may_send_is_asked_between_data_and_message(relay: Relay) -> None:
    events: list[str] = []

    def note_step(step: Step, reply: str) -> None:
        def note_and_reply(_: Envelope) -> str:
            events.append(step)
            return reply

        relay.answer_once(step, note_and_reply)

    note_step(Step.DATA, "354 go on")
    note_step(Step.DOT, "250 2.0.0 queued")

    def note_permission() -> bool:
        events.append("asked")
        return True

    with open_conversation(relay) as connection:
        connection.deliver_mail(ANA, may_send=note_permission)
    assert events == [Step.DATA, "asked", Step.DOT]


def test_announced_message_must_be_sent_next(relay: Relay) -> None:
    with open_conversation(relay) as connection:
        connection.deliver_mail(ANA, get_following=return_mail(BO))
        verdict = connection.deliver_mail(CY).verdict
        assert verdict is (Verdict.LOST if connection.supports_pipelining else Verdict.ACCEPTED)
    assert BO.recipient not in relay.accepted


def test_closing_after_announcement_sends_nothing_more(relay: Relay) -> None:
    with open_conversation(relay) as connection:
        connection.deliver_mail(ANA, get_following=return_mail(BO))
    assert [message.recipient for message in relay.received] == [ANA.recipient]


@pytest.mark.parametrize("count", [1, 3, 1100, 5000])
def test_message_in_any_number_of_pieces_arrives_whole(relay: Relay, count: int) -> None:
    pieces = [b"line %d\r\n" % mail for mail in range(count)]
    content = b"".join(pieces)
    mail = OutgoingMail(ENVELOPE_SENDER, ANA.recipient, pieces, len(content), True)
    with open_conversation(relay) as connection:
        assert (
            connection.deliver_mail(mail, get_following=return_mail(BO)).verdict is Verdict.ACCEPTED
        )
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.find_message(ANA.recipient).data == content


def test_large_message_arrives_whole(relay: Relay) -> None:
    line = b"x" * 76 + b"\r\n"
    mail = prepare_mail(ENVELOPE_SENDER, ANA.recipient, line * 60_000)
    with open_conversation(relay) as connection:
        assert (
            connection.deliver_mail(mail, get_following=return_mail(BO)).verdict is Verdict.ACCEPTED
        )
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.find_message(ANA.recipient).data == line * 60_000


def test_message_above_size_limit_is_not_sent(relay: Relay) -> None:
    relay.remove_extension("SIZE")
    relay.offer_extensions("SIZE 1000")
    with open_conversation(relay) as connection:
        reply = connection.deliver_mail(
            prepare_mail(ENVELOPE_SENDER, ANA.recipient, b"x" * 990 + b"\r\n" + b"y" * 100)
        )
        assert (reply.phase, reply.code, reply.verdict) == (Phase.MAIL, 552, Verdict.REFUSED)
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.accepted == [BO.recipient]


@pytest.mark.parametrize("reply", ["250-2.1.0 well\r\n250 ok", "251 2.1.5 will forward", "250"])
def test_unusual_success_replies_are_accepted(relay: Relay, reply: str) -> None:
    relay.answer_always(Step.RCPT, reply)
    relay.answer_always(Step.DATA, "354-go\r\n354 on")
    with open_conversation(relay) as connection:
        assert (
            connection.deliver_mail(ANA, get_following=return_mail(BO)).verdict is Verdict.ACCEPTED
        )
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA.recipient, BO.recipient]
