"""The audience of an edition in the edition's history: one line that people can read, and that the
page for approvers reads back."""

import re

from mailer.model.deliveries import Audience, Exclusion

_COUNT = re.compile(r"([^:,;]+): (\d+)")


def format_audience(audience: Audience) -> str:
    """Format an audience: ``en: 120, fr: 30; left out: paused: 3``."""
    readers = ", ".join(f"{language}: {count}" for language, count in audience.readers.items())
    excluded = ", ".join(f"{reason}: {count}" for reason, count in audience.excluded.items())
    return f"{readers}; {excluded}"


def parse_audience(text: str) -> Audience:
    """Return the audience of a text that :func:`format_audience` wrote."""
    readers, _, excluded = text.partition(";")
    return Audience(
        {match[1].strip(): int(match[2]) for match in _COUNT.finditer(readers)},
        {Exclusion(match[1].strip()): int(match[2]) for match in _COUNT.finditer(excluded)},
    )
