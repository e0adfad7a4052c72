"""The times at which a delivery is tried again, and explanations of outcomes in one sentence."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import outbox
from mailer.errors import InputError
from mailer.model.deliveries import (
    DELIVERY_TRANSITIONS,
    EXPIRE_AFTER,
    IN_FLIGHT_STATES,
    UNFINISHED_STATES,
    Delivery,
    DeliveryReport,
    DeliveryState,
    RecipientStatus,
)
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.subscribers import MembershipState
from tests.fakes import make_transaction
from tests.unit.samples import DAY, NOW, make_edition

D = DeliveryState
ANA = "ana@example.org"


class FakeOutboxStore:
    def __init__(self, status: RecipientStatus) -> None:
        self.status = status
        self.requested_address = ""

    def get_recipient_status(self, edition: Edition, address: str) -> RecipientStatus:
        self.requested_address = address
        return self.status

    def find_safe_mode(self) -> None:
        return None

    def list_repeats(self, edition: Edition, address: str) -> list[Delivery]:
        return []


# ---- trying again -----------------------------------------------------------------------------


def test_retry_delays_of_deferred_mail_grow_to_three_hours() -> None:
    waits = [outbox.get_retry_delay(attempt) for attempt in range(1, 10)]
    minutes = [5, 10, 30, 60, 120, 180, 180, 180, 180]
    assert waits == [timedelta(minutes=wait) for wait in minutes]


@given(st.integers(1, 200))
def test_retry_delay_never_decreases(attempt: int) -> None:
    assert outbox.get_retry_delay(attempt + 1) >= outbox.get_retry_delay(attempt) > timedelta()


def test_delivery_expires_after_four_to_five_days() -> None:
    assert timedelta(days=4) <= EXPIRE_AFTER <= timedelta(days=5)


# ---- states -----------------------------------------------------------------------------------


def test_delivery_state_has_transitions_and_docstring_line() -> None:
    assert set(DELIVERY_TRANSITIONS) == set(D)
    assert outbox.__doc__
    for state in D:
        assert f"\n{state.value} " in outbox.__doc__


def test_sent_delivery_has_no_transitions() -> None:
    assert DELIVERY_TRANSITIONS[D.SENT] == frozenset()


def test_late_acceptance_is_taken_in_every_delivery_state() -> None:
    for state in set(D) - {D.SENT}:
        assert D.SENT in DELIVERY_TRANSITIONS[state]
    for state in (D.SUPPRESSED, D.CANCELLED):
        assert DELIVERY_TRANSITIONS[state] == {D.SENT}, "nothing else moves it"


def test_only_tried_and_diverted_deliveries_are_retried() -> None:
    retried = {state for state in D if D.QUEUED in DELIVERY_TRANSITIONS[state]}
    assert retried == {D.CLAIMED, D.ON_WIRE, D.FAILED, D.EXPIRED, D.IN_DOUBT, D.DIVERTED}


def test_delivery_goes_on_wire_only_from_claimed() -> None:
    assert [state for state in D if D.ON_WIRE in DELIVERY_TRANSITIONS[state]] == [D.CLAIMED]
    for outcome in (D.FAILED, D.EXPIRED):
        assert [state for state in D if outcome in DELIVERY_TRANSITIONS[state]] == [D.ON_WIRE]


def test_delivery_becomes_in_doubt_from_any_unfinished_state() -> None:
    """A restored database may have as unsent what was sent after the backup."""
    sources = {state for state in D if D.IN_DOUBT in DELIVERY_TRANSITIONS[state]}
    assert sources == set(UNFINISHED_STATES)


def test_edition_waits_for_unfinished_deliveries() -> None:
    assert set(UNFINISHED_STATES) == {D.QUEUED, D.CLAIMED, D.ON_WIRE}
    assert set(IN_FLIGHT_STATES) < set(UNFINISHED_STATES)


def test_delivery_report_total_is_sum() -> None:
    assert DeliveryReport(make_edition(), {D.SENT: 5, D.FAILED: 2}, {}, {}, ()).total == 7


# ---- why --------------------------------------------------------------------------------------

PLANNED = make_edition(state=EditionState.SENT, planned_at=NOW)
MEMBER = RecipientStatus(
    subscriber_id=41,
    membership=MembershipState.ACTIVE,
    joined_at=NOW - DAY,
    stories=0b11,
    story_titles=("Relief", "Vote"),
)


def explain(status: RecipientStatus, edition: Edition = PLANNED) -> str:
    sentence = outbox.explain_outcome(
        make_transaction(outbox=FakeOutboxStore(status)), edition, ANA
    )
    assert sentence.startswith(ANA)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "None" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"subscriber_id": None}, "is not a subscriber"),
        ({"membership": None}, "they are not on the list 'news'"),
        (
            {"joined_at": NOW + DAY},
            "on Sat 19 Dec 2026 at 09:30 UTC, after it was planned on Fri 18 Dec 2026 at 09:30 UTC",
        ),
        ({"membership": MembershipState.PENDING}, "they have not yet confirmed"),
        (
            {"membership": MembershipState.UNSUBSCRIBED, "left_at": NOW - DAY},
            "they left the list 'news' on Thu 17 Dec 2026",
        ),
        ({"membership": MembershipState.UNSUBSCRIBED}, "left the list 'news' on an unknown day"),
        (
            {"suppressed": "bounce", "suppressed_at": NOW - DAY},
            "suppressed since Thu 17 Dec 2026 at 09:30 UTC (bounce)",
        ),
        ({"in_segment": False}, "they are not in the segment 'donors'"),
        ({"stories": 0}, "none of its stories is about a topic that they chose"),
        ({}, "they were not eligible when it was planned on Fri 18 Dec 2026"),
    ],
)
def test_outcome_explains_why_planned_edition_was_not_received(
    fields: dict[str, Any], expected: str
) -> None:
    answer = explain(replace(MEMBER, **fields), replace(PLANNED, segment="donors"))
    assert expected in answer
    assert "would get nothing" not in answer


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"membership": None}, "would get nothing of edition 7 (The week) because they are not on"),
        ({"in_segment": False}, "would get nothing"),
        ({"joined_at": NOW + DAY}, "will get edition 7 (The week) when it is sent, with 2 stories"),
        ({}, "with 2 stories: Relief; Vote."),
        ({"story_titles": ("Relief",)}, "with 1 story: Relief."),
        ({"story_titles": ()}, "with its stories."),
    ],
)
def test_outcome_before_planning_explains_expected_delivery(
    fields: dict[str, Any], expected: str
) -> None:
    assert expected in explain(replace(MEMBER, **fields), make_edition())


def test_outcome_explains_skipped_or_cancelled_edition() -> None:
    skipped = make_edition(state=EditionState.SKIPPED, reason="no new story")
    assert "because it was skipped: no new story." in explain(MEMBER, skipped)
    cancelled = make_edition(state=EditionState.CANCELLED)
    assert "because it was cancelled before it was sent." in explain(MEMBER, cancelled)


DELIVERY = Delivery(
    id=90,
    edition_id=7,
    subscriber_id=41,
    address=ANA,
    name="Ana",
    language="en",
    stories=0b11,
    state=D.SENT,
    attempt=1,
    next_attempt_at=NOW + DAY,
    reply="250 2.0.0 queued as 4F1",
    updated_at=NOW,
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {},
            "on Fri 18 Dec 2026 at 09:30 UTC with 2 stories: Relief; Vote and the relay said '250",
        ),
        ({"reply": ""}, "with 2 stories: Relief; Vote."),
        ({"state": D.FAILED, "reply": "550 no such user"}, "refused on Fri 18 Dec 2026 at 09:30"),
        ({"state": D.FAILED, "reply": "550 no such user"}, "the relay said '550 no such user'."),
        (
            {"state": D.IN_DOUBT},
            "may have got edition 7 (The week): the link to the relay was lost",
        ),
        ({"state": D.SUPPRESSED}, "between planning and sending the address was suppressed"),
        ({"state": D.CANCELLED}, "it was cancelled on Fri 18 Dec 2026 at 09:30 UTC, before"),
        ({"state": D.EXPIRED, "reply": "451 busy"}, "it was tried until Fri 18 Dec 2026"),
        (
            {"state": D.QUEUED, "attempt": 3, "reply": "451 busy"},
            "3 tries it waits for Sat 19 Dec 2026 at 09:30 UTC and the relay said '451 busy'.",
        ),
        ({"state": D.QUEUED, "attempt": 1, "reply": ""}, "after 1 try it waits for"),
        ({"state": D.QUEUED, "attempt": 0, "reply": ""}, "has not got it yet"),
        ({"state": D.CLAIMED}, "it is claimed."),
        ({"state": D.ON_WIRE}, "it is on wire."),
    ],
)
def test_outcome_explains_delivery_state(fields: dict[str, Any], expected: str) -> None:
    answer = explain(replace(MEMBER, delivery=replace(DELIVERY, **fields)))
    assert expected.replace("has not got it yet", "has not got edition 7 (The week) yet") in answer


@pytest.mark.parametrize("state", D)
@pytest.mark.parametrize("attempt", [0, 1, 4])
@pytest.mark.parametrize("reply", ["", "451 4.7.1 try later"])
def test_outcome_of_every_state_is_single_sentence(state: D, attempt: int, reply: str) -> None:
    explain(replace(MEMBER, delivery=replace(DELIVERY, state=state, attempt=attempt, reply=reply)))


def test_outcome_is_found_by_canonical_address() -> None:
    outbox_store = FakeOutboxStore(MEMBER)
    outbox.explain_outcome(make_transaction(outbox=outbox_store), PLANNED, " ana@EXAMPLE.org ")
    assert outbox_store.requested_address == ANA
    with pytest.raises(InputError, match="is not a mail address"):
        outbox.explain_outcome(make_transaction(outbox=outbox_store), PLANNED, "ana")
