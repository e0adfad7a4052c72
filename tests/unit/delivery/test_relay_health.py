"""A relay rests after failures and comes back, by a clock that the test sets."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import Relay
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.relay_health import (
    FIRST_PAUSE,
    FULL_PAUSE,
    LONGEST_PAUSE,
    MAX_UNANSWERED_LINKS,
    PATIENT_FAILURES,
    ConnectionPermit,
    RelayHealth,
)
from mailer.delivery.replies import Phase, Reply, create_lost_reply, judge_reply
from mailer.errors import RelayError
from tests.event_loops import run_coroutine

LOST = create_lost_reply(Phase.MAIL, "the connection was lost")
DOUBT = create_lost_reply(Phase.DOT, "the connection was lost")
BUSY = judge_reply(Phase.MAIL, 451, "4.3.2 busy")
NOT_YOU = judge_reply(Phase.MAIL, 550, "5.7.1 not your address")


class Clock:
    """A clock whose seconds pass only when a test adds them."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


class StopAfterOneCheck(threading.Event):
    """A stop event that is set as soon as it was checked once."""

    def __init__(self) -> None:
        super().__init__()
        self._was_checked = False

    def is_set(self) -> bool:
        was_checked, self._was_checked = self._was_checked, True
        return was_checked


class ClockedHealth(RelayHealth):
    """A relay's health with the clock that it uses."""

    def __init__(self, relay: Relay | None = None) -> None:
        self.clock = Clock()
        super().__init__(relay or Relay(name="relay", host="relay.example.org"), self.clock)

    def take_permit(self) -> ConnectionPermit:
        """Take a permit, which must be given at once."""
        permit = self.try_permit()
        assert permit is not None
        return permit

    def try_permit(self) -> ConnectionPermit | None:
        """Take a permit if it is given at once."""
        loop = EventLoop()
        loop.wake_all()
        return run_coroutine(self.wait_for_permit(loop, StopAfterOneCheck()), loop)

    def take_permit_after_pause(self) -> ConnectionPermit:
        """Take a permit after the longest pause."""
        self.clock.now += LONGEST_PAUSE
        return self.take_permit()

    def fail_opening(self, times: int = 1) -> None:
        """Let connections fail one after the other, none opened too early."""
        for _ in range(times):
            self.note_open_failure(self.take_permit_after_pause(), make_open_error())


def make_open_error(*, is_permanent: bool = False) -> RelayError:
    return RelayError("the connection was refused", where="relay", is_permanent=is_permanent)


# ---- resting ----------------------------------------------------------------------------------


def test_healthy_relay_permits_any_number_of_connections() -> None:
    health = ClockedHealth()
    permits = {health.take_permit() for _ in range(8)}
    assert len(permits) == 1
    assert not health.is_resting


def test_first_failure_costs_no_pause() -> None:
    health = ClockedHealth()
    health.note_open_failure(health.take_permit(), make_open_error())
    assert health.is_resting
    health.take_permit()


def test_relay_is_down_only_after_second_failure() -> None:
    health = ClockedHealth()
    health.fail_opening()
    assert not health.is_down
    health.fail_opening()
    assert health.is_down


def test_pause_doubles_with_each_failure() -> None:
    health = ClockedHealth()
    health.fail_opening()
    pause = FIRST_PAUSE
    while pause < LONGEST_PAUSE:
        health.note_open_failure(health.take_permit(), make_open_error())
        health.clock.now += pause - 0.001
        assert health.try_permit() is None
        health.clock.now += 0.001
        pause *= 2
    for _ in range(3):
        health.note_open_failure(health.take_permit(), make_open_error())
        health.clock.now += LONGEST_PAUSE - 0.001
        assert health.try_permit() is None
        health.clock.now += 0.001


def test_permanent_error_costs_longest_pause_at_once() -> None:
    health = ClockedHealth()
    health.note_open_failure(health.take_permit(), make_open_error(is_permanent=True))
    health.clock.now += LONGEST_PAUSE - 0.001
    assert health.try_permit() is None
    health.clock.now += 0.001
    health.take_permit()


