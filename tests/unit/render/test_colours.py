"""Contrast as WCAG 2.2 reckons it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.render import colours

any_colour = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#FFFFFF", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_is_what_others_measure(one: str, other: str, ratio: float) -> None:
    assert colours.contrast(one, other) == pytest.approx(ratio, abs=0.01)


@given(any_colour, any_colour)
def test_contrast_lies_between_1_and_21_and_has_no_direction(one: str, other: str) -> None:
    assert 1 <= colours.contrast(one, other) <= 21.001
    assert colours.contrast(one, other) == colours.contrast(other, one)


@given(any_colour)
def test_every_accent_has_a_tint_that_can_be_read_at_night(colour: str) -> None:
    tint = colours.lightened(colour)
    assert colours.contrast(tint, colours.NIGHT) >= colours.LEAST
    assert colours.luminance(tint) >= colours.luminance(colour)


@given(any_colour)
def test_a_colour_that_can_be_read_stays_as_it_is(colour: str) -> None:
    if colours.contrast(colour, colours.NIGHT) >= 4.5:
        assert colours.lightened(colour, least=4.5) == colour
