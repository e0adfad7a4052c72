"""Which message goes next, and over which connection. Pure: it touches nothing, `now` is passed in.

Between editions: each has a share by its priority, and as long as it has messages it gets that
share (stride scheduling: who has had least for its weight goes next). A newcomer starts level with
the others, so a press release to 200 is out long before a newsletter to a million, which goes on
all the while.

Between relays: those with a weight keep to their shares, give or take :data:`SLACK` messages, but
none waits for one that makes no progress. The others take what they can.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mailer.audience import addresses
from mailer.config import Relay
from mailer.delivery.throttle import DomainThrottle, Rate, Throttles
from mailer.outbox import Claim

LOOKAHEAD = 0.25
"""Seconds before its slot in a relay's rate at which a message may pass the gate."""

SLACK = 200
STALLED = 1.0
"""Seconds without progress after which a relay's share is no longer kept for it."""

PARKED = 100
"""Messages of a throttled domain that wait here; more go back to the queue until their turn."""


@dataclass(eq=False, slots=True)
class Seat:
    """A connection, as the dispatcher sees it. `out`: its messages past the gate and not settled;
    never more than `window`."""

    relay: str
    window: int
    out: int = 0
    left: float = float("inf")
    """How many more it may be let have, before it is opened anew."""

    @property
    def room(self) -> int:
        return int(min(self.window - self.out, self.left))


class Pick(NamedTuple):
    """A message for a connection, not to go before that moment."""

    claim: Claim
    not_before: float


@dataclass(slots=True)
class _Pool:
    """What is claimed of an edition and has not passed the gate."""

    weight: float
    passed: float
    ready: deque[Claim] = field(default_factory=deque)
    parked: dict[str, deque[Claim]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ready) + sum(map(len, self.parked.values()))


@dataclass(slots=True)
class _Share:
    """A relay's limits and what it has had of the messages."""

    weight: int | None
    rate: Rate
    passed: float = 0.0
    progress: float = float("-inf")

    @property
    def limited(self) -> bool:
        return self.weight is not None or self.rate.limited