def test_connections_lost_together_count_as_one_failure() -> None:
    health = ClockedHealth()
    permits = [health.take_permit() for _ in range(8)]
    for permit in permits:
        health.note_break(permit, LOST, answered_count=3)
    health.take_permit()  # without a pause, as after one failure


def test_only_one_connection_probes_resting_relay() -> None:
    health = ClockedHealth()
    permits = [health.take_permit() for _ in range(3)]
    health.note_break(permits[0], LOST, answered_count=1)
    probe = health.take_permit()
    assert health.try_permit() is None
    assert all(map(health.is_stale, permits))
    assert not health.is_stale(probe)


def test_returned_permit_lets_another_connection_probe() -> None:
    health = ClockedHealth()
    health.fail_opening()
    health.return_permit(health.take_permit())
    health.take_permit()


def test_answered_probe_ends_rest_for_all_connections() -> None:
    health = ClockedHealth()
    health.fail_opening(3)
    probe = health.take_permit_after_pause()
    health.note_opened()
    health.note_closed()
    assert health.try_permit() is None, (
        "an open connection does not prove that the relay takes mail"
    )
    health.note_answer(probe)
    assert not health.is_resting
    assert health.error is None
    assert len([health.take_permit() for _ in range(5)]) == 5


def test_failure_after_recovery_starts_with_no_pause() -> None:
    health = ClockedHealth()
    health.fail_opening(5)
    health.note_answer(health.take_permit_after_pause())
    health.fail_opening()
    health.take_permit()  # without a pause


def test_stale_permit_does_not_fail_recovered_relay() -> None:
    health = ClockedHealth()
    old_permit = health.take_permit()
    health.fail_opening()
    health.note_answer(health.take_permit())
    health.note_break(old_permit, LOST, answered_count=0)
    assert not health.is_resting


@given(st.lists(st.sampled_from(["ask", "fail", "answer", "give up", "wait"]), max_size=40))
def test_resting_relay_has_at_most_one_current_permit(actions: list[str]) -> None:
    health = ClockedHealth()
    permits: list[ConnectionPermit] = []
    for action in actions:
        match action:
            case "ask":
                permits += filter(None, [health.try_permit()])
            case "fail" if permits:
                health.note_open_failure(permits.pop(), make_open_error())
            case "answer" if permits:
                health.note_answer(permits.pop())
            case "give up" if permits:
                health.return_permit(permits.pop())
            case "wait":
                health.clock.now += 7
        current_permits = [permit for permit in permits if not health.is_stale(permit)]
        assert not health.is_resting or len(current_permits) <= 1


def test_stopped_run_gets_no_permit() -> None:
    stop_event = threading.Event()
    stop_event.set()
    loop = EventLoop()
    assert run_coroutine(ClockedHealth().wait_for_permit(loop, stop_event), loop) is None


def test_full_relay_keeps_open_connections_and_does_not_rest() -> None:
    health = ClockedHealth()
    permit = health.take_permit()
    health.note_opened()
    health.note_answer(permit)
    pauses = []
    for _ in range(7):
        new_permits = [health.take_permit() for _ in range(12)]
        for new_permit in new_permits:
            health.note_open_failure(new_permit, make_open_error())
        assert not health.is_resting
        assert not health.trouble
        assert not health.is_stale(permit), "the open connection goes on"
        started_at = health.clock.now
        while health.try_permit() is None:
            health.clock.now += 0.5
        pauses.append(health.clock.now - started_at)
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    health.note_opened()
    health.note_open_failure(health.take_permit(), make_open_error())
    started_at = health.clock.now
    while health.try_permit() is None:
        health.clock.now += 0.5
    assert health.clock.now - started_at == FULL_PAUSE, (
        "one more could be opened, so the pause starts again"
    )
    health.note_closed()
    health.note_closed()
    health.note_open_failure(health.take_permit(), make_open_error())
    assert health.is_resting, "no connection is open, so the relay is down"


def test_trouble_says_why_relay_rests() -> None:
    health = ClockedHealth()
    health.fail_opening()
    assert not health.trouble, "a single failure is not reported"
    health.fail_opening(3)
    assert "the connection was refused; tried again in 2 s" in health.trouble
    health.clock.now += 2
    assert "being tried again" in health.trouble
    health.note_answer(health.take_permit())
    assert not health.trouble


