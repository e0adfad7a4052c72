"""What goes in one write, and what comes of it when the relay says no in the middle."""

from collections.abc import Callable

import pytest

from mailer.config import Relay as RelaySettings
from mailer.config import Tls
from mailer.delivery.replies import Verdict
from mailer.delivery.smtp import OutgoingMail, prepare_mail
from tests.fake_relay import CLOSE, SILENCE, Envelope, Relay, Response, Step, reply_then_close
from tests.integration.delivery.smtp_dialogue import Conversation

SENDER = "news@example.org"
ANA, BO, CY = (
    prepare_mail(SENDER, f"{name}@example.org", f"Subject: {name}\r\n\r\nHello.\r\n".encode())
    for name in ("ana", "bo", "cy")
)


@pytest.fixture
def backend() -> str:
    return "sqlite"


def opened(relay: Relay, timeout: float = 5) -> Conversation:
    return Conversation(
        RelaySettings(host="127.0.0.1", port=relay.port, tls=Tls.NONE, timeout=timeout)
    )


def then(following: OutgoingMail) -> Callable[[], OutgoingMail]:
    return lambda: following


def verbs(relay: Relay) -> list[str]:
    return [one.split(" ")[0].upper() for one in relay.commands]


def test_the_next_envelope_may_go_behind_the_final_dot(relay: Relay) -> None:
    with opened(relay) as connection:
        for one, next_ in ((ANA, BO), (BO, CY)):
            assert (
                connection.deliver_mail(one, get_following=then(next_)).verdict is Verdict.ACCEPTED
            )
        assert connection.deliver_mail(CY).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA.recipient, BO.recipient, CY.recipient]
    assert verbs(relay) == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3, "QUIT"]


def test_only_where_it_is_offered_is_a_second_message_announced(relay: Relay) -> None:
    asked: list[OutgoingMail] = []

    def following() -> OutgoingMail:
        asked.append(BO)
        return BO

    with opened(relay) as connection:
        connection.deliver_mail(ANA, get_following=following)
        assert bool(asked) == connection.supports_pipelining == ("PIPELINING" in relay.offers)
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("step", "how", "verdict"),
    [
        (Step.RCPT, "550 5.1.1 no such user", Verdict.REFUSED),
        (Step.RCPT, "450 4.2.1 greylisted", Verdict.DEFERRED),
        (Step.DATA, "451 4.3.0 later", Verdict.DEFERRED),
        (Step.DATA, "554 5.7.1 no", Verdict.REFUSED),
        (Step.DOT, "554 5.7.1 looks like spam", Verdict.REFUSED),
    ],
)
@pytest.mark.parametrize("lax", [False, True], ids=["strict", "lax"])
def test_one_that_is_refused_costs_the_others_nothing(
    relay: Relay, step: Step, how: str, verdict: Verdict, lax: bool
) -> None:
    """Also by a relay that takes DATA though it has refused the recipient."""
    relay.lax = lax
    relay.answer_once(step, how, to=BO.recipient)
    with opened(relay) as connection:
        assert connection.deliver_mail(ANA, get_following=then(BO)).verdict is Verdict.ACCEPTED
        reply = connection.deliver_mail(BO, get_following=then(CY))
        assert (reply.verdict, reply.needs_close) == (verdict, False)
        assert f"{reply.code} {reply.text}" == how
        assert connection.deliver_mail(CY).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA.recipient, CY.recipient]
    assert relay.connections == 1


@pytest.mark.parametrize("lax", [False, True], ids=["strict", "lax"])
def test_a_refused_sender_leaves_the_connection_in_order(relay: Relay, lax: bool) -> None:
    relay.lax = lax
    relay.answer_once(Step.MAIL, "550 5.7.1 not your address")
    with opened(relay) as connection:
        reply = connection.deliver_mail(ANA)
        assert (reply.verdict, reply.needs_close) == (Verdict.RELAY, False)
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.accepted == [BO.recipient]


@pytest.mark.parametrize(
    ("how", "verdict"),
    [
        (reply_then_close("550 5.7.1 go away"), Verdict.REFUSED),
        (reply_then_close("450 4.7.1 go away"), Verdict.DEFERRED),
        ("421 4.3.2 going down", Verdict.DEFERRED),
        (CLOSE, Verdict.LOST),
        (SILENCE, Verdict.LOST),
    ],
)
def test_one_that_ends_the_connection_leaves_no_doubt_about_the_one_before(
    relay: Relay, how: Response, verdict: Verdict
) -> None:
    relay.answer_once(Step.RCPT, how, to=BO.recipient)
    with opened(relay, timeout=0.5) as connection:
        assert connection.deliver_mail(ANA, get_following=then(BO)).verdict is Verdict.ACCEPTED
        assert connection.deliver_mail(BO).verdict is verdict
    assert relay.accepted == [ANA.recipient]


