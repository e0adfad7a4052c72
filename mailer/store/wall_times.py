"""The format in which wall-clock times are stored, whose text order is their order in time."""

from datetime import datetime


def format_wall_time(moment: datetime) -> str:
    """Format a wall-clock time to the minute."""
    return f"{moment:%Y-%m-%dT%H:%M}"
