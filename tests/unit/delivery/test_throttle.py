"""Limits hold, whoever asks and whenever, and cost no more than they must."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import Throttle
from mailer.delivery.throttle import DomainThrottle, DomainThrottles, SendRateLimit

rates = st.floats(0.05, 1000)
pauses = st.lists(st.one_of(st.just(0.0), st.floats(0, 3)), min_size=1, max_size=60)
SEATS = ("first", "second", "third", "fourth")


def moments(steps: list[float]) -> list[float]:
    """The moments after each of these pauses."""
    now, found = 1000.0, []
    for step in steps:
        now += step
        found.append(now)
    return found


# ---- rates ------------------------------------------------------------------------------------


@given(rates, pauses)
def test_in_any_time_at_most_the_rate_and_two_more_may_go(rate: float, steps: list[float]) -> None:
    limit = SendRateLimit(rate)
    went = [limit.take_slot(now) for now in moments(steps)]
    for first in range(len(went)):
        for last in range(first, len(went)):
            seconds = went[last] - went[first]
            assert last - first + 1 <= rate * seconds + 2 + 1e-6


@given(rates, pauses)
def test_slots_come_in_order_and_never_before_they_are_asked_for(
    rate: float, steps: list[float]
) -> None:
    limit, before = SendRateLimit(rate), 0.0
    for now in moments(steps):
        slot = limit.find_slot(now)
        assert limit.find_slot(now) == slot, "asking takes nothing"
        assert limit.take_slot(now) == slot
        assert slot >= max(now, before)
        before = slot


@given(rates, st.lists(st.floats(0, 0.99), min_size=2, max_size=50))
def test_who_comes_late_by_less_than_a_slot_makes_nobody_wait(
    rate: float, lateness: list[float]
) -> None:
    limit = SendRateLimit(rate)
    for number, late in enumerate(lateness):
        now = (number + late) / rate
        assert limit.take_slot(now) == now


@given(rates, st.integers(3, 200))
def test_who_asks_for_all_at_once_gets_the_whole_rate(rate: float, count: int) -> None:
    limit = SendRateLimit(rate)
    went = [limit.take_slot(0.0) for _ in range(count)]
    assert math.isclose(went[-1], (count - 2) / rate)


@given(pauses)
def test_no_rate_is_no_limit(steps: list[float]) -> None:
    limit = SendRateLimit(0)
    assert [limit.take_slot(now) for now in moments(steps)] == moments(steps)


# ---- domains ----------------------------------------------------------------------------------


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(SEATS), st.booleans()), max_size=60),
)
def test_no_more_connections_carry_for_a_domain_than_it_is_to_have(
    most: int, acts: list[tuple[str, bool]]
) -> None:
    throttle = DomainThrottle(Throttle(connections=most))
    carried = dict.fromkeys(SEATS, 0)
    for seat, takes in acts:
        carrying = [one for one, count in carried.items() if count]
        free = throttle.find_free_time(seat, 7.0)
        assert (free is None) == (seat not in carrying and len(carrying) == most)
        if takes and free is not None:
            assert free == 7.0
            throttle.take_slot(seat, 7.0)
            carried[seat] += 1
        elif not takes and carried[seat]:
            throttle.release_slot(seat)
            carried[seat] -= 1


def test_a_domain_with_a_rate_has_it_over_all_connections() -> None:
    throttle = DomainThrottle(Throttle(rate=2, connections=4))
    for seat in SEATS[:2]:
        assert throttle.find_free_time(seat, 5.0) == 5.0
        throttle.take_slot(seat, 5.0)
    assert throttle.find_free_time("third", 5.0) == 5.5


@given(
    st.sampled_from([0.0, 0.5, 20.0]),
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 2)), min_size=1, max_size=40),
)
def test_what_is_sent_back_comes_in_its_turn(rate: float, asked: list[tuple[int, float]]) -> None:
    """Behind those that wait here, and behind all that were sent back before it."""
    throttle = DomainThrottle(Throttle(rate=rate, connections=1))
    before = now = 100.0
    for ahead, pause in asked:
        now += pause
        due = now + throttle.calculate_delay(ahead, now)
        assert due > before
        assert due >= now + (ahead / rate if rate else 0)
        before = due


def test_one_editions_messages_do_not_stand_behind_anothers() -> None:
    throttle = DomainThrottle(Throttle(rate=10.0))
    for _ in range(500):
        slow = throttle.calculate_delay(100, 50.0, group="newsletter")
    assert slow > 50
    assert throttle.calculate_delay(100, 50.0, group="press release") < 11


# ---- which domain has limits ------------------------------------------------------------------


def test_where_nothing_is_limited_no_domain_is() -> None:
    throttles = DomainThrottles({})
    assert not throttles.has_limits
    assert throttles.find_throttle("example.org") is None


def test_a_domain_that_is_named_has_its_own_limits_and_no_other() -> None:
    throttles = DomainThrottles({"example.com": Throttle(rate=3)})
    assert throttles.has_limits
    found = throttles.find_throttle("example.com")
    assert found is not None
    assert found.limits.rate == 3
    assert throttles.find_throttle("example.com") is found, "the same each time: it counts"
    assert throttles.find_throttle("example.org") is None


def test_each_domain_that_is_not_named_has_the_general_limits_for_itself() -> None:
    throttles = DomainThrottles(
        {"*": Throttle(connections=1), "example.com": Throttle(connections=9)}
    )
    one, other = throttles.find_throttle("example.org"), throttles.find_throttle("example.net")
    assert one is not None
    assert other is not None
    assert one is not other
    one.take_slot("first", 0.0)
    assert one.find_free_time("second", 0.0) is None
    assert other.find_free_time("second", 0.0) == 0.0
    named = throttles.find_throttle("example.com")
    assert named is not None
    assert named.limits.connections == 9


@pytest.mark.parametrize("limits", [Throttle(), Throttle(rate=0, connections=0)])
def test_a_domain_can_be_exempt_from_the_general_limits(limits: Throttle) -> None:
    throttles = DomainThrottles({"*": Throttle(rate=1), "example.com": limits})
    assert throttles.find_throttle("example.com") is None
