"""Limits hold for all connections at all times, and cost no more time than they must."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import Throttle
from mailer.delivery.throttle import DomainThrottle, DomainThrottles, SendRateLimit

rates = st.floats(0.05, 1000)
pauses = st.lists(st.one_of(st.just(0.0), st.floats(0, 3)), min_size=1, max_size=60)
CONNECTIONS = ("first", "second", "third", "fourth")


def list_moments(steps: list[float]) -> list[float]:
    """Return the moments after each of these pauses."""
    now, moments = 1000.0, []
    for step in steps:
        now += step
        moments.append(now)
    return moments


# ---- rates ------------------------------------------------------------------------------------


@given(rates, pauses)
def test_rate_limit_allows_at_most_rate_plus_two(rate: float, steps: list[float]) -> None:
    limit = SendRateLimit(rate)
    sent_at = [limit.take_slot(now) for now in list_moments(steps)]
    for first in range(len(sent_at)):
        for last in range(first, len(sent_at)):
            seconds = sent_at[last] - sent_at[first]
            assert last - first + 1 <= rate * seconds + 2 + 1e-6


@given(rates, pauses)
def test_rate_slots_are_in_order_and_never_early(rate: float, steps: list[float]) -> None:
    limit, earlier_slot = SendRateLimit(rate), 0.0
    for now in list_moments(steps):
        slot = limit.find_slot(now)
        assert limit.find_slot(now) == slot, "finding a slot must not take it"
        assert limit.take_slot(now) == slot
        assert slot >= max(now, earlier_slot)
        earlier_slot = slot


@given(rates, st.lists(st.floats(0, 0.99), min_size=2, max_size=50))
def test_delay_below_one_slot_costs_no_rate(rate: float, lateness: list[float]) -> None:
    limit = SendRateLimit(rate)
    for number, delay in enumerate(lateness):
        now = (number + delay) / rate
        assert limit.take_slot(now) == now


@given(rates, st.integers(3, 200))
def test_burst_gets_the_whole_rate(rate: float, count: int) -> None:
    limit = SendRateLimit(rate)
    sent_at = [limit.take_slot(0.0) for _ in range(count)]
    assert math.isclose(sent_at[-1], (count - 2) / rate)


@given(pauses)
def test_rate_of_zero_is_no_limit(steps: list[float]) -> None:
    limit = SendRateLimit(0)
    assert [limit.take_slot(now) for now in list_moments(steps)] == list_moments(steps)


# ---- domains ----------------------------------------------------------------------------------


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(CONNECTIONS), st.booleans()), max_size=60),
)
def test_domain_connection_limit_is_never_exceeded(
    max_connections: int, actions: list[tuple[str, bool]]
) -> None:
    throttle = DomainThrottle(Throttle(connections=max_connections))
    in_flight_counts = dict.fromkeys(CONNECTIONS, 0)
    for connection, is_take in actions:
        busy_connections = [connection for connection, count in in_flight_counts.items() if count]
        free_at = throttle.find_free_time(connection, 7.0)
        assert (free_at is None) == (
            connection not in busy_connections and len(busy_connections) == max_connections
        )
        if is_take and free_at is not None:
            assert free_at == 7.0
            throttle.take_slot(connection, 7.0)
            in_flight_counts[connection] += 1
        elif not is_take and in_flight_counts[connection]:
            throttle.release_slot(connection)
            in_flight_counts[connection] -= 1


def test_domain_rate_holds_over_all_connections() -> None:
    throttle = DomainThrottle(Throttle(rate=2, connections=4))
    for connection in CONNECTIONS[:2]:
        assert throttle.find_free_time(connection, 5.0) == 5.0
        throttle.take_slot(connection, 5.0)
    assert throttle.find_free_time("third", 5.0) == 5.5


@given(
    st.sampled_from([0.0, 0.5, 20.0]),
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 2)), min_size=1, max_size=40),
)
def test_postponed_messages_are_due_in_order(
    rate: float, postponements: list[tuple[int, float]]
) -> None:
    """A message comes behind those that wait in memory, and those postponed before it."""
    throttle = DomainThrottle(Throttle(rate=rate, connections=1))
    earlier_due = now = 100.0
    for waiting_count, pause in postponements:
        now += pause
        due_at = now + throttle.calculate_delay(waiting_count, now)
        assert due_at > earlier_due
        assert due_at >= now + (waiting_count / rate if rate else 0)
        earlier_due = due_at


def test_postponed_messages_wait_only_for_their_own_edition() -> None:
    throttle = DomainThrottle(Throttle(rate=10.0))
    for _ in range(500):
        newsletter_delay = throttle.calculate_delay(100, 50.0, group="newsletter")
    assert newsletter_delay > 50
    assert throttle.calculate_delay(100, 50.0, group="press release") < 11


# ---- which domain has limits ------------------------------------------------------------------


def test_no_limits_leave_every_domain_unthrottled() -> None:
    throttles = DomainThrottles({})
    assert not throttles.has_limits
    assert throttles.find_throttle("example.org") is None


def test_named_domain_has_its_own_limits() -> None:
    throttles = DomainThrottles({"example.com": Throttle(rate=3)})
    assert throttles.has_limits
    throttle = throttles.find_throttle("example.com")
    assert throttle is not None
    assert throttle.limits.rate == 3
    assert throttles.find_throttle("example.com") is throttle, (
        "the same object each time, because it counts"
    )
    assert throttles.find_throttle("example.org") is None


def test_general_limits_hold_for_each_other_domain() -> None:
    throttles = DomainThrottles(
        {"*": Throttle(connections=1), "example.com": Throttle(connections=9)}
    )
    throttle, other_throttle = (
        throttles.find_throttle("example.org"),
        throttles.find_throttle("example.net"),
    )
    assert throttle is not None
    assert other_throttle is not None
    assert throttle is not other_throttle
    throttle.take_slot("first", 0.0)
    assert throttle.find_free_time("second", 0.0) is None
    assert other_throttle.find_free_time("second", 0.0) == 0.0
    own_throttle = throttles.find_throttle("example.com")
    assert own_throttle is not None
    assert own_throttle.limits.connections == 9


@pytest.mark.parametrize("limits", [Throttle(), Throttle(rate=0, connections=0)])
def test_domain_can_be_exempt_from_general_limits(limits: Throttle) -> None:
    throttles = DomainThrottles({"*": Throttle(rate=1), "example.com": limits})
    assert throttles.find_throttle("example.com") is None
