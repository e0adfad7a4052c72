"""Limits on the speed of sending: rates, and connections for each recipient domain.

This code is pure: the time, in seconds of a monotonic clock, is an argument. Only the ledger's
thread uses the limits, for all connections together.
"""

from collections import Counter
from collections.abc import Hashable, Mapping

from mailer.config import Throttle


class SendRateLimit:
    """At most `rate` messages per second; 0 means no limit.

    In any `t` seconds, at most ``rate × t + 2``.

    Each message takes a slot, 1/rate seconds after the slot before. A message may be late by up to
    one slot without delaying the next slots. After a longer pause, no burst makes up for the lost
    slots."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next_slot = float("-inf")

    @property
    def is_limited(self) -> bool:
        return self._interval > 0

    def find_slot(self, now: float) -> float:
        """Return when the next message may be sent: `now` or later."""
        return max(self._next_slot, now) if self._interval else now

    def take_slot(self, now: float) -> float:
        """Take the next slot, and return its moment."""
        slot_at = self.find_slot(now)
        if self._interval:
            self._next_slot = max(self._next_slot, now - self._interval) + self._interval
        return slot_at


class DomainThrottle:
    """The limits of one recipient domain, over all relays."""

    def __init__(self, limits: Throttle) -> None:
        self.limits = limits
        self.rate = SendRateLimit(limits.rate)
        self._in_flight_counts: Counter[Hashable] = Counter()
        self._last_slots: dict[Hashable, float] = {}

    def find_free_time(self, connection: Hashable, now: float) -> float | None:
        """Return when `connection` may carry one more message for this domain. Return None if
        another connection must first finish its messages for the domain."""
        max_connections = self.limits.connections
        if (
            max_connections
            and connection not in self._in_flight_counts
            and len(self._in_flight_counts) >= max_connections
        ):
            return None
        return self.rate.find_slot(now)

    def take_slot(self, connection: Hashable, now: float) -> None:
        self.rate.take_slot(now)
        self._in_flight_counts[connection] += 1

    def release_slot(self, connection: Hashable) -> None:
        """Release the slot of one message of `connection` for this domain."""
        self._in_flight_counts[connection] -= 1
        if self._in_flight_counts[connection] <= 0:
            del self._in_flight_counts[connection]

    def calculate_delay(self, waiting_count: int, now: float, group: Hashable = None) -> float:
        """Return the seconds until a message that goes back to the queue should be due again.

        The message comes after the `waiting_count` messages that wait in memory, and after all
        messages of the same `group` (an edition) that were sent back before. Other groups do not
        count, so an urgent edition does not wait behind a slow one."""
        interval = 1 / self.limits.rate if self.limits.rate else 0.01
        slot_at = max(self._last_slots.get(group, now), now + waiting_count * interval) + interval
        self._last_slots[group] = slot_at
        return slot_at - now


class DomainThrottles:
    """The limits of each domain, by the domain's wire form. The entry ``*`` is for every other
    domain."""

    def __init__(self, limits: Mapping[str, Throttle]) -> None:
        self._limits = dict(limits)
        self._default_limits = self._limits.pop("*", None)
        self._throttles: dict[str, DomainThrottle] = {}
        self.has_limits = bool(limits)

    def find_throttle(self, domain: str) -> DomainThrottle | None:
        """Return the throttle of a domain, or None if it has no limits."""
        throttle = self._throttles.get(domain)
        if throttle is None:
            limits = self._limits.get(domain, self._default_limits)
            if limits is None or not (limits.rate or limits.connections):
                return None
            throttle = self._throttles[domain] = DomainThrottle(limits)
        return throttle
