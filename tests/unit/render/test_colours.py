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
    assert colours.compute_contrast(one, other) == pytest.approx(ratio, abs=0.01)


@given(any_colour, any_colour)
def test_contrast_lies_between_1_and_21_and_has_no_direction(one: str, other: str) -> None:
    assert 1 <= colours.compute_contrast(one, other) <= 21.001
    assert colours.compute_contrast(one, other) == colours.compute_contrast(other, one)


@given(any_colour)
def test_every_accent_has_a_tint_that_can_be_read_at_night(colour: str) -> None:
    tint = colours.find_lighter_tint(colour)
    assert colours.compute_contrast(tint, colours.DARK_BACKGROUND) >= colours.MIN_CONTRAST
    assert colours.compute_luminance(tint) >= colours.compute_luminance(colour)


@given(any_colour)
def test_a_colour_that_can_be_read_stays_as_it_is(colour: str) -> None:
    if colours.compute_contrast(colour, colours.DARK_BACKGROUND) >= 4.5:
        assert colours.find_lighter_tint(colour, min_contrast=4.5) == colour
