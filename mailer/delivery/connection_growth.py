"""The number of connections to a relay that does not offer PIPELINING.

Over each connection to such a relay, a message costs several round trips, so the rate grows with
the number of connections until the relay's own limit is reached. The number is raised step by step
as long as that helps. This code is pure: it gets the time as `now`.
"""

STEP_SECONDS = 1.0
"""Seconds for which the rate is measured before the number of connections changes again."""

GROWTH = 2.0
"""Factor by which the number of connections grows in one step."""

MIN_GAIN = 1.2
"""Least factor by which a step must raise the rate. Otherwise the step is taken back."""


class ConnectionGrowth:
    """The number of connections that may be open to one relay, between `least` and `most`."""

    def __init__(self, least: int, most: int) -> None:
        self.limit = least
        self._least = least
        self._most = max(least, most)
        self._earlier_limit = least
        self._earlier_rate = 0.0
        self._began_at: float | None = None
        self._began_count = 0
        self._is_settled = least >= self._most

    def review_rate(self, now: float, accepted_count: int, open_count: int) -> None:
        """Raise the limit if all connections are open and the last step has helped.

        `accepted_count` is the number of messages that the relay has accepted so far."""
        if self._is_settled or open_count < self.limit:
            self._began_at = None  # the rate of fewer connections says nothing about the limit
            return
        if self._began_at is None:
            self._began_at, self._began_count = now, accepted_count
        elif now - self._began_at >= STEP_SECONDS:
            rate = (accepted_count - self._began_count) / (now - self._began_at)
            if rate < MIN_GAIN * self._earlier_rate:
                self.limit = self._earlier_limit
                self._is_settled = True
                return
            self._earlier_rate, self._earlier_limit = rate, self.limit
            self.limit = min(int(self.limit * GROWTH), self._most)
            self._is_settled = self.limit == self._earlier_limit
            self._began_at = None

    def note_refused_connection(self, open_count: int) -> None:
        """Stop at the connections that are open, but not below `least`: the relay refuses a further
        one."""
        self.limit = max(open_count, self._least)
        self._is_settled = True
