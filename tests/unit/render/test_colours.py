"""Contrast of colours by WCAG 2.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.render import colours

any_colour = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("colour", "other_colour", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#FFFFFF", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_matches_wcag_values(colour: str, other_colour: str, ratio: float) -> None:
    assert colours.compute_contrast(colour, other_colour) == pytest.approx(ratio, abs=0.01)


@given(any_colour, any_colour)
def test_contrast_is_symmetric_and_from_1_to_21(colour: str, other_colour: str) -> None:
    assert 1 <= colours.compute_contrast(colour, other_colour) <= 21.001
    assert colours.compute_contrast(colour, other_colour) == colours.compute_contrast(
        other_colour, colour
    )


@given(any_colour)
def test_lighter_tint_is_readable_in_dark_mode(colour: str) -> None:
    tint = colours.find_lighter_tint(colour)
    assert colours.compute_contrast(tint, colours.DARK_BACKGROUND) >= colours.MIN_CONTRAST
    assert colours.compute_luminance(tint) >= colours.compute_luminance(colour)


@given(any_colour)
def test_lighter_tint_of_readable_colour_is_unchanged(colour: str) -> None:
    if colours.compute_contrast(colour, colours.DARK_BACKGROUND) >= 4.5:
        assert colours.find_lighter_tint(colour, min_contrast=4.5) == colour