class Dispatch:
    """The claimed messages of all editions, and whose turn it is."""

    def __init__(self, relays: Sequence[Relay], throttles: Throttles) -> None:
        self._throttles = throttles
        self.throttled = throttles.any
        """Whether any recipient domain has limits."""
        self._shares = {relay.name: _Share(relay.weight, Rate(relay.rate)) for relay in relays}
        self._pools: dict[int, _Pool] = {}
        self._put_off: list[tuple[Claim, float]] = []
        self.wake_at = float("inf")
        """When to ask again, where only a rate kept a message back."""

    # ---- editions -------------------------------------------------------------------------------

    def add(self, edition: int, weight: float) -> None:
        level = min((pool.passed for pool in self._pools.values()), default=0.0)
        self._pools[edition] = _Pool(weight, level)

    def drop(self, edition: int) -> None:
        """Forget an edition, and what is claimed of it."""
        self._pools.pop(edition, None)

    def stock(self, edition: int, claims: Sequence[Claim]) -> None:
        pool = self._pools[edition]
        if claims and not len(pool):
            # nothing is owed for the time in which it had nothing to send
            others = [one.passed for one in self._pools.values() if one is not pool and len(one)]
            pool.passed = max(pool.passed, min(others, default=pool.passed))
        pool.ready.extend(claims)

    def stocked(self, edition: int) -> int:
        return len(self._pools[edition])

    def known(self) -> list[int]:
        """The ids of all claims that wait here."""
        return [
            claim.id
            for pool in self._pools.values()
            for some in (pool.ready, *pool.parked.values())
            for claim in some
        ]

    @property
    def ready(self) -> int:
        """Messages that no domain's limit holds back."""
        return sum(len(pool.ready) for pool in self._pools.values())

    def forget(self) -> None:
        """Drop all claims: they are no longer ours."""
        for pool in self._pools.values():
            pool.ready.clear()
            pool.parked.clear()
        self._put_off.clear()

    # ---- picking --------------------------------------------------------------------------------

    def pick(self, seat: Seat, room: int, now: float) -> list[Pick]:
        """Up to `room` messages for a connection."""
        share = self._shares[seat.relay]
        if not (self.throttled or share.limited) and len(self._pools) == 1:
            (pool,) = self._pools.values()
            return [Pick(pool.ready.popleft(), now) for _ in range(min(room, len(pool.ready)))]
        picks: list[Pick] = []
        while len(picks) < room:
            when = share.rate.slot(now)
            if when > now + LOOKAHEAD:
                self._wake(when - LOOKAHEAD)
                break
            if share.weight and not self._keeps_share(share, now):
                break
            claim = self._next(seat, now)
            if claim is None:
                break
            share.rate.take(now)
            share.passed += 1 / share.weight if share.weight else 0.0
            picks.append(Pick(claim, when))
        return picks

    def _keeps_share(self, share: _Share, now: float) -> bool:
        others = [
            one.passed
            for one in self._shares.values()
            if one is not share and one.weight and now - one.progress < STALLED
        ]
        if not others:
            return True
        assert share.weight
        if share.passed > min(others) + SLACK / share.weight:
            self._wake(now + 0.01)
            return False
        return True

    def _next(self, seat: Seat, now: float) -> Claim | None:
        if len(self._pools) == 1:
            (pool,) = self._pools.values()
            return self._of(pool, seat, now)
        kept_back: list[_Pool] = []
        for pool in sorted(self._pools.values(), key=lambda one: one.passed):
            claim = self._of(pool, seat, now)
            if claim is not None:
                # What a limit keeps back is not owed to it later: it would have all of the limit
                # to itself until it had caught up.
                for one in kept_back:
                    one.passed = max(one.passed, pool.passed)
                pool.passed += 1 / pool.weight
                return claim
            kept_back.append(pool)
        return None

    def _of(self, pool: _Pool, seat: Seat, now: float) -> Claim | None:
        if not self.throttled:
            return pool.ready.popleft() if pool.ready else None
        for domain, waiting in pool.parked.items():
            throttle = self._throttles.of(domain)
            assert throttle is not None
            if waiting and self._free(throttle, seat, now):
                return waiting.popleft()
        while pool.ready:
            claim = pool.ready.popleft()
            domain = addresses.domain_of(claim.address)
            throttle = self._throttles.of(domain)
            if throttle is None or self._free(throttle, seat, now):
                return claim
            waiting = pool.parked.setdefault(domain, deque())
            if len(waiting) < PARKED:
                waiting.append(claim)
            else:
                wait = throttle.turn_after(len(waiting), now, claim.edition_id)
                self._put_off.append((claim, wait))
        return None

    def _free(self, throttle: DomainThrottle, seat: Seat, now: float) -> bool:
        when = throttle.free_at(seat, now)
        if when is None:
            return False
        if when > now:
            self._wake(when)
            return False
        throttle.take(seat, now)
        return True

    def _wake(self, when: float) -> None:
        self.wake_at = min(self.wake_at, when)

    # ---- afterwards -----------------------------------------------------------------------------

    def settled(self, seat: Seat, claim: Claim) -> None:
        """A pick is settled, whatever became of it."""
        throttle = self._throttles.of(addresses.domain_of(claim.address))
        if throttle is not None:
            throttle.release(seat)

    def progressed(self, relay: str, now: float) -> None:
        """The relay has answered for a message."""
        share = self._shares[relay]
        if share.weight and now - share.progress >= STALLED:
            # it comes back: what it missed is not made up for
            level = [one.passed for one in self._shares.values() if one.weight]
            share.passed = max(share.passed, min(level), max(level) - SLACK / share.weight)
        share.progress = now

    def put_off(self) -> Iterator[tuple[Claim, float]]:
        """Claims to return to the queue, each until that many seconds from now."""
        while self._put_off:
            yield self._put_off.pop()
