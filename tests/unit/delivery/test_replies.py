"""What a relay's reply means: who is at fault, what is tried again, and what is in doubt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.replies import Phase, Verdict, judge, lost

P, V = Phase, Verdict
phases = st.sampled_from(Phase)
codes = st.integers(200, 599)
ENVELOPE = (P.MAIL, P.RCPT, P.DATA)


@pytest.mark.parametrize(
    ("phase", "code", "verdict"),
    [
        (P.CONNECT, 220, V.ACCEPTED),
        (P.CONNECT, 554, V.RELAY),
        (P.CONNECT, 421, V.LOST),
        (P.EHLO, 250, V.ACCEPTED),
        (P.EHLO, 502, V.RELAY),
        (P.STARTTLS, 220, V.ACCEPTED),
        (P.STARTTLS, 454, V.RELAY),
        (P.AUTH, 235, V.ACCEPTED),
        (P.AUTH, 334, V.ACCEPTED),
        (P.AUTH, 535, V.RELAY),
        (P.MAIL, 250, V.ACCEPTED),
        (P.MAIL, 451, V.RELAY),
        (P.MAIL, 550, V.RELAY),
        (P.MAIL, 421, V.LOST),
        (P.RCPT, 250, V.ACCEPTED),
        (P.RCPT, 251, V.ACCEPTED),
        (P.RCPT, 450, V.DEFERRED),
        (P.RCPT, 452, V.DEFERRED),
        (P.RCPT, 550, V.REFUSED),
        (P.RCPT, 552, V.DEFERRED),
        (P.RCPT, 421, V.DEFERRED),
        (P.DATA, 354, V.ACCEPTED),
        (P.DATA, 250, V.LOST),
        (P.DATA, 451, V.DEFERRED),
        (P.DATA, 552, V.REFUSED),
        (P.DATA, 554, V.REFUSED),
        (P.DATA, 421, V.DEFERRED),
        (P.DOT, 250, V.ACCEPTED),
        (P.DOT, 421, V.DEFERRED),
        (P.DOT, 451, V.DEFERRED),
        (P.DOT, 552, V.REFUSED),
        (P.DOT, 554, V.REFUSED),
        (P.DOT, 354, V.IN_DOUBT),
        (P.DOT, -1, V.IN_DOUBT),
    ],
)
def test_a_reply_is_judged_by_its_phase(phase: Phase, code: int, verdict: Verdict) -> None:
    assert judge(phase, code, "text").verdict is verdict


@given(phases, st.integers(-1, 999))
def test_only_the_reply_to_the_final_dot_can_leave_doubt(phase: Phase, code: int) -> None:
    reply = judge(phase, code, "text")
    assert reply.verdict is not V.IN_DOUBT or phase is P.DOT
    assert (reply.verdict is V.IN_DOUBT) == (phase is P.DOT and code // 100 not in {2, 4, 5})


@given(st.integers(-1, 999))
def test_after_the_dot_the_relay_is_never_said_to_have_got_nothing_without_its_word(
    code: int,
) -> None:
    verdict = judge(P.DOT, code, "text").verdict
    assert verdict not in {V.LOST, V.RELAY}
    assert (verdict is V.ACCEPTED) == (200 <= code < 300)


@given(phases, codes)
def test_only_a_5xx_to_recipient_or_message_fails_a_delivery_for_good(
    phase: Phase, code: int
) -> None:
    if judge(phase, code, "text").verdict is V.REFUSED:
        assert phase in {P.RCPT, P.DATA, P.DOT}
        assert code >= 500


@given(st.sampled_from([P.CONNECT, P.EHLO, P.STARTTLS, P.AUTH, P.MAIL]), codes)
def test_nobodys_attempt_is_spent_before_a_recipient_was_named(phase: Phase, code: int) -> None:
    verdict = judge(phase, code, "text").verdict
    assert verdict in {V.ACCEPTED, V.RELAY, V.LOST}
    assert (verdict is V.ACCEPTED) == (code < 400)


@given(phases, codes)
def test_a_relay_that_says_goodbye_gets_a_new_connection(phase: Phase, code: int) -> None:
    assert judge(phase, code, "text").close == (code == 421)


@pytest.mark.parametrize("phase", Phase)
def test_a_link_lost_is_in_doubt_only_after_the_message(phase: Phase) -> None:
    reply = lost(phase, "silence")
    expected = V.IN_DOUBT if phase is P.DOT else V.LOST if phase in ENVELOPE else V.RELAY
    assert reply.verdict is expected
    assert reply.close
    assert reply.code == 0
    assert "silence" in str(reply)


def test_a_reply_is_said_with_its_phase() -> None:
    assert str(judge(P.RCPT, 550, "no such user")) == "550 no such user (to RCPT)"
    assert str(lost(P.DOT, "link lost")) == "link lost after the message, before its reply"
    assert str(lost(P.MAIL, "link lost")) == "link lost (at MAIL)"
