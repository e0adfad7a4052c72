"""The limits of a filter's line, and what the page about its grammar says."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from mailer.audience import filter_parser
from mailer.audience.filter_parser import MAX_FILTER_DEPTH, parse_filter
from mailer.errors import InputError
from mailer.model.segments import Among, FilterField


def test_filter_nesting_is_limited() -> None:
    assert parse_filter("(" * MAX_FILTER_DEPTH + "tag = a" + ")" * MAX_FILTER_DEPTH) == Among(
        FilterField.TAG, ("a",)
    )
    for deep in ("(" * 5000 + "tag = a", "not " * 5000 + "tag = a"):
        with pytest.raises(InputError, match="nests deeper than 50"):
            parse_filter(deep)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (" or ".join(["tag = a"] * 201), "it has more than 200 tests near 'tag = a'"),
        (" and ".join(["not joined before 2026-01-01"] * 201), "it has more than 200 tests"),
        (f"tag in ({', '.join(map(str, range(1001)))})", "it has more than 1,000 values"),
        (f'tag = "{"a" * 30_000}"', "it has 30,008 characters, and 30,000 is the most"),
    ],
)
def test_filter_tests_values_and_length_are_limited(line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_filter(line)
    assert message in caught.value.message
    assert caught.value.where.startswith("filter")


def test_filter_fields_match_docstring() -> None:
    assert filter_parser.__doc__
    places: Sequence[int] = [filter_parser.__doc__.find(field) for field in FilterField]
    assert all(place > 0 for place in places)
    assert all(place != next_place for place, next_place in pairwise(places))
