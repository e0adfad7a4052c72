"""How a relay rests and comes back, by a clock that the test holds."""

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
    MAX_DOUBTS,
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
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


class Briefly(threading.Event):
    """The end of a run that comes as soon as it was asked for once."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = False

    def is_set(self) -> bool:
        asked, self._asked = self._asked, True
        return asked


class Watched(RelayHealth):
    """A relay's health, with its clock."""

    def __init__(self, relay: Relay | None = None) -> None:
        self.clock = Clock()
        super().__init__(relay or Relay(name="relay", host="relay.example.org"), self.clock)

    def open(self) -> ConnectionPermit:
        """Leave to open a connection, which must be given now."""
        ticket = self.ask()
        assert ticket is not None
        return ticket

    def ask(self) -> ConnectionPermit | None:
        """Leave to open a connection, if it is given now."""
        loop = EventLoop()
        loop.wake_all()
        return run_coroutine(self.wait_for_permit(loop, Briefly()), loop)

    def open_rested(self) -> ConnectionPermit:
        """Leave to open a connection, after the longest of pauses."""
        self.clock.now += LONGEST_PAUSE
        return self.open()

    def fails(self, times: int = 1) -> None:
        """As many connections fail one after the other, none opened too early."""
        for _ in range(times):
            self.note_open_failure(self.open_rested(), refused())


def refused(*, lasting: bool = False) -> RelayError:
    return RelayError("the connection was refused", where="relay", is_permanent=lasting)


# ---- resting ----------------------------------------------------------------------------------


def test_a_relay_that_is_well_is_opened_as_often_as_one_likes() -> None:
    health = Watched()
    tickets = {health.open() for _ in range(8)}
    assert len(tickets) == 1
    assert not health.is_resting


def test_the_first_failure_costs_no_pause() -> None:
    health = Watched()
    health.note_open_failure(health.open(), refused())
    assert health.is_resting
    health.open()


def test_a_lost_link_alone_is_no_reason_to_call_for_another_relay() -> None:
    health = Watched()
    health.fails()
    assert not health.is_down
    health.fails()
    assert health.is_down


def test_each_further_pause_is_twice_the_last() -> None:
    health = Watched()
    health.fails()
    pause = FIRST_PAUSE
    while pause < LONGEST_PAUSE:
        health.note_open_failure(health.open(), refused())
        health.clock.now += pause - 0.001
        assert health.ask() is None
        health.clock.now += 0.001
        pause *= 2
    for _ in range(3):
        health.note_open_failure(health.open(), refused())
        health.clock.now += LONGEST_PAUSE - 0.001
        assert health.ask() is None
        health.clock.now += 0.001


def test_what_only_a_person_can_mend_costs_the_longest_pause_at_once() -> None:
    health = Watched()
    health.note_open_failure(health.open(), refused(lasting=True))
    health.clock.now += LONGEST_PAUSE - 0.001
    assert health.ask() is None
    health.clock.now += 0.001
    health.open()


def test_what_dies_together_counts_once() -> None:
    health = Watched()
    tickets = [health.open() for _ in range(8)]
    for ticket in tickets:
        health.note_break(ticket, LOST, answered_count=3)
    health.open()  # as after one failure: without a pause


def test_one_connection_tries_while_the_others_wait() -> None:
    health = Watched()
    tickets = [health.open() for _ in range(3)]
    health.note_break(tickets[0], LOST, answered_count=1)
    probe = health.open()
    assert health.ask() is None
    assert all(map(health.is_stale, tickets))
    assert not health.is_stale(probe)


def test_a_try_that_was_not_made_is_another_ones() -> None:
    health = Watched()
    health.fails()
    health.return_permit(health.open())
    health.open()


def test_when_the_try_works_all_may_follow() -> None:
    health = Watched()
    health.fails(3)
    probe = health.open_rested()
    health.note_opened()
    health.note_closed()
    assert health.ask() is None, "that it takes connections is not yet that it takes mail"
    health.note_answer(probe)
    assert not health.is_resting
    assert health.error is None
    assert len([health.open() for _ in range(5)]) == 5


def test_a_failure_after_it_came_back_begins_anew() -> None:
    health = Watched()
    health.fails(5)
    health.note_answer(health.open_rested())
    health.fails()
    health.open()  # without a pause


def test_old_news_of_a_relay_that_came_back_changes_nothing() -> None:
    health = Watched()
    old = health.open()
    health.fails()
    health.note_answer(health.open())
    health.note_break(old, LOST, answered_count=0)
    assert not health.is_resting


@given(st.lists(st.sampled_from(["ask", "fail", "answer", "give up", "wait"]), max_size=40))
def test_while_it_rests_at_most_one_connection_is_tried(acts: list[str]) -> None:
    health = Watched()
    held: list[ConnectionPermit] = []
    for act in acts:
        match act:
            case "ask":
                held += filter(None, [health.ask()])
            case "fail" if held:
                health.note_open_failure(held.pop(), refused())
            case "answer" if held:
                health.note_answer(held.pop())
            case "give up" if held:
                health.return_permit(held.pop())
            case "wait":
                health.clock.now += 7
        fresh = [ticket for ticket in held if not health.is_stale(ticket)]
        assert not health.is_resting or len(fresh) <= 1


def test_a_run_that_is_over_opens_nothing() -> None:
    over = threading.Event()
    over.set()
    loop = EventLoop()
    assert run_coroutine(Watched().wait_for_permit(loop, over), loop) is None


