"""What becomes of a message, whom refusals speak of, and how fast it goes."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import outbox
from mailer.delivery.outcomes import (
    MAX_LOST_LINKS,
    MAX_REPEATED_REFUSALS,
    RATE_WINDOW,
    DeliveryProgress,
    GatedMessage,
    LostLinkTracker,
    MessageOutcome,
    RateMeter,
    RepeatedRefusals,
    derive_settlement,
)
from mailer.delivery.replies import (
    WITHHELD_REPLY,
    Phase,
    Reply,
    Verdict,
    create_lost_reply,
    judge_reply,
)
from mailer.model.deliveries import DELIVERY_TRANSITIONS, Claim, DeliveryState, Settlement
from tests.unit.samples import NOW

D, P = DeliveryState, Phase


def claim(number: int = 90, attempt: int = 1) -> Claim:
    return Claim(number, 7, number, f"reader{number}@example.org", "", "en", 1, attempt)


def settled(reply: Reply, *, attempt: int = 1, days: float = 0, poison: bool = False) -> Settlement:
    """What is written down `days` after the plan."""
    passed = GatedMessage(claim(attempt=attempt), worker_id=5, gated_at=0.0, not_before=0.0)
    planned_at = NOW - timedelta(days=days)
    return derive_settlement(MessageOutcome(passed, reply), NOW, planned_at, is_poison=poison)


# ---- settlements ------------------------------------------------------------------------------

ACCEPTED = judge_reply(P.DOT, 250, "2.0.0 queued")
REFUSED = judge_reply(P.RCPT, 550, "5.1.1 no such user")
DEFERRED = judge_reply(P.RCPT, 450, "4.2.1 greylisted")
DOUBT = create_lost_reply(P.DOT, "the connection was lost")
LOST = create_lost_reply(P.RCPT, "the connection was lost")
RELAY = judge_reply(P.MAIL, 550, "5.7.1 not your address")


@pytest.mark.parametrize(
    ("reply", "state", "spend"),
    [
        (ACCEPTED, D.SENT, True),
        (REFUSED, D.FAILED, True),
        (DOUBT, D.IN_DOUBT, True),
        (DEFERRED, D.QUEUED, True),
        (LOST, D.QUEUED, False),
        (RELAY, D.QUEUED, False),
        (WITHHELD_REPLY, D.QUEUED, False),
    ],
)
def test_a_reply_moves_a_delivery_on(reply: Reply, state: DeliveryState, spend: bool) -> None:
    done = settled(reply)
    assert (done.delivery_id, done.worker_id) == (90, 5)
    assert (done.state, done.counts_as_attempt, done.reply) == (state, spend, str(reply))
    assert done.state in DELIVERY_TRANSITIONS[D.ON_WIRE]


@given(st.integers(1, 40))
def test_what_is_deferred_waits_longer_each_time(attempt: int) -> None:
    done = settled(DEFERRED, attempt=attempt)
    assert done.retry_after == outbox.get_retry_delay(attempt).total_seconds() >= 300


def test_what_is_deferred_for_five_days_expires() -> None:
    assert settled(DEFERRED, days=4.9).state is D.QUEUED
    assert settled(DEFERRED, days=5.1).state is D.EXPIRED


@pytest.mark.parametrize("reply", [LOST, RELAY, WITHHELD_REPLY])
def test_what_was_not_their_fault_is_due_at_once_however_old(reply: Reply) -> None:
    done = settled(reply, days=30)
    assert (done.state, done.retry_after, done.counts_as_attempt) == (D.QUEUED, 0, False)


def test_what_breaks_each_connection_is_put_off_like_a_deferral() -> None:
    done = settled(LOST, attempt=2, poison=True)
    assert (done.state, done.counts_as_attempt, done.retry_after) == (D.QUEUED, True, 600)
    assert done.reply == f"{LOST}, {MAX_LOST_LINKS} times"
    assert settled(LOST, days=6, poison=True).state is D.EXPIRED


@given(st.sampled_from(Verdict), st.booleans(), st.floats(0, 30))
def test_only_the_relays_word_ends_a_delivery_and_only_silence_leaves_doubt(
    verdict: Verdict, poison: bool, days: float
) -> None:
    done = settled(Reply(P.DOT, 0, "text", verdict), days=days, poison=poison)
    assert (done.state is D.SENT) == (verdict is Verdict.ACCEPTED)
    assert (done.state is D.FAILED) == (verdict is Verdict.REFUSED)
    assert (done.state is D.IN_DOUBT) == (verdict is Verdict.IN_DOUBT)


# ---- refusals alike ---------------------------------------------------------------------------


def refused(number: int, text: str = "5.7.1 no mail from you", code: int = 550) -> Reply:
    return judge_reply(P.DOT, code, text.replace("{}", claim(number).address))


def noted(*replies: Reply) -> RepeatedRefusals:
    alike = RepeatedRefusals()
    for number, reply in enumerate(replies):
        alike.note_reply(claim(number), reply)
    return alike


def test_as_many_refusals_alike_speak_of_us() -> None:
    assert not noted(*[refused(n) for n in range(MAX_REPEATED_REFUSALS - 1)]).is_limit_reached
    alike = noted(*[refused(n) for n in range(MAX_REPEATED_REFUSALS)])
    assert alike.is_limit_reached
    assert alike.delivery_ids == list(range(MAX_REPEATED_REFUSALS))
    assert "5.7.1 no mail from you" in alike.refusal_text


def test_that_a_refusal_names_its_recipient_makes_it_no_other() -> None:
    assert noted(
        *[refused(n, "5.7.1 <{}>: not from you") for n in range(MAX_REPEATED_REFUSALS)]
    ).is_limit_reached


def test_refusals_that_differ_speak_of_their_recipients() -> None:
    assert not noted(
        *[refused(n, f"5.7.1 reason {n}") for n in range(3 * MAX_REPEATED_REFUSALS)]
    ).is_limit_reached
    assert not noted(
        *[refused(n, code=550 + n % 2) for n in range(3 * MAX_REPEATED_REFUSALS)]
    ).is_limit_reached


@pytest.mark.parametrize("text", ["5.1.1 no such user", "5.2.2 mailbox full", "5.1.10 null MX"])
def test_what_is_said_of_a_mailbox_never_speaks_of_us(text: str) -> None:
    assert not noted(*[refused(n, text) for n in range(3 * MAX_REPEATED_REFUSALS)]).is_limit_reached


def test_one_that_is_accepted_shows_that_it_was_not_us() -> None:
    some = [refused(n) for n in range(MAX_REPEATED_REFUSALS - 1)]
    assert not noted(*some, ACCEPTED, *some).is_limit_reached


@pytest.mark.parametrize("between", [DEFERRED, LOST, DOUBT, WITHHELD_REPLY])
def test_what_says_neither_yes_nor_no_changes_nothing(between: Reply) -> None:
    some = [one for n in range(MAX_REPEATED_REFUSALS) for one in (refused(n), between)]
    assert noted(*some).is_limit_reached


def test_once_there_are_too_many_it_stays_so() -> None:
    """Until the edition is paused, what others say on the way changes nothing."""
    alike = noted(
        *[refused(n) for n in range(MAX_REPEATED_REFUSALS)], ACCEPTED, refused(9, "5.7.9 another")
    )
    assert alike.is_limit_reached
    assert alike.delivery_ids == list(range(MAX_REPEATED_REFUSALS))


# ---- messages that break connections ----------------------------------------------------------


def test_a_message_that_breaks_links_while_the_relay_goes_on_is_put_off() -> None:
    losses = LostLinkTracker()
    found = [losses.is_poison(claim(), answered) for answered in range(MAX_LOST_LINKS)]
    assert found == [False] * (MAX_LOST_LINKS - 1) + [True]
    assert not losses.is_poison(claim(), MAX_LOST_LINKS), "the next time it is counted anew"


def test_one_that_breaks_the_link_twice_in_a_row_lets_others_go_first() -> None:
    losses = LostLinkTracker()
    assert not losses.is_stuck(claim(), answered_count=3)
    losses.is_poison(claim(), answered_count=3)
    assert losses.is_stuck(claim(), answered_count=3)
    assert not losses.is_stuck(claim(91), answered_count=3)
    assert not losses.is_stuck(claim(), answered_count=4), "others had their turn"


@given(st.integers(1, 50))
def test_where_the_relay_answers_for_none_it_is_no_messages_fault(times: int) -> None:
    losses = LostLinkTracker()
    assert not any(losses.is_poison(claim(), 12) for _ in range(times))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=40))
def test_losses_are_counted_for_each_message_by_itself(met: list[tuple[int, int]]) -> None:
    losses, answered = LostLinkTracker(), 0
    counts: dict[int, tuple[int, int]] = {}
    for number, more in met:
        answered += more
        times, before = counts.get(number, (0, -1))
        times += answered > before
        counts[number] = (times, answered)
        assert losses.is_poison(claim(number), answered) == (times >= MAX_LOST_LINKS)
        if times >= MAX_LOST_LINKS:
            del counts[number]


# ---- figures ----------------------------------------------------------------------------------


def test_progress_adds_up() -> None:
    progress = DeliveryProgress(sent=5, deferred=4, failed=3, turned_away=2, in_doubt=1, left=30)
    assert progress.done == 15
    assert progress.seconds_left is None, "nothing is known of the rate"
    progress.rate = 10
    assert progress.seconds_left == 3


@given(st.floats(0.5, 5000), st.floats(0.05, 3), st.integers(2, 60))
def test_a_steady_pace_is_told_as_it_is(rate: float, every: float, times: int) -> None:
    pace = RateMeter(100.0)
    for number in range(1, times + 1):
        seconds = number * every
        told = pace.measure_rate(100.0 + seconds, round(seconds * rate))
    assert math.isclose(told, rate, rel_tol=0.01, abs_tol=2 / min(seconds, RATE_WINDOW))


def test_a_pace_is_that_of_the_last_seconds() -> None:
    pace = RateMeter(0.0)
    done = 0
    for number in range(1, 61):
        done += 100
        pace.measure_rate(float(number), done)
    for number in range(61, 76):
        told = pace.measure_rate(float(number), done)
    assert told == 0, "it stands still"


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 1000)), max_size=40))
def test_a_pace_is_never_negative(steps: list[tuple[int, int]]) -> None:
    pace, now, done = RateMeter(0.0), 0.0, 0
    for milliseconds, more in steps:
        now, done = now + milliseconds / 1000, done + more
        assert 0 <= pace.measure_rate(now, done) < math.inf
