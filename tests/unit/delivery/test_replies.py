"""The verdict on each reply of a relay: accepted, deferred (451), refused (550) or in doubt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.replies import (
    FINAL_PHASES,
    WITHHELD_REPLY,
    Phase,
    Verdict,
    create_lost_reply,
    judge_reply,
)

P, V = Phase, Verdict
phases = st.sampled_from(Phase)
codes = st.integers(200, 599)
any_codes = st.integers(-1, 999)

OPENING = (P.CONNECT, P.EHLO, P.STARTTLS, P.AUTH)
ENVELOPE = (P.MAIL, P.RCPT, P.DATA)
TRANSACTION = (*ENVELOPE, P.DOT)
GOOD = {P.CONNECT: 220, P.STARTTLS: 220, P.AUTH: 235, P.DATA: 354}

R, D, F, L = V.RELAY, V.DEFERRED, V.REFUSED, V.LOST
TABLE = {
    # phase      4xx 5xx 421 silence, close
    P.CONNECT: (R, R, R, R),
    P.EHLO: (R, R, R, R),
    P.STARTTLS: (R, R, R, R),
    P.AUTH: (R, R, R, R),
    P.MAIL: (R, R, R, L),
    P.RCPT: (D, F, D, L),
    P.DATA: (D, F, D, L),
    P.DOT: (D, F, D, V.IN_DOUBT),
}
"""The table of the module's docstring."""


@pytest.mark.parametrize("phase", TABLE)
def test_451_is_deferred_and_550_refused_by_phase(phase: Phase) -> None:
    temporary, permanent, going_down, silence = TABLE[phase]
    assert judge_reply(phase, GOOD.get(phase, 250), "ok").verdict is V.ACCEPTED
    for code in (450, 451, 452, 454):
        assert judge_reply(phase, code, "later").verdict is temporary
    for code in (500, 502, 535, 550, 554):
        assert judge_reply(phase, code, "no").verdict is permanent
    assert judge_reply(phase, 421, "going down").verdict is going_down
    assert create_lost_reply(phase, "silence").verdict is silence


@pytest.mark.parametrize(
    ("phase", "code", "verdict"),
    [
        (P.CONNECT, 250, V.RELAY),  # RFC 5321 §4.3.2: only 220 opens a connection
        (P.AUTH, 334, V.RELAY),
        (P.RCPT, 251, V.ACCEPTED),
        (P.RCPT, 452, V.DEFERRED),
        (P.RCPT, 552, V.DEFERRED),  # RFC 5321 §4.5.3.1.10
        (P.DATA, 552, V.REFUSED),
        (P.DATA, 250, V.LOST),  # not 354: the relay would read the message as commands
        (P.DOT, 552, V.REFUSED),
        (P.DOT, 354, V.IN_DOUBT),
        (P.DOT, -1, V.IN_DOUBT),
        (P.MAIL, -1, V.LOST),
        (P.MAIL, 354, V.LOST),
        (P.RCPT, -1, V.LOST),
        (P.RCPT, 600, V.LOST),
    ],
)
def test_special_reply_codes_are_judged(phase: Phase, code: int, verdict: Verdict) -> None:
    assert judge_reply(phase, code, "text").verdict is verdict


@given(phases, any_codes)
def test_only_final_dot_reply_can_be_in_doubt(phase: Phase, code: int) -> None:
    reply = judge_reply(phase, code, "text")
    assert (reply.verdict is V.IN_DOUBT) == (phase in FINAL_PHASES and code // 100 not in {2, 4, 5})


@given(any_codes)
def test_final_dot_reply_is_never_lost_or_relay(
    code: int,
) -> None:
    verdict = judge_reply(P.DOT, code, "text").verdict
    assert verdict not in {V.LOST, V.RELAY}
    assert (verdict is V.ACCEPTED) == (200 <= code < 300)


@given(st.sampled_from([*OPENING, *TRANSACTION]), any_codes)
def test_only_5xx_to_recipient_or_message_is_refused(phase: Phase, code: int) -> None:
    if judge_reply(phase, code, "text").verdict is V.REFUSED:
        assert phase in {P.RCPT, P.DATA, P.DOT}
        assert 500 <= code < 600


@given(st.sampled_from([*OPENING, P.MAIL]), any_codes)
def test_replies_before_rcpt_spend_no_attempt(phase: Phase, code: int) -> None:
    assert judge_reply(phase, code, "text").verdict in {V.ACCEPTED, V.RELAY, V.LOST}


@given(st.sampled_from([*OPENING, P.MAIL]), any_codes)
def test_only_5xx_before_rcpt_is_permanent_for_relay(phase: Phase, code: int) -> None:
    assert judge_reply(phase, code, "text").is_permanent == (500 <= code < 600)


@given(st.sampled_from([P.RCPT, P.DATA, P.DOT]), any_codes)
def test_replies_from_rcpt_on_are_not_permanent_for_relay(phase: Phase, code: int) -> None:
    assert not judge_reply(phase, code, "text").is_permanent


@given(st.sampled_from(TRANSACTION), any_codes)
def test_421_or_invalid_reply_needs_close(phase: Phase, code: int) -> None:
    reply = judge_reply(phase, code, "text")
    is_invalid = reply.verdict in {V.LOST, V.IN_DOUBT}
    is_busy = phase is P.MAIL and code // 100 == 4
    assert reply.needs_close == (code == 421 or is_invalid or is_busy)


@pytest.mark.parametrize("phase", Phase)
def test_lost_link_is_in_doubt_only_after_final_dot(phase: Phase) -> None:
    reply = create_lost_reply(phase, "silence")
    phases_before_dot = {*ENVELOPE, P.RSET, P.MESSAGE}
    expected = V.LOST if phase in phases_before_dot else V.RELAY
    if phase in FINAL_PHASES:
        expected = V.IN_DOUBT
    assert reply.verdict is expected
    assert reply.needs_close
    assert reply.code == 0
    assert not reply.is_permanent
    assert "silence" in str(reply)


@given(st.sampled_from(TRANSACTION), any_codes)
def test_reply_is_answer_if_accepted_deferred_or_refused(phase: Phase, code: int) -> None:
    reply = judge_reply(phase, code, "text")
    assert reply.is_answer == (reply.verdict in {V.ACCEPTED, V.DEFERRED, V.REFUSED})
    assert not create_lost_reply(phase, "silence").is_answer
    assert not WITHHELD_REPLY.is_answer


def test_reply_text_names_code_and_phase() -> None:
    assert str(judge_reply(P.RCPT, 550, "no such user")) == "550 no such user (to RCPT)"
    assert (
        str(create_lost_reply(P.DOT, "link lost"))
        == "link lost after the message, before its reply"
    )
    assert str(create_lost_reply(P.MAIL, "link lost")) == "link lost (at MAIL)"


def test_withheld_reply_is_not_about_relay() -> None:
    assert WITHHELD_REPLY.verdict is V.WITHHELD
    assert (WITHHELD_REPLY.code, WITHHELD_REPLY.is_permanent, str(WITHHELD_REPLY)) == (0, False, "")
