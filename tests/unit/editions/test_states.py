"""An edition goes where the table lets it."""

import pytest

from mailer import editions
from mailer.errors import BadTransition
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
def test_an_edition_goes_only_where_the_table_lets_it(before: S, after: S) -> None:
    if (before, after) in WAYS:
        editions.check_transition(make_edition(state=before), after)
    else:
        with pytest.raises(BadTransition, match=f"is {before}, which can't become {after}"):
            editions.check_transition(make_edition(state=before), after)


def test_every_state_has_its_row_and_final_ones_have_no_way_out() -> None:
    assert set(EDITION_TRANSITIONS) == set(S)
    assert {state for state, ways in EDITION_TRANSITIONS.items() if not ways} == {
        S.CANCELLED,
        S.SKIPPED,
        S.EXPIRED,
    }


def test_what_is_not_over_can_be_cancelled() -> None:
    assert {state for state, ways in EDITION_TRANSITIONS.items() if S.CANCELLED in ways} == set(
        S
    ) - OVER


def test_what_was_sent_goes_on_only_by_being_sent_again() -> None:
    assert EDITION_TRANSITIONS[S.SENT] == {S.SENDING}


def test_nothing_that_was_sent_comes_back_to_be_edited() -> None:
    for state in {S.SENDING, S.PAUSED, *OVER}:
        assert not EDITION_TRANSITIONS[state] & set(OPEN_STATES)


def test_the_more_urgent_an_edition_the_larger_its_share() -> None:
    weights = [one.weight for one in (Priority.URGENT, Priority.NORMAL, Priority.LOW)]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(Priority)
    assert min(weights) > 0, "each has a share"
