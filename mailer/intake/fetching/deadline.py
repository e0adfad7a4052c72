"""One deadline for all steps of a fetch."""

import time

from mailer.errors import FetchError


class Deadline:
    """A moment `seconds` from now, on the monotonic clock, which cannot be set."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def get_remaining_seconds(self) -> float:
        """Return the seconds left, more than 0. Raises FetchError if the deadline has passed."""
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise self.create_timeout_error()
        return remaining

    def create_timeout_error(self) -> FetchError:
        return FetchError(
            f"the fetch took longer than {self.seconds:g} seconds",
            hint="try again later, or tell the site's owner",
        )
