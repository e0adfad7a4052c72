"""One deadline for all that a fetch does, however many steps it takes."""

import time

from mailer.errors import FetchError


class Deadline:
    """A moment `seconds` from now, by a clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then, more than 0. Raises FetchError when it has passed."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> FetchError:
        return FetchError(
            f"it took longer than {self.seconds:g} seconds",
            hint="try again later, or tell its site",
        )
