"""Choose the next message and its connection. This code is pure: it does no I/O, and gets the time
as `now`.

Editions share the connections by priority. As long as an edition has messages, it gets its share
(stride scheduling: the next message is from the edition that has had the least for its weight). A
new edition starts with the same count as the others. So a press release to 200 people is finished
long before a newsletter to a million that is sent at the same time.

Relays share the messages by weight, within :data:`SHARE_SLACK` messages, but no relay waits for one
that makes no progress. Relays without a weight take as many messages as they can.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mailer import addresses
from mailer.config import Relay
from mailer.delivery.throttle import DomainThrottle, DomainThrottles, SendRateLimit
from mailer.model.deliveries import Claim

LOOKAHEAD = 0.25
"""Maximum time in seconds by which a message may pass the gate before its slot in the relay's
rate."""

SHARE_SLACK = 200
"""Maximum number of messages by which a relay may be ahead of its share."""

STALL_TIMEOUT = 1.0
"""Seconds without progress after which other relays may take over a relay's share."""

MAX_PARKED = 100
"""Messages of one throttled domain that wait in memory. Further messages go back to the queue until
the domain's limit allows them."""


@dataclass(eq=False, slots=True)
class ConnectionWindow:
    """A connection, as the scheduler sees it.

    `in_flight_count` counts its messages that passed the gate and are not settled; it never
    exceeds `window`."""

    relay: str
    window: int
    in_flight_count: int = 0
    remaining: float = float("inf")
    """Messages that this connection may still carry before it must be opened again."""

    @property
    def room(self) -> int:
        return int(min(self.window - self.in_flight_count, self.remaining))


class PickedMessage(NamedTuple):
    """A message for a connection, which must not be sent before `not_before`."""

    claim: Claim
    not_before: float


@dataclass(slots=True)
class _EditionPool:
    """The claims of one edition that have not passed the gate.

    Claims in `parked` wait for a limit of their recipient domain."""

    weight: float
    pass_value: float
    ready: deque[Claim] = field(default_factory=deque)
    parked: dict[str, deque[Claim]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ready) + sum(map(len, self.parked.values()))


@dataclass(slots=True)
class _RelayShare:
    """A relay's limits, and its share of the messages so far."""

    weight: int | None
    rate: SendRateLimit
    pass_value: float = 0.0
    progressed_at: float = float("-inf")

    @property
    def is_limited(self) -> bool:
        return self.weight is not None or self.rate.is_limited


