"""How fast we may go: exact rates, and how many connections carry messages for one domain.

Pure: the moment, in seconds of a clock that never goes back, is an argument. One thread, the
ledger's, asks for all connections, so that a limit is kept however many there are.
"""

from collections import Counter
from collections.abc import Hashable, Mapping

from mailer.config import Throttle


class Rate:
    """At most `rate` a second, 0 for no limit: in any `t` seconds at most ``rate × t + 2``.

    Each taking has a slot, 1/rate after the one before. Who comes late by up to one slot loses
    nothing; a longer pause is not made up for in a burst."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = float("-inf")

    @property
    def limited(self) -> bool:
        return self._gap > 0

    def slot(self, now: float) -> float:
        """When the next one may go: `now`, or later."""
        return max(self._next, now) if self._gap else now

    def take(self, now: float) -> float:
        """Take the next slot; when it is."""
        when = self.slot(now)
        if self._gap:
            self._next = max(self._next, now - self._gap) + self._gap
        return when


class DomainThrottle:
    """One recipient domain's limits, over all relays."""

    def __init__(self, limits: Throttle) -> None:
        self.limits = limits
        self.rate = Rate(limits.rate)
        self._carried: Counter[Hashable] = Counter()
        self._last_turns: dict[Hashable, float] = {}

    def free_at(self, seat: Hashable, now: float) -> float | None:
        """When `seat`'s connection may carry one more message for this domain; None when another
        connection must first have finished with its own."""
        most = self.limits.connections
        if most and seat not in self._carried and len(self._carried) >= most:
            return None
        return self.rate.slot(now)

    def take(self, seat: Hashable, now: float) -> None:
        self.rate.take(now)
        self._carried[seat] += 1

    def release(self, seat: Hashable) -> None:
        """A message of `seat` for this domain is settled."""
        self._carried[seat] -= 1
        if self._carried[seat] <= 0:
            del self._carried[seat]

    def turn_after(self, ahead: int, now: float, among: Hashable = None) -> float:
        """In how many seconds a message may be due that is sent back to the queue, `ahead` others
        waiting here: behind all those `among` the same (an edition's) that were sent back before.
        So those of an urgent edition do not stand behind a slow one's."""
        gap = 1 / self.limits.rate if self.limits.rate else 0.01
        last = max(self._last_turns.get(among, now), now + ahead * gap) + gap
        self._last_turns[among] = last
        return last - now


class Throttles:
    """The limits by domain in its wire form; ``*`` for each one that is not named."""

    def __init__(self, limits: Mapping[str, Throttle]) -> None:
        self._limits = dict(limits)
        self._general = self._limits.pop("*", None)
        self._domains: dict[str, DomainThrottle] = {}
        self.any = bool(limits)

    def of(self, domain: str) -> DomainThrottle | None:
        """The throttle of a domain, None where it has no limits."""
        known = self._domains.get(domain)
        if known is None:
            limits = self._limits.get(domain, self._general)
            if limits is None or not (limits.rate or limits.connections):
                return None
            known = self._domains[domain] = DomainThrottle(limits)
        return known