def test_one_that_works_and_wants_no_more_connections_is_left_with_those_it_has() -> None:
    health = Watched()
    ticket = health.open()
    health.note_opened()
    health.note_answer(ticket)
    pauses = []
    for _ in range(7):
        together = [health.open() for _ in range(12)]
        for one in together:
            health.note_open_failure(one, refused())
        assert not health.is_resting
        assert not health.trouble
        assert not health.is_stale(ticket), "the open one goes on"
        before = health.clock.now
        while health.ask() is None:
            health.clock.now += 0.5
        pauses.append(health.clock.now - before)
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    health.note_opened()
    health.note_open_failure(health.open(), refused())
    before = health.clock.now
    while health.ask() is None:
        health.clock.now += 0.5
    assert health.clock.now - before == FULL_PAUSE, "one more could be opened: it begins anew"
    health.note_closed()
    health.note_closed()
    health.note_open_failure(health.open(), refused())
    assert health.is_resting, "none is open: it is down"


def test_a_resting_relay_says_why() -> None:
    health = Watched()
    health.fails()
    assert not health.trouble, "one failure is no news"
    health.fails(3)
    assert "the connection was refused; tried again in 2 s" in health.trouble
    health.clock.now += 2
    assert "being tried again" in health.trouble
    health.note_answer(health.open())
    assert not health.trouble


# ---- what is said of it -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "said", "lasting"),
    [
        (LOST, "the link was lost", False),
        (DOUBT, "the link was lost", False),
        (BUSY, "the relay replied 451 4.3.2 busy", False),
        (NOT_YOU, "the relay replied 550 5.7.1 not your address", True),
    ],
)
def test_a_broken_connection_says_what_it_met(reply: Reply, said: str, lasting: bool) -> None:
    health = Watched()
    health.note_break(health.open(), reply, answered_count=0)
    assert health.error is not None
    assert said in health.error.message
    assert health.error.where == "relay relay.example.org:587"
    assert health.error.is_permanent is lasting


def test_a_relay_that_takes_messages_and_never_says_so_is_left_alone() -> None:
    """Each further try would leave one more in doubt."""
    health = Watched()
    for number in range(1, MAX_DOUBTS + 1):
        health.note_break(health.open_rested(), DOUBT, answered_count=0)
        assert health.error is not None
        assert health.error.is_permanent == (number == MAX_DOUBTS)
    assert "drops the link after each message" in str(health.error)


def test_one_answer_shows_that_a_relay_does_say_what_it_took() -> None:
    health = Watched()
    for _ in range(3 * MAX_DOUBTS):
        health.note_answer(health.open_rested())
        health.note_break(health.open(), DOUBT, answered_count=1)
        assert health.error is not None
        assert not health.error.is_permanent


# ---- when to wait no more ---------------------------------------------------------------------


def test_a_relay_that_is_well_is_never_hopeless() -> None:
    assert not Watched().is_hopeless(patience=0)


def test_what_could_not_be_reached_from_the_start_is_hopeless_the_second_time() -> None:
    health = Watched()
    health.fails()
    assert not health.is_hopeless(patience=0)
    health.fails()
    assert health.is_hopeless(patience=10_000)


def test_what_only_a_person_can_mend_is_hopeless_at_once() -> None:
    health = Watched()
    health.note_opened()
    health.note_closed()
    health.note_answer(health.open())
    health.note_break(health.open(), NOT_YOU, answered_count=9)
    assert health.is_hopeless(patience=10_000)


def test_what_was_reached_and_never_worked_is_hopeless_when_one_is_tired() -> None:
    health = Watched()
    health.note_opened()
    health.note_closed()
    health.fails(PATIENT_FAILURES)
    assert not health.is_hopeless(patience=10_000_000)
    health.fails()
    assert health.is_hopeless(patience=10_000_000)


def test_what_has_worked_is_waited_for_as_long_as_patience_lasts() -> None:
    health = Watched()
    health.note_opened()
    health.note_closed()
    health.note_answer(health.open())
    health.note_open_failure(health.open(), refused())
    began = health.clock.now
    while health.clock.now - began < 60:
        assert not health.is_hopeless(patience=60)
        if (ticket := health.ask()) is not None:
            health.note_open_failure(ticket, refused())
        health.clock.now += 1
    assert health.is_hopeless(patience=60)
    health.note_answer(health.open_rested())
    assert not health.is_hopeless(patience=60)


def test_without_patience_it_still_must_fail_a_few_times() -> None:
    health = Watched()
    health.note_opened()
    health.note_closed()
    health.note_answer(health.open())
    health.fails(PATIENT_FAILURES - 1)
    assert not health.is_hopeless(patience=0)
    health.fails()
    assert health.is_hopeless(patience=0)


# ---- standing by ------------------------------------------------------------------------------


def test_a_relay_of_no_weight_stands_by_until_it_is_called() -> None:
    health = Watched(Relay(name="spare", weight=0))
    assert health.is_standing_by
    assert health.ask() is None
    health.set_standby(False)
    health.open()
    health.set_standby(True)
    assert health.ask() is None


@pytest.mark.parametrize("weight", [None, 1, 30])
def test_a_relay_with_messages_of_its_own_does_not_stand_by(weight: int | None) -> None:
    assert not Watched(Relay(weight=weight)).is_standing_by