# ---- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "message", "is_permanent"),
    [
        (LOST, "the link was lost", False),
        (DOUBT, "the link was lost", False),
        (BUSY, "the relay replied 451 4.3.2 busy", False),
        (NOT_YOU, "the relay replied 550 5.7.1 not your address", True),
    ],
)
def test_broken_connection_error_names_reply(
    reply: Reply, message: str, is_permanent: bool
) -> None:
    health = ClockedHealth()
    health.note_break(health.take_permit(), reply, answered_count=0)
    assert health.error is not None
    assert message in health.error.message
    assert health.error.where == "relay relay.example.org:587"
    assert health.error.is_permanent is is_permanent


def test_repeated_doubts_make_error_permanent() -> None:
    """Each further try would leave one more message in doubt."""
    health = ClockedHealth()
    for number in range(1, MAX_UNANSWERED_LINKS + 1):
        health.note_break(health.take_permit_after_pause(), DOUBT, answered_count=0)
        assert health.error is not None
        assert health.error.is_permanent == (number == MAX_UNANSWERED_LINKS)
    assert "drops the link after each message" in str(health.error)


def test_answered_message_resets_doubts() -> None:
    health = ClockedHealth()
    for _ in range(3 * MAX_UNANSWERED_LINKS):
        health.note_answer(health.take_permit_after_pause())
        health.note_break(health.take_permit(), DOUBT, answered_count=1)
        assert health.error is not None
        assert not health.error.is_permanent


# ---- hopeless relays --------------------------------------------------------------------------


def test_healthy_relay_is_not_hopeless() -> None:
    assert not ClockedHealth().is_hopeless(patience=0)


def test_unreachable_relay_is_hopeless_after_second_failure() -> None:
    health = ClockedHealth()
    health.fail_opening()
    assert not health.is_hopeless(patience=0)
    health.fail_opening()
    assert health.is_hopeless(patience=10_000)


def test_permanent_error_is_hopeless_at_once() -> None:
    health = ClockedHealth()
    health.note_opened()
    health.note_closed()
    health.note_answer(health.take_permit())
    health.note_break(health.take_permit(), NOT_YOU, answered_count=9)
    assert health.is_hopeless(patience=10_000)


def test_relay_that_never_worked_is_hopeless_after_some_failures() -> None:
    health = ClockedHealth()
    health.note_opened()
    health.note_closed()
    health.fail_opening(PATIENT_FAILURES)
    assert not health.is_hopeless(patience=10_000_000)
    health.fail_opening()
    assert health.is_hopeless(patience=10_000_000)


def test_relay_that_worked_is_hopeless_after_patience() -> None:
    health = ClockedHealth()
    health.note_opened()
    health.note_closed()
    health.note_answer(health.take_permit())
    health.note_open_failure(health.take_permit(), make_open_error())
    started_at = health.clock.now
    while health.clock.now - started_at < 60:
        assert not health.is_hopeless(patience=60)
        if (permit := health.try_permit()) is not None:
            health.note_open_failure(permit, make_open_error())
        health.clock.now += 1
    assert health.is_hopeless(patience=60)
    health.note_answer(health.take_permit_after_pause())
    assert not health.is_hopeless(patience=60)


def test_zero_patience_still_needs_several_failures() -> None:
    health = ClockedHealth()
    health.note_opened()
    health.note_closed()
    health.note_answer(health.take_permit())
    health.fail_opening(PATIENT_FAILURES - 1)
    assert not health.is_hopeless(patience=0)
    health.fail_opening()
    assert health.is_hopeless(patience=0)


# ---- standby relays ---------------------------------------------------------------------------


def test_relay_of_weight_0_opens_nothing_on_standby() -> None:
    health = ClockedHealth(Relay(name="spare", weight=0))
    assert health.is_standing_by
    assert health.try_permit() is None
    health.set_standby(False)
    health.take_permit()
    health.set_standby(True)
    assert health.try_permit() is None


@pytest.mark.parametrize("weight", [None, 1, 30])
def test_relay_with_other_weight_is_not_on_standby(weight: int | None) -> None:
    assert not ClockedHealth(Relay(weight=weight)).is_standing_by
