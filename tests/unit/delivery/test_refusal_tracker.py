"""Refusals that speak of this office pause an edition, those of recipients never do."""

import pytest

from mailer.delivery.refusal_tracker import (
    MANY_ACCEPTANCES,
    MAX_SENDER_REFUSALS,
    MIN_ALIKE,
    MIN_ALIKE_AFTER_ACCEPTANCES,
    MIN_ALIKE_BY_CODE,
    SHARE_WINDOW,
    RefusalTracker,
)
from mailer.delivery.refusals import judge_refusal
from mailer.delivery.replies import Phase, Reply, judge_reply
from mailer.model.deliveries import Claim, DeliveryState

QUOTA = judge_reply(Phase.RCPT, 550, "5.1.90 enough for today")
UNKNOWN_USER = judge_reply(Phase.RCPT, 550, "No such user here")
UNJUDGED = judge_reply(Phase.RCPT, 550, "5.7.1 not for us")


def make_claim(number: int, requeued_for: str = "", domains: int = 7) -> Claim:
    address = f"reader@d{number % domains}.example"
    return Claim(number, 7, number, address, "", "en", 1, 1, requeued_for)


def refuse(
    tracker: RefusalTracker, *replies: Reply, domains: int = 7, requeued_for: str = ""
) -> int | None:
    """Note these refusals, and return after how many the tracker pauses."""
    for number, reply in enumerate(replies):
        tracker.note_refusal(make_claim(number, requeued_for, domains), reply)
        if tracker.pause is not None:
            return number + 1
    return None


def get_signature(reply: Reply) -> str:
    return judge_refusal(reply, "x@x.example").signature


def test_refused_recipients_never_pause_edition() -> None:
    tracker = RefusalTracker()
    assert refuse(tracker, *[UNKNOWN_USER] * 1000) is None
    assert tracker.describe_put_off() is None


@pytest.mark.parametrize("reply", [QUOTA, UNJUDGED])
def test_refusals_alike_pause_edition_with_advice(reply: Reply) -> None:
    tracker = RefusalTracker()
    assert refuse(tracker, *[reply] * 100) == MIN_ALIKE
    assert tracker.pause is not None
    assert tracker.pause.signatures == (get_signature(reply),)
    assert tracker.pause.reason.startswith(f"{MIN_ALIKE} recipients were refused alike (")
    assert judge_refusal(reply, "").advice in tracker.pause.reason


def test_different_refusals_for_our_reasons_add_up() -> None:
    texts = ("5.1.90 enough", "5.7.1 on a block list", "5.7.26 no DKIM")
    tracker = RefusalTracker()
    replies = [judge_reply(Phase.DOT, 550, text) for text in texts * 3]
    assert refuse(tracker, *replies) == MIN_ALIKE
    assert tracker.pause is not None
    assert len(tracker.pause.signatures) == len(texts)


def test_unjudged_refusals_from_one_domain_wait_for_the_ledger() -> None:
    for has_other_domains in (True, False):
        tracker = RefusalTracker()
        assert refuse(tracker, *[UNJUDGED] * 30, domains=1) is None
        assert tracker.single_domain == "d0.example"
        tracker.confirm_single_domain(has_other_domains=has_other_domains)
        assert (tracker.pause is None) is has_other_domains
        assert not tracker.single_domain


def test_unjudged_domain_is_asked_about_once() -> None:
    tracker = RefusalTracker()
    refuse(tracker, *[UNJUDGED] * 5, domains=1)
    tracker.confirm_single_domain(has_other_domains=True)
    assert refuse(tracker, *[UNJUDGED] * 50, domains=1) is None
    assert not tracker.single_domain
    assert refuse(tracker, UNJUDGED, UNJUDGED) == 2, "now from a second domain too"


def test_acceptances_in_between_excuse_unjudged_refusals() -> None:
    tracker = RefusalTracker()
    for number in range(200):
        tracker.accepted_count += 2
        tracker.note_refusal(make_claim(number), UNJUDGED)
    assert tracker.pause is None


def test_unjudged_share_of_half_pauses_edition() -> None:
    tracker = RefusalTracker()
    for number in range(SHARE_WINDOW):
        assert tracker.pause is None
        tracker.accepted_count += 1
        tracker.note_refusal(make_claim(number), UNJUDGED)
    assert tracker.pause is not None


def test_unjudged_refusals_with_the_same_codes_pause_whatever_their_words() -> None:
    replies = [
        judge_reply(Phase.RCPT, 550, f"5.7.1 no {'abcdefghijklmnop'[number]}way")
        for number in range(16)
    ]
    tracker = RefusalTracker()
    assert refuse(tracker, *replies) == MIN_ALIKE_BY_CODE
    assert tracker.pause is not None
    assert set(map(get_signature, replies[:MIN_ALIKE_BY_CODE])) < {*tracker.pause.signatures}
    resumed = RefusalTracker(tracker.pause.signatures)
    assert refuse(resumed, *replies) is None


def test_streak_is_longer_after_many_acceptances() -> None:
    tracker = RefusalTracker()
    tracker.accepted_count = MANY_ACCEPTANCES
    assert refuse(tracker, *[UNJUDGED] * 100) == MIN_ALIKE_AFTER_ACCEPTANCES


def test_rare_refusals_for_our_reasons_pause_within_fifty() -> None:
    tracker = RefusalTracker()
    for number in range(MAX_SENDER_REFUSALS):
        assert tracker.pause is None
        tracker.accepted_count += 1000
        tracker.note_refusal(make_claim(number), QUOTA)
    assert tracker.pause is not None


def test_resumed_unjudged_refusals_pause_no_more() -> None:
    tracker = RefusalTracker((get_signature(UNJUDGED),))
    assert refuse(tracker, *[UNJUDGED] * 100) is None
    other = judge_reply(Phase.RCPT, 550, "5.7.1 another matter")
    assert refuse(tracker, *[other] * 100) == MIN_ALIKE


def test_resumed_refusals_for_our_reasons_still_protect_the_untried() -> None:
    tracker = RefusalTracker((get_signature(QUOTA),))
    assert refuse(tracker, *[QUOTA] * 100) == MIN_ALIKE


def test_recipients_queued_again_fail_when_refused_alike() -> None:
    tracker = RefusalTracker((get_signature(QUOTA),))
    judgement = judge_refusal(QUOTA, "x@x.example")
    tried = make_claim(1, judgement.signature)
    assert tracker.choose_state(tried, judgement) is DeliveryState.FAILED
    assert tracker.choose_state(make_claim(1), judgement) is DeliveryState.QUEUED
    pauses_after = refuse(tracker, *[QUOTA] * 100, requeued_for=judgement.signature)
    assert pauses_after == MAX_SENDER_REFUSALS


def test_service_mails_never_pause() -> None:
    tracker = RefusalTracker(may_pause=False)
    assert refuse(tracker, *[QUOTA, UNJUDGED] * 500) is None


def test_pause_by_another_worker_requeues_new_signatures_only() -> None:
    tracker = RefusalTracker(("old",))
    assert tracker.select_requeued(("old", "new")) == ["new"]
    tracker.note_refusal(make_claim(1), QUOTA)
    assert tracker.select_requeued(("old",)) == [get_signature(QUOTA)]
