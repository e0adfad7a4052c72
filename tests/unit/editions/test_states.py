"""An edition goes where the table lets it."""

import pytest

from mailer import editions
from mailer.errors import BadTransition, NextStep
from mailer.model.edition_states import EDITION_TRANSITIONS, OPEN_STATES, Priority
from tests.unit.editions.fakes import OVER, S
from tests.unit.samples import make_edition

WAYS = {
    (S.DRAFT, S.IN_REVIEW),
    (S.DRAFT, S.APPROVED),
    (S.DRAFT, S.SCHEDULED),
    (S.DRAFT, S.ON_HOLD),
    (S.DRAFT, S.SKIPPED),
    (S.DRAFT, S.EXPIRED),
    (S.DRAFT, S.CANCELLED),
    (S.IN_REVIEW, S.DRAFT),
    (S.IN_REVIEW, S.APPROVED),
    (S.IN_REVIEW, S.SCHEDULED),
    (S.IN_REVIEW, S.ON_HOLD),
    (S.IN_REVIEW, S.EXPIRED),
    (S.IN_REVIEW, S.CANCELLED),
    (S.ON_HOLD, S.DRAFT),
    (S.ON_HOLD, S.EXPIRED),
    (S.ON_HOLD, S.CANCELLED),
    (S.APPROVED, S.DRAFT),
    (S.APPROVED, S.SCHEDULED),
    (S.APPROVED, S.SENDING),
    (S.APPROVED, S.CANCELLED),
    (S.SCHEDULED, S.DRAFT),
    (S.SCHEDULED, S.APPROVED),
    (S.SCHEDULED, S.SENDING),
    (S.SCHEDULED, S.ON_HOLD),
    (S.SCHEDULED, S.CANCELLED),
    (S.SENDING, S.PAUSED),
    (S.SENDING, S.SENT),
    (S.SENDING, S.CANCELLED),
    (S.PAUSED, S.SENDING),
    (S.PAUSED, S.CANCELLED),
    (S.SENT, S.SENDING),
}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_edition_changes_state_only_by_the_table(before: S, after: S) -> None:
    if (before, after) in WAYS:
        editions.check_transition(make_edition(state=before), after)
    else:
        words = "already" if before is after else "and can't (be|expire)"
        with pytest.raises(BadTransition, match=f"edition 7 is {before.words},? {words}"):
            editions.check_transition(make_edition(state=before), after)


def test_every_state_has_a_row_and_final_states_are_final() -> None:
    assert set(EDITION_TRANSITIONS) == set(S)
    assert {state for state, ways in EDITION_TRANSITIONS.items() if not ways} == {
        S.CANCELLED,
        S.SKIPPED,
        S.EXPIRED,
    }


def test_every_unfinished_edition_can_be_cancelled() -> None:
    assert {state for state, ways in EDITION_TRANSITIONS.items() if S.CANCELLED in ways} == set(
        S
    ) - OVER


def test_sent_edition_continues_only_by_resending() -> None:
    assert EDITION_TRANSITIONS[S.SENT] == {S.SENDING}


def test_sent_edition_never_returns_to_editing() -> None:
    for state in {S.SENDING, S.PAUSED, *OVER}:
        assert not EDITION_TRANSITIONS[state] & set(OPEN_STATES)


def test_urgent_edition_has_a_larger_share() -> None:
    weights = [one.weight for one in (Priority.URGENT, Priority.NORMAL, Priority.LOW)]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(Priority)
    assert min(weights) > 0, "each has a share"


def test_refused_transition_names_the_verb_and_the_way_on() -> None:
    with pytest.raises(BadTransition, match="is approved, and can't be paused") as caught:
        editions.check_transition(make_edition(state=S.APPROVED), S.PAUSED)
    assert caught.value.next_steps == (NextStep("send_edition", edition=7),)
    with pytest.raises(BadTransition, match="is sent, and can't be edited"):
        editions.check_transition(make_edition(state=S.SENT), S.DRAFT)
    with pytest.raises(BadTransition, match="is in review already"):
        editions.check_transition(make_edition(state=S.IN_REVIEW), S.IN_REVIEW)
