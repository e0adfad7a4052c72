"""Contrast of colours by WCAG 2.2 (relative luminance, success criterion 1.4.3)."""

MIN_CONTRAST = 4.5
"""Minimum contrast of body text with its background (level AA)."""

LIGHT_BACKGROUND = "#ffffff"
DARK_BACKGROUND = "#1c1f24"
"""The background of a mail in dark mode."""

MAX_BAND_PERCENT = 10
"""The largest share of a colour in a band that it tints, in per cent."""


def _split_channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[offset : offset + 2], 16) / 255 for offset in (1, 3, 5))
    return red, green, blue


def compute_luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, from 0 (black) to 1 (white)."""
    linear = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in _split_channels(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def compute_contrast(colour: str, other_colour: str) -> float:
    """Return the contrast of two colours, from 1 (the same) to 21 (black and white)."""
    light, dark = sorted((compute_luminance(colour), compute_luminance(other_colour)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def is_readable(colour: str) -> bool:
    """Check that text of this colour is readable on white."""
    return compute_contrast(colour, LIGHT_BACKGROUND) >= MIN_CONTRAST


def mix_colours(colour: str, background: str, share: float) -> str:
    """Return `colour` laid over `background` with this share, from 0 to 1."""
    return "#" + "".join(
        f"{round((channel * share + other * (1 - share)) * 255):02x}"
        for channel, other in zip(_split_channels(colour), _split_channels(background), strict=True)
    )


def find_band(colour: str, background: str) -> str:
    """Return the tint of `background` for a band on which text of `colour` is readable."""
    for percent in range(MAX_BAND_PERCENT, 0, -1):
        band = mix_colours(colour, background, percent / 100)
        if compute_contrast(colour, band) >= MIN_CONTRAST:
            return band
    return background


def find_lighter_tint(
    colour: str, background: str = DARK_BACKGROUND, min_contrast: float = 5.5
) -> str:
    """Return the nearest tint of `colour`, towards white, that has `min_contrast` with
    `background`."""
    for step in range(101):
        share = step / 100
        tint = "#" + "".join(
            f"{round((channel + (1 - channel) * share) * 255):02x}"
            for channel in _split_channels(colour)
        )
        if compute_contrast(tint, background) >= min_contrast:
            return tint
    return "#ffffff"
