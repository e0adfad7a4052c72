"""Settlements of replies, refusals, lost links and progress figures."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import outbox
from mailer.delivery.outcomes import (
    MAX_LOST_LINKS,
    RATE_WINDOW,
    DeliveryProgress,
    GatedMessage,
    LostLinkTracker,
    MessageOutcome,
    RateMeter,
    derive_settlement,
)
from mailer.delivery.refusal_tracker import PUT_OFF_DELAY, RefusalTracker
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


def make_claim(number: int = 90, attempt: int = 1) -> Claim:
    return Claim(number, 7, number, f"reader{number}@example.org", "", "en", 1, attempt)


def settle_reply(
    reply: Reply,
    *,
    attempt: int = 1,
    days: float = 0,
    is_poison: bool = False,
    refusals: RefusalTracker | None = None,
) -> Settlement:
    """Return the settlement of a reply that comes `days` after the plan."""
    message = GatedMessage(make_claim(attempt=attempt), worker_id=5, gated_at=0.0, not_before=0.0)
    planned_at = NOW - timedelta(days=days)
    tracker = refusals or RefusalTracker()
    outcome = MessageOutcome(message, reply)
    return derive_settlement(outcome, NOW, planned_at, tracker, is_poison=is_poison)


# ---- settlements ------------------------------------------------------------------------------

ACCEPTED = judge_reply(P.DOT, 250, "2.0.0 queued")
REFUSED = judge_reply(P.RCPT, 550, "5.1.1 no such user")
DEFERRED = judge_reply(P.RCPT, 450, "4.2.1 greylisted")
DOUBT = create_lost_reply(P.DOT, "the connection was lost")
LOST = create_lost_reply(P.RCPT, "the connection was lost")
RELAY = judge_reply(P.MAIL, 550, "5.7.1 not your address")


@pytest.mark.parametrize(
    ("reply", "state", "counts_as_attempt"),
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
def test_verdict_decides_delivery_state_and_attempt(
    reply: Reply, state: DeliveryState, counts_as_attempt: bool
) -> None:
    settlement = settle_reply(reply)
    assert (settlement.delivery_id, settlement.worker_id) == (90, 5)
    assert (settlement.state, settlement.counts_as_attempt, settlement.reply) == (
        state,
        counts_as_attempt,
        str(reply),
    )
    assert settlement.state in DELIVERY_TRANSITIONS[D.ON_WIRE]


@given(st.integers(1, 40))
def test_deferred_delivery_waits_longer_each_attempt(attempt: int) -> None:
    settlement = settle_reply(DEFERRED, attempt=attempt)
    assert settlement.retry_after == outbox.get_retry_delay(attempt).total_seconds() >= 300


def test_deferred_delivery_expires_after_five_days() -> None:
    assert settle_reply(DEFERRED, days=4.9).state is D.QUEUED
    assert settle_reply(DEFERRED, days=5.1).state is D.EXPIRED


@pytest.mark.parametrize("reply", [LOST, RELAY, WITHHELD_REPLY])
def test_lost_link_requeues_at_once_at_any_age(reply: Reply) -> None:
    settlement = settle_reply(reply, days=30)
    assert (settlement.state, settlement.retry_after, settlement.counts_as_attempt) == (
        D.QUEUED,
        0,
        False,
    )


def test_poison_message_is_deferred_and_expires() -> None:
    settlement = settle_reply(LOST, attempt=2, is_poison=True)
    assert (settlement.state, settlement.counts_as_attempt, settlement.retry_after) == (
        D.QUEUED,
        True,
        600,
    )
    assert settlement.reply == f"{LOST}, {MAX_LOST_LINKS} times"
    assert settle_reply(LOST, days=6, is_poison=True).state is D.EXPIRED


@given(st.sampled_from(Verdict), st.booleans(), st.floats(0, 30))
def test_only_matching_verdict_gives_sent_failed_or_in_doubt(
    verdict: Verdict, is_poison: bool, days: float
) -> None:
    reply = Reply(P.DOT, 0, "text", verdict)
    settlement = settle_reply(reply, days=days, is_poison=is_poison)
    assert (settlement.state is D.SENT) == (verdict is Verdict.ACCEPTED)
    assert (settlement.state is D.FAILED) == (verdict is Verdict.REFUSED)
    assert (settlement.state is D.IN_DOUBT) == (verdict is Verdict.IN_DOUBT)


# ---- refusals ---------------------------------------------------------------------------------


def test_refusal_for_our_reasons_is_put_off_without_attempt() -> None:
    settlement = settle_reply(judge_reply(P.RCPT, 550, "5.1.90 the day's messages are used up"))
    assert (settlement.state, settlement.counts_as_attempt) == (D.QUEUED, False)
    assert settlement.retry_after == PUT_OFF_DELAY
    assert settlement.signature == "550 5.1.90"


def test_service_mail_refused_for_our_reasons_is_deferred() -> None:
    """Its edition does not pause, so it is tried again by itself."""
    service = RefusalTracker(may_pause=False)
    blocked = judge_reply(P.DOT, 554, "5.7.1 on a block list")
    settlement = settle_reply(blocked, refusals=service)
    assert (settlement.state, settlement.counts_as_attempt) == (D.QUEUED, True)
    assert settlement.retry_after == outbox.get_retry_delay(1).total_seconds()
    assert settle_reply(blocked, attempt=12, refusals=service).state is D.FAILED
    assert settle_reply(REFUSED, refusals=service).state is D.FAILED


def test_deferrals_alike_have_same_signature() -> None:
    first, second = (
        settle_reply(judge_reply(P.RCPT, 450, f"4.2.0 <reader90@example.org> grey, try {minutes}"))
        for minutes in (5, 7)
    )
    assert first.signature == second.signature


# ---- messages that break connections ----------------------------------------------------------


def test_message_losing_links_while_relay_answers_is_poison() -> None:
    tracker = LostLinkTracker()
    results = [tracker.is_poison(make_claim(), answered) for answered in range(MAX_LOST_LINKS)]
    assert results == [False] * (MAX_LOST_LINKS - 1) + [True]
    assert not tracker.is_poison(make_claim(), MAX_LOST_LINKS), "the count must start again"


def test_message_losing_link_twice_in_a_row_is_stuck() -> None:
    tracker = LostLinkTracker()
    assert not tracker.is_stuck(make_claim(), answered_count=3)
    tracker.is_poison(make_claim(), answered_count=3)
    assert tracker.is_stuck(make_claim(), answered_count=3)
    assert not tracker.is_stuck(make_claim(91), answered_count=3)
    assert not tracker.is_stuck(make_claim(), answered_count=4), "another message was answered"


@given(st.integers(1, 50))
def test_message_is_not_poison_if_relay_answers_for_none(times: int) -> None:
    tracker = LostLinkTracker()
    assert not any(tracker.is_poison(make_claim(), 12) for _ in range(times))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=40))
def test_lost_links_are_counted_per_message(events: list[tuple[int, int]]) -> None:
    tracker, answered = LostLinkTracker(), 0
    counts: dict[int, tuple[int, int]] = {}
    for number, answered_more in events:
        answered += answered_more
        loss_count, earlier_count = counts.get(number, (0, -1))
        loss_count += answered > earlier_count
        counts[number] = (loss_count, answered)
        assert tracker.is_poison(make_claim(number), answered) == (loss_count >= MAX_LOST_LINKS)
        if loss_count >= MAX_LOST_LINKS:
            del counts[number]


# ---- figures ----------------------------------------------------------------------------------


def test_progress_done_and_seconds_left_add_up() -> None:
    progress = DeliveryProgress(sent=5, deferred=4, failed=3, turned_away=2, in_doubt=1, left=30)
    assert progress.done == 15
    assert progress.seconds_left is None, "the rate is unknown"
    progress.rate = 10
    assert progress.seconds_left == 3


@given(st.floats(0.5, 5000), st.floats(0.05, 3), st.integers(2, 60))
def test_rate_meter_measures_steady_rate(rate: float, interval: float, times: int) -> None:
    meter = RateMeter(100.0)
    for number in range(1, times + 1):
        seconds = number * interval
        measured_rate = meter.measure_rate(100.0 + seconds, round(seconds * rate))
    assert math.isclose(measured_rate, rate, rel_tol=0.01, abs_tol=2 / min(seconds, RATE_WINDOW))


def test_rate_meter_measures_last_seconds_only() -> None:
    meter = RateMeter(0.0)
    done_count = 0
    for number in range(1, 61):
        done_count += 100
        meter.measure_rate(float(number), done_count)
    for number in range(61, 76):
        measured_rate = meter.measure_rate(float(number), done_count)
    assert measured_rate == 0, "no message was done in the window"


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 1000)), max_size=40))
def test_rate_meter_is_never_negative(steps: list[tuple[int, int]]) -> None:
    meter, now, done_count = RateMeter(0.0), 0.0, 0
    for milliseconds, added_count in steps:
        now, done_count = now + milliseconds / 1000, done_count + added_count
        assert 0 <= meter.measure_rate(now, done_count) < math.inf
