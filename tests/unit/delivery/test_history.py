"""The database has lost what it confirmed if a counter that only grows has gone back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.history import (
    CommittedMark,
    HistoryWatch,
    build_history_error,
    check_plan_is_kept,
    describe_lost_history,
)
from mailer.errors import HistoryWentBack


@pytest.mark.parametrize(
    ("mark", "value", "words"),
    [
        (CommittedMark(10), 10, ""),
        (CommittedMark(10, unconfirmed=2), 10, ""),
        (CommittedMark(10, unconfirmed=2), 12, ""),
        (CommittedMark(10), 7, "3 transactions behind"),
        (CommittedMark(10, unconfirmed=2), 9, "1 transactions behind"),
        (CommittedMark(10), 11, "belongs to another"),
        (CommittedMark(10), None, "is gone"),
    ],
)
def test_lost_history_shows_in_heartbeat(
    mark: CommittedMark, value: int | None, words: str
) -> None:
    reason = describe_lost_history(mark, value)
    assert words in reason
    assert bool(reason) is bool(words)


@given(st.lists(st.sampled_from(["committed", "lost", "unanswered"]), max_size=30))
def test_trouble_without_lost_commits_is_never_lost_history(attempts: list[str]) -> None:
    """Attempts that were rolled back, and commits whose answer was lost, raise no alarm."""
    value = 100
    mark = CommittedMark(value)
    for attempt in attempts:
        assert describe_lost_history(mark, value) == ""
        if attempt == "committed":
            value += 1
            mark = CommittedMark(value)
        else:
            value += attempt == "unanswered"
            mark = CommittedMark(mark.value, mark.unconfirmed + 1)
    assert describe_lost_history(mark, value) == ""


def test_history_error_has_its_own_code() -> None:
    error = build_history_error("the row of this worker is gone")
    assert error.code == "history_went_back"
    assert error.exit_code == 5


def test_missing_edition_is_lost_history() -> None:
    class Begun:
        id = 3
        planned_at = 1

    with pytest.raises(HistoryWentBack, match="edition 3 is gone"):
        check_plan_is_kept(Begun(), None)  # type: ignore[arg-type]


def test_new_process_has_no_history_to_miss() -> None:
    HistoryWatch().check_last_run(None)  # type: ignore[arg-type]