class DispatchScheduler:
    """The claimed messages of all editions, and the order in which they are sent."""

    def __init__(self, relays: Sequence[Relay], throttles: DomainThrottles) -> None:
        self._throttles = throttles
        self.has_throttles = throttles.has_limits
        """True if any recipient domain has limits."""
        self._shares = {
            relay.name: _RelayShare(relay.weight, SendRateLimit(relay.rate)) for relay in relays
        }
        self._pools: dict[int, _EditionPool] = {}
        self._postponed: list[tuple[Claim, float]] = []
        self.wake_at = float("inf")
        """When to pick again, if a message was kept back only by a rate or a share."""

    # ---- editions -------------------------------------------------------------------------------

    def add_edition(self, edition_id: int, weight: float) -> None:
        lowest_pass = min((pool.pass_value for pool in self._pools.values()), default=0.0)
        self._pools[edition_id] = _EditionPool(weight, lowest_pass)

    def drop_edition(self, edition_id: int) -> None:
        """Forget an edition and its claims."""
        self._pools.pop(edition_id, None)

    def add_claims(self, edition_id: int, claims: Sequence[Claim]) -> None:
        pool = self._pools[edition_id]
        if claims and not len(pool):
            # the edition does not make up for time in which it had no message to send
            other_passes = [
                other_pool.pass_value
                for other_pool in self._pools.values()
                if other_pool is not pool and len(other_pool)
            ]
            pool.pass_value = max(pool.pass_value, min(other_passes, default=pool.pass_value))
        pool.ready.extend(claims)

    def count_claims(self, edition_id: int) -> int:
        return len(self._pools[edition_id])

    def list_claim_ids(self) -> list[int]:
        """Return the ids of all claims that the scheduler holds."""
        return [
            claim.id
            for pool in self._pools.values()
            for claims in (pool.ready, *pool.parked.values())
            for claim in claims
        ]

    @property
    def ready_count(self) -> int:
        """The number of messages that are not kept back by a domain's limit."""
        return sum(len(pool.ready) for pool in self._pools.values())

    def forget_claims(self) -> None:
        """Drop all claims, because they no longer belong to this worker."""
        for pool in self._pools.values():
            pool.ready.clear()
            pool.parked.clear()
        self._postponed.clear()

    # ---- picking --------------------------------------------------------------------------------

    def pick_messages(
        self, connection: ConnectionWindow, limit: int, now: float
    ) -> list[PickedMessage]:
        """Pick up to `limit` messages for a connection."""
        share = self._shares[connection.relay]
        if not (self.has_throttles or share.is_limited) and len(self._pools) == 1:
            (pool,) = self._pools.values()
            return [
                PickedMessage(pool.ready.popleft(), now) for _ in range(min(limit, len(pool.ready)))
            ]
        picks: list[PickedMessage] = []
        while len(picks) < limit:
            slot_at = share.rate.find_slot(now)
            if slot_at > now + LOOKAHEAD:
                self._schedule_wake(slot_at - LOOKAHEAD)
                break
            if share.weight and not self._is_within_share(share, now):
                break
            claim = self._pick_next(connection, now)
            if claim is None:
                break
            share.rate.take_slot(now)
            share.pass_value += 1 / share.weight if share.weight else 0.0
            picks.append(PickedMessage(claim, slot_at))
        return picks

    def _is_within_share(self, share: _RelayShare, now: float) -> bool:
        other_passes = [
            other_share.pass_value
            for other_share in self._shares.values()
            if other_share is not share
            and other_share.weight
            and now - other_share.progressed_at < STALL_TIMEOUT
        ]
        if not other_passes:
            return True
        assert share.weight
        if share.pass_value > min(other_passes) + SHARE_SLACK / share.weight:
            self._schedule_wake(now + 0.01)
            return False
        return True

    def _pick_next(self, connection: ConnectionWindow, now: float) -> Claim | None:
        if len(self._pools) == 1:
            (pool,) = self._pools.values()
            return self._pick_from_pool(pool, connection, now)
        limited_pools: list[_EditionPool] = []
        for pool in sorted(self._pools.values(), key=lambda candidate: candidate.pass_value):
            claim = self._pick_from_pool(pool, connection, now)
            if claim is not None:
                # An edition that a limit keeps back does not make up for these messages later.
                # Otherwise it would use the whole limit until it had caught up.
                for limited_pool in limited_pools:
                    limited_pool.pass_value = max(limited_pool.pass_value, pool.pass_value)
                pool.pass_value += 1 / pool.weight
                return claim
            limited_pools.append(pool)
        return None

    def _pick_from_pool(
        self, pool: _EditionPool, connection: ConnectionWindow, now: float
    ) -> Claim | None:
        if not self.has_throttles:
            return pool.ready.popleft() if pool.ready else None
        for domain, parked_claims in pool.parked.items():
            throttle = self._throttles.find_throttle(domain)
            assert throttle is not None
            if parked_claims and self._take_throttle_slot(throttle, connection, now):
                return parked_claims.popleft()
        while pool.ready:
            claim = pool.ready.popleft()
            domain = addresses.extract_wire_domain(claim.address)
            throttle = self._throttles.find_throttle(domain)
            if throttle is None or self._take_throttle_slot(throttle, connection, now):
                return claim
            parked_claims = pool.parked.setdefault(domain, deque())
            if len(parked_claims) < MAX_PARKED:
                parked_claims.append(claim)
            else:
                delay = throttle.calculate_delay(len(parked_claims), now, claim.edition_id)
                self._postponed.append((claim, delay))
        return None

    def _take_throttle_slot(
        self, throttle: DomainThrottle, connection: ConnectionWindow, now: float
    ) -> bool:
        free_at = throttle.find_free_time(connection, now)
        if free_at is None:
            return False
        if free_at > now:
            self._schedule_wake(free_at)
            return False
        throttle.take_slot(connection, now)
        return True

    def _schedule_wake(self, moment: float) -> None:
        self.wake_at = min(self.wake_at, moment)

    # ---- afterwards -----------------------------------------------------------------------------

    def release_throttle(self, connection: ConnectionWindow, claim: Claim) -> None:
        """Give back the domain slot of a picked message that was settled or never sent."""
        throttle = self._throttles.find_throttle(addresses.extract_wire_domain(claim.address))
        if throttle is not None:
            throttle.release_slot(connection)

    def note_progress(self, relay: str, now: float) -> None:
        """Note that the relay has answered for a message."""
        share = self._shares[relay]
        if share.weight and now - share.progressed_at >= STALL_TIMEOUT:
            # the relay works again, and does not make up for the messages that it missed
            pass_values = [
                other_share.pass_value
                for other_share in self._shares.values()
                if other_share.weight
            ]
            share.pass_value = max(
                share.pass_value, min(pass_values), max(pass_values) - SHARE_SLACK / share.weight
            )
        share.progressed_at = now

    def pop_postponed(self) -> Iterator[tuple[Claim, float]]:
        """Yield the claims to return to the queue, each with the seconds until it is due."""
        while self._postponed:
            yield self._postponed.pop()
