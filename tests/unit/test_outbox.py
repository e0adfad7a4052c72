"""When a delivery is tried again, and in one sentence why somebody got nothing."""

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


class Records:
    def __init__(self, known: RecipientStatus) -> None:
        self.known = known
        self.asked = ""

    def get_recipient_status(self, edition: Edition, address: str) -> RecipientStatus:
        self.asked = address
        return self.known


# ---- trying again -----------------------------------------------------------------------------


def test_deferred_mail_is_tried_at_5_10_30_minutes_1_and_2_hours_then_every_3() -> None:
    waits = [outbox.get_retry_delay(attempt) for attempt in range(1, 10)]
    minutes = [5, 10, 30, 60, 120, 180, 180, 180, 180]
    assert waits == [timedelta(minutes=wait) for wait in minutes]


@given(st.integers(1, 200))
def test_each_wait_is_at_least_as_long_as_the_one_before(attempt: int) -> None:
    assert outbox.get_retry_delay(attempt + 1) >= outbox.get_retry_delay(attempt) > timedelta()


def test_mail_is_given_up_after_four_to_five_days() -> None:
    assert timedelta(days=4) <= EXPIRE_AFTER <= timedelta(days=5)


# ---- states -----------------------------------------------------------------------------------


def test_every_delivery_state_has_its_row_and_its_line_in_the_docstring() -> None:
    assert set(DELIVERY_TRANSITIONS) == set(D)
    assert outbox.__doc__
    for state in D:
        assert f"\n{state.value} " in outbox.__doc__


def test_a_message_that_was_accepted_is_never_sent_again() -> None:
    assert DELIVERY_TRANSITIONS[D.SENT] == frozenset()


def test_late_news_that_a_message_was_accepted_is_taken_in_every_state() -> None:
    for state in set(D) - {D.SENT}:
        assert D.SENT in DELIVERY_TRANSITIONS[state]
    for state in (D.SUPPRESSED, D.CANCELLED):
        assert DELIVERY_TRANSITIONS[state] == {D.SENT}, "nothing else moves it"


def test_only_what_was_tried_is_tried_again() -> None:
    again = {state for state in D if D.QUEUED in DELIVERY_TRANSITIONS[state]}
    assert again == {D.CLAIMED, D.ON_WIRE, D.FAILED, D.EXPIRED, D.IN_DOUBT}


def test_a_message_goes_out_through_the_gate_only() -> None:
    assert [state for state in D if D.ON_WIRE in DELIVERY_TRANSITIONS[state]] == [D.CLAIMED]
    for fruit in (D.FAILED, D.EXPIRED, D.IN_DOUBT):
        assert [state for state in D if fruit in DELIVERY_TRANSITIONS[state]] == [D.ON_WIRE]


def test_an_edition_waits_for_all_that_may_still_go_out() -> None:
    assert set(UNFINISHED_STATES) == {D.QUEUED, D.CLAIMED, D.ON_WIRE}
    assert set(IN_FLIGHT_STATES) < set(UNFINISHED_STATES)


def test_a_report_adds_up() -> None:
    assert DeliveryReport(make_edition(), {D.SENT: 5, D.FAILED: 2}, {}, {}, {}).total == 7


# ---- why --------------------------------------------------------------------------------------

PLANNED = make_edition(state=EditionState.SENT, planned_at=NOW)
MEMBER = RecipientStatus(
    subscriber_id=41,
    membership=MembershipState.ACTIVE,
    joined_at=NOW - DAY,
    stories=0b11,
    story_titles=("Relief", "Vote"),
)


def why(known: RecipientStatus, of: Edition = PLANNED) -> str:
    said = outbox.explain_outcome(make_transaction(outbox=Records(known)), of, ANA)
    assert said.startswith(ANA)
    assert said.endswith(".")
    assert "\n" not in said
    assert "None" not in said
    return said


@pytest.mark.parametrize(
    ("fields", "said"),
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
def test_who_got_nothing_of_a_planned_edition_is_told_why(
    fields: dict[str, Any], said: str
) -> None:
    answer = why(replace(MEMBER, **fields), replace(PLANNED, segment="donors"))
    assert said in answer
    assert "would get nothing" not in answer


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"membership": None}, "would get nothing of edition 7 (The week) because they are not on"),
        ({"in_segment": False}, "would get nothing"),
        ({"joined_at": NOW + DAY}, "will get edition 7 (The week) when it is sent, with 2 stories"),
        ({}, "with 2 stories: Relief; Vote."),
        ({"story_titles": ("Relief",)}, "with 1 story: Relief."),
        ({"story_titles": ()}, "with its stories."),
    ],
)
def test_before_it_is_planned_one_is_told_what_will_be(fields: dict[str, Any], said: str) -> None:
    assert said in why(replace(MEMBER, **fields), make_edition())


def test_an_edition_that_never_went_out_says_so_to_everybody() -> None:
    skipped = make_edition(state=EditionState.SKIPPED, reason="no new story")
    assert "because it was skipped: no new story." in why(MEMBER, skipped)
    cancelled = make_edition(state=EditionState.CANCELLED)
    assert "because it was cancelled before it was sent." in why(MEMBER, cancelled)


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
    ("fields", "said"),
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
def test_who_has_a_delivery_is_told_how_it_stands(fields: dict[str, Any], said: str) -> None:
    answer = why(replace(MEMBER, delivery=replace(DELIVERY, **fields)))
    assert said.replace("has not got it yet", "has not got edition 7 (The week) yet") in answer


@pytest.mark.parametrize("state", D)
@pytest.mark.parametrize("attempt", [0, 1, 4])
@pytest.mark.parametrize("reply", ["", "451 4.7.1 try later"])
def test_every_state_has_one_sentence(state: D, attempt: int, reply: str) -> None:
    why(replace(MEMBER, delivery=replace(DELIVERY, state=state, attempt=attempt, reply=reply)))


def test_one_is_asked_for_by_the_canonical_address() -> None:
    records = Records(MEMBER)
    outbox.explain_outcome(make_transaction(outbox=records), PLANNED, " ana@EXAMPLE.org ")
    assert records.asked == ANA
    with pytest.raises(InputError, match="is not a mail address"):
        outbox.explain_outcome(make_transaction(outbox=records), PLANNED, "ana")