def test_a_link_lost_after_the_dot_says_nothing_of_the_next(relay: Relay) -> None:
    relay.answer_once(Step.DOT, CLOSE, to=ANA.recipient)
    with opened(relay) as connection:
        assert connection.deliver_mail(ANA, get_following=then(BO)).verdict is Verdict.IN_DOUBT
        assert connection.deliver_mail(BO).verdict is Verdict.LOST
    assert relay.accepted == []


def test_what_may_not_go_is_withheld_and_the_relay_gets_nothing(relay: Relay) -> None:
    with opened(relay) as connection:
        connection.deliver_mail(ANA, get_following=then(BO))
        reply = connection.deliver_mail(BO, may_send=lambda: False)
        assert reply.verdict is Verdict.WITHHELD
        assert connection.deliver_mail(CY).verdict is Verdict.LOST, "the relay waits for the other"
    assert [one.recipient for one in relay.received] == [ANA.recipient]


def test_what_may_go_is_asked_when_the_relay_waits_for_the_message(relay: Relay) -> None:
    met: list[str] = []

    def met_at(step: Step, reply: str) -> None:
        def act(_: Envelope) -> str:
            met.append(step)
            return reply

        relay.answer_once(step, act)

    met_at(Step.DATA, "354 go on")
    met_at(Step.DOT, "250 2.0.0 queued")

    def may_go() -> bool:
        met.append("asked")
        return True

    with opened(relay) as connection:
        connection.deliver_mail(ANA, may_send=may_go)
    assert met == [Step.DATA, "asked", Step.DOT]


def test_one_that_was_announced_goes_next_or_nothing_does(relay: Relay) -> None:
    with opened(relay) as connection:
        connection.deliver_mail(ANA, get_following=then(BO))
        verdict = connection.deliver_mail(CY).verdict
        assert verdict is (Verdict.LOST if connection.supports_pipelining else Verdict.ACCEPTED)
    assert BO.recipient not in relay.accepted


def test_a_connection_that_ends_after_an_announcement_sends_nothing_more(relay: Relay) -> None:
    with opened(relay) as connection:
        connection.deliver_mail(ANA, get_following=then(BO))
    assert [one.recipient for one in relay.received] == [ANA.recipient]


@pytest.mark.parametrize("number", [1, 3, 1100, 5000])
def test_a_message_arrives_in_however_many_pieces_it_comes(relay: Relay, number: int) -> None:
    pieces = [b"line %d\r\n" % one for one in range(number)]
    whole = b"".join(pieces)
    one = OutgoingMail(SENDER, ANA.recipient, pieces, len(whole), True)
    with opened(relay) as connection:
        assert connection.deliver_mail(one, get_following=then(BO)).verdict is Verdict.ACCEPTED
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.find_message(ANA.recipient).data == whole


def test_a_large_message_arrives_whole(relay: Relay) -> None:
    whole = b"x" * 76 + b"\r\n"
    one = prepare_mail(SENDER, ANA.recipient, whole * 60_000)
    with opened(relay) as connection:
        assert connection.deliver_mail(one, get_following=then(BO)).verdict is Verdict.ACCEPTED
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.find_message(ANA.recipient).data == whole * 60_000


def test_what_is_larger_than_the_relay_takes_is_not_sent(relay: Relay) -> None:
    relay.remove_extension("SIZE")
    relay.offer_extensions("SIZE 1000")
    with opened(relay) as connection:
        reply = connection.deliver_mail(
            prepare_mail(SENDER, ANA.recipient, b"x" * 990 + b"\r\n" + b"y" * 100)
        )
        assert reply.verdict is Verdict.RELAY
        assert reply.is_permanent
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.accepted == [BO.recipient]


@pytest.mark.parametrize("reply", ["250-2.1.0 well\r\n250 ok", "251 2.1.5 will forward", "250"])
def test_a_relay_may_say_yes_in_its_own_way(relay: Relay, reply: str) -> None:
    relay.answer_always(Step.RCPT, reply)
    relay.answer_always(Step.DATA, "354-go\r\n354 on")
    with opened(relay) as connection:
        assert connection.deliver_mail(ANA, get_following=then(BO)).verdict is Verdict.ACCEPTED
        assert connection.deliver_mail(BO).verdict is Verdict.ACCEPTED
    assert relay.accepted == [ANA.recipient, BO.recipient]
