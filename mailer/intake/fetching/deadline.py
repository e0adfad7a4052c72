"""One deadline for all that a fetch does, however many steps it takes."""

import time

from mailer.errors import FetchError


class Deadline:
    """A moment `seconds` from now, by a clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def get_remaining_seconds(self) -> float:
        """Seconds until then, more than 0. Raises FetchError when it has passed."""
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise self.create_timeout_error()
        return remaining

    def create_timeout_error(self) -> FetchError:
        return FetchError(
            f"it took longer than {self.seconds:g} seconds",
            hint="try again later, or tell its site",
        )
