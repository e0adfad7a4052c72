"""The number of connections grows as long as that raises the rate, and no further."""

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.connection_growth import GROWTH, STEP_SECONDS, ConnectionGrowth


def simulate_relay(growth: ConnectionGrowth, relay_limit: float, steps: int = 60) -> list[int]:
    """Let a relay accept one message a second over each connection, at most `relay_limit` in all.
    Returns the limits after each step."""
    now, accepted = 0.0, 0.0
    limits = []
    for _ in range(steps):
        growth.review_rate(now, int(accepted * 1000), growth.limit)
        limits.append(growth.limit)
        now += STEP_SECONDS
        accepted += STEP_SECONDS * min(growth.limit, relay_limit)
    return limits


def test_connections_grow_to_most_if_each_step_helps() -> None:
    assert simulate_relay(ConnectionGrowth(8, 128), 1000)[-1] == 128


def test_connections_stop_near_relays_own_limit() -> None:
    limits = simulate_relay(ConnectionGrowth(8, 256), 30)
    assert 30 / GROWTH <= limits[-1] <= 30 * GROWTH
    assert max(limits) < 256


def test_connections_stay_without_a_higher_maximum() -> None:
    assert set(simulate_relay(ConnectionGrowth(8, 0), 1000)) == {8}


def test_refused_connection_ends_growth() -> None:
    growth = ConnectionGrowth(8, 256)
    simulate_relay(growth, 1000, steps=5)
    growth.note_refused_connection(12)
    assert set(simulate_relay(growth, 1000)) == {12}


def test_refused_connection_leaves_the_configured_number() -> None:
    growth = ConnectionGrowth(8, 256)
    growth.note_refused_connection(5)
    assert growth.limit == 8


def test_rate_is_not_judged_while_connections_are_opened() -> None:
    growth = ConnectionGrowth(8, 256)
    for second in range(60):
        growth.review_rate(second, second * 100, open_count=4)
    assert growth.limit == 8


@given(st.integers(1, 64), st.integers(0, 256), st.floats(0.5, 500))
def test_limit_stays_between_least_and_most(least: int, most: int, relay_limit: float) -> None:
    limits = simulate_relay(ConnectionGrowth(least, most), relay_limit)
    assert least <= min(limits)
    assert max(limits) <= max(least, most)
