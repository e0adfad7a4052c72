"""The compact map of numbers behaves as a dict does."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports.number_map import NumberMap

keys = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3).map(lambda number: number << 12),  # of one slot
)
numbers = st.integers(1, 2**63 - 1)


@given(st.lists(st.tuples(st.booleans(), keys, numbers)))
def test_number_map_agrees_with_dict(steps: list[tuple[bool, int, int]]) -> None:
    expected: dict[int, int] = {}
    number_map = NumberMap()
    for replaces, key, number in steps:
        if replaces:
            expected[key] = number
            number_map.save_number(key, number)
        else:
            assert number_map.add_number(key, number) == expected.setdefault(key, number)
        assert all(number_map.find_number(other, -1) == expected[other] for other in expected)
    assert len(number_map) == len(expected)
    assert number_map.find_number(5 << 40, -1) == expected.get(5 << 40, -1)


def test_number_map_grows_and_stays_small() -> None:
    number_map = NumberMap()
    for number in range(1, 50_001):
        assert number_map.add_number(hash(f"reader{number}@example.org"), number) == number
    for number in range(1, 50_001):
        assert number_map.add_number(hash(f"reader{number}@example.org"), 99) == number
    assert len(number_map) == 50_000
    size = sys.getsizeof(number_map._keys) + sys.getsizeof(number_map._numbers)
    assert size / 50_000 < 48
